#include "ctl/client/checkpoint_of.h"

#include <inttypes.h>

#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

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

int bit_checkpoint_of(struct bit_cli *cli, const char *run, const uint64_t *step, Bit__CheckpointListReply **list,
                      const Bit__CheckpointInfo **found)
{
    Bit__CheckpointListRequest ask = BIT__CHECKPOINT_LIST_REQUEST__INIT;

    ask.run = bit_lend(run);
    *list = NULL;
    *found = NULL;
    int code = bit_connection_ask(cli, BIT_MSG_CHECKPOINT_LIST_REQUEST, &ask, BIT_MSG_CHECKPOINT_LIST_REPLY, list);
    if (code != 0)
        return code;
    *found = choose(*list, step);
    return *found != NULL ? 0 : bit_failure_print(cli, none(*list, run, step));
}
