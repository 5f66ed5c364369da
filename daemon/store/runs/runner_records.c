/* The half of runner.h that journals and applies records, and blocks the run while the disk does not accept them. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/run/run_apply.h"
#include "daemon/store/board/board_hparams.h"
#include "daemon/store/board/tensorboard.h"
#include "daemon/store/journal/journal_record.h"
#include "daemon/store/runs/durable.h"
#include "daemon/store/runs/hook_facts.h"
#include "daemon/store/runs/runner.h"
#include "daemon/store/runs/runs.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"

BIT_LOG_TOPIC("run");

#define RETRY_MS 1000

static bool needs_sync(const Bit__JournalRecord *record)
{
    return record->what_case != BIT__JOURNAL_RECORD__WHAT_STEP;
}

static void applied(struct bit_runner *r, const Bit__JournalRecord *record)
{
    int err = bit_run_apply(&r->run, record);

    if (err < 0)
        bit_error("record not applied", "run=%s seq=%" PRIu64 " text=%s", r->run.id, record->seq, bit_fail_text());
    BIT_ASSERT(err == 0 || err == -ENOMEM);
    bit_board_hparams_note(&r->run, r->dir, record);
    bit_tensorboard_note(&r->tensorboard, &r->run, r->dir, record);
    bit_hook_facts_note(r, record);
    if (bit_run_ended(&r->run))
        bit_run_rest(&r->run);
}

static int encode_next(struct bit_runner *r, Bit__JournalRecord *record, uint8_t **out, size_t *bytes)
{
    record->seq = r->journal.seq + r->pending_count + 1;
    record->time_ns = bit_walltime_ns();
    return bit_journal_record_encode(record, out, bytes);
}

int bit_runner_try_record(struct bit_runner *r, Bit__JournalRecord *record)
{
    if (r->corrupt || r->given_up)
        return bit_fail(BIT_ECORRUPT, "%s: %s", r->run.id, r->run.reason);
    if (bit_runner_is_blocked(r))
        return bit_fail(-ENOSPC, "%s: %s", r->run.id, r->blocked);
    uint8_t *bytes = NULL;
    size_t size = 0;
    int err = bit_durable_check(r);
    if (err == 0)
        err = encode_next(r, record, &bytes, &size);
    if (err == 0)
        err = bit_journal_append(&r->journal, bytes, size, needs_sync(record));
    free(bytes);
    if (err < 0 && r->journal.torn)
        bit_runner_block(r, bit_fail_text());
    if (err < 0)
        return err;
    applied(r, record);
    bit_runner_changed(r);
    bit_durable_rest(r);
    return 0;
}

static void unblock(struct bit_runner *r)
{
    uv_timer_stop(&r->retry);
    free(r->pending);
    r->pending = NULL;
    r->pending_count = 0;
    bit_info("unblocked", "run=%s", r->run.id);
    r->runs->ops->unblocked(r->runs->owner, r);
    bit_runner_changed(r);
}

static void on_retry(uv_timer_t *timer)
{
    struct bit_runner *r = timer->data;
    size_t done = 0;

    if (bit_durable_check(r) < 0 || (r->journal.torn && bit_journal_mend(&r->journal) < 0))
        return;
    while (done < r->pending_count &&
           bit_journal_append(&r->journal, r->pending[done].bytes, r->pending[done].size, true) == 0)
        free(r->pending[done++].bytes);
    if (done == r->pending_count) { /* it may have been 0: a run is also blocked while its folder is missing */
        unblock(r);
        return;
    }
    r->pending_count -= done;
    memmove(r->pending, r->pending + done, r->pending_count * sizeof *r->pending);
}

/* Retried on a timer, because a full disk does not notify anybody when it has room again. */
void bit_runner_block(struct bit_runner *r, const char *why)
{
    if (uv_is_active((uv_handle_t *)&r->retry))
        return;
    bit_format(r->blocked, sizeof r->blocked, "%s", why);
    bit_error("blocked", "run=%s text=%s", r->run.id, why);
    uv_timer_start(&r->retry, on_retry, RETRY_MS, RETRY_MS);
    r->runs->ops->blocked(r->runs->owner, r);
}

static void hold(struct bit_runner *r, uint8_t *bytes, size_t size, const char *why)
{
    struct bit_runner_pending *grown = realloc(r->pending, (r->pending_count + 1) * sizeof *grown);

    BIT_ASSERT(grown != NULL); /* links are not read while blocked: a handful of records at most */
    r->pending = grown;
    r->pending[r->pending_count++] = (struct bit_runner_pending){bytes, size};
    bit_runner_block(r, why);
}

/* A record cannot be encoded. The run ends with that reason; bitd and its other runs go on. */
static void give_up(struct bit_runner *r, int err)
{
    char reason[BIT_RUN_REASON_MAX];

    if (r->given_up)
        return;
    bit_format(reason, sizeof reason, "it cannot be journalled: %s", bit_fail_text());
    bit_error("record not written", "run=%s seq=%" PRIu64 " text=%s", r->run.id, r->run.seq + 1, reason);
    if (!bit_run_ended(&r->run))
        bit_runner_fail(r, bit_run_exit_code(err), "%s", reason);
    r->given_up = true;
    r->runs->ops->unwritable(r->runs->owner, r, err, reason);
}

void bit_runner_record(struct bit_runner *r, Bit__JournalRecord *record)
{
    uint8_t *bytes = NULL;
    size_t size = 0;

    BIT_ASSERT(!r->corrupt);
    int err = r->given_up ? -ECANCELED : encode_next(r, record, &bytes, &size);
    BIT_ASSERT(err != -ENOMEM); /* as in hold(): without these few bytes nothing can be recorded */
    if (err < 0) {
        give_up(r, err);
        return;
    }
    bool sync = needs_sync(record);
    err = bit_runner_is_blocked(r) ? -ENOSPC : sync ? bit_durable_check(r) : 0;
    if (err == 0)
        err = bit_journal_append(&r->journal, bytes, size, sync);
    if (err < 0)
        hold(r, bytes, size, bit_fail_text());
    else
        free(bytes);
    applied(r, record);
    bit_runner_changed(r);
    bit_durable_rest(r);
}

static void record_state(struct bit_runner *r, Bit__StateChanged *m)
{
    bit_info("state", "run=%s state=%s reason=%s", r->run.id, bit_run_state_name(m->state), m->reason);
    bit_record(r, STATE, state, m);
}

__attribute__((format(printf, 3, 0))) static Bit__StateChanged make_state(Bit__RunState state,
                                                                          char reason[BIT_RUN_REASON_MAX],
                                                                          const char *fmt, va_list args)
{
    Bit__StateChanged m = BIT__STATE_CHANGED__INIT;

    bit_vformat(reason, BIT_RUN_REASON_MAX, fmt, args);
    m.state = state;
    m.reason = reason;
    m.has_exit_code = state == BIT__RUN_STATE__CANCELLED;
    m.exit_code = m.has_exit_code ? BIT_EXIT_CANCELLED : 0;
    return m;
}

void bit_runner_set_state(struct bit_runner *r, Bit__RunState state, const char *fmt, ...)
{
    char reason[BIT_RUN_REASON_MAX];
    Bit__StateChanged m;
    va_list args;

    va_start(args, fmt);
    m = make_state(state, reason, fmt, args);
    va_end(args);
    record_state(r, &m);
}

int bit_runner_try_state(struct bit_runner *r, Bit__RunState state, Bit__Mutation *asked, const char *fmt, ...)
{
    char reason[BIT_RUN_REASON_MAX];
    Bit__StateChanged m;
    va_list args;

    va_start(args, fmt);
    m = make_state(state, reason, fmt, args);
    va_end(args);
    m.asked = asked;
    bit_info("asked", "run=%s verb=%s uid=%u state=%s", r->run.id, asked->verb, asked->uid, bit_run_state_name(state));
    return bit_try_record(r, STATE, state, &m);
}

void bit_runner_fail(struct bit_runner *r, int exit_code, const char *fmt, ...)
{
    char reason[BIT_RUN_REASON_MAX];
    Bit__StateChanged m;
    va_list args;

    va_start(args, fmt);
    m = make_state(BIT__RUN_STATE__FAILED, reason, fmt, args);
    va_end(args);
    m.has_exit_code = true;
    m.exit_code = exit_code;
    record_state(r, &m);
}
