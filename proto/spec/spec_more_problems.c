#include "proto/spec/spec_more_problems.h"

#include <stdlib.h>
#include <string.h>

#include "proto/spec/spec.h"
#include "proto/spec/spec_slurm.h"

void bit_spec_more_problems(const Bit__RunSpec *spec, struct bit_problems *problems)
{
    struct bit_problems *more = malloc(sizeof *more);

    if (more != NULL) { /* without memory, report only the known problems */
        *more = *problems;
        more->count = 0;
        bit_spec_validate(spec, more);
        bit_spec_check_slurm_options(spec, more);
        for (int i = 0; i < bit_problems_kept(more); i++) {
            const struct bit_problem *item = &more->item[i];
            if (bit_problems_in_text(problems, item->field) && !bit_problems_about(problems, item->field))
                bit_problems_add(problems, item->field, item->line, item->column, "%s", item->text);
        }
        free(more);
    }
    bit_problems_sort(problems);
}
