#include "worker/process/signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/log.h"
#include "worker/process/stacks.h"

BIT_LOG_TOPIC("signals");

/* Descriptors that become readable when the process must end, or a signal has come. */
static struct {
    int signals;
    int launcher; /* -1 on a kernel without pidfds: the launcher's end is then noticed only if it causes a signal */
} watched;

static atomic_int told;

/* The callback that passes a warning on. */
static struct {
    pthread_mutex_t lock;
    void (*tell)(void *arg); /* NULL: none */
    void *arg;
    bool takes_term;
} teller = {.lock = PTHREAD_MUTEX_INITIALIZER};

void bit_signals_tell(void (*tell)(void *arg), void *arg)
{
    pthread_mutex_lock(&teller.lock);
    teller.tell = tell;
    teller.arg = arg;
    teller.takes_term = tell != NULL && getenv("BITD_TOLD") != NULL;
    pthread_mutex_unlock(&teller.lock);
}

int bit_signals_told(void)
{
    return atomic_load(&told);
}

/* Whether the signal is a batch system's warning to the whole job, about which bitd decides; if so, passes it on. */
static bool warns(const struct signalfd_siginfo *info)
{
    pthread_mutex_lock(&teller.lock);
    const bool is_warning = info->ssi_signo == SIGUSR1 || (info->ssi_signo == SIGTERM && teller.takes_term);
    if (is_warning) {
        bit_info("warned", "signal=%u from=%u", info->ssi_signo, info->ssi_pid);
        atomic_store(&told, (int)info->ssi_signo);
        if (teller.tell != NULL)
            teller.tell(teller.arg);
    }
    pthread_mutex_unlock(&teller.lock);
    return is_warning;
}

static bool ends(const struct signalfd_siginfo *info)
{
    if (info->ssi_signo == SIGUSR2) { /* bitd takes us for hung and asks for the stacks */
        bit_stacks_write();
        return false;
    }
    return !warns(info);
}

static void *wait_for_the_end(void *arg)
{
    struct pollfd fds[] = {{.fd = watched.signals, .events = POLLIN}, {.fd = watched.launcher, .events = POLLIN}};
    struct signalfd_siginfo info;

    do {
        info = (struct signalfd_siginfo){.ssi_signo = SIGTERM};
        while (poll(fds, BIT_COUNT(fds), -1) < 0 && errno == EINTR)
            ;
    } while (fds[0].revents != 0 && read(watched.signals, &info, sizeof info) == sizeof info && !ends(&info));
    if (fds[0].revents != 0)
        bit_warn("ended", "signal=%u from=%u", info.ssi_signo, info.ssi_pid);
    else
        bit_warn("ended", "why=\"the launcher is gone\"");
    _exit(128 + (int)info.ssi_signo);
}

static int open_descriptors(const sigset_t *handled)
{
    const pid_t launcher = getppid();

    watched.signals = signalfd(-1, handled, SFD_CLOEXEC);
    if (watched.signals < 0)
        return bit_fail(-errno, "signalfd");
    watched.launcher = pidfd_open(launcher, 0);
    if (getppid() != launcher)
        return bit_fail(-ESRCH, "the launcher, process %d, is gone", (int)launcher);
    return 0;
}

int bit_signals_init(void)
{
    pthread_t thread;
    sigset_t handled;
    int err;

    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGHUP);
    sigaddset(&handled, SIGUSR1);
    sigaddset(&handled, SIGUSR2);
    signal(SIGPIPE, SIG_IGN);
    err = bit_stacks_init();
    if (err == 0)
        err = -pthread_sigmask(SIG_BLOCK, &handled, NULL);
    if (err == 0)
        err = open_descriptors(&handled);
    if (err < 0)
        return err;
    err = -pthread_create(&thread, NULL, wait_for_the_end, NULL);
    if (err < 0)
        return bit_fail(err, "the thread for signals");
    pthread_detach(thread);
    return 0;
}
