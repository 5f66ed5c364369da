#include "ctl/client/first_reply.h"

#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ctl/cli/failure.h"
#include "proto/err.h"

struct waits {
    struct bit_cli *cli;
    struct bit_connection *client;
    struct pollfd *polled;
    int count, open;
    int (*ask)(void *arg, int which, struct bit_connection *client);
    void (*take)(void *arg, uint16_t type, const ProtobufCMessage *msg);
    void *arg;
};

static int begin(struct waits *w)
{
    int err = 0;

    for (; err == 0 && w->open < w->count; w->open += err == 0) {
        err = bit_connection_open_waiting(&w->client[w->open], w->cli);
        if (err == 0)
            err = w->ask(w->arg, w->open, &w->client[w->open]);
    }
    return err;
}

/* Reads from a connection that is ready. 1 with *code if that was the answer; 0 to go on; < 0. */
static int look(struct waits *w, int which, int *code)
{
    ProtobufCMessage *msg = NULL;
    uint16_t type;
    int err = bit_connection_next(&w->client[which], 0, &type, &msg);

    if (err == BIT_ETIMEOUT) /* a note, or half a frame */
        return 0;
    if (err == BIT_EDAEMON && (err = bit_connection_reopen_said(&w->client[which], w->cli)) >= 0)
        return w->ask(w->arg, which, &w->client[which]);
    if (err < 0)
        return err;
    if (type == BIT_MSG_ERROR_REPLY)
        *code = bit_failure_print_reply(w->cli, (const Bit__ErrorReply *)msg);
    else
        w->take(w->arg, type, msg);
    bit_msg_free(msg);
    return 1;
}

static int wait_for_one(struct waits *w, int *code)
{
    int got = 0;

    while (got == 0) {
        for (int i = 0; i < w->count; i++)
            w->polled[i] = (struct pollfd){.fd = w->client[i].fd, .events = POLLIN};
        if (poll(w->polled, (nfds_t)w->count, -1) < 0 && errno != EINTR)
            return bit_fail(-errno, "poll");
        for (int i = 0; got == 0 && i < w->count; i++)
            if (w->polled[i].revents != 0)
                got = look(w, i, code);
    }
    return got;
}

int bit_first_reply(struct bit_cli *cli, int count, int (*ask)(void *arg, int which, struct bit_connection *client),
                    void (*take)(void *arg, uint16_t type, const ProtobufCMessage *msg), void *arg)
{
    struct waits w = {.cli = cli, .count = count, .ask = ask, .take = take, .arg = arg};
    int code = 0, err = -ENOMEM;

    w.client = calloc((size_t)count, sizeof *w.client);
    w.polled = calloc((size_t)count, sizeof *w.polled);
    for (int i = 0; w.client != NULL && i < count; i++)
        w.client[i].fd = -1;
    if (w.client != NULL && w.polled != NULL)
        err = begin(&w);
    if (err == 0)
        err = wait_for_one(&w, &code);
    for (int i = 0; w.client != NULL && i < count; i++)
        bit_connection_close(&w.client[i]);
    free(w.client);
    free(w.polled);
    return err < 0 ? bit_failure_print(cli, err) : code;
}
