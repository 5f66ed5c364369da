#include "proto/dryrun/look_problems.h"

#include <errno.h>

#include "proto/err.h"

void bit_look_problems_init(struct bit_look_problems *l, struct bit_problems *problems)
{
    *l = (struct bit_look_problems){.problems = problems, .known = problems->count};
}

void bit_look_problems_note(struct bit_look_problems *l, const char *field, int err)
{
    if (l->err == 0 || err == BIT_EAUTH || err == -ENOMEM)
        l->err = err == -ENOENT ? BIT_EDATA : err;
    bit_problems_add(l->problems, field, 0, 0, "%s", bit_fail_text());
}

bool bit_look_problems_is_over(const struct bit_look_problems *l)
{
    return l->err == BIT_EAUTH || l->err == -ENOMEM;
}

int bit_look_problems_result(const struct bit_look_problems *l, const char *what)
{
    if (l->err == 0 || bit_look_problems_is_over(l))
        return l->err;
    return bit_fail(l->err, "%d problems with %s", l->problems->count - l->known, what);
}
