#include "ctl/report/step_times.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

static void add_split(Bit__TimeSplit *sum, const Bit__TimeSplit *one)
{
    sum->wait += one->wait;
    sum->forward += one->forward;
    sum->backward += one->backward;
    sum->comm += one->comm;
    sum->optimizer += one->optimizer;
    sum->other += one->other;
}

int bit_step_times_add(struct bit_step_times *t, const Bit__StepReport *step)
{
    if (t->count == t->room) {
        const size_t room = t->room > 0 ? 2 * t->room : 1024;
        float *ms = realloc(t->ms, room * sizeof *ms);
        if (ms == NULL)
            return bit_fail(-ENOMEM, "the times of %zu steps", room);
        t->ms = ms;
        t->room = room;
    }
    t->ms[t->count++] = (float)step->ms;
    t->tokens += step->tokens;
    t->sum_ms += step->ms;
    add_split(&t->split, step->split);
    return 0;
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

void bit_step_times_sort(struct bit_step_times *t)
{
    if (t->count > 0)
        qsort(t->ms, t->count, sizeof *t->ms, compare);
}

double bit_step_times_quantile(const struct bit_step_times *t, double share)
{
    BIT_ASSERT(t->count > 0 && share >= 0 && share <= 1);
    const double at = ceil(share * (double)t->count);

    return (double)t->ms[at < 1 ? 0 : (size_t)at - 1];
}

void bit_step_times_finish(struct bit_step_times *t)
{
    free(t->ms);
    *t = (struct bit_step_times){.ms = NULL};
}
