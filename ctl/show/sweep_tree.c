#include "ctl/show/sweep_tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "proto/check.h"
#include "proto/format.h"

#define TREE_TEXT 256 /* bytes of a label with the strokes before it */

/* The strokes before a label. */
static const struct strokes {
    const char *branch, *last, *beside, *none;
} unicode = {"\u251c\u2500 ", "\u2514\u2500 ", "\u2502  ", "   "}, ascii = {"|- ", "`- ", "|  ", "   "};

struct tree {
    const Bit__SweepReply *sweep;
    const struct strokes *strokes;
    struct bit_table table;
    bool runs;     /* some branch has a run */
    size_t *order; /* the branch of each row of the table */
};

static const struct bit_table_column planned[] = {
    {"BRANCH", .narrowed = 16},
    {"AFTER", .right = true},
    {"TRAINS", .right = true},
    {"STEPS", .right = true, .leave = 1},
};
static const struct bit_table_column live[] = {
    {"BRANCH", .narrowed = 16},           {"RUN", .leave = 2},     {"STATE"},
    {"AFTER", .right = true, .leave = 3}, {"STEP", .right = true}, {"STEPS", .right = true, .leave = 1},
};

/* "6,440" */
static char *text_steps(uint64_t n, char out[32])
{
    char digits[24];
    const int count = snprintf(digits, sizeof digits, "%" PRIu64, n);
    int at = 0;

    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* ---- rows */

static void add_row(struct tree *t, size_t which, const char *label)
{
    const Bit__SweepBranch *b = t->sweep->branch[which];
    char after[32] = "-", own[32], steps[32], step[32];

    if (b->has_parent)
        text_steps(b->from_step, after);
    text_steps(b->steps - BIT_MIN(b->from_step, b->steps), own);
    text_steps(b->steps, steps);
    text_steps(b->step, step);
    const char *const of_plan[] = {label, after, own, steps};
    const char *const of_life[] = {label, b->run != NULL ? b->run : "-", bit_text_state(b->state), after, step, steps};
    t->order[t->table.rows] = which;
    bit_table_add(&t->table, t->runs ? of_life : of_plan);
}

static bool is_below(const struct tree *t, size_t which, size_t parent)
{
    const Bit__SweepBranch *b = t->sweep->branch[which];

    return parent == SIZE_MAX ? !b->has_parent : b->has_parent && b->parent == parent;
}

/* The next branch with this parent, from `first` on; n_branch: none. */
static size_t next_child(const struct tree *t, size_t parent, size_t first)
{
    while (first < t->sweep->n_branch && !is_below(t, first, parent))
        first++;
    return first;
}

/* Parents come before their branches in the sweep, so the recursion ends. */
static void add_below(struct tree *t, size_t parent, const char *before)
{
    char label[TREE_TEXT], deeper[TREE_TEXT];

    for (size_t i = next_child(t, parent, parent == SIZE_MAX ? 0 : parent + 1), next; i < t->sweep->n_branch;
         i = next) {
        next = next_child(t, parent, i + 1);
        const bool last = next == t->sweep->n_branch, root = parent == SIZE_MAX;
        bit_format(label, sizeof label, "%s%s%s", before,
                   root   ? ""
                   : last ? t->strokes->last
                          : t->strokes->branch,
                   t->sweep->branch[i]->label);
        bit_format(deeper, sizeof deeper, "%s%s", before, root ? "" : last ? t->strokes->none : t->strokes->beside);
        add_row(t, i, label);
        add_below(t, i, deeper);
    }
}

/* ---- printing */

static const char *colour_of(Bit__RunState state)
{
    switch (state) {
    case BIT__RUN_STATE__FAILED:
        return "\033[31m";
    case BIT__RUN_STATE__COMPLETED:
        return "\033[32m";
    case BIT__RUN_STATE__TRAINING:
        return "\033[1m";
    case BIT__RUN_STATE__CANCELLED:
        return "\033[2m";
    default:
        return "";
    }
}

/* Prints each line of the table in the colour of its branch's state; the first line has the column names. */
static void print_coloured(FILE *f, const struct tree *t, const char *text)
{
    for (size_t line = 0; *text != '\0'; line++) {
        const size_t bytes = strcspn(text, "\n");
        const bool of_branch = line > 0 && line <= t->table.rows;
        const char *colour = of_branch ? colour_of(t->sweep->branch[t->order[line - 1]]->state) : "";
        bit_show_raw(f, colour, strlen(colour));
        bit_show_raw(f, text, bytes);
        if (*colour != '\0')
            bit_show(f, "\033[0m");
        bit_show(f, "\n");
        text += bytes + (text[bytes] == '\n');
    }
}

static void print_table(FILE *f, const struct tree *t, const struct bit_sweep_look *look)
{
    const size_t most = look->rows > 0 ? (size_t)BIT_MAX(look->rows - 1, 1) : SIZE_MAX;
    char *text = NULL;
    size_t bytes;
    FILE *kept = look->colour ? open_memstream(&text, &bytes) : NULL;

    bit_table_print(kept != NULL ? kept : f, &t->table, look->columns, most);
    if (kept != NULL && fclose(kept) == 0)
        print_coloured(f, t, text);
    free(text);
}

static bool has_runs(const Bit__SweepReply *s)
{
    for (size_t i = 0; i < s->n_branch; i++)
        if (s->branch[i]->run != NULL)
            return true;
    return false;
}

void bit_sweep_tree_print(FILE *f, const Bit__SweepReply *s, const struct bit_sweep_look *look)
{
    struct tree t = {.sweep = s, .strokes = look->utf8 ? &unicode : &ascii, .runs = has_runs(s)};

    t.order = calloc(s->n_branch + 1, sizeof *t.order);
    if (t.order == NULL)
        return;
    if (t.runs)
        bit_table_init(&t.table, live, BIT_COUNT(live));
    else
        bit_table_init(&t.table, planned, BIT_COUNT(planned));
    add_below(&t, SIZE_MAX, "");
    print_table(f, &t, look);
    bit_table_finish(&t.table);
    free(t.order);
}

void bit_sweep_saving_print(FILE *f, const Bit__SweepReply *s)
{
    char alone[32], plan[32];
    const uint64_t saved = s->steps_alone - BIT_MIN(s->steps_planned, s->steps_alone);

    bit_show(f, "%zu run%s, %s steps alone, %s planned", s->n_branch, bit_format_s(s->n_branch),
             text_steps(s->steps_alone, alone), text_steps(s->steps_planned, plan));
    if (saved > 0 && s->steps_alone > 0)
        bit_show(f, ": %.0f %% saved", 100.0 * (double)saved / (double)s->steps_alone);
    bit_show(f, "\n");
}

static size_t count_state(const Bit__SweepReply *s, Bit__RunState state)
{
    size_t count = 0;

    for (size_t i = 0; i < s->n_branch; i++)
        count += s->branch[i]->state == state;
    return count;
}

void bit_sweep_line_print(FILE *f, const Bit__SweepReply *s)
{
    const size_t failed = count_state(s, BIT__RUN_STATE__FAILED), cancelled = count_state(s, BIT__RUN_STATE__CANCELLED);
    char done[32], plan[32];

    bit_show(f, "%s %s: %s, %zu of %zu run%s completed", s->sweep, s->name, bit_text_state(s->state),
             count_state(s, BIT__RUN_STATE__COMPLETED), s->n_branch, bit_format_s(s->n_branch));
    if (failed > 0)
        bit_show(f, ", %zu failed", failed);
    if (cancelled > 0)
        bit_show(f, ", %zu cancelled", cancelled);
    bit_show(f, "; %s of %s steps\n", text_steps(s->steps_done, done), text_steps(s->steps_planned, plan));
}
