#include "proto/dryrun/refusal.h"

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

static void fill_problem(Bit__Problem *to, const struct bit_problem *from)
{
    bit__problem__init(to);
    to->field = from->field[0] != '\0' ? bit_lend(from->field) : NULL;
    to->text = bit_lend(from->text);
    to->has_line = from->line > 0;
    to->line = (uint32_t)from->line;
    to->has_column = from->column > 0;
    to->column = (uint32_t)from->column;
}

void bit_refusal_make(struct bit_refusal *out, int err, const struct bit_problems *problems)
{
    const int kept = bit_problems_kept(problems);

    bit__error_reply__init(&out->m);
    for (int i = 0; i < kept; i++) {
        fill_problem(&out->item[i], &problems->item[i]);
        out->list[i] = &out->item[i];
    }
    if (problems->count == 1 && err != BIT_ESPEC)
        bit_format(out->text, sizeof out->text, "%s", problems->item[0].text);
    else
        bit_format(out->text, sizeof out->text, "the specification has %d problem%s", problems->count,
                   bit_format_s((uint64_t)problems->count));
    out->m.error = err;
    out->m.exit_code = bit_exit_code(err);
    out->m.text = out->text;
    out->m.problem = out->list;
    out->m.n_problem = (size_t)kept;
    out->m.has_problem_count = true;
    out->m.problem_count = (uint32_t)problems->count;
}
