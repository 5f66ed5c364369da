#include "ctl/report/sweep_fetch.h"

#include <stdbool.h>

#include "ctl/cli/failure.h"
#include "ctl/client/connection.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

/* Returns 1 unless bitd replies that there is no such run; errors of bit_connection_try. */
static int is_run(struct bit_cli *cli, const char *word)
{
    Bit__StatusRequest ask = BIT__STATUS_REQUEST__INIT;
    Bit__RunStatus *status = NULL;
    Bit__ErrorReply *refusal = NULL;

    ask.run = bit_lend(word);
    int err = bit_connection_try(cli, BIT_MSG_STATUS_REQUEST, &ask, BIT_MSG_RUN_STATUS, &status, &refusal);
    const bool run = err == 0 && (refusal == NULL || refusal->error != BIT_ENORUN);
    bit_msg_free(refusal);
    bit_msg_free(status);
    return err < 0 ? err : run;
}

int bit_sweep_fetch(struct bit_cli *cli, const char *word, Bit__SweepReply **out)
{
    Bit__SweepQueryRequest ask = BIT__SWEEP_QUERY_REQUEST__INIT;
    Bit__ErrorReply *refusal = NULL;
    int err = is_run(cli, word);

    *out = NULL;
    if (err == 0) {
        ask.sweep = bit_lend(word);
        err = bit_connection_try(cli, BIT_MSG_SWEEP_QUERY_REQUEST, &ask, BIT_MSG_SWEEP_REPLY, out, &refusal);
    }
    bit_msg_free(refusal); /* the request for the run, which follows, reports it better */
    return err < 0 ? bit_failure_print(cli, err) : 0;
}
