/* Prints how long a status request takes while a run trains. Not judged: the machine may be busy. */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/daemon/fixture.h"

#define CALLS 1000

static struct fix f;
static double us[CALLS];

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

TEST(a_thousand_calls)
{
    char run[32];

    fix_init(&f);
    setenv("FAKE_STEP_US", "2000", 1);
    if (!fix_start(&f))
        return;
    fix_submit(&f, "schedule.steps=100000", run);
    fix_wait_step(&f, run, 10);
    for (int i = 0; i < CALLS; i++) {
        double begun = now_us();
        bit_msg_free(fix_status(&f, run));
        us[i] = now_us() - begun;
    }
    qsort(us, CALLS, sizeof us[0], ascending);
    printf("status: p50 %.0f us, p99 %.0f us, most %.0f us\n", us[CALLS / 2], us[CALLS * 99 / 100], us[CALLS - 1]);
    EXPECT(us[0] > 0);
    fix_finish(&f);
}

TEST_MAIN
