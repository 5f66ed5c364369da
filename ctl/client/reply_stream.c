#include "ctl/client/reply_stream.h"

#include <stdio.h>

#include "ctl/cli/failure.h"
#include "proto/err.h"
#include "proto/timeslice.h"

/* 0 to go on, 1 at the end with *code, < 0 for a lost connection. */
static int one_reply(struct bit_cli *cli, struct bit_connection *client,
                     void (*take)(void *, uint16_t, const ProtobufCMessage *), void *arg, int *code)
{
    ProtobufCMessage *msg = NULL;
    uint16_t type;
    int err = bit_connection_next(client, -1, &type, &msg);

    if (err < 0)
        return err;
    if (type == BIT_MSG_ERROR_REPLY)
        *code = bit_failure_print_reply(cli, (Bit__ErrorReply *)msg);
    else if (type != BIT_MSG_END_REPLY)
        take(arg, type, msg);
    err = type == BIT_MSG_ERROR_REPLY || type == BIT_MSG_END_REPLY || type == BIT_MSG_WAIT_REPLY ||
          type == BIT_MSG_SWEEP_REPLY;
    bit_msg_free(msg);
    return err;
}

int bit_reply_stream(struct bit_cli *cli, bool survive, int (*ask)(void *, struct bit_connection *),
                     void (*take)(void *, uint16_t, const ProtobufCMessage *), void *arg)
{
    struct bit_connection client;
    int code = 0;
    (void)bit_timeslice_yield(); /* printing a million replies must not keep bitd from answering others */
    int err = survive ? bit_connection_open_waiting(&client, cli) : bit_connection_open(&client, cli->socket);

    while (err >= 0) {
        err = ask(arg, &client);
        while (err == 0)
            err = one_reply(cli, &client, take, arg, &code);
        if (err != BIT_EDAEMON || !survive)
            break;
        err = bit_connection_reopen_said(&client, cli);
    }
    bit_connection_close(&client);
    return err < 0 ? bit_failure_print(cli, err) : code;
}
