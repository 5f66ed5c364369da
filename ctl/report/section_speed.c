/* The section on a run's speed, and where the time went. */
#include <inttypes.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"

static const char *const phases[] = {"16-bit", "1.58-bit"};

static void tell_steps(struct bit_page_section *s)
{
    static const char *const columns[] = {"Phase",  "Steps",           "Tokens",          "Tokens/s", "Mean, ms",
                                          "Median", "90th percentile", "99th percentile", "Maximum",  NULL};
    static const double shares[] = {0.5, 0.9, 0.99, 1};
    char tokens[BIT_TEXT], rate[BIT_TEXT];

    bit_section_paragraph(s, "All steps that were trained, including those repeated after a restart. The last four "
                             "columns are milliseconds.");
    bit_section_table_begin(s, "Steps and their times", columns, "lnnnnnnnn");
    for (int i = 0; i < 2; i++) {
        const struct bit_step_times *t = &s->run->times[i];
        if (t->count == 0)
            continue;
        bit_section_row_begin(s, false);
        bit_section_cell(s, "%s", phases[i]);
        bit_section_cell(s, "%zu", t->count);
        bit_section_cell(s, "%s", bit_text_count((double)t->tokens, tokens));
        bit_section_cell(s, "%s", t->sum_ms > 0 ? bit_text_count((double)t->tokens / t->sum_ms * 1000, rate) : "-");
        bit_section_cell(s, "%.1f", t->sum_ms / (double)t->count);
        for (int k = 0; k < 4; k++)
            bit_section_cell(s, "%.1f", bit_step_times_quantile(t, shares[k]));
        bit_section_row_end(s);
    }
    bit_section_table_end(s);
}

static void share_cell(struct bit_page_section *s, double ms, const struct bit_step_times *t)
{
    bit_section_cell(s, "%.1f (%.0f%%)", ms / (double)t->count, t->sum_ms > 0 ? 100 * ms / t->sum_ms : 0);
}

static void tell_split(struct bit_page_section *s)
{
    static const char *const columns[] = {"Phase",     "Forward", "Backward", "Communication",
                                          "Optimizer", "Waiting", "Other",    NULL};

    bit_section_paragraph(s, "A step of the slowest rank, in milliseconds on average:");
    bit_section_table_begin(s, "Where a step's time goes", columns, "lnnnnnn");
    for (int i = 0; i < 2; i++) {
        const struct bit_step_times *t = &s->run->times[i];
        if (t->count == 0)
            continue;
        bit_section_row_begin(s, false);
        bit_section_cell(s, "%s", phases[i]);
        share_cell(s, t->split.forward, t);
        share_cell(s, t->split.backward, t);
        share_cell(s, t->split.comm, t);
        share_cell(s, t->split.optimizer, t);
        share_cell(s, t->split.wait, t);
        share_cell(s, t->split.other, t);
        bit_section_row_end(s);
    }
    bit_section_table_end(s);
}

static void tell_whole(struct bit_page_section *s)
{
    const struct bit_run_past *p = s->run;
    char text[BIT_TEXT];

    bit_section_facts_begin(s);
    bit_section_fact(s, "From the first event to the last", "%s",
                     bit_text_duration((double)(p->last_ns - p->first_ns) * 1e-9, text));
    bit_section_fact(s, "Training steps", "%s",
                     bit_text_duration((p->times[0].sum_ms + p->times[1].sum_ms) / 1000, text));
    if (p->evaluate_ms > 0)
        bit_section_fact(s, "Evaluations", "%s", bit_text_duration((double)p->evaluate_ms / 1000, text));
    if (p->score_ms > 0)
        bit_section_fact(s, "Tasks", "%s", bit_text_duration((double)p->score_ms / 1000, text));
    if (p->stall_ms > 0)
        bit_section_fact(s, "Held up by checkpoints", "%s", bit_text_duration((double)p->stall_ms / 1000, text));
    bit_section_facts_end(s);
}

void bit_section_speed(struct bit_page_section *s)
{
    if (s->run->times[0].count + s->run->times[1].count + s->run->evaluate_ms + s->run->score_ms == 0)
        return;
    bit_section_begin(s, "speed", "Throughput");
    if (s->run->times[0].count + s->run->times[1].count > 0) {
        tell_steps(s);
        tell_split(s);
    }
    tell_whole(s);
    bit_section_end(s);
}
