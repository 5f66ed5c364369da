#include "ctl/client/remove_sweep.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ctl/cli/failure.h"
#include "ctl/client/run_status.h"
#include "ctl/client/sweep_word.h"
#include "ctl/show/print.h"
#include "proto/err.h"
#include "proto/wire/msg.h"

static int check_ended(struct bit_cli *cli, const Bit__SweepReply *s)
{
    for (size_t i = 0; i < s->n_branch; i++) {
        const Bit__SweepBranch *b = s->branch[i];
        if (bit_run_status_is_end(b->state))
            continue;
        return bit_failure_print(cli, bit_fail(BIT_ESTATE, "branch '%s' of %s is %s: `bitctl cancel %s` ends it first",
                                               b->label, s->sweep, bit_text_state(b->state), s->sweep));
    }
    return 0;
}

static uint64_t number_of(const char *run)
{
    return run != NULL ? strtoull(run + 1, NULL, 10) : 0;
}

/*
 * The last run made before run number `below`, or NULL. Runs begin from earlier ones, so later ones are removed first.
 */
static const char *latest_before(const Bit__SweepReply *s, uint64_t below)
{
    const char *latest = NULL;

    for (size_t i = 0; i < s->n_branch; i++) {
        const uint64_t number = number_of(s->branch[i]->run);
        if (number > 0 && number < below && number > number_of(latest))
            latest = s->branch[i]->run;
    }
    return latest;
}

static int remove_runs(struct bit_cli *cli, const Bit__SweepReply *s, struct bit_remove_run *so_far)
{
    for (const char *run = latest_before(s, UINT64_MAX); run != NULL && so_far->exit_code == 0;
         run = latest_before(s, number_of(run)))
        bit_remove_run(cli, run, so_far);
    return so_far->exit_code;
}

/* A dry run, to find out whether a run cannot be removed before the first one is. */
static int look_first(struct bit_cli *cli, const Bit__SweepReply *s)
{
    struct bit_remove_run look = {.dry_run = true, .with_sweep = true, .unsaid = true};

    return remove_runs(cli, s, &look);
}

static int remove_all(struct bit_cli *cli, const Bit__SweepReply *s, struct bit_remove_run *so_far)
{
    struct bit_remove_run own = {.dry_run = so_far->dry_run, .force = so_far->force, .with_sweep = so_far->dry_run};
    int code = so_far->dry_run || so_far->force ? 0 : look_first(cli, s);

    if (code == 0)
        code = remove_runs(cli, s, &own);
    so_far->count += own.count;
    so_far->bytes += own.bytes;
    return code;
}

int bit_remove_sweep(struct bit_cli *cli, const char *sweep, struct bit_remove_run *so_far)
{
    Bit__SweepReply *s = NULL;
    int code = bit_sweep_word_ask(cli, sweep, &s);

    if (code == 0)
        code = check_ended(cli, s);
    if (code == 0)
        code = remove_all(cli, s, so_far);
    bit_msg_free(s);
    if (code == 0 && !so_far->dry_run)
        code = bit_sweep_word_change(cli, sweep, BIT__SWEEP_CHANGE__SWEEP_REMOVE, false, false);
    return code;
}
