#include "ctl/spec/spec_submit.h"

#include "ctl/client/connection.h"
#include "ctl/spec/dry_run_answer.h"
#include "ctl/spec/local_check.h"
#include "proto/check.h"
#include "proto/wire/msg.h"

/* Returns 0 with bitd's reply, the exit code after its refusal was printed, or BIT_SPEC_OUTDATED. */
static int ask_bitd(struct bit_cli *cli, struct bit_spec_file *f, Bit__SubmitRequest *ask, uint16_t want, void *reply)
{
    Bit__ErrorReply *refusal = NULL;

    ask->spec = f->spec;
    ask->directory = f->directory;
    int code = bit_connection_ask_told(cli, BIT_MSG_SUBMIT_REQUEST, ask, want, reply, &refusal);
    if (refusal != NULL)
        code = f->outdated != NULL && f->outdated(f->arg) ? BIT_SPEC_OUTDATED : bit_spec_file_refused(cli, f, refusal);
    bit_msg_free(refusal);
    return code;
}

int bit_spec_submit(struct bit_cli *cli, struct bit_spec_file *f, const struct bit_submit_options *how,
                    Bit__SubmitReply **reply)
{
    Bit__SubmitRequest ask = BIT__SUBMIT_REQUEST__INIT;
    char id[40];

    bit_request_id(id);
    ask.request_id = how->request_id != NULL ? bit_lend(how->request_id) : id;
    ask.has_paused = ask.paused = how->paused;
    BIT_QUEUE_OPTIONS_COPY(&ask, &how->queue);
    return ask_bitd(cli, f, &ask, BIT_MSG_SUBMIT_REPLY, reply);
}

int bit_spec_submit_dry_run(struct bit_cli *cli, struct bit_spec_file *f)
{
    Bit__SubmitRequest ask = BIT__SUBMIT_REQUEST__INIT;
    Bit__DryRunReply *dry = NULL;
    char id[40];

    if (!bit_connection_is_there(cli)) /* as far as possible */
        return bit_local_check(cli, f);
    bit_request_id(id);
    ask.request_id = id;
    ask.has_dry_run = ask.dry_run = true;
    int code = ask_bitd(cli, f, &ask, BIT_MSG_DRY_RUN_REPLY, &dry);
    if (code != 0)
        return code;
    bit_dry_run_answer(cli, dry);
    bit_msg_free(dry);
    return 0;
}
