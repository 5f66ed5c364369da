#include "ctl/client/run_word.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

static bool is_id(const char *word)
{
    const size_t bytes = strlen(word);

    return word[0] == 'r' && bytes > 1 && bytes < BIT_RUN_ID_MAX && word[1 + strspn(word + 1, "0123456789")] == '\0';
}

static int ask_once(struct bit_connection *c, const char *word, uint16_t *type, ProtobufCMessage **reply)
{
    Bit__StatusRequest ask = BIT__STATUS_REQUEST__INIT;

    ask.run = bit_lend(word);
    int err = bit_connection_send(c, BIT_MSG_STATUS_REQUEST, &ask);
    return err < 0 ? err : bit_connection_next(c, -1, type, reply);
}

static int ask(const struct bit_cli *cli, const char *word, uint16_t *type, ProtobufCMessage **reply)
{
    struct bit_connection c;
    int err = bit_connection_open_waiting(&c, cli);

    if (err >= 0)
        err = ask_once(&c, word, type, reply);
    while (err == BIT_EDAEMON && c.fd >= 0 && (err = bit_connection_reopen_said(&c, cli)) >= 0)
        err = ask_once(&c, word, type, reply);
    bit_connection_close(&c);
    return err;
}

int bit_run_word(struct bit_cli *cli, const char *word, char id[BIT_RUN_ID_MAX])
{
    ProtobufCMessage *reply = NULL;
    uint16_t type = 0;
    int code = 0;

    if (is_id(word)) {
        snprintf(id, BIT_RUN_ID_MAX, "%s", word);
        return 0;
    }
    int err = ask(cli, word, &type, &reply);
    if (err < 0)
        return bit_failure_print(cli, err);
    if (type == BIT_MSG_RUN_STATUS)
        snprintf(id, BIT_RUN_ID_MAX, "%s", ((const Bit__RunStatus *)reply)->run);
    else if (type == BIT_MSG_ERROR_REPLY)
        code = bit_failure_print_reply(cli, (Bit__ErrorReply *)reply);
    else
        code = bit_failure_print(cli, bit_fail(BIT_EMESSAGE, "bitd answered with %s", bit_msg_name(type)));
    bit_msg_free(reply);
    return code;
}

int bit_run_word_to_follow(struct bit_cli *cli, char *word, bool follows, char id[BIT_RUN_ID_MAX], char **run)
{
    const int code = follows ? bit_run_word(cli, word, id) : 0;

    if (code == 0)
        *run = follows ? id : word;
    return code;
}
