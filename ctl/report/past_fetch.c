#include "ctl/report/past_fetch.h"

#include "ctl/cli/failure.h"
#include "ctl/client/checkpoint_of.h"
#include "ctl/client/reply_stream.h"
#include "ctl/client/run_status.h"
#include "ctl/report/run_charts.h"

struct stream {
    struct bit_run_past *past;
    Bit__EventsRequest ask;
    int err;
};

static int ask(void *arg, struct bit_connection *client)
{
    struct stream *s = arg;

    return bit_connection_send(client, BIT_MSG_EVENTS_REQUEST, &s->ask);
}

static void take(void *arg, uint16_t type, const ProtobufCMessage *msg)
{
    struct stream *s = arg;

    if (type == BIT_MSG_EVENT_REPLY && s->err == 0)
        s->err = bit_run_past_add(s->past, ((const Bit__EventReply *)msg)->record);
}

static int fetch_journal(struct bit_cli *cli, struct bit_run_past *out)
{
    struct stream s = {.past = out, .ask = BIT__EVENTS_REQUEST__INIT};

    s.ask.run = out->status->run;
    s.ask.has_steps = s.ask.steps = true;
    const int code = bit_reply_stream(cli, false, ask, take, &s);
    if (code == 0)
        bit_run_past_end(out);
    return code == 0 && s.err < 0 ? bit_failure_print(cli, s.err) : code;
}

static int fetch_curves(struct bit_cli *cli, struct bit_run_past *out)
{
    static const struct bit_run_curves_bounds bounds = {.to = UINT64_MAX, .buckets = BIT_RUN_CHARTS_BUCKETS};
    struct bit_run_charts_wishes wishes;

    bit_run_charts_wishes(out->status->spec, &wishes);
    const int code = bit_run_curves_open(cli, out->status->run, &out->curves);
    return code == 0 ? bit_run_curves_read(cli, wishes.wish, wishes.count, &bounds, &out->curves) : code;
}

int bit_past_fetch(struct bit_cli *cli, const char *run, struct bit_run_past *out)
{
    *out = (struct bit_run_past){.count = 0};
    int code = bit_run_status_ask(cli, run, true, &out->status);
    if (code == 0) {
        code = bit_checkpoint_of_list(cli, out->status->run, &out->checkpoints);
    }
    if (code == 0)
        code = fetch_journal(cli, out);
    return code == 0 ? fetch_curves(cli, out) : code;
}
