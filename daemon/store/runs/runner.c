#include "daemon/store/runs/runner.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/run/run_apply.h"
#include "daemon/store/board/board_hparams.h"
#include "daemon/store/board/tensorboard.h"
#include "daemon/store/runs/durable.h"
#include "daemon/store/runs/hook_facts.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/runs/stored_run.h"
#include "daemon/sys/fileio.h"
#include "daemon/sys/walltime.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("run");

#define RETRY_MS 1000

char *bit_runner_path(const struct bit_runner *r, const char *rest)
{
    char *path;

    return asprintf(&path, "%s/%s", r->dir, rest) < 0 ? NULL : path;
}

static struct bit_runner *new_runner(struct bit_runs *runs, uint64_t number, Bit__RunSpec *spec)
{
    struct bit_runner *r = calloc(1, sizeof *r);

    if (r == NULL) {
        bit_msg_free(spec);
        return NULL;
    }
    r->env = runs->env;
    r->runs = runs;
    r->journal.fd = -1;
    bit_run_init(&r->run, number, spec);
    uv_timer_init(r->env->loop, &r->retry);
    r->retry.data = r;
    if (asprintf(&r->dir, "%s/runs/%s", r->env->config->state, r->run.id) < 0) {
        r->dir = NULL;
        bit_runner_destroy(r);
        return NULL;
    }
    return r;
}

static void free_runner(uv_handle_t *handle)
{
    struct bit_runner *r = handle->data;

    bit_tensorboard_close(r->tensorboard);
    bit_journal_close(&r->journal);
    for (size_t i = 0; i < r->pending_count; i++)
        free(r->pending[i].bytes);
    free(r->pending);
    bit_run_finish(&r->run);
    free(r->dir);
    free(r);
}

void bit_runner_destroy(struct bit_runner *r)
{
    BIT_ASSERT(r->job == NULL);
    r->leaving = r->syncing;
    if (!r->leaving)
        uv_close((uv_handle_t *)&r->retry, free_runner);
}

static int apply_visit(void *arg, const Bit__JournalRecord *record)
{
    struct bit_runner *r = arg;
    const Bit__RunSubmitted *m = record->what_case == BIT__JOURNAL_RECORD__WHAT_SUBMITTED ? record->submitted : NULL;

    if (m != NULL && strcmp(m->run, r->run.id) != 0) /* else the copy of a folder would train the other run again */
        return bit_fail(BIT_ECORRUPT, "this is the journal of %.32s: a copied folder is not a run", m->run);
    return bit_run_apply(&r->run, record);
}

static int open_journal(struct bit_runner *r)
{
    uint64_t cut = 0;
    char *path = bit_runner_path(r, "journal");

    if (path == NULL)
        return bit_fail(-ENOMEM, "the journal of %s", r->run.id);
    int err = bit_journal_open(path, apply_visit, r, &r->journal, &cut);
    if (err == 0 && cut > 0)
        bit_warn("journal cut", "run=%s bytes=%" PRIu64 " after=%" PRIu64, r->run.id, cut, r->journal.seq);
    free(path);
    return err;
}

static int write_spec(struct bit_runner *r)
{
    size_t bytes = bit__run_spec__get_packed_size(r->run.spec);
    uint8_t *buf = malloc(bytes ? bytes : 1);
    char *path = bit_runner_path(r, "spec.pb");
    int err = -ENOMEM;

    if (buf != NULL && path != NULL) {
        bit__run_spec__pack(r->run.spec, buf);
        err = bit_file_write(path, buf, bytes);
    }
    free(path);
    free(buf);
    return err;
}

/* For people; bitd does not read it. */
static int write_spec_text(struct bit_runner *r)
{
    char *text = NULL, *path = bit_runner_path(r, "spec.txtpb");
    size_t bytes = 0;
    int err = path == NULL ? -ENOMEM : bit_text_print(&r->run.spec->base, &text, &bytes);

    if (err >= 0)
        err = bit_file_write(path, text, bytes);
    free(text);
    free(path);
    return err;
}

static int make_folders(struct bit_runner *r)
{
    static const char *const below[] = {"checkpoints", "logs"};

    for (size_t i = 0; i < BIT_COUNT(below); i++) {
        char *path = bit_runner_path(r, below[i]);
        int err = path == NULL ? -ENOMEM : mkdir(path, 0700) < 0 ? -errno : 0;
        if (err < 0)
            bit_fail(err, "%s: %s", path ? path : r->dir, strerror(-err));
        free(path);
        if (err < 0)
            return err;
    }
    return 0;
}

/* The folder's own name is made durable, too, so that a run that was confirmed survives a power cut. */
static int fill_folder(struct bit_runner *r)
{
    char *runs = bit_runner_path(r, "..");
    int err = runs == NULL ? bit_fail(-ENOMEM, "%s", r->dir) : make_folders(r);

    if (err == 0)
        err = write_spec(r);
    if (err == 0)
        err = write_spec_text(r);
    if (err == 0)
        err = open_journal(r);
    if (err == 0)
        err = bit_dir_sync(r->dir);
    if (err == 0)
        err = bit_dir_sync(runs);
    free(runs);
    return err;
}

int bit_runner_create(struct bit_runs *runs, uint64_t number, Bit__RunSpec *spec, struct bit_runner **out)
{
    struct bit_runner *r = new_runner(runs, number, spec);

    if (r == NULL)
        return bit_fail(-ENOMEM, "a run");
    if (mkdir(r->dir, 0700) < 0) { /* an existing folder must not be removed */
        int err = bit_fail(-errno, "%s: %s", r->dir, strerror(errno));
        bit_runner_destroy(r);
        return err;
    }
    int err = fill_folder(r);
    if (err < 0) {
        bit_dir_remove(r->dir);
        bit_runner_destroy(r);
        return err;
    }
    *out = r;
    return 0;
}

/* A shortage of the machine is not the run's fault: bitd must be restarted when there is more. */
static bool is_shortage(int err)
{
    return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

/* The run stays as it was before the damage, and is never changed again. */
static void mark_corrupt(struct bit_runner *r, int err)
{
    bit_error(err == BIT_ECORRUPT ? "journal damaged" : "journal not read", "run=%s text=%s", r->run.id,
              bit_fail_text());
    r->corrupt = true;
    r->run.state = BIT__RUN_STATE__FAILED;
    r->run.exit_code = BIT_EXIT_CORRUPT;
    r->run.launch.launched = false;
    bit_format(r->run.reason, sizeof r->run.reason, "%s", bit_fail_text());
}

/* An empty journal is what a crash during a submission leaves, unless the run was launched. */
static int check_half_made(struct bit_runner *r)
{
    char *logs = bit_runner_path(r, "logs");
    int err = logs == NULL ? bit_fail(-ENOMEM, "%s", r->dir) : 0;

    if (err == 0 && r->run.seq == 0 && bit_dir_count(logs) > 0)
        err = bit_fail(BIT_ECORRUPT, "%s/journal: empty, though %s was launched", r->dir, r->run.id);
    free(logs);
    return err;
}

int bit_runner_load(struct bit_runs *runs, uint64_t number, struct bit_runner **out)
{
    char dir[BIT_CONFIG_PATH_MAX + 32];
    Bit__RunSpec *spec = NULL;

    snprintf(dir, sizeof dir, "%s/runs/r%" PRIu64, runs->env->config->state, number);
    int err = bit_stored_run_spec(dir, &spec);

    if (err < 0)
        return err;
    struct bit_runner *r = new_runner(runs, number, spec);
    if (r == NULL)
        return bit_fail(-ENOMEM, "run r%" PRIu64, number);
    err = bit_stored_run_fork(dir, &r->run);
    if (err == 0)
        err = open_journal(r);
    if (err == 0)
        err = check_half_made(r);
    if (is_shortage(err)) {
        bit_runner_destroy(r);
        return err;
    }
    if (err < 0)
        mark_corrupt(r, err);
    else if (r->journal.torn)
        bit_runner_block(r, bit_fail_text());
    if (bit_run_ended(&r->run))
        bit_run_rest(&r->run);
    bit_durable_rest(r); /* there may be more runs than descriptors */
    *out = r;
    return 0;
}

/* ---- records */

bool bit_runner_is_blocked(const struct bit_runner *r)
{
    return r->pending_count > 0 || r->journal.torn || r->journal.lost;
}

bool bit_runner_is_withheld(const struct bit_runner *r)
{
    return r->withheld[0] != '\0' && r->job == NULL && r->run.state == BIT__RUN_STATE__QUEUED;
}

void bit_runner_changed(struct bit_runner *r)
{
    r->runs->ops->changed(r->runs->owner, r);
}

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
    return bit_journal_encode(record, out, bytes);
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

bool bit_runner_is_own(const struct bit_runner *r)
{
    return r->run.uid == geteuid() || r->run.uid == 0;
}
