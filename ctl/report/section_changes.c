/* The section on changes that users requested during the run. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"

static bool is_request(const Bit__JournalRecord *r)
{
    switch (r->what_case) {
    case BIT__JOURNAL_RECORD__WHAT_CHANGED:
    case BIT__JOURNAL_RECORD__WHAT_SWITCH_PLANNED:
    case BIT__JOURNAL_RECORD__WHAT_RESUMED:
    case BIT__JOURNAL_RECORD__WHAT_MUTATION:
    case BIT__JOURNAL_RECORD__WHAT_CHECKPOINT_ASKED:
    case BIT__JOURNAL_RECORD__WHAT_PINNED:
    case BIT__JOURNAL_RECORD__WHAT_TAGGED:
        return true;
    case BIT__JOURNAL_RECORD__WHAT_STATE:
        return r->state->asked != NULL;
    default:
        return false;
    }
}

/* Print "schedule.peak_lr: 0.003 -> 0.001, after step 20" for each setting that the record changed. */
static void write_settings(FILE *f, const Bit__RunStatus *m, uint64_t seq)
{
    const char *between = "";

    for (size_t i = 0; i < m->n_change; i++) {
        const Bit__Change *c = m->change[i];
        if (c->event != seq)
            continue;
        bit_show(f, "%s%s: %s \u2192 %s, after step %" PRIu64, between, c->setting, c->was, c->is, c->step);
        between = "; ";
    }
}

static void tell(struct bit_page_section *s, const Bit__JournalRecord *r)
{
    char *asked = NULL, *settings = NULL;
    size_t bytes;
    FILE *f = open_memstream(&asked, &bytes), *g = open_memstream(&settings, &bytes);

    if (f != NULL)
        bit_print_record_text(f, r);
    if (g != NULL)
        write_settings(g, s->run->status, r->seq);
    if (f == NULL || g == NULL || (fclose(f) | fclose(g)) != 0)
        s->h->err = -ENOMEM;
    bit_section_row_begin(s, false);
    bit_section_time_cell(s, r->time_ns);
    bit_section_cell(s, "%s", asked != NULL ? asked : "");
    bit_section_cell(s, "%s", settings != NULL ? settings : "");
    bit_section_row_end(s);
    free(asked);
    free(settings);
}

static size_t count(const struct bit_run_past *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->count; i++)
        n += is_request(p->record[i]);
    return n;
}

void bit_section_changes(struct bit_page_section *s)
{
    static const char *const columns[] = {"Time, UTC", "What was asked for", "Settings", NULL};
    const size_t all = count(s->run);

    if (all == 0)
        return;
    bit_section_begin(s, "changes", "Changed while it was there");
    bit_section_table_begin(s, "What people asked for", columns, "lss");
    for (size_t i = 0, k = 0; i < s->run->count; i++)
        if (is_request(s->run->record[i]) && bit_section_row_fits(s, k++, all))
            tell(s, s->run->record[i]);
    bit_section_table_end(s);
    bit_section_end(s);
}
