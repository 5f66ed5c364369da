#include "ctl/client/checkpoint_of.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "ctl/client/run_word.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

#define TRIES_MAX 5

int bit_checkpoint_of_list(struct bit_cli *cli, const char *run, Bit__CheckpointListReply **list)
{
    Bit__CheckpointListRequest ask = BIT__CHECKPOINT_LIST_REQUEST__INIT;

    ask.run = bit_lend(run);
    return bit_connection_ask(cli, BIT_MSG_CHECKPOINT_LIST_REQUEST, &ask, BIT_MSG_CHECKPOINT_LIST_REPLY, list);
}

/* ---- the choice */

static const Bit__CheckpointInfo *choose(const Bit__CheckpointListReply *list, const uint64_t *step)
{
    for (size_t i = list->n_checkpoint; i-- > 0;) /* by step, ascending */
        if (step == NULL || list->checkpoint[i]->step == *step)
            return list->checkpoint[i];
    return NULL;
}

static int none(const Bit__CheckpointListReply *list, const char *run, const uint64_t *step)
{
    char steps[200] = "";

    if (list->n_checkpoint == 0)
        return bit_fail(BIT_ESTATE, "%s has no checkpoint yet: `bitctl checkpoint %s` writes one of a run that trains",
                        run, run);
    for (size_t i = 0; i < list->n_checkpoint; i++)
        bit_format_more(steps, sizeof steps, "%s%" PRIu64, i > 0 ? ", " : "", list->checkpoint[i]->step);
    return bit_fail(BIT_ESTATE, "%s has no checkpoint of step %" PRIu64 "; it has those of steps %s", run, *step,
                    steps);
}

static void take(const Bit__CheckpointInfo *found, bool newest, struct bit_checkpoint_choice *out)
{
    out->step = found->step;
    out->newest = newest;
    out->precision = found->precision;
    snprintf(out->path, sizeof out->path, "%s", found->path);
}

int bit_checkpoint_of(struct bit_cli *cli, const char *run, const uint64_t *step, struct bit_checkpoint_choice *out)
{
    Bit__CheckpointListReply *list = NULL;
    int code = bit_run_word(cli, run, out->run);

    if (code == 0)
        code = bit_checkpoint_of_list(cli, out->run, &list);
    if (code != 0)
        return code;
    const Bit__CheckpointInfo *found = choose(list, step);
    if (found != NULL)
        take(found, step == NULL, out);
    else
        code = bit_failure_print(cli, none(list, out->run, step));
    bit_msg_free(list);
    return code;
}

bool bit_checkpoint_of_is_there(struct bit_cli *cli, const char *run, uint64_t step, int err)
{
    Bit__CheckpointListRequest ask = BIT__CHECKPOINT_LIST_REQUEST__INIT;
    Bit__CheckpointListReply *list = NULL;
    Bit__ErrorReply *refusal = NULL;
    char note[BIT_ERR_TEXT_MAX];

    ask.run = bit_lend(run);
    bit_format(note, sizeof note, "%s", bit_fail_text());
    int of_list = bit_connection_try(cli, BIT_MSG_CHECKPOINT_LIST_REQUEST, &ask, BIT_MSG_CHECKPOINT_LIST_REPLY, &list,
                                     &refusal);
    const bool is_there = of_list < 0 || list == NULL || choose(list, &step) != NULL;
    bit_msg_free(refusal);
    bit_msg_free(list);
    bit_fail_again(err, "", note);
    return is_there;
}

bool bit_checkpoint_of_replaced(struct bit_cli *cli, const struct bit_checkpoint_choice *choice, unsigned *tries,
                                int err)
{
    if (!choice->newest || *tries == TRIES_MAX || bit_checkpoint_of_is_there(cli, choice->run, choice->step, err))
        return false;
    (*tries)++;
    if (!cli->quiet)
        bit_show(stderr, "bitctl: %s's checkpoint of step %" PRIu64 " was replaced by a newer one; taking that\n",
                 choice->run, choice->step);
    return true;
}
