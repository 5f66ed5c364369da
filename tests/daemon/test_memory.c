/* bitd's memory stays small with a large dataset: a billion tokens in sparse files, OLMo's batches of four million. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "tests/daemon/fixture.h"
#include "tests/sanitizer.h"

#define FILES      4
#define FILE_BYTES (500ll << 20) /* 262 million tokens each, all of them id 0 */
#define LIMIT_KIB  (64 << 10)    /* of bitd's peak RSS */

static struct fix f;

/* VmHWM, the peak RSS. */
static long peak_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = -1;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "VmHWM: %ld kB", &kib) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kib;
}

TEST(a_billion_tokens_fit_in_64_mib)
{
    char run[32], more[1024] = "model.context=2048\nbatch.instances=2048\nschedule.steps=8\ncheckpoint.every=0\n";

    fix_init(&f);
    setenv("FAKE_STEP_US", "50000", 1); /* slower than tokens are read, so bitd's buffers fill up */
    for (int i = 0; i < FILES; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%d.npy", f.dir, i);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        EXPECT_EQ(ftruncate(fd, FILE_BYTES), 0);
        close(fd);
        size_t at = strlen(more);
        snprintf(more + at, sizeof more - at, "data.train%s=%s\n", i ? "+" : "", path);
    }
    if (!fix_start(&f))
        return;
    fix_submit(&f, more, run);
    EXPECT_EQ(fix_wait_end(&f, run, NULL), 0);
    long kib = peak_kib(f.bitd);
    printf("peak: %ld KiB\n", kib);
    fix_finish(&f);
    if (TEST_SANITIZED)
        SKIP("a sanitizer's own memory is many times that");
    EXPECT(kib > 0 && kib < LIMIT_KIB);
}

TEST_MAIN
