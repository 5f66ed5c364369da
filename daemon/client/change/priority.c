#include "daemon/client/change/priority.h"

#include <string.h>

#include "daemon/client/change/mutate.h"
#include "daemon/store/queue.h"
#include "daemon/store/runs/runner.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("priority");

static void answer(struct bit_client *c, const struct bit_runner *r, const struct bit_run_applied *applied)
{
    const unsigned position = bit_queue_position(r->runs, r);
    char text[512];

    bit_format(text, sizeof text, "priority %d: ", r->run.priority);
    if (position > 0)
        bit_format_more(text, sizeof text, "%u in the queue", position);
    else if (r->run.state != BIT__RUN_STATE__QUEUED)
        bit_format_more(text, sizeof text, "it counts when the run is queued again");
    else if (bit_queue_waits(r))
        bit_queue_describe(r, text + strlen(text), sizeof text - strlen(text));
    else
        bit_format_more(text, sizeof text, "it counts when the run can be launched here");
    bit_mutate_done(c, r, applied->step, applied->seq, text);
}

static int record(struct bit_client *c, struct bit_runner *r, const Bit__PriorityRequest *m)
{
    Bit__RunPriority priority = BIT__RUN_PRIORITY__INIT;
    Bit__Mutation asked = bit_mutate_mutation(c, "priority", m->request_id);

    priority.asked = &asked;
    priority.priority = m->priority;
    if (bit_run_ended(&r->run))
        return bit_fail(BIT_ESTATE, "%s is %s, and in no queue", r->run.id, bit_run_state_name(r->run.state));
    int err = bit_access_check_priority(&c->peer, m->priority);
    if (err == 0)
        err = bit_try_record(r, PRIORITY, priority, &priority);
    if (err == 0)
        bit_info("changed", "run=%s priority=%d uid=%u", r->run.id, m->priority, c->peer.uid);
    return err;
}

void bit_priority_asked(struct bit_client *c, const Bit__PriorityRequest *m)
{
    struct bit_runner *r = bit_mutate_begin(c, m->run, m->request_id, BIT_VERB_CHANGE);

    if (r == NULL)
        return;
    int err = bit_run_find_applied(&r->run, m->request_id) == NULL ? record(c, r, m) : 0;
    if (err < 0)
        bit_client_refuse(c, err, "%s", bit_fail_text());
    else
        answer(c, r, bit_run_find_applied(&r->run, m->request_id));
}
