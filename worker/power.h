/* What a GPU draws, by NVIDIA's management library (NVML), which comes with the driver and is opened where it is. */
#ifndef BIT_WORKER_POWER_H
#define BIT_WORKER_POWER_H

#include "kernels/exec.h"

struct bit_power {
    void *library, *device; /* NULL: nothing is known */
};

/* Since the driver was loaded; a value is below 0 where the card does not tell. */
struct bit_power_reading {
    double energy_j;
    double capped_s; /* at a lower clock because of the power cap ... */
    double clock_s;  /* ... by this clock */
    double sm_mhz;   /* now */
};

/** Of the exec's GPU. Not to have it is no error: every reading is below 0 then. */
void bit_power_open(struct bit_power *power, const struct bit_exec *exec);
void bit_power_close(struct bit_power *power);
struct bit_power_reading bit_power_read(const struct bit_power *power);

#endif
