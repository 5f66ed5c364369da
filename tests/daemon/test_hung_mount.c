/*
 * A user may mount a file system that never answers, and name files below it: whoever looks at them hangs. That is a
 * thread of that user, and no run waits for it.
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

#define HUNG 8 /* more than the thread pool has threads, and than a user may have that hang for good */

static struct fix f;
static char mount_point[96];
static int fuse = -1;

/* FUSE whose other end is open and never read from. */
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

/* Whoever waits for it gets an error. */
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

/* The user who gives up on one that hangs is not held up by it, and those that had not begun never do. */
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
