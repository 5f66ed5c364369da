#include "ctl/chart/chart.h"

#include <math.h>

#include "proto/check.h"

/* Larger magnitudes would overflow the arithmetic of axes; such values are gaps. */
#define HUGE_Y 1e300

struct range {
    double low, high;
};

static void widen(struct range *r, double value)
{
    if (!isfinite(value))
        return;
    r->low = fmin(r->low, value);
    r->high = fmax(r->high, value);
}

static double scaled(bool log_y, double y)
{
    if (!(fabs(y) < HUGE_Y))
        return NAN;
    return !log_y ? y : y > 1 / HUGE_Y ? log10(y) : NAN;
}

static bool is_drawn(const struct bit_chart *chart, const struct bit_chart_point *p)
{
    return isfinite(p->x) && isfinite(scaled(chart->log_y, p->y));
}

static void find_ranges(const struct bit_chart *chart, struct range *x, struct range *y)
{
    *x = *y = (struct range){INFINITY, -INFINITY};
    for (size_t s = 0; s < chart->count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++) {
            const struct bit_chart_point *p = &chart->series[s].point[i];
            if (!is_drawn(chart, p))
                continue;
            widen(x, p->x);
            widen(y, scaled(chart->log_y, p->y));
            widen(y, scaled(chart->log_y, p->low));
            widen(y, scaled(chart->log_y, p->high));
        }
}

/* Add room at both ends, also if all values are equal. */
static void pad(struct range *r, double share)
{
    if (r->low > r->high)
        *r = (struct range){0, 1};
    double room = share * (r->high - r->low);
    if (r->high - r->low <= 1e-12 * fmax(fabs(r->low), fabs(r->high)))
        room = r->low != 0 ? 0.05 * fabs(r->low) : 0.5;
    r->low -= room;
    r->high += room;
}

void bit_chart_frame_make(const struct bit_chart *chart, int x_ticks, int y_ticks, struct bit_chart_frame *out)
{
    struct range x, y;

    find_ranges(chart, &x, &y);
    const double least = y.low;
    pad(&x, 0);
    pad(&y, 0.03);
    if (!chart->log_y && least >= 0)
        y.low = fmax(y.low, 0); /* if no value is negative, the axis has no negative part */
    *out = (struct bit_chart_frame){x.low, x.high, y.low, y.high, .log_y = chart->log_y};
    bit_ticks_round(x.low, x.high, BIT_MAX(1, BIT_MIN(x_ticks, BIT_TICKS_MAX)), &out->x);
    y_ticks = BIT_MAX(1, BIT_MIN(y_ticks, BIT_TICKS_MAX));
    if (chart->log_y)
        bit_ticks_log(pow(10, y.low), pow(10, y.high), y_ticks, &out->y);
    else
        bit_ticks_round(y.low, y.high, y_ticks, &out->y);
}

double bit_chart_frame_x(const struct bit_chart_frame *frame, double x)
{
    return (x - frame->x_low) / (frame->x_high - frame->x_low);
}

double bit_chart_frame_y(const struct bit_chart_frame *frame, double y)
{
    return (scaled(frame->log_y, y) - frame->y_low) / (frame->y_high - frame->y_low);
}

bool bit_chart_has_points(const struct bit_chart *chart)
{
    for (size_t s = 0; s < chart->count; s++)
        for (size_t i = 0; i < chart->series[s].count; i++)
            if (is_drawn(chart, &chart->series[s].point[i]))
                return true;
    return false;
}
