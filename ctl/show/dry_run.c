#include "ctl/show/dry_run.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "proto/check.h"
#include "proto/spec/spec.h"

static void print_spec(FILE *f, const Bit__RunSpec *spec)
{
    char *text;
    size_t bytes;

    if (bit_text_print(&spec->base, &text, &bytes) < 0)
        return;
    bit_show(f, "# The specification, with every field as it would run.\n");
    bit_show_raw(f, text, bytes);
    free(text);
}

#define DIVISORS_SHOWN 24 /* of a batch with more, the nearest */

static void print_divisors(FILE *f, const Bit__DryRunReply *d)
{
    const uint32_t ranks = d->spec->launch->ranks;
    size_t first = 0, count = d->n_ranks_possible;

    while (first < count && d->ranks_possible[first] < ranks)
        first++;
    first = first < DIVISORS_SHOWN / 2 ? 0 : first - DIVISORS_SHOWN / 2;
    first = count < first + DIVISORS_SHOWN ? BIT_MAX(count, (size_t)DIVISORS_SHOWN) - DIVISORS_SHOWN : first;
    bit_show(f, "batch allows ");
    if (count > DIVISORS_SHOWN)
        bit_show(f, " %zu numbers of ranks; near %u:", count, ranks);
    for (size_t i = first; i < BIT_MIN(count, first + DIVISORS_SHOWN); i++)
        bit_show(f, " %u", d->ranks_possible[i]);
    bit_show(f, count > DIVISORS_SHOWN ? "\n" : " ranks\n");
}

static void print_ranks(FILE *f, const Bit__DryRunReply *d)
{
    const uint32_t ranks = d->spec->launch->ranks;
    char text[BIT_TEXT];

    if (!d->has_rank_step_tokens)
        return;
    bit_show(f, "ranks         %u, %s tokens of a step each\n", ranks,
             bit_text_count((double)d->rank_step_tokens, text));
    print_divisors(f, d);
}

static const struct bit_table_column scaling_columns[] = {
    {"COLLECTIVE"},        {"CALLS", .right = true},      {"BYTES", .right = true},
    {"MS", .right = true}, {"EXPOSED MS", .right = true},
};

static void add_cost(struct bit_table *t, const Bit__CollectiveCost *c)
{
    char calls[32], bytes[BIT_TEXT], ms[64], exposed[64];

    snprintf(calls, sizeof calls, "%u", c->calls);
    snprintf(ms, sizeof ms, "%.2f to %.2f", c->ms_least, c->ms_most);
    snprintf(exposed, sizeof exposed, "%.2f to %.2f", c->exposed_ms_least, c->exposed_ms_most);
    const char *const cells[] = {c->name, calls, bit_text_bytes((double)c->bytes, bytes), ms, exposed};
    bit_table_add(t, cells);
}

static char *text_ms(double ms, char out[BIT_TEXT])
{
    if (ms < 1e4)
        snprintf(out, BIT_TEXT, ms < 10 ? "%.2f ms" : "%.0f ms", ms);
    else
        bit_text_duration(ms / 1e3, out);
    return out;
}

/* One number, if both would be shown alike. */
static void print_efficiency(FILE *f, const Bit__DryRunReply *d, const Bit__ScalingModel *m)
{
    char least[BIT_TEXT], most[BIT_TEXT], shortest[BIT_TEXT], longest[BIT_TEXT];

    snprintf(least, sizeof least, "%.3f", m->efficiency_least);
    snprintf(most, sizeof most, "%.3f", m->efficiency_most);
    text_ms(m->compute_ms / m->efficiency_most, shortest);
    text_ms(m->compute_ms / m->efficiency_least, longest);
    bit_show(f, "\n%s on %u GPUs: %s", bit_text_precision(m->precision), d->spec->launch->ranks, least);
    if (strcmp(least, most) != 0)
        bit_show(f, " to %s", most);
    bit_show(f, " of linear scaling, %s", shortest);
    if (strcmp(shortest, longest) != 0)
        bit_show(f, " to %s", longest);
    bit_show(f, " a step\n");
}

static void print_scaling(FILE *f, const Bit__DryRunReply *d)
{
    for (size_t i = 0; i < d->n_scaling; i++) {
        const Bit__ScalingModel *m = d->scaling[i];
        struct bit_table t;
        print_efficiency(f, d, m);
        bit_table_init(&t, scaling_columns, BIT_COUNT(scaling_columns));
        for (size_t k = 0; k < m->n_collective; k++)
            add_cost(&t, m->collective[k]);
        bit_table_print(f, &t, bit_terminal_columns(f), SIZE_MAX);
        bit_table_finish(&t);
    }
}

static void print_scaling_limits(FILE *f, const Bit__DryRunReply *d)
{
    if (d->n_scaling == 0)
        return;
    bit_show(f, "A model, not a measurement: H200 GPUs, ");
    if (d->scaling[0]->has_ranks_per_node)
        bit_show(f, "%u a node, ", d->scaling[0]->ranks_per_node);
    bit_show(f, "each with 400 Gb/s to other nodes. It leaves out the multiprocessors that NCCL takes, jitter between "
                "ranks, other traffic, and the fixed costs of a step: these are upper limits.\n");
}

static void print_sizes(FILE *f, const Bit__DryRunReply *d)
{
    char a[BIT_TEXT], b[BIT_TEXT], c[BIT_TEXT], epochs[BIT_TEXT];

    snprintf(epochs, sizeof epochs, d->epochs < 1000 ? "%.3g" : "%.0f", d->epochs);
    bit_show(f, "\nparameters    %s (%" PRIu64 "), %s of them in ternary linears\n",
             bit_text_count((double)d->parameters, a), d->parameters, bit_text_count((double)d->linear_parameters, b));
    if (d->spec->schedule->steps == 0) {
        bit_show(f, "evaluates     %s\n", d->spec->model->init_from);
        return;
    }
    bit_show(f, "tokens        %s a step, %s in all, from %" PRIu64 " instances (%s epochs)\n",
             bit_text_count((double)d->step_tokens, a), bit_text_count((double)d->total_tokens, b), d->instances,
             epochs);
    print_ranks(f, d);
    bit_show(f, "checkpoint    %s each\n", bit_text_bytes((double)d->checkpoint_bytes, c));
}

static const struct bit_table_column columns[] = {
    {"STEP", .right = true},
    {"PHASE", .leave = 1},
    {"STRENGTH", .right = true, .leave = 2},
    {"LR", .right = true},
    {"DECAY", .right = true, .leave = 3},
    {"NOTE", .narrowed = 22},
};

static void add_point(struct bit_table *t, const Bit__SchedulePoint *p)
{
    char step[32], strength[32] = "-", lr[32], decay[32];

    snprintf(step, sizeof step, "%" PRIu64, p->step);
    if (p->precision == BIT__PRECISION__TERNARY)
        snprintf(strength, sizeof strength, "%.4f", p->strength);
    snprintf(lr, sizeof lr, "%.4e", p->lr);
    snprintf(decay, sizeof decay, "%.3g", p->weight_decay);
    const char *const cells[] = {step, bit_text_precision(p->precision), strength, lr, decay, p->note};
    bit_table_add(t, cells);
}

static void print_schedule(FILE *f, const Bit__DryRunReply *d)
{
    struct bit_table t;

    if (d->n_point == 0)
        return;
    bit_show(f, "\n");
    bit_table_init(&t, columns, BIT_COUNT(columns));
    for (size_t i = 0; i < d->n_point; i++)
        add_point(&t, d->point[i]);
    bit_table_print(f, &t, bit_terminal_columns(f), SIZE_MAX);
    bit_table_finish(&t);
}

static void memory_line(FILE *f, const char *name, uint64_t bytes)
{
    char text[BIT_TEXT];

    bit_show(f, "  %-12s %10s\n", name, bit_text_bytes((double)bytes, text));
}

static void print_memory(FILE *f, const Bit__DryRunReply *d)
{
    const Bit__MemoryPlan *m = d->memory;
    char text[BIT_TEXT];

    if (m->total == 0) {
        bit_show(f, "\nmemory of one rank: not known\n");
        return;
    }
    bit_show(f, "\nmemory of one rank, micro-batch %u", d->micro_instances);
    if (d->memory_available)
        bit_show(f, ", of %s", bit_text_bytes((double)d->memory_available, text));
    fputc('\n', f);
    memory_line(f, "weights", m->weights);
    memory_line(f, "gradients", m->gradients);
    memory_line(f, "optimizer", m->optimizer);
    memory_line(f, "activations", m->activations);
    memory_line(f, "workspace", m->workspace);
    memory_line(f, "total", m->total);
    if (d->spec->optimizer != NULL && d->spec->optimizer->moments == BIT__OPERANDS__BF16)
        bit_show(f, "  Adam's moments in bf16\n");
    if (m->has_recompute && m->recompute)
        bit_show(f, "  the linears' operands are recomputed in the backward pass\n");
    else if (m->has_recompute)
        bit_show(f, "  the linears' operands are kept for the backward pass\n");
    if (d->fused_products != NULL)
        bit_show(f, "  16-bit products fused with the next operator: %s\n", d->fused_products);
    if (!m->has_snapshot)
        return;
    if (m->snapshot > 0)
        bit_show(f, "  and %s of the host's memory, from which checkpoints are written during training\n",
                 bit_text_bytes((double)m->snapshot, text));
    else
        bit_show(f, "  the host's memory has no room for a copy: training waits for each checkpoint to be written\n");
}

void bit_dry_run_print_warnings(FILE *f, const Bit__DryRunReply *d)
{
    for (size_t i = 0; i < d->n_warning; i++) {
        const char *field = d->warning[i]->field ? d->warning[i]->field : "";
        bit_show(f, "warning: %s%s%s\n", field, *field ? ": " : "", d->warning[i]->text);
    }
}

static void print_end(FILE *f, const Bit__DryRunReply *d)
{
    if (d->n_warning > 0)
        bit_show(f, "\n");
    bit_dry_run_print_warnings(f, d);
    if (d->n_unchecked > 0)
        bit_show(f, "\nchecked without a daemon; not checked:\n");
    for (size_t i = 0; i < d->n_unchecked; i++)
        bit_show(f, "  %s\n", d->unchecked[i]);
}

/* Prints a part, on a terminal with its lines folded between words. */
static void fold(FILE *f, const Bit__DryRunReply *d, void (*print)(FILE *, const Bit__DryRunReply *))
{
    char *text = NULL;
    size_t bytes;
    FILE *memory = bit_terminal(f) ? open_memstream(&text, &bytes) : NULL;

    print(memory != NULL ? memory : f, d);
    if (memory == NULL || fclose(memory) != 0)
        return;
    bit_fold_text(f, text, bit_terminal_columns(f));
    free(text);
}

/* The specification and the command lines are never folded, so that they can be copied. */
void bit_dry_run_print(FILE *f, const Bit__DryRunReply *d)
{
    print_spec(f, d->spec);
    fold(f, d, print_sizes);
    print_schedule(f, d);
    fold(f, d, print_memory);
    print_scaling(f, d);
    fold(f, d, print_scaling_limits);
    if (d->n_command > 0)
        bit_show(f, "\nstarted with\n");
    for (size_t i = 0; i < d->n_command; i++)
        bit_show(f, "  %s\n", d->command[i]);
    fold(f, d, print_end);
}
