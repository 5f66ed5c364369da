/* The half of runner.h that makes a run's folder, and loads a run from it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/run/run_apply.h"
#include "daemon/store/runs/durable.h"
#include "daemon/store/runs/runner.h"
#include "daemon/store/runs/runs.h"
#include "daemon/store/runs/stored_run.h"
#include "daemon/sys/files/fileio.h"
#include "daemon/sys/files/message_file.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/log.h"
#include "proto/spec/spec.h"
#include "proto/text/problems.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"

BIT_LOG_TOPIC("run");

/* Without the specification: who submitted the run and when, and its checkpoints, which can still be exported. */
static bool needs_no_spec(const Bit__JournalRecord *record)
{
    switch (record->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_SUBMITTED:
    case BIT__JOURNAL_RECORD__WHAT_SWITCHED:
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
    case BIT__JOURNAL_RECORD__WHAT_REMOVED:
    case BIT__JOURNAL_RECORD__WHAT_PINNED:
    case BIT__JOURNAL_RECORD__WHAT_BAD:
        return true;
    default:
        return false;
    }
}

static int apply_one(struct bit_runner *r, const Bit__JournalRecord *record)
{
    if (!r->spec_lost || needs_no_spec(record))
        return bit_run_apply(&r->run, record);
    r->run.seq = record->seq;
    return 0;
}

static int apply_visit(void *arg, const Bit__JournalRecord *record)
{
    struct bit_runner *r = arg;
    const Bit__RunSubmitted *m = record->what_case == BIT__JOURNAL_RECORD__WHAT_SUBMITTED ? record->submitted : NULL;

    if (m != NULL && strcmp(m->run, r->run.id) != 0) /* else the copy of a folder would train the other run again */
        return bit_fail(BIT_ECORRUPT, "this is the journal of %.32s: a copied folder cannot be used as another run",
                        m->run);
    return apply_one(r, record);
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
    char *path = bit_runner_path(r, "spec.pb");
    int err = path == NULL ? -ENOMEM : bit_message_file_write(path, &r->run.spec->base);

    free(path);
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
    struct bit_runner *r = bit_runner_new(runs, number, spec);

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
    bit_error(r->spec_lost          ? "specification damaged"
              : err == BIT_ECORRUPT ? "journal damaged"
                                    : "journal not read",
              "run=%s text=%s", r->run.id, bit_fail_text());
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

/* Defaults in place of a specification that cannot be read, so that the run can be listed and removed. */
static int stand_in(uint64_t number, Bit__RunSpec **out)
{
    char id[BIT_RUN_ID_MAX];
    Bit__RunSpec empty = BIT__RUN_SPEC__INIT, *spec = bit_msg_clone(&empty);
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = spec == NULL || problems == NULL ? bit_fail(-ENOMEM, "a specification")
                                               : bit_spec_normalise(spec, NULL, problems);

    free(problems);
    snprintf(id, sizeof id, "r%" PRIu64, number);
    if (err == 0) {
        free(spec->name);
        spec->name = strdup(id);
        spec->schedule->steps = 0;
        err = spec->name == NULL ? bit_fail(-ENOMEM, "a specification") : 0;
    }
    if (err == 0)
        *out = spec;
    else
        bit_msg_free(spec);
    return err;
}

/* The run before its first record. If its specification is damaged, `lost` has why. */
static int begin(struct bit_runs *runs, uint64_t number, struct bit_runner **out, char lost[BIT_RUN_REASON_MAX])
{
    char dir[BIT_CONFIG_PATH_MAX + 32];
    Bit__RunSpec *spec = NULL;

    snprintf(dir, sizeof dir, "%s/runs/r%" PRIu64, runs->env->config->state, number);
    int err = bit_stored_run_spec(dir, &spec);

    lost[0] = '\0';
    if (err < 0 && !is_shortage(err)) {
        bit_format(lost, BIT_RUN_REASON_MAX,
                   "%s: corrupt data; put a copy of this file back and start bitd again, or remove the run with "
                   "`bitctl rm r%" PRIu64 "`",
                   bit_fail_text(), number);
        err = stand_in(number, &spec);
    }
    if (err < 0)
        return err;
    struct bit_runner *r = bit_runner_new(runs, number, spec);
    if (r == NULL)
        return bit_fail(-ENOMEM, "run r%" PRIu64, number);
    r->spec_lost = lost[0] != '\0';
    *out = r;
    return 0;
}

int bit_runner_load(struct bit_runs *runs, uint64_t number, struct bit_runner **out)
{
    char lost[BIT_RUN_REASON_MAX];
    struct bit_runner *r = NULL;
    int err = begin(runs, number, &r, lost);

    if (err < 0)
        return err;
    err = r->spec_lost ? 0 : bit_stored_run_fork(r->dir, &r->run);
    if (err == 0)
        err = open_journal(r);
    if (err == 0)
        err = check_half_made(r);
    if (is_shortage(err)) {
        bit_runner_destroy(r);
        return err;
    }
    if (r->spec_lost)
        err = bit_fail(BIT_ECORRUPT, "%s", lost);
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
