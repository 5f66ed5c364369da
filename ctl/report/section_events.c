/* The section on a run's events: launches, losses, restarts, spikes, rewinds, ends. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"
#include "proto/format.h"

/* Records that have a section of their own, or are routine, are not events here. */
static bool is_event(const Bit__JournalRecord *r)
{
    switch (r->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
        return r->checkpoint->error != 0;
    case BIT__JOURNAL_RECORD__WHAT_READY: /* shown in Devices and launches */
    case BIT__JOURNAL_RECORD__WHAT_EVALUATED:
    case BIT__JOURNAL_RECORD__WHAT_SCORED:
    case BIT__JOURNAL_RECORD__WHAT_REMOVED:
    case BIT__JOURNAL_RECORD__WHAT_PINNED:
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT_ASKED:
    case BIT__JOURNAL_RECORD__WHAT_TAGGED:
        return false;
    default:
        return true;
    }
}

static bool is_bad_step(const Bit__StepReport *step)
{
    for (size_t i = 0; i < step->n_anomaly; i++)
        if (!(step->anomaly[i]->has_expected && step->anomaly[i]->expected))
            return true;
    return step->has_skipped && step->skipped;
}

static bool is_bad(const Bit__JournalRecord *r)
{
    switch (r->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_STEP:
        return is_bad_step(r->step);
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        return r->state->state == BIT__RUN_STATE__FAILED || r->state->state == BIT__RUN_STATE__BLOCKED;
    case BIT__JOURNAL_RECORD__WHAT_VERIFIED:
        return !r->verified->equal && !(r->verified->has_comparable && !r->verified->comparable);
    case BIT__JOURNAL_RECORD__WHAT_DATA_COMPARED:
        return !r->data_compared->same;
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT:
    case BIT__JOURNAL_RECORD__WHAT_LOST:
    case BIT__JOURNAL_RECORD__WHAT_BAD:
    case BIT__JOURNAL_RECORD__WHAT_REWOUND:
        return true;
    default:
        return false;
    }
}

static void tell(struct bit_page_section *s, const Bit__JournalRecord *r)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);

    if (f != NULL)
        bit_print_record_text(f, r);
    if (f == NULL || fclose(f) != 0)
        s->h->err = -ENOMEM;
    bit_section_row_begin(s, is_bad(r));
    bit_section_cell(s, "%" PRIu64, r->seq);
    bit_section_time_cell(s, r->time_ns);
    bit_section_cell(s, "%s", text != NULL ? text : "");
    bit_section_row_end(s);
    free(text);
}

static size_t count(const struct bit_run_past *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->count; i++)
        n += is_event(p->record[i]);
    return n;
}

void bit_section_events(struct bit_page_section *s)
{
    static const char *const columns[] = {"Event", "Time, UTC", "What happened", NULL};
    const size_t all = count(s->run);
    const uint64_t untold = s->run->untold_steps;

    bit_section_begin(s, "events", "Events");
    bit_section_table_begin(s, "Events of the journal", columns, "nls");
    for (size_t i = 0, k = 0; i < s->run->count; i++)
        if (is_event(s->run->record[i]) && bit_section_row_fits(s, k++, all))
            tell(s, s->run->record[i]);
    bit_section_table_end(s);
    if (untold > 0)
        bit_section_paragraph(
            s, "%" PRIu64 " more step%s with an anomaly %s not listed: bitctl events %s --steps has all.", untold,
            bit_format_s(untold), untold == 1 ? "is" : "are", s->run->status->run);
    bit_section_end(s);
}
