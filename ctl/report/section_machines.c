/* The section on the machines a run used, launch by launch. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"
#include "proto/format.h"

/* The records of one launch; borrowed. */
struct launch {
    const Bit__JournalRecord *launched, *ready, *lost; /* ready NULL: it never was ready; lost NULL: it was not lost */
};

/* Find the launch that begins at or after record *at; *at is moved past its first record. */
static bool next_launch(const struct bit_run_past *p, size_t *at, struct launch *out)
{
    *out = (struct launch){.launched = bit_run_past_next(p, BIT__JOURNAL_RECORD__WHAT_LAUNCHED, at)};
    if (out->launched == NULL)
        return false;
    for (size_t i = *at; i < p->count && p->record[i]->what_case != BIT__JOURNAL_RECORD__WHAT_LAUNCHED; i++) {
        if (p->record[i]->what_case == BIT__JOURNAL_RECORD__WHAT_READY && out->ready == NULL)
            out->ready = p->record[i];
        if (p->record[i]->what_case == BIT__JOURNAL_RECORD__WHAT_LOST)
            out->lost = p->record[i];
    }
    return true;
}

static size_t count(const struct bit_run_past *p)
{
    struct launch l;
    size_t n = 0;

    for (size_t at = 0; next_launch(p, &at, &l);)
        n++;
    return n;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static void tell(struct bit_page_section *s, const struct launch *l)
{
    const Bit__WorkerLaunched *m = l->launched->launched;
    const Bit__WorkerReady *ready = l->ready != NULL ? l->ready->ready : NULL;

    bit_section_row_begin(s, l->lost != NULL);
    bit_section_cell(s, "%u", m->attempt);
    bit_section_time_cell(s, l->launched->time_ns);
    if (ready != NULL && ready->has_ranks)
        bit_section_cell(s, "%u", ready->ranks);
    else if (m->has_ranks)
        bit_section_cell(s, "%u", m->ranks);
    else
        bit_section_cell(s, "-");
    bit_section_cell(s, "%s", m->nodes != NULL ? m->nodes : "this machine");
    bit_section_cell(s, "%s", m->restore != NULL ? base_name(m->restore) : "the start");
    bit_section_cell(s, "%s", m->bitd != NULL ? m->bitd : "-");
    bit_section_cell(s, "%s", ready != NULL ? ready->backend : "never ready");
    bit_section_cell(s, "%s", l->lost != NULL ? l->lost->lost->cause : "");
    bit_section_row_end(s);
}

static void tell_memory(struct bit_page_section *s)
{
    const Bit__JournalRecord *record = bit_run_past_last(s->run, BIT__JOURNAL_RECORD__WHAT_READY);
    char total[BIT_TEXT], weights[BIT_TEXT], optimizer[BIT_TEXT], activations[BIT_TEXT], count_text[BIT_TEXT];

    if (record == NULL)
        return;
    const Bit__WorkerReady *m = record->ready;
    bit_section_facts_begin(s);
    bit_section_fact(s, "Parameters", "%" PRIu64 " (%s)", m->parameters,
                     bit_text_count((double)m->parameters, count_text));
    bit_section_fact(s, "Micro-batch", "%u instance%s of a rank", m->micro_instances, bit_format_s(m->micro_instances));
    bit_section_fact(s, "Memory of a rank", "%s: weights %s, optimizer %s, activations %s",
                     bit_text_bytes((double)m->memory->total, total),
                     bit_text_bytes((double)m->memory->weights, weights),
                     bit_text_bytes((double)m->memory->optimizer, optimizer),
                     bit_text_bytes((double)m->memory->activations, activations));
    bit_section_facts_end(s);
}

void bit_section_machines(struct bit_page_section *s)
{
    static const char *const columns[] = {"Launch", "Time, UTC",           "Ranks",   "Nodes", "From",
                                          "bitd",   "Workers and devices", "Lost by", NULL};
    const size_t all = count(s->run);
    struct launch l;

    if (all == 0)
        return;
    bit_section_begin(s, "machines", "Devices and launches");
    tell_memory(s);
    bit_section_table_begin(s, "Launches", columns, "nlnlllss");
    for (size_t at = 0, i = 0; next_launch(s->run, &at, &l); i++)
        if (bit_section_row_fits(s, i, all))
            tell(s, &l);
    bit_section_table_end(s);
    bit_section_end(s);
}
