/*
 * A stand-in for NVIDIA's management library, with the functions that worker/power.c calls, for GPUs that do not exist.
 * The one at bus 0000:0N:00.0 has a clock of 1900 - 100 N MHz, draws 300 + 100 N W, has 50 + N degrees, and is at its
 * power cap N quarters of the time. A test installs it under the library's name.
 */
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

struct violation {
    unsigned long long reference_us, violation_ns;
};

int nvmlInit_v2(void);
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);
int nvmlDeviceGetViolationStatus(void *device, int policy, struct violation *v);
int nvmlDeviceGetClockInfo(void *device, int which, unsigned *mhz);
int nvmlDeviceGetTemperature(void *device, int where, unsigned *celsius);

static int numbers[10];

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int nvmlInit_v2(void)
{
    return 0;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device)
{
    const int n = atoi(bus + 5) % 10;

    numbers[n] = n;
    *device = &numbers[n];
    return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    *mj = (unsigned long long)(1000 * seconds() * (300 + 100 * *(int *)device));
    return 0;
}

int nvmlDeviceGetViolationStatus(void *device, int policy, struct violation *v)
{
    v->reference_us = (unsigned long long)(1e6 * seconds());
    v->violation_ns = (unsigned long long)(1e9 * seconds() * 0.25 * *(int *)device);
    return 0;
}

int nvmlDeviceGetClockInfo(void *device, int which, unsigned *mhz)
{
    *mhz = 1900 - 100 * (unsigned)*(int *)device;
    return 0;
}

int nvmlDeviceGetTemperature(void *device, int where, unsigned *celsius)
{
    *celsius = 50 + (unsigned)*(int *)device;
    return 0;
}
