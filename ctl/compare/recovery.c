#include "ctl/compare/recovery.h"

#include <math.h>

#include "ctl/chart/smooth.h"
#include "proto/check.h"

double bit_recovery_level(const struct bit_thin_point *losses, size_t count, size_t last)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = count; i > 0 && n < last; i--)
        if (isfinite(losses[i - 1].value)) {
            sum += losses[i - 1].value;
            n++;
        }
    return n > 0 ? sum / (double)n : NAN;
}

static size_t count_until(const struct bit_thin_point *losses, size_t count, uint64_t step)
{
    size_t n = 0;

    while (n < count && losses[n].step <= step)
        n++;
    return n;
}

static double highest(const struct bit_thin_point *losses, size_t count, uint64_t until)
{
    double most = NAN;

    for (size_t i = 0; i < count && losses[i].step <= until; i++)
        most = fmax(most, losses[i].value);
    return most;
}

/* The smoothed losses of run and trunk, advanced together over the steps after the switch. */
struct means {
    struct bit_smooth run, trunk;
    double of_trunk; /* the newest value; NaN before the first one and after the trunk's end */
    size_t trunk_at;
};

static void go_along_trunk(struct means *m, const struct bit_thin_point *trunk, size_t count, uint64_t step)
{
    for (; m->trunk_at < count && trunk[m->trunk_at].step <= step; m->trunk_at++) {
        double mean = bit_smooth_next(&m->trunk, trunk[m->trunk_at].value);
        if (!isnan(mean))
            m->of_trunk = mean;
    }
    if (m->trunk_at == count && count > 0 && trunk[count - 1].step < step)
        m->of_trunk = NAN; /* the trunk ends before this step */
}

static void find_return(const struct bit_recovery_asked *asked, const struct bit_thin_point *losses, size_t count,
                        const struct bit_thin_point *trunk, size_t trunk_count, struct means *m,
                        struct bit_recovery *out)
{
    for (size_t i = 0; i < count && (out->recovered == 0 || (trunk_count > 0 && out->met == 0)); i++) {
        const double mean = bit_smooth_next(&m->run, losses[i].value);
        const uint64_t since = losses[i].step - asked->switch_after;
        go_along_trunk(m, trunk, trunk_count, losses[i].step);
        if (out->recovered == 0 && mean <= out->level)
            out->recovered = since;
        if (out->met == 0 && mean <= m->of_trunk)
            out->met = since;
    }
}

int bit_recovery_find(const struct bit_recovery_asked *asked, const struct bit_thin_point *losses, size_t count,
                      const struct bit_thin_point *trunk, size_t trunk_count, struct bit_recovery *out)
{
    struct means m = {.of_trunk = NAN};
    const size_t before = count_until(losses, count, asked->switch_after);
    int err = bit_smooth_init(&m.run, asked->smooth);

    if (err == 0)
        err = bit_smooth_init(&m.trunk, asked->smooth);
    if (err == 0) {
        *out = (struct bit_recovery){.level = bit_recovery_level(losses, before, asked->last)};
        out->spike = highest(losses + before, count - before,
                             asked->switch_after + asked->ramp_steps + (uint64_t)asked->last) -
                     out->level;
        find_return(asked, losses + before, count - before, trunk, trunk_count, &m, out);
    }
    bit_smooth_finish(&m.run);
    bit_smooth_finish(&m.trunk);
    return err;
}
