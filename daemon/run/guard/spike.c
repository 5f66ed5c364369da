#include "daemon/run/guard/spike.h"

#include <math.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/limits.h"

#define MAD_TO_SIGMA 1.4826 /* of a normal distribution */
#define LOSS_FLOOR   0.005  /* of the median: on a plateau the noise is too small a measure */
#define NORM_FLOOR   0.05   /* of the logarithm */

struct window {
    double loss[BIT_WINDOW_MAX], log_norm[BIT_WINDOW_MAX];
    size_t count;
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, size_t count)
{
    qsort(v, count, sizeof *v, ascending);
    return count % 2 ? v[count / 2] : (v[count / 2 - 1] + v[count / 2]) / 2;
}

/* The median, and the standard deviation estimated from the distances to it. */
static double spread(double *v, size_t count, double *middle)
{
    *middle = median(v, count);
    for (size_t i = 0; i < count; i++)
        v[i] = fabs(v[i] - *middle);
    return MAD_TO_SIGMA * median(v, count);
}

/* The latest `most` steps of (after, to] that were not skipped. */
static void fill(struct window *w, const struct bit_history *h, uint64_t after, uint64_t to, size_t most)
{
    w->count = 0;
    for (uint64_t s = to; s > after && w->count < most; s--) {
        const struct bit_fact *fact = bit_history_get(h, s);
        if (fact == NULL)
            break;
        if (fact->skipped)
            continue;
        w->loss[w->count] = fact->loss;
        w->log_norm[w->count++] = log(fmax(fact->grad_norm, 1e-300));
    }
}

/* Whether `step` lies within the steps after a switch in which spikes are expected. */
static bool settles(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step)
{
    const Bit__SwitchSpec *sw = spec->phases->switch_;
    uint64_t ramp = sw != NULL ? sw->ramp_steps : 0;

    return plan->planned && step > plan->at_step && step - plan->at_step <= ramp + spec->guard->settle_steps;
}

void bit_spike_bounds(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, const struct bit_history *history,
                      uint64_t step, struct bit_spike_bounds *out)
{
    const Bit__GuardSpec *g = spec->guard;

    *out = (struct bit_spike_bounds){.expected = settles(spec, plan, step)};
    if (step <= BIT_SPIKE_LAG || (g->loss_sigmas == 0 && g->norm_sigmas == 0))
        return;
    struct window *w = malloc(sizeof *w);
    if (w == NULL)
        return; /* without a bound nothing is guarded */
    bool settled = plan->planned && step > plan->at_step && !out->expected;
    fill(w, history, settled ? plan->at_step : 0, step - BIT_SPIKE_LAG, g->window);
    if (w->count >= BIT_MAX(g->window / 4, 4u)) {
        double middle, sigma, band = out->expected ? g->settle_band : 1;
        sigma = spread(w->loss, w->count, &middle);
        out->loss = middle + band * g->loss_sigmas * fmax(sigma, LOSS_FLOOR * fabs(middle));
        out->has_loss = g->loss_sigmas > 0 && isfinite(out->loss); /* losses near the largest number have no bound */
        sigma = spread(w->log_norm, w->count, &middle);
        out->has_norm = g->norm_sigmas > 0;
        out->norm = exp(fmin(middle + band * g->norm_sigmas * fmax(sigma, NORM_FLOOR), 700));
    }
    free(w);
}
