/* A hung rank writes its stacks while the system's clock is set: the wait for a thread that does not answer must use a
 * clock that cannot be set. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/test.h"
#include "worker/process/stacks.h"

#define PUT_BACK_S 3600

static bool clock_was_set;
static sem_t begun, over;

/* Replaces libc's: an hour ahead of the kernel's clock, as if the clock were set back right after the call. */
int clock_gettime(clockid_t clock, struct timespec *out)
{
    int err = (int)syscall(SYS_clock_gettime, clock, out);

    if (clock == CLOCK_REALTIME && clock_was_set)
        out->tv_sec += PUT_BACK_S;
    return err;
}

const char *bit_section_name(int section)
{
    return "test";
}

/* Blocks all signals, like a thread that the kernel does not schedule. */
static void *wait_deaf(void *arg)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    sem_post(&begun);
    while (sem_wait(&over) < 0)
        ;
    return NULL;
}

TEST(a_thread_that_does_not_answer_is_waited_for_by_no_wall_clock)
{
    pthread_t deaf;

    alarm(20); /* fails after 20 s instead of an hour */
    sem_init(&begun, 0, 0);
    sem_init(&over, 0, 0);
    EXPECT_EQ(bit_stacks_init(), 0);
    EXPECT_EQ(pthread_create(&deaf, NULL, wait_deaf, NULL), 0);
    while (sem_wait(&begun) < 0)
        ;
    clock_was_set = true;
    bit_stacks_write();
    clock_was_set = false;
    sem_post(&over);
    EXPECT_EQ(pthread_join(deaf, NULL), 0);
    alarm(0);
}

TEST_MAIN
