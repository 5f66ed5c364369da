/* The section on what the switch cost the training loss, and how soon it recovered. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>

#include "ctl/compare/recovery.h"
#include "ctl/report/run_sections.h"

/* The same as in bitctl table. */
#define LAST   50
#define SMOOTH 10

static void put(struct bit_page_section *s, const struct bit_recovery_asked *asked, const struct bit_recovery *r)
{
    bit_section_fact(s, "Before it", "training loss %.4f, the mean of the last %zu in 16-bit", r->level, asked->last);
    bit_section_fact(s, "Spike", "%.4f, %+.4f, the highest of the ramp and %zu steps after it", r->level + r->spike,
                     r->spike, asked->last);
    if (r->recovered > 0)
        bit_section_fact(s, "Back", "%" PRIu64 " steps after it, as the mean of %zu losses", r->recovered,
                         asked->smooth);
    else
        bit_section_fact(s, "Back", "not yet, as the mean of %zu losses", asked->smooth);
}

/* A thinned curve contains mostly extremes, so means of it would be wrong; the text then refers to bitctl table. */
void bit_section_switch(struct bit_page_section *s)
{
    const Bit__RunStatus *m = s->run->status;
    const struct bit_run_curves *curves = &s->run->curves;
    struct bit_recovery_asked asked = {.switch_after = curves->switch_after, .last = LAST, .smooth = SMOOTH};
    struct bit_recovery r;

    if (curves->switch_after == 0 || curves->switch_after == UINT64_MAX || curves->count == 0)
        return;
    if (m->spec->phases != NULL && m->spec->phases->switch_ != NULL)
        asked.ramp_steps = m->spec->phases->switch_->ramp_steps;
    const struct bit_run_curve *loss = &curves->curve[0]; /* the loss is the first of the wishes */
    if (bit_recovery_find(&asked, loss->point, loss->count, NULL, 0, &r) < 0)
        s->h->err = -ENOMEM;
    else if (isfinite(r.level) && isfinite(r.spike)) {
        bit_section_begin(s, "switch", "The switch");
        bit_section_facts_begin(s);
        if (loss->every > 1)
            bit_section_fact(s, "Cost", "see bitctl table; the run is too long for a report to keep every loss");
        else
            put(s, &asked, &r);
        bit_section_facts_end(s);
        bit_section_end(s);
    }
}
