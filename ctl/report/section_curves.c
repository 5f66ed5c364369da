/* The section with a run's curves. */
#include <inttypes.h>

#include "ctl/report/run_charts.h"
#include "ctl/report/run_sections.h"

void bit_section_curves(struct bit_page_section *s)
{
    const struct bit_run_curves *curves = &s->run->curves;

    if (!bit_run_charts_are_there(curves))
        return;
    bit_section_begin(s, "curves", "Curves");
    if (curves->gone_until > 0)
        bit_section_paragraph(s, "Steps up to %" PRIu64 " were those of %s, which no longer exists.",
                              curves->gone_until, curves->gone);
    bit_run_charts_put(s, curves);
    bit_section_end(s);
}
