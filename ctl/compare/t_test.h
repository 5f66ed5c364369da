/*
 * Tests whether two means differ by more than the runs do among themselves: Student's t-test, paired or Welch's, and
 * Holm's correction for many tests. Pure.
 */
#ifndef BIT_CTL_T_TEST_H
#define BIT_CTL_T_TEST_H

#include <stdbool.h>
#include <stddef.h>

struct bit_t_test {
    double difference; /* of the means: b minus a */
    bool known;        /* false: a side has fewer than two values, and the fields below are not set */
    double t, freedom; /* t is infinite if there is a difference and no deviation */
    double p;          /* two-sided */
    double low, high;  /* 95% confidence interval of the difference */
};

/**
 * a[i] and b[i] have the same seed: the mean of their differences over its standard error, s / sqrt(n), has Student's
 * distribution with n - 1 degrees of freedom.
 * Accuracy    p, low and high: relative error below 1e-9 for p above 1e-12
 */
void bit_t_test_paired(const double *a, const double *b, size_t count, struct bit_t_test *out);
/** For independent runs; the degrees of freedom are Welch's and Satterthwaite's. */
void bit_t_test_welch(const double *a, size_t a_count, const double *b, size_t b_count, struct bit_t_test *out);
/** Holm's correction in place: the k-th smallest of n is multiplied by n - k + 1, and is at least the smaller ones.
 * -ENOMEM. */
int bit_t_test_holm(double *p, size_t count);
/** P(|T| > |t|) of Student's distribution; freedom > 0. */
double bit_t_test_p(double t, double freedom);

#endif
