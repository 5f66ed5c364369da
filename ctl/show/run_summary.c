#include "ctl/show/run_summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"

/* The spike is the highest loss in this many steps after the switch. */
#define SPIKE_STEPS 50

void bit_run_summary_init(struct bit_run_summary *h)
{
    memset(h, 0, sizeof *h);
    h->switch_after = UINT64_MAX;
    h->state = BIT__RUN_STATE__QUEUED;
}

void bit_run_summary_finish(struct bit_run_summary *h)
{
    free(h->points);
    bit_evaluations_finish(&h->held_out);
    memset(h, 0, sizeof *h);
}

static int add_point(struct bit_run_summary *h, uint64_t step, double loss)
{
    /* a relaunch trains again from its checkpoint, so drop the steps after that */
    while (h->count > 0 && h->points[h->count - 1].step >= step)
        h->count--;
    if (h->count == h->capacity) {
        size_t capacity = h->capacity ? 2 * h->capacity : 1024;
        struct bit_loss_point *grown = realloc(h->points, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        h->points = grown;
        h->capacity = capacity;
    }
    h->points[h->count++] = (struct bit_loss_point){step, loss};
    return 0;
}

static int add_step(struct bit_run_summary *h, const Bit__StepReport *s)
{
    struct bit_phase_tally *t = &h->phase[s->precision == BIT__PRECISION__TERNARY];

    t->steps++;
    t->tokens += s->tokens;
    t->ms += s->ms;
    return s->has_skipped && s->skipped ? 0 : add_point(h, s->step, s->loss);
}

int bit_run_summary_add(struct bit_run_summary *h, const Bit__JournalRecord *r)
{
    switch (r->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_STEP:
        return add_step(h, r->step);
    case BIT__JOURNAL_RECORD__WHAT_SWITCHED:
        h->switch_after = r->switched->after_step;
        break;
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
        if (r->checkpoint->error == 0)
            snprintf(h->checkpoint, sizeof h->checkpoint, "%s", r->checkpoint->name);
        break;
    case BIT__JOURNAL_RECORD__WHAT_EVALUATED:
        return bit_evaluations_note(&h->held_out, r->evaluated);
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        h->state = r->state->state;
        snprintf(h->reason, sizeof h->reason, "%s", r->state->reason);
        break;
    default:
        break;
    }
    return 0;
}

static void print_losses(FILE *f, const struct bit_run_summary *h)
{
    const struct bit_loss_point *before = NULL, *spike = NULL;
    size_t after = 0;

    bit_show(f, "  loss at start        %8.4f  (step %" PRIu64 ")\n", h->points[0].loss, h->points[0].step);
    for (size_t i = 0; i < h->count; i++) {
        const struct bit_loss_point *p = &h->points[i];
        if (h->switch_after == UINT64_MAX || p->step <= h->switch_after)
            before = p;
        else if (after++ < SPIKE_STEPS && (!spike || p->loss > spike->loss))
            spike = p;
    }
    if (spike && before)
        bit_show(f, "  before the switch    %8.4f  (step %" PRIu64 ")\n", before->loss, before->step);
    if (spike)
        bit_show(f, "  at the spike         %8.4f  (step %" PRIu64 ")\n", spike->loss, spike->step);
    bit_show(f, "  loss at the end      %8.4f  (step %" PRIu64 ")\n", h->points[h->count - 1].loss,
             h->points[h->count - 1].step);
}

static void print_speed(FILE *f, const struct bit_run_summary *h)
{
    char tokens[BIT_TEXT], rate[BIT_TEXT];
    static const char *const names[] = {"16-bit phase", "1.58-bit phase"};

    for (int i = 0; i < 2; i++) {
        const struct bit_phase_tally *t = &h->phase[i];
        if (t->steps == 0)
            continue;
        bit_show(f, "  %-20s %8s tokens/s  (%" PRIu64 " steps, %s tokens, %.0f ms a step)\n", names[i],
                 bit_text_count((double)t->tokens / t->ms * 1000, rate), t->steps,
                 bit_text_count((double)t->tokens, tokens), t->ms / (double)t->steps);
    }
}

void bit_run_summary_print(FILE *f, const struct bit_run_summary *h, const char *run_dir)
{
    int columns, rows;

    if (h->count == 0)
        return;
    bit_terminal_size(stdout, &columns, &rows);
    fputc('\n', f);
    bit_curve_draw(f, h->points, h->count, h->switch_after, BIT_MIN(columns - 12, 100),
                   BIT_MIN(BIT_MAX(rows - 16, 8), 16));
    fputc('\n', f);
    print_losses(f, h);
    print_speed(f, h);
    if (h->held_out.count > 0) {
        bit_show(f, "  held out             ");
        bit_print_evaluations(f, h->held_out.report, h->held_out.count, 23);
    }
    if (*h->checkpoint)
        bit_show(f, "  checkpoint           %s%s%s\n", run_dir ? run_dir : "", run_dir ? "/checkpoints/" : "",
                 h->checkpoint);
}
