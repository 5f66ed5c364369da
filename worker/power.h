/* Power, clock and temperature of a GPU, read through NVIDIA's management library (NVML). The driver brings it; it is
 * loaded at run time where it exists. */
#ifndef BIT_WORKER_POWER_H
#define BIT_WORKER_POWER_H

#include "kernels/exec/exec.h"

struct bit_power {
    void *library, *device; /* NULL: not available */
};

/* A value is below 0 if the card does not report it. */
struct bit_power_reading {
    double energy_j;
    double capped_s; /* time in which the power cap lowered the clock, since the driver was loaded ... */
    double clock_s;  /* ... and the time by the same counter's clock */
    double sm_mhz;   /* now, as are the rest */
    double draw_w;
    double celsius;
};

/* Between two readings; below 0 likewise. */
struct bit_power_load {
    double clock_mhz, celsius; /* at the later reading */
    double power_w;            /* the mean */
    double capped;             /* share of the time in which the power cap lowered the clock */
};

/** Open the exec's GPU. Failing to is no error: every reading is then below 0. */
void bit_power_open(struct bit_power *power, const struct bit_exec *exec);
void bit_power_close(struct bit_power *power);
struct bit_power_reading bit_power_read(const struct bit_power *power);
/** The load between two readings that are `seconds` apart. */
struct bit_power_load bit_power_between(const struct bit_power_reading *before, const struct bit_power_reading *after,
                                        double seconds);

#endif
