#include "ctl/show/sweep_table.h"

#include <inttypes.h>

#include "ctl/show/print.h"
#include "ctl/show/table.h"
#include "proto/check.h"

static const struct bit_table_column columns[] = {
    {"SWEEP"},
    {"NAME", .narrowed = 12},
    {"STATE"},
    {"COMPLETED", .right = true},
    {"FAILED", .right = true, .leave = 2},
    {"STEPS", .right = true},
    {"SAVED", .right = true, .leave = 1}, /* share of the steps that the runs would take without sharing */
};

static size_t count_state(const Bit__SweepReply *s, Bit__RunState state)
{
    size_t count = 0;

    for (size_t i = 0; i < s->n_branch; i++)
        count += s->branch[i]->state == state;
    return count;
}

static void add_sweep(struct bit_table *t, const Bit__SweepReply *s)
{
    const size_t failed = count_state(s, BIT__RUN_STATE__FAILED);
    const uint64_t saved = s->steps_alone - BIT_MIN(s->steps_planned, s->steps_alone);
    char completed[48], failures[24] = "-", steps[48], saving[16] = "-";

    snprintf(completed, sizeof completed, "%zu/%zu", count_state(s, BIT__RUN_STATE__COMPLETED), s->n_branch);
    if (failed > 0)
        snprintf(failures, sizeof failures, "%zu", failed);
    snprintf(steps, sizeof steps, "%" PRIu64 "/%" PRIu64, s->steps_done, s->steps_planned);
    if (saved > 0)
        snprintf(saving, sizeof saving, "%.0f %%", 100.0 * (double)saved / (double)s->steps_alone);
    const char *const cells[] = {s->sweep, s->name, bit_text_state(s->state), completed, failures, steps, saving};
    bit_table_add(t, cells);
}

void bit_sweep_table_print(FILE *f, Bit__SweepReply *const *sweep, size_t count, int width)
{
    struct bit_table t;

    bit_table_init(&t, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < count; i++)
        add_sweep(&t, sweep[i]);
    bit_table_print(f, &t, width, SIZE_MAX);
    bit_table_finish(&t);
}
