/* What a GPU draws, by NVIDIA's management library (NVML), which comes with the driver and is opened where it is. */
#ifndef BIT_WORKER_POWER_H
#define BIT_WORKER_POWER_H

#include "kernels/exec/exec.h"

struct bit_power {
    void *library, *device; /* NULL: nothing is known */
};

/* Since the driver was loaded; a value is below 0 where the card does not tell. */
struct bit_power_reading {
    double energy_j;
    double capped_s; /* at a lower clock because of the power cap ... */
    double clock_s;  /* ... by this clock */
    double sm_mhz;   /* now, as the rest */
    double draw_w;
    double celsius;
};

/* From one reading to a later one; below 0 likewise. */
struct bit_power_load {
    double clock_mhz, celsius; /* at the later one */
    double power_w;            /* the mean */
    double capped;             /* share of the time in which the power cap lowered the clock */
};

/** Of the exec's GPU. Not to have it is no error: every reading is below 0 then. */
void bit_power_open(struct bit_power *power, const struct bit_exec *exec);
void bit_power_close(struct bit_power *power);
struct bit_power_reading bit_power_read(const struct bit_power *power);
/** `seconds` apart. */
struct bit_power_load bit_power_between(const struct bit_power_reading *before, const struct bit_power_reading *after,
                                        double seconds);

#endif
