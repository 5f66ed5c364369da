/* The section on a run's checkpoints, and on the digests that identify it. */
#include <inttypes.h>
#include <string.h>

#include "ctl/report/run_sections.h"
#include "ctl/show/print.h"
#include "proto/ckpt/manifest.h"
#include "proto/wire/msg.h"

/* ---- checkpoints */

/* The last report on a checkpoint of this name. */
static const Bit__CheckpointReport *report_of(const struct bit_run_past *p, const char *name)
{
    const Bit__CheckpointReport *found = NULL;
    const Bit__JournalRecord *r;

    for (size_t at = 0; (r = bit_run_past_next(p, BIT__JOURNAL_RECORD__WHAT_CHECKPOINT, &at)) != NULL;)
        if (r->checkpoint->error == 0 && strcmp(r->checkpoint->name, name) == 0)
            found = r->checkpoint;
    return found;
}

static void tell_checkpoint(struct bit_page_section *s, const Bit__CheckpointInfo *c)
{
    const Bit__CheckpointReport *report = report_of(s->run, c->name);
    char bytes[BIT_TEXT];

    bit_section_row_begin(s, false);
    bit_section_cell(s, "%" PRIu64, c->step);
    bit_section_cell(s, "%s%s%s", bit_text_precision(c->precision),
                     c->has_pre_switch && c->pre_switch ? ", before the switch" : "",
                     c->has_pinned && c->pinned ? ", pinned" : "");
    bit_section_cell(s, "%s", bit_text_bytes((double)c->bytes, bytes));
    bit_section_time_cell(s, c->time_ns);
    bit_section_cell(s, "%016" PRIx64, c->weights_digest);
    if (report != NULL && report->has_moments_digest)
        bit_section_cell(s, "%016" PRIx64, report->moments_digest);
    else
        bit_section_cell(s, "-");
    bit_section_row_end(s);
}

static void tell_checkpoints(struct bit_page_section *s)
{
    static const char *const columns[] = {"After step", "Phase", "Bytes", "Time, UTC", "Weights", "Moments", NULL};
    const Bit__CheckpointListReply *list = s->run->checkpoints;

    if (list->n_checkpoint == 0)
        return;
    bit_section_table_begin(s, "Checkpoints", columns, "nlnlll");
    for (size_t i = 0; i < list->n_checkpoint; i++)
        if (bit_section_row_fits(s, i, list->n_checkpoint))
            tell_checkpoint(s, list->checkpoint[i]);
    bit_section_table_end(s);
}

/* Print the program and commit of the worker, if the newest checkpoint can be read here. */
static void tell_writer(struct bit_page_section *s)
{
    const Bit__CheckpointListReply *list = s->run->checkpoints;
    Bit__Manifest *manifest = NULL;

    if (list->n_checkpoint > 0 && bit_manifest_read(list->checkpoint[list->n_checkpoint - 1]->path, &manifest) == 0)
        bit_section_fact(s, "Newest checkpoint written by", "%s", manifest->writer);
    bit_msg_free(manifest);
}

/* ---- the run */

static void tell_chain(struct bit_page_section *s)
{
    const Bit__JournalRecord *first = bit_run_past_last(s->run, BIT__JOURNAL_RECORD__WHAT_SUBMITTED);
    const Bit__JournalRecord *switched = bit_run_past_last(s->run, BIT__JOURNAL_RECORD__WHAT_SWITCHED);

    if (first != NULL && first->submitted->identity != NULL)
        bit_section_fact(s, "Identity of the run", "%s", first->submitted->identity);
    if (s->run->link_step > 0)
        bit_section_fact(s, "Chain of all steps", "%016" PRIx64 " after step %" PRIu64, s->run->link,
                         s->run->link_step);
    if (switched != NULL)
        bit_section_fact(s, "Moments at the switch", "%016" PRIx64 " \u2192 %016" PRIx64,
                         switched->switched->moments_before, switched->switched->moments_after);
    if (s->run->status->has_weights_digest)
        bit_section_fact(s, "Weights at the end", "%016" PRIx64, s->run->status->weights_digest);
}

void bit_section_digests(struct bit_page_section *s)
{
    bit_section_begin(s, "digests", "Checkpoints and digests");
    bit_section_facts_begin(s);
    tell_chain(s);
    tell_writer(s);
    bit_section_facts_end(s);
    tell_checkpoints(s);
    bit_section_end(s);
}
