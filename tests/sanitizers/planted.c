/*
 * A program with a fault, as the suites have them: in a process that another one started, with nowhere to write to, and
 * whose exit code nobody heeds. It ends with 0; a test of it passes if sanitizers/run says that it has failed.
 *
 *     planted leak | behaviour | address | race | none
 */
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int shared;
static void *volatile kept;

static void *count(void *arg)
{
    for (int i = 0; i < 1000; i++)
        shared = shared + 1;
    return arg;
}

static void race(void)
{
    pthread_t other;

    if (pthread_create(&other, NULL, count, NULL) != 0)
        _exit(99);
    count(NULL);
    pthread_join(other, NULL);
}

static void commit(const char *fault)
{
    volatile int most = INT_MAX;

    if (strcmp(fault, "leak") == 0) {
        kept = malloc(77);
        kept = NULL;
    } else if (strcmp(fault, "behaviour") == 0) {
        most = most + (int)strlen(fault);
    } else if (strcmp(fault, "address") == 0) {
        kept = malloc(77);
        free(kept);
        *(volatile char *)kept = 1;
    } else if (strcmp(fault, "race") == 0) {
        race();
    }
}

int main(int argc, char **argv)
{
    pid_t child = fork();

    if (child == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        commit(argc > 1 ? argv[1] : "none");
        exit(0);
    }
    return waitpid(child, NULL, 0) == child ? 0 : 99;
}
