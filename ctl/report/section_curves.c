/* A run's curves. */
#include <inttypes.h>

#include "ctl/report/run_charts.h"
#include "ctl/report/run_sections.h"

void bit_section_curves(struct bit_page_section *s)
{
    const struct bit_run_curves *curves = &s->run->curves;
    const struct bit_run_charts_run run = {
        .spec = s->run->status->spec, .curves = curves, .label = s->run->status->name, .quiet = true};

    if (!bit_run_charts_are_there(curves))
        return;
    bit_section_begin(s, "curves", "Curves");
    if (curves->gone_until > 0)
        bit_section_paragraph(s, "Steps up to %" PRIu64 " were those of %s, which is no longer there.",
                              curves->gone_until, curves->gone);
    bit_run_charts_put(s, &run, 1);
    bit_section_end(s);
}
