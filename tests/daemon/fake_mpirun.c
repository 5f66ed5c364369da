/*
 * Replaces mpirun where a test needs no MPI: starts the program named last, once, and exits with its exit code. It is a
 * separate process, as mpirun is, so that a test can kill it or its worker alone.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static void pass_on(int signal)
{
    kill(child, signal);
}

int main(int argc, char **argv)
{
    if (argc < 4 || strcmp(argv[1], "-n") != 0)
        return 2;
    setenv("FAKE_RANKS", argv[2], 1);
    child = fork();
    if (child == 0) {
        execl(argv[argc - 1], argv[argc - 1], (char *)NULL);
        perror(argv[argc - 1]);
        _exit(127);
    }
    signal(SIGTERM, pass_on);
    signal(SIGUSR2, SIG_IGN); /* mpirun passes it on; a fake worker has no stacks to write */
    int status;
    while (waitpid(child, &status, 0) < 0)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
