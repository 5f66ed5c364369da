/*
 * A user may mount a file system that never answers and submit files below it: the thread that examines them hangs.
 * That is one of this user's threads, and no run waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/daemon/fixture.h"

#define HUNG 8 /* more than the threads of the pool, and than a user's threads that may hang */

static struct fix f;
static char mount_point[96];
static int fuse = -1;

/* Mounts a FUSE file system whose requests are never read. */
static bool mount_what_hangs(void)
{
    char options[96];

    snprintf(mount_point, sizeof mount_point, "%s/hung", f.dir);
    fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    EXPECT_EQ(mkdir(mount_point, 0700), 0);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fuse, getuid(), getgid());
    if (fuse >= 0 && mount("hung", mount_point, "fuse", MS_NOSUID | MS_NODEV, options) == 0)
        return true;
    test_skip(errno == EPERM || errno == EACCES ? "only root mounts FUSE" : "no FUSE here");
    fix_finish(&f);
    return false;
}

/* Waiting system calls get an error. */
static void let_go(void)
{
    close(fuse);
    EXPECT_EQ(umount2(mount_point, MNT_DETACH), 0);
}

static int submit_below(const char *what)
{
    char more[256], id[32];
    static int number;
    Bit__SubmitRequest m = BIT__SUBMIT_REQUEST__INIT;

    snprintf(more, sizeof more, "%s=%s/a", what, mount_point);
    snprintf(id, sizeof id, "hung-%d", number++);
    m.spec = fix_spec(&f, more);
    m.request_id = id;
    int fd = fix_connect(&f);
    EXPECT(fix_send(fd, BIT_MSG_SUBMIT_REQUEST, &m));
    bit_msg_free(m.spec);
    return fd;
}

TEST(a_run_goes_on_beside_submissions_that_hang)
{
    char run[32];
    int fd[HUNG];

    fix_init(&f);
    if (!mount_what_hangs())
        return;
    setenv("FAKE_STEP_US", "20000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, NULL, run);
    for (int i = 0; i < HUNG; i++)
        fd[i] = submit_below(i % 2 ? "data.train" : "model.init_from");
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    let_go();
    for (int i = 0; i < HUNG; i++)
        close(fd[i]);
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_finish(&f);
}

/* A user who closes hanging submissions can make another; those that were not begun are dropped. */
TEST(who_gives_up_on_a_submission_may_make_another)
{
    char run[32];

    fix_init(&f);
    if (!mount_what_hangs())
        return;
    if (!fix_start(&f))
        return;
    for (int i = 0; i < 3; i++)
        close(submit_below("data.train"));
    fix_submit(&f, NULL, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    let_go();
    EXPECT_EQ(fix_stop(&f, SIGTERM), 0);
    fix_finish(&f);
}

TEST_MAIN
