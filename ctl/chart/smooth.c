#include "ctl/chart/smooth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

int bit_smooth_init(struct bit_smooth *s, size_t window)
{
    BIT_ASSERT(window >= 1 && window <= BIT_SMOOTH_MAX);
    *s = (struct bit_smooth){.window = window, .last = calloc(window, sizeof *s->last)};
    return s->last != NULL ? 0 : bit_fail(-ENOMEM, "the mean of %zu values", window);
}

void bit_smooth_finish(struct bit_smooth *s)
{
    free(s->last);
    *s = (struct bit_smooth){.window = 0};
}

void bit_smooth_restart(struct bit_smooth *s)
{
    s->count = s->at = 0;
    s->sum = 0;
}

static double add_up(const struct bit_smooth *s)
{
    double sum = 0;

    for (size_t i = 0; i < s->count; i++)
        sum += s->last[i];
    return sum;
}

double bit_smooth_next(struct bit_smooth *s, double value)
{
    if (isnan(value))
        return value;
    if (s->count == s->window)
        s->sum -= s->last[s->at];
    else
        s->count++;
    s->last[s->at] = value;
    s->at = (s->at + 1) % s->window;
    s->sum = s->at == 0 || !isfinite(s->sum) ? add_up(s) : s->sum + value;
    return s->sum / (double)s->count;
}
