#include "worker/signals.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("signals");

static sigset_t handled;

static void *wait_for_signal(void *arg)
{
    int number = SIGTERM;

    sigwait(&handled, &number);
    bit_warn("ended", "signal=%d name=%s", number, sigabbrev_np(number));
    _exit(128 + number);
}

int bit_signals_init(void)
{
    pthread_t thread;
    int err;

    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    err = pthread_sigmask(SIG_BLOCK, &handled, NULL);
    if (err == 0)
        err = pthread_create(&thread, NULL, wait_for_signal, NULL);
    if (err != 0)
        return bit_fail(-err, "the thread for signals");
    pthread_detach(thread);
    return 0;
}
