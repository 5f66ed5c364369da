#include "ctl/client/sweep_word.h"

#include <stdio.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/sweep_tree.h"
#include "proto/check.h"
#include "proto/err.h"

/* Whether the word is this letter and a number. */
static bool is_id(const char *word, char letter)
{
    return word[0] == letter && word[1] != '\0' && word[1 + strspn(word + 1, "0123456789")] == '\0';
}

/* Prints nothing. NULL also if bitd is away, which the verb's own request will report. */
static Bit__SweepReply *find_sweep(struct bit_cli *cli, const char *word)
{
    Bit__SweepQueryRequest ask = BIT__SWEEP_QUERY_REQUEST__INIT;
    Bit__SweepReply *reply = NULL;
    Bit__ErrorReply *refusal = NULL;

    ask.sweep = bit_lend(word);
    int err = bit_connection_try(cli, BIT_MSG_SWEEP_QUERY_REQUEST, &ask, BIT_MSG_SWEEP_REPLY, &reply, &refusal);
    bit_msg_free(refusal);
    return err == 0 ? reply : NULL;
}

static Bit__RunStatus *find_run(struct bit_cli *cli, const char *word)
{
    Bit__StatusRequest ask = BIT__STATUS_REQUEST__INIT;
    Bit__RunStatus *reply = NULL;
    Bit__ErrorReply *refusal = NULL;

    ask.run = bit_lend(word);
    int err = bit_connection_try(cli, BIT_MSG_STATUS_REQUEST, &ask, BIT_MSG_RUN_STATUS, &reply, &refusal);
    bit_msg_free(refusal);
    return err == 0 ? reply : NULL;
}

int bit_sweep_word(struct bit_cli *cli, const char *word, char id[BIT_RUN_ID_MAX])
{
    const bool named = !is_id(word, 's');

    if (is_id(word, 'r') || word[0] == '@' || word[0] == '\0' || strlen(word) > BIT_NAME_MAX)
        return 0;
    snprintf(id, BIT_RUN_ID_MAX, "%.*s", BIT_RUN_ID_MAX - 1, word);
    Bit__SweepReply *sweep = named ? find_sweep(cli, word) : NULL;
    if (named && sweep == NULL)
        return 0;
    Bit__RunStatus *run = named ? find_run(cli, word) : NULL;
    int code = -1;
    if (named)
        snprintf(id, BIT_RUN_ID_MAX, "%s", sweep->sweep);
    if (run != NULL)
        code = bit_failure_print(cli, bit_fail(BIT_EUSAGE,
                                               "'%s' is the name of sweep %s and of run %s: give the id of "
                                               "the one you mean",
                                               word, sweep->sweep, run->run));
    bit_msg_free(run);
    bit_msg_free(sweep);
    return code;
}

int bit_sweep_word_ask(struct bit_cli *cli, const char *id, Bit__SweepReply **reply)
{
    Bit__SweepQueryRequest ask = BIT__SWEEP_QUERY_REQUEST__INIT;

    ask.sweep = bit_lend(id);
    return bit_connection_ask(cli, BIT_MSG_SWEEP_QUERY_REQUEST, &ask, BIT_MSG_SWEEP_REPLY, reply);
}

/* ---- changes */

static int wait_until(struct bit_cli *cli, const char *id, Bit__SweepChange change, Bit__SweepReply **reply)
{
    Bit__SweepWaitRequest ask = BIT__SWEEP_WAIT_REQUEST__INIT;

    ask.sweep = bit_lend(id);
    ask.has_state = change == BIT__SWEEP_CHANGE__SWEEP_PAUSE;
    ask.state = BIT__RUN_STATE__PAUSED;
    return bit_connection_ask(cli, BIT_MSG_SWEEP_WAIT_REQUEST, &ask, BIT_MSG_SWEEP_REPLY, reply);
}

int bit_sweep_word_change(struct bit_cli *cli, const char *id, Bit__SweepChange change, bool now, bool wait)
{
    const bool waits = wait && (change == BIT__SWEEP_CHANGE__SWEEP_PAUSE || change == BIT__SWEEP_CHANGE__SWEEP_CANCEL);
    Bit__SweepChangeRequest ask = BIT__SWEEP_CHANGE_REQUEST__INIT;
    Bit__SweepReply *reply = NULL;
    char request_id[40];

    bit_request_id(request_id);
    ask.sweep = bit_lend(id);
    ask.request_id = request_id;
    ask.change = change;
    ask.has_now = ask.now = now;
    int code = bit_connection_ask(cli, BIT_MSG_SWEEP_CHANGE_REQUEST, &ask, BIT_MSG_SWEEP_REPLY, &reply);
    if (code == 0 && waits) {
        bit_msg_free(reply);
        reply = NULL;
        code = wait_until(cli, id, change, &reply);
    }
    if (code != 0)
        return code;
    if (cli->json)
        bit_print_json(reply);
    else if (!cli->quiet && change == BIT__SWEEP_CHANGE__SWEEP_REMOVE)
        bit_show(stdout, "%s: removed\n", reply->sweep);
    else if (!cli->quiet)
        bit_sweep_line_print(stdout, reply);
    bit_msg_free(reply);
    return 0;
}
