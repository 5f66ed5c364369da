/* The section on downstream tasks. */
#include <inttypes.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"

static const char *metric(Bit__TaskMetric m)
{
    return m == BIT__TASK_METRIC__ACC ? "acc" : m == BIT__TASK_METRIC__LEN_NORM ? "len_norm" : "f1";
}

static size_t count(const struct bit_run_past *p)
{
    size_t n = 0;

    for (size_t at = 0; bit_run_past_next(p, BIT__JOURNAL_RECORD__WHAT_SCORED, &at) != NULL;)
        n++;
    return n;
}

static void tell(struct bit_page_section *s, const Bit__TaskResult *r)
{
    bit_section_row_begin(s, r->not_finite > 0);
    bit_section_cell(s, "%" PRIu64, r->after_step);
    bit_section_cell(s, "%s", r->task);
    bit_section_cell(s, "%s", bit_text_precision(r->precision));
    bit_section_cell(s, "%s", metric(r->metric));
    bit_section_cell(s, "%.2f", 100 * r->score);
    bit_section_cell(s, "%.2f", 100 * r->error);
    if (r->classes)
        bit_section_cell(s, "%.2f", 100 * r->constant);
    else
        bit_section_cell(s, "-");
    bit_section_cell(s, "%.2f", 100 * r->chance);
    bit_section_cell(s, "%" PRIu64, r->documents);
    bit_section_cell(s, "%u", r->not_finite);
    bit_section_row_end(s);
}

void bit_section_tasks(struct bit_page_section *s)
{
    static const char *const columns[] = {"After step",      "Task",   "Precision", "Metric",     "Score", "+-",
                                          "Constant answer", "Chance", "Documents", "Not finite", NULL};
    const size_t all = count(s->run);
    const Bit__JournalRecord *record;
    size_t i = 0;

    if (all == 0)
        return;
    bit_section_begin(s, "tasks", "Downstream tasks");
    bit_section_paragraph(s, "Scores in percent with their standard errors; for comparison, the best score of always "
                             "giving the same choice, and the score of random choices.");
    bit_section_table_begin(s, "Downstream tasks", columns, "nlllnnnnnn");
    for (size_t at = 0; (record = bit_run_past_next(s->run, BIT__JOURNAL_RECORD__WHAT_SCORED, &at)) != NULL; i++)
        if (bit_section_row_fits(s, i, all))
            tell(s, record->scored->result);
    bit_section_table_end(s);
    bit_section_end(s);
}
