#include "ctl/client/run_status.h"

#include "ctl/client/connection.h"
#include "proto/check.h"
#include "proto/wire/msg.h"

int bit_run_status_ask(struct bit_cli *cli, const char *run, bool spec, Bit__RunStatus **out)
{
    Bit__StatusRequest ask = BIT__STATUS_REQUEST__INIT;

    ask.run = bit_lend(run);
    ask.has_spec = ask.spec = spec;
    return bit_connection_ask(cli, BIT_MSG_STATUS_REQUEST, &ask, BIT_MSG_RUN_STATUS, out);
}

bool bit_run_status_is_end(Bit__RunState state)
{
    return state == BIT__RUN_STATE__COMPLETED || state == BIT__RUN_STATE__FAILED || state == BIT__RUN_STATE__CANCELLED;
}
