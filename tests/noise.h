/* Random numbers, the same in every run of a test. The files of a program share the sequence. */
#ifndef BIT_TESTS_NOISE_H
#define BIT_TESTS_NOISE_H

#include <stdint.h>

__attribute__((weak)) uint64_t test_noise_state = 1;

/** In [0, 1). */
static inline double test_uniform(void)
{
    test_noise_state = test_noise_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(test_noise_state >> 11) * 0x1p-53;
}

/** About normal, with standard deviation 1. */
static inline double test_noise(void)
{
    double sum = 0;

    for (int i = 0; i < 12; i++)
        sum += test_uniform();
    return sum - 6;
}

#endif
