#include "ctl/chart/ticks.h"

#include <math.h>
#include <stdio.h>

#include "proto/check.h"

/* ---- texts */

struct unit {
    double size;
    const char *name;
};

/* The unit for an axis of numbers up to `most`; below ten thousand there is none. */
static struct unit unit_of(double most)
{
    static const struct unit units[] = {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "k"}};

    for (size_t i = 0; most >= 1e4 && i < BIT_COUNT(units); i++)
        if (most >= units[i].size)
            return units[i];
    return (struct unit){1, ""};
}

static int decimals_of(double step)
{
    return (int)BIT_MAX(0, ceil(-log10(step) - 1e-9));
}

static int power_of(double x)
{
    return (int)floor(log10(fabs(x)) + 1e-9);
}

static void write_text(double value, double step, double most, char out[BIT_TICK_TEXT])
{
    struct unit unit = unit_of(most);
    int decimals = decimals_of(step / unit.size);

    if (value == 0)
        snprintf(out, BIT_TICK_TEXT, "0");
    else if (decimals > 5 || most >= 1e16)
        snprintf(out, BIT_TICK_TEXT, "%.*e", BIT_MAX(0, BIT_MIN(8, power_of(value) - power_of(step))), value);
    else
        snprintf(out, BIT_TICK_TEXT, "%.*f%s", decimals, value / unit.size, unit.name);
}

/* ---- positions */

/* The smallest of 1, 2, 5 times a power of ten that is at least x. */
static double round_up(double x)
{
    const double power = pow(10, floor(log10(x)));
    static const double factors[] = {1, 2, 5, 10};

    for (size_t i = 0; i < BIT_COUNT(factors); i++)
        if (factors[i] * power >= x * (1 - 1e-9))
            return factors[i] * power;
    return 10 * power;
}

void bit_ticks_round(double low, double high, int most, struct bit_ticks *out)
{
    double step = round_up((high - low) / most);

    BIT_ASSERT(low < high && most >= 1 && most <= BIT_TICKS_MAX);
    while (floor(high / step + 1e-9) - ceil(low / step - 1e-9) + 1 > most)
        step = round_up(step * 1.5);
    const double first = ceil(low / step - 1e-9);
    out->count = 0;
    for (double k = first; k <= floor(high / step + 1e-9); k++) {
        double at = k * step;
        out->at[out->count] = BIT_MAX(low, BIT_MIN(high, at));
        write_text(at, step, BIT_MAX(fabs(low), fabs(high)), out->text[out->count++]);
    }
}

static void add_powers(double low, double high, const double *factor, int factors, int every, struct bit_ticks *out,
                       int *count)
{
    *count = 0;
    for (int power = (int)floor(log10(low)); power <= (int)ceil(log10(high)); power++) {
        if (power % every != 0)
            continue;
        for (int i = 0; i < factors; i++) {
            double at = factor[i] * pow(10, power);
            if (at < low * (1 - 1e-9) || at > high * (1 + 1e-9))
                continue;
            if (*count < BIT_TICKS_MAX) {
                out->at[*count] = BIT_MAX(low, BIT_MIN(high, at));
                write_text(at, at, at, out->text[*count]);
            }
            ++*count;
        }
    }
}

void bit_ticks_log(double low, double high, int most, struct bit_ticks *out)
{
    static const double factors[] = {1, 2, 5};
    int count;

    BIT_ASSERT(low > 0 && low < high && most >= 1 && most <= BIT_TICKS_MAX);
    add_powers(low, high, factors, 3, 1, out, &count);
    if (count < 3) {
        bit_ticks_round(low, high, most, out);
        return;
    }
    for (int every = 1; count > most; every++)
        add_powers(low, high, factors, 1, every, out, &count);
    out->count = count;
}
