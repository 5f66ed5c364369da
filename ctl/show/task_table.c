#include "ctl/show/task_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "proto/check.h"
#include "proto/err.h"

/* The names that TensorBoard's tags and request files use. */
static const char *text_metric(Bit__TaskMetric metric)
{
    switch (metric) {
    case BIT__TASK_METRIC__ACC:
        return "acc";
    case BIT__TASK_METRIC__LEN_NORM:
        return "len_norm";
    case BIT__TASK_METRIC__F1:
        return "f1";
    default:
        return "?";
    }
}

char *bit_text_task(const Bit__TaskResult *r, char out[BIT_TASK_TEXT])
{
    int n = snprintf(out, BIT_TASK_TEXT, "%s %.4f +- %.4f of %" PRIu64 " documents", text_metric(r->metric), r->score,
                     r->error, r->documents);

    if (r->classes)
        n += snprintf(out + n, (size_t)(BIT_TASK_TEXT - n), ", %.4f by one answer always", r->constant);
    if (r->not_finite > 0)
        snprintf(out + n, (size_t)(BIT_TASK_TEXT - n), ", %u requests without a finite log-likelihood", r->not_finite);
    return out;
}

/* "-" for a model that was only evaluated. */
static void write_step(uint64_t step, char out[24])
{
    if (step > 0)
        snprintf(out, 24, "%" PRIu64, step);
    else
        snprintf(out, 24, "-");
}

/* ---- in full */

/* "123/77": how many documents had each choice as the likeliest. */
static void write_answers(const Bit__TaskResult *r, char out[64])
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < r->counts->n_chosen && n < 50; i++)
        n += (size_t)snprintf(out + n, 64 - n, "%s%u", i > 0 ? "/" : "", r->counts->chosen[i]);
}

void bit_task_table_print(FILE *f, Bit__TaskResult *const *result, size_t count, int width)
{
    static const struct bit_table_column columns[] = {{"TASK", .narrowed = 12},
                                                      {"PRECISION"},
                                                      {"STEP", .right = true, .leave = 3},
                                                      {"METRIC", .leave = 2},
                                                      {"SCORE", .right = true},
                                                      {"+-", .right = true},
                                                      {"CONSTANT", .right = true, .leave = 4},
                                                      {"CHANCE", .right = true, .leave = 5},
                                                      {"DOCUMENTS", .right = true, .leave = 6},
                                                      {"ANSWERS", .leave = 7, .narrowed = 10}};
    struct bit_table t;

    bit_table_init(&t, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        const Bit__TaskResult *r = result[i];
        char step[24], score[24], error[24], constant[24] = "-", chance[24], documents[24], answers[64];
        write_step(r->after_step, step);
        snprintf(score, sizeof score, "%.2f", 100 * r->score);
        snprintf(error, sizeof error, "%.2f", 100 * r->error);
        snprintf(chance, sizeof chance, "%.2f", 100 * r->chance);
        snprintf(documents, sizeof documents, "%" PRIu64, r->documents);
        if (r->classes)
            snprintf(constant, sizeof constant, "%.2f", 100 * r->constant);
        write_answers(r, answers);
        const char *cells[] = {r->task,   bit_text_precision(r->precision),
                               step,      text_metric(r->metric),
                               score,     error,
                               constant,  chance,
                               documents, answers};
        bit_table_add(&t, cells);
    }
    bit_table_print(f, &t, width, SIZE_MAX);
    bit_table_finish(&t);
}

/* ---- scores of many evaluations */

struct grid {
    const struct bit_task_row *row;
    size_t count;
    const struct bit_task_row **evaluation; /* the first row of each; (evaluations) */
    const char **task;                      /* (tasks) */
    size_t evaluations, tasks;
};

static bool same_evaluation(const struct bit_task_row *a, const struct bit_task_row *b)
{
    return a->result->after_step == b->result->after_step && a->result->precision == b->result->precision &&
           strcmp(a->run, b->run) == 0;
}

static void collect(struct grid *g, const struct bit_task_row *row)
{
    size_t e = 0, t = 0;

    while (e < g->evaluations && !same_evaluation(g->evaluation[e], row))
        e++;
    if (e == g->evaluations)
        g->evaluation[g->evaluations++] = row;
    while (t < g->tasks && strcmp(g->task[t], row->result->task) != 0)
        t++;
    if (t == g->tasks)
        g->task[g->tasks++] = row->result->task;
}

static const Bit__TaskResult *find(const struct grid *g, size_t evaluation, size_t task)
{
    for (size_t i = 0; i < g->count; i++)
        if (same_evaluation(&g->row[i], g->evaluation[evaluation]) &&
            strcmp(g->row[i].result->task, g->task[task]) == 0)
            return g->row[i].result;
    return NULL;
}

#define CELL 32
static void write_cell(const struct grid *g, size_t evaluation, size_t task, char out[CELL])
{
    double sum = 0;

    snprintf(out, CELL, "-");
    if (task < g->tasks) {
        const Bit__TaskResult *r = find(g, evaluation, task);
        if (r != NULL)
            snprintf(out, CELL, "%.2f", 100 * r->score);
        return;
    }
    for (size_t i = 0; i < g->tasks; i++) { /* the mean */
        const Bit__TaskResult *r = find(g, evaluation, i);
        if (r == NULL)
            return;
        sum += 100 * r->score / (double)g->tasks;
    }
    snprintf(out, CELL, "%.2f", sum);
}

static const char *task_name(const struct grid *g, size_t task)
{
    return task < g->tasks ? g->task[task] : "mean";
}

static size_t width_of(const struct grid *g)
{
    size_t width = 30;

    for (size_t i = 0; i <= g->tasks; i++)
        width += BIT_MAX(strlen(task_name(g, i)), (size_t)6) + 1;
    return width;
}

static void print_wide(FILE *f, const struct grid *g)
{
    char cell[CELL];

    bit_show(f, "%-12s %8s %-9s", "RUN", "STEP", "PRECISION");
    for (size_t t = 0; t <= g->tasks; t++)
        bit_show(f, " %6s", task_name(g, t));
    bit_show(f, "\n");
    for (size_t e = 0; e < g->evaluations; e++) {
        const struct bit_task_row *row = g->evaluation[e];
        write_step(row->result->after_step, cell);
        bit_show(f, "%-12s %8s %-9s", row->run, cell, bit_text_precision(row->result->precision));
        for (size_t t = 0; t <= g->tasks; t++) {
            write_cell(g, e, t, cell);
            bit_show(f, " %*s", (int)BIT_MAX(strlen(task_name(g, t)), (size_t)6), cell);
        }
        bit_show(f, "\n");
    }
}

/* Prints evaluations from `from` on as columns, under three lines of names. */
static void print_turned(FILE *f, const struct grid *g, size_t from, int name)
{
    char cell[CELL];

    for (int line = 0; line < 3; line++) {
        bit_show(f, "%-*s", name, line == 0 ? "RUN" : line == 1 ? "STEP" : "PRECISION");
        for (size_t e = from; e < g->evaluations; e++) {
            const struct bit_task_row *row = g->evaluation[e];
            write_step(row->result->after_step, cell);
            bit_show(f, " %9.9s", line == 0 ? row->run : line == 1 ? cell : bit_text_precision(row->result->precision));
        }
        bit_show(f, "\n");
    }
    for (size_t t = 0; t <= g->tasks; t++) {
        bit_show(f, "%-*.*s", name, name, task_name(g, t));
        for (size_t e = from; e < g->evaluations; e++) {
            write_cell(g, e, t, cell);
            bit_show(f, " %9s", cell);
        }
        bit_show(f, "\n");
    }
}

static void print_grid(FILE *f, const struct grid *g, int width)
{
    const int name = 16;

    if (width == 0 || width_of(g) <= (size_t)width) {
        print_wide(f, g);
        return;
    }
    const size_t fit = (size_t)BIT_MAX((width - name) / 10, 1);
    const size_t from = g->evaluations > fit ? g->evaluations - fit : 0;
    print_turned(f, g, from, name);
    if (from > 0)
        bit_show(f, "%zu older evaluations are left out; --csv and a wider terminal have them\n", from);
}

int bit_task_scores_print(FILE *f, const struct bit_task_row *row, size_t count, int width)
{
    struct grid g = {.row = row, .count = count};

    g.evaluation = calloc(count + 1, sizeof *g.evaluation);
    g.task = calloc(count + 1, sizeof *g.task);
    int err = g.evaluation == NULL || g.task == NULL ? bit_fail(-ENOMEM, "a table of tasks") : 0;
    for (size_t i = 0; i < count && err == 0; i++)
        collect(&g, &row[i]);
    if (err == 0)
        print_grid(f, &g, width);
    free(g.evaluation);
    free(g.task);
    return err;
}

/* ---- for other programs */

void bit_task_csv_print(FILE *f, const struct bit_task_row *row, size_t count)
{
    bit_show(f, "run,step,precision,task,metric,score,error,constant,chance,documents,not_finite,ms\n");
    for (size_t i = 0; i < count; i++) {
        const Bit__TaskResult *r = row[i].result;
        bit_show(f, "%s,%" PRIu64 ",%s,%s,%s,%.17g,%.17g,", row[i].run, r->after_step,
                 r->precision == BIT__PRECISION__TERNARY ? "ternary" : "16bit", r->task, text_metric(r->metric),
                 r->score, r->error);
        if (r->classes)
            bit_show(f, "%.17g", r->constant);
        bit_show(f, ",%.17g,%" PRIu64 ",%u,%.3f\n", r->chance, r->documents, r->not_finite, r->ms);
    }
}
