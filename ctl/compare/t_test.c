#include "ctl/compare/t_test.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"

/* ---- Student's distribution */

#define TERMS 500

/* Keeps a term of the continued fraction away from 0. */
static double away_from_0(double x)
{
    return fabs(x) < DBL_MIN / DBL_EPSILON ? DBL_MIN / DBL_EPSILON : x;
}

/* The continued fraction of the incomplete beta function by Lentz's method; x < (a + 1) / (a + b + 2).
 * Source: DLMF 8.17.22 */
static double beta_fraction(double x, double a, double b)
{
    double c = 1, d = 1 / away_from_0(1 - (a + b) * x / (a + 1)), value = d;

    for (int m = 1; m <= TERMS; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_0(1 + even * d);
        c = away_from_0(1 + even / c);
        value *= c * d;
        d = 1 / away_from_0(1 + odd * d);
        c = away_from_0(1 + odd / c);
        value *= c * d;
        if (fabs(c * d - 1) < 4 * DBL_EPSILON)
            break;
    }
    return value;
}

/* I_x(a, b); y = 1 - x is passed separately because x may be near 1. */
static double beta(double x, double y, double a, double b)
{
    if (x <= 0 || y <= 0)
        return x <= 0 ? 0 : 1;
    const double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
    return x < (a + 1) / (a + b + 2) ? front * beta_fraction(x, a, b) / a : 1 - front * beta_fraction(y, b, a) / b;
}

double bit_t_test_p(double t, double freedom)
{
    if (isinf(t))
        return 0;
    const double all = freedom + t * t;
    return beta(freedom / all, t * t / all, freedom / 2, 0.5);
}

/* The t for which p is 0.05, by bisection. */
static double t_of_95(double freedom)
{
    double low = 0, high = 2;

    while (bit_t_test_p(high, freedom) > 0.05)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-14 * high; i++) {
        double middle = (low + high) / 2;
        if (bit_t_test_p(middle, freedom) > 0.05)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

/* ---- the tests */

static double mean_of(const double *x, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += x[i];
    return sum / (double)count;
}

/* Variance of the mean: s^2 / n. */
static double variance_of_mean(const double *x, size_t count)
{
    const double mean = mean_of(x, count), n = (double)count;
    double squares = 0;

    for (size_t i = 0; i < count; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return squares / (n - 1) / n;
}

static void finish(struct bit_t_test *out, double variance, double freedom)
{
    const double error = sqrt(variance), reach = error > 0 ? t_of_95(freedom) * error : 0;

    out->known = true;
    out->freedom = freedom;
    out->t = error > 0 ? out->difference / error : out->difference != 0 ? copysign(INFINITY, out->difference) : 0;
    out->p = error > 0 || out->difference != 0 ? bit_t_test_p(out->t, freedom) : 1;
    out->low = out->difference - reach;
    out->high = out->difference + reach;
}

void bit_t_test_paired(const double *a, const double *b, size_t count, struct bit_t_test *out)
{
    const double n = (double)count;
    double squares = 0;

    *out = (struct bit_t_test){.difference = mean_of(b, count) - mean_of(a, count)};
    if (count < 2)
        return;
    for (size_t i = 0; i < count; i++)
        squares += pow(b[i] - a[i] - out->difference, 2);
    finish(out, squares / (n - 1) / n, n - 1);
}

void bit_t_test_welch(const double *a, size_t a_count, const double *b, size_t b_count, struct bit_t_test *out)
{
    *out = (struct bit_t_test){.difference = mean_of(b, b_count) - mean_of(a, a_count)};
    if (a_count < 2 || b_count < 2)
        return;
    const double va = variance_of_mean(a, a_count), vb = variance_of_mean(b, b_count);
    const double all = va + vb, na = (double)a_count - 1, nb = (double)b_count - 1;
    finish(out, all, all > 0 ? all * all / (va * va / na + vb * vb / nb) : na + nb);
}

/* ---- Holm */

struct place {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    const double one = ((const struct place *)a)->p, other = ((const struct place *)b)->p;

    return (one > other) - (one < other);
}

int bit_t_test_holm(double *p, size_t count)
{
    struct place *order = calloc(count + 1, sizeof *order);
    double least = 0;

    if (order == NULL)
        return bit_fail(-ENOMEM, "a correction of p");
    for (size_t i = 0; i < count; i++)
        order[i] = (struct place){p[i], i};
    qsort(order, count, sizeof *order, by_p);
    for (size_t i = 0; i < count; i++) {
        least = BIT_MAX(least, BIT_MIN(1, order[i].p * (double)(count - i)));
        p[order[i].at] = least;
    }
    free(order);
    return 0;
}
