#include "ctl/show/run_table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "proto/check.h"
#include "proto/format.h"
#include "proto/limits.h"

#define DAY_NS (24 * 3600 * (uint64_t)1000000000)

static const struct bit_table_column columns[] = {
    {"RUN"},
    {"NAME", .leave = 4, .narrowed = 8},
    {"STATE"},
    {"STEP", .right = true},
    {"PHASE", .leave = 2},
    {"LOSS", .right = true},
    {"TOKENS/S", .right = true, .leave = 3},
    {"LEFT", .right = true, .leave = 1},
};
/* Columns if some run belongs to a sweep. Names do not tell branches apart ("study-3"), labels do. */
static const struct bit_table_column with_branch[] = {
    {"RUN"},
    {"NAME", .leave = 3, .narrowed = 8},
    {"STATE"},
    {"STEP", .right = true},
    {"PHASE", .leave = 4},
    {"LOSS", .right = true},
    {"TOKENS/S", .right = true, .leave = 5},
    {"LEFT", .right = true, .leave = 2},
    {"BRANCH", .leave = 1, .narrowed = 28},
};

/* The state; for a queued run that waits for others, "after" and which. */
static const char *state_of(const Bit__RunStatus *s, char *room, size_t bytes)
{
    if (s->state != BIT__RUN_STATE__QUEUED || s->n_after == 0)
        return bit_text_state(s->state);
    bit_format(room, bytes, "after %s", s->after[0]);
    if (s->n_after > 1)
        bit_format_more(room, bytes, " and %zu", s->n_after - 1);
    return room;
}

static void add_run(struct bit_table *t, const Bit__RunStatus *s)
{
    const bool trains = s->steps > 0;
    char steps[48] = "-", rate[BIT_TEXT] = "-", left[BIT_TEXT] = "-", loss[32] = "-", state[48];
    char branch[BIT_RUN_ID_MAX + BIT_LABEL_MAX + 1] = "-";

    if (trains)
        snprintf(steps, sizeof steps, "%" PRIu64 "/%" PRIu64, s->step, s->steps);
    if (s->last != NULL)
        snprintf(loss, sizeof loss, "%.4f", s->last->loss);
    if (s->has_tokens_per_s)
        bit_text_count(s->tokens_per_s, rate);
    if (s->has_eta_s)
        bit_text_duration(s->eta_s, left);
    if (s->sweep != NULL)
        bit_format(branch, sizeof branch, "%s %s", s->sweep, s->label != NULL ? s->label : "");
    const char *const cells[] = {s->run,
                                 s->name,
                                 state_of(s, state, sizeof state),
                                 steps,
                                 trains ? bit_text_precision(s->precision) : "-",
                                 loss,
                                 rate,
                                 left,
                                 branch};
    bit_table_add(t, cells);
}

static bool has_branch(Bit__RunStatus *const *run, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (run[i]->sweep != NULL)
            return true;
    return false;
}

void bit_run_table_print(FILE *f, Bit__RunStatus *const *run, size_t count, int width, size_t most)
{
    struct bit_table t;

    if (has_branch(run, count))
        bit_table_init(&t, with_branch, BIT_COUNT(with_branch));
    else
        bit_table_init(&t, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < count; i++)
        add_run(&t, run[i]);
    bit_table_print(f, &t, width, most);
    bit_table_finish(&t);
}

/* ---- the page of `top` */

enum group { TRAINS, WAITS, STANDS, HAS_ENDED, GROUPS };

static enum group group_of(const Bit__RunStatus *s)
{
    switch (s->state) {
    case BIT__RUN_STATE__QUEUED:
        return WAITS;
    case BIT__RUN_STATE__PAUSED:
    case BIT__RUN_STATE__BLOCKED:
        return STANDS;
    case BIT__RUN_STATE__COMPLETED:
    case BIT__RUN_STATE__CANCELLED:
    case BIT__RUN_STATE__FAILED:
        return HAS_ENDED;
    default:
        return TRAINS;
    }
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare(const void *x, const void *y)
{
    const Bit__RunStatus *a = *(Bit__RunStatus *const *)x, *b = *(Bit__RunStatus *const *)y;
    const enum group of_a = group_of(a), of_b = group_of(b);

    if (of_a != of_b)
        return of_a < of_b ? -1 : 1;
    if (of_a == WAITS && (a->queue_position == 0) != (b->queue_position == 0)) /* runs that wait for others come last */
        return a->queue_position == 0 ? 1 : -1;
    if (of_a == WAITS && a->queue_position != b->queue_position)
        return a->queue_position < b->queue_position ? -1 : 1;
    if (of_a == HAS_ENDED)
        return compare_u64(b->ended_ns, a->ended_ns);
    return compare_u64(a->created_ns, b->created_ns);
}

static bool is_shown(const Bit__RunStatus *s, uint64_t now_ns)
{
    return group_of(s) != HAS_ENDED || s->ended_ns + DAY_NS > now_ns;
}

static void print_counts(FILE *f, Bit__RunStatus *const *run, size_t count)
{
    static const char *const names[GROUPS] = {"under way", "queued", "paused or blocked", "ended"};
    size_t of[GROUPS] = {0};
    bool first = true;

    for (size_t i = 0; i < count; i++)
        of[group_of(run[i])]++;
    for (int g = 0; g < GROUPS; g++)
        if (of[g] > 0) {
            bit_show(f, "%s%zu %s", first ? "" : ", ", of[g], names[g]);
            first = false;
        }
    bit_show(f, "%s\n\n", first ? "no run is under way, and none ended within a day" : "");
}

void bit_run_table_page(FILE *f, Bit__RunStatus *const *run, size_t count, int width, int rows, uint64_t now_ns)
{
    Bit__RunStatus **shown = calloc(count ? count : 1, sizeof(Bit__RunStatus *));
    size_t n = 0;

    if (shown == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (is_shown(run[i], now_ns))
            shown[n++] = run[i];
    qsort(shown, n, sizeof(Bit__RunStatus *), compare);
    print_counts(f, shown, n);
    if (n > 0)
        bit_run_table_print(f, shown, n, width, (size_t)BIT_MAX(rows - 3, 1));
    free(shown);
}
