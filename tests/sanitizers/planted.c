/*
 * A program with a planted fault, for tests of sanitizers/run. The fault is in a child process without stderr, whose
 * exit code is ignored, and the program exits with 0: only a sanitizer's report can fail the test.
 *
 *     planted leak | behaviour | address | race | none
 *     planted dies | dies-once | dies-once-leak    imitates a crash of the leak search: in each attempt; in the first;
 *                                                  in the first, together with a leak
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

/* Writes the leak search's crash messages into the file where the runtime would write them. */
static void say_that_the_search_died(void)
{
    const char *options = getenv("LSAN_OPTIONS"), *at = options == NULL ? NULL : strstr(options, "log_path=");
    char path[256];

    if (at == NULL || sscanf(at, "log_path=%200[^:]", path) != 1)
        _exit(99);
    snprintf(path + strlen(path), 32, ".planted.%d", (int)getppid());
    FILE *f = fopen(path, "w");
    if (f == NULL)
        _exit(99);
    fprintf(
        f,
        "Tracer caught signal 11: addr=0x71f0 pc=0x558f8e96482a sp=0x7f8720008d40\n"
        "==planted==1==LeakSanitizer has encountered a fatal error.\n"
        "==planted==1==HINT: For debugging, try setting environment variable LSAN_OPTIONS=verbosity=1:log_threads=1\n"
        "==planted==1==HINT: LeakSanitizer does not work under ptrace (strace, gdb, etc)\n");
    fclose(f);
}

static void die(const char *how)
{
    const char *attempt = getenv("BIT_SANITIZERS_ATTEMPT");
    const int first = attempt == NULL || strcmp(attempt, "1") == 0;

    if (!first && strcmp(how, "dies") != 0)
        return;
    say_that_the_search_died();
    if (strcmp(how, "dies-once-leak") == 0) {
        kept = malloc(77);
        kept = NULL;
    }
}

static void commit(const char *fault)
{
    volatile int most = INT_MAX;

    if (strncmp(fault, "dies", 4) == 0) {
        die(fault);
        return;
    }
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
