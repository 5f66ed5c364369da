#include "daemon/client/sweep.h"

#include <string.h>

#include "daemon/client/sweep_reply.h"
#include "daemon/client/sweep_specs.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

static void answer(struct bit_client *c, const struct bit_sweep *s, bool dry_run)
{
    struct bit_sweep_reply reply;

    if (bit_sweep_reply_make(s, c->all->runs, true, &reply) < 0) {
        bit_client_refuse(c, -ENOMEM, "%s", bit_fail_text());
        return;
    }
    reply.m.has_dry_run = reply.m.dry_run = dry_run;
    bit_client_send(c, BIT_MSG_SWEEP_REPLY, &reply.m);
    bit_client_end(c);
    bit_sweep_reply_finish(&reply);
}

void bit_sweep_asked(struct bit_client *c, const Bit__SweepRequest *m)
{
    Bit__SweepProgress *progress = NULL;

    if (m->request_id[0] == '\0' || strlen(m->request_id) > BIT_REQUEST_ID_MAX) {
        bit_client_refuse(c, BIT_EMESSAGE, "a request id has 1 to %d bytes", BIT_REQUEST_ID_MAX);
        return;
    }
    if (!m->has_dry_run || !m->dry_run) {
        bit_client_refuse(c, BIT_ESTATE, "this bitd plans sweeps (--dry-run), and runs none");
        return;
    }
    Bit__SweepPlanned *plan = bit_sweep_specs_make(c, m, &progress);
    if (plan == NULL)
        return;
    struct bit_sweep *s = bit_sweep_state_create(plan, progress);
    if (s == NULL)
        bit_client_refuse(c, -ENOMEM, "a sweep");
    else
        answer(c, s, true);
    bit_sweep_state_destroy(s);
}

static void refuse_none(struct bit_client *c, const char *which)
{
    bit_client_refuse(c, BIT_ENORUN, "there is no sweep '%s'", which);
}

void bit_sweep_query(struct bit_client *c, const Bit__SweepQueryRequest *m)
{
    refuse_none(c, m->sweep);
}

void bit_sweep_list(struct bit_client *c, const Bit__SweepListRequest *m)
{
    Bit__SweepListReply reply = BIT__SWEEP_LIST_REPLY__INIT;

    bit_client_send(c, BIT_MSG_SWEEP_LIST_REPLY, &reply);
    bit_client_end(c);
}

void bit_sweep_change(struct bit_client *c, const Bit__SweepChangeRequest *m)
{
    refuse_none(c, m->sweep);
}

void bit_sweep_wait(struct bit_client *c, const Bit__SweepWaitRequest *m)
{
    refuse_none(c, m->sweep);
}
