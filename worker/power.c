#include "worker/power.h"

#include <dlfcn.h>
#include <math.h>

/* From nvml.h. We need so little of it that the build does not require the header. */
enum { NVML_SUCCESS = 0, NVML_CLOCK_SM = 1, NVML_PERF_POLICY_POWER = 0, NVML_TEMPERATURE_GPU = 0 };
struct violation {
    unsigned long long reference_us, violation_ns;
};

/* Looks up a function of the library. */
static void *find(const struct bit_power *power, const char *name)
{
    return power->library == NULL ? NULL : dlsym(power->library, name);
}

static bool start(const struct bit_power *power)
{
    int (*const init)(void) = (int (*)(void))find(power, "nvmlInit_v2");

    return init != NULL && init() == NVML_SUCCESS;
}

static void *device_at(const struct bit_power *power, const char *bus)
{
    int (*const by_bus)(const char *,
                        void **) = (int (*)(const char *, void **))find(power, "nvmlDeviceGetHandleByPciBusId_v2");
    void *device = NULL;

    return by_bus != NULL && by_bus(bus, &device) == NVML_SUCCESS ? device : NULL;
}

void bit_power_open(struct bit_power *power, const struct bit_exec *exec)
{
    char bus[32];

    *power = (struct bit_power){0};
    if (bit_exec_device_bus(exec, bus) < 0)
        return;
    power->library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (start(power))
        power->device = device_at(power, bus);
    if (power->device == NULL)
        bit_power_close(power);
}

void bit_power_close(struct bit_power *power)
{
    if (power->library != NULL)
        dlclose(power->library);
    *power = (struct bit_power){0};
}

/* The present draw replaces the mean on cards without an energy counter. */
static double read_draw(const struct bit_power *power)
{
    int (*const usage)(void *, unsigned *) = (int (*)(void *, unsigned *))find(power, "nvmlDeviceGetPowerUsage");
    unsigned mw;

    return usage != NULL && usage(power->device, &mw) == NVML_SUCCESS ? 1e-3 * mw : -1;
}

static double read_temperature(const struct bit_power *power)
{
    int (*const temperature)(void *, int,
                             unsigned *) = (int (*)(void *, int, unsigned *))find(power, "nvmlDeviceGetTemperature");
    unsigned celsius;

    return temperature != NULL && temperature(power->device, NVML_TEMPERATURE_GPU, &celsius) == NVML_SUCCESS ? celsius
                                                                                                             : -1;
}

struct bit_power_reading bit_power_read(const struct bit_power *power)
{
    int (*const energy)(void *, unsigned long long *) = (int (*)(void *, unsigned long long *))find(
        power, "nvmlDeviceGetTotalEnergyConsumption");
    int (*const violated)(void *, int, struct violation *) = (int (*)(void *, int, struct violation *))find(
        power, "nvmlDeviceGetViolationStatus");
    int (*const clock)(void *, int, unsigned *) = (int (*)(void *, int, unsigned *))find(power,
                                                                                         "nvmlDeviceGetClockInfo");
    struct bit_power_reading r = {-1, -1, -1, -1, -1, -1};
    struct violation v = {0};
    unsigned long long mj;
    unsigned mhz;

    if (power->device == NULL)
        return r;
    if (energy != NULL && energy(power->device, &mj) == NVML_SUCCESS)
        r.energy_j = 1e-3 * (double)mj;
    if (violated != NULL && violated(power->device, NVML_PERF_POLICY_POWER, &v) == NVML_SUCCESS) {
        r.capped_s = 1e-9 * (double)v.violation_ns;
        r.clock_s = 1e-6 * (double)v.reference_us;
    }
    if (clock != NULL && clock(power->device, NVML_CLOCK_SM, &mhz) == NVML_SUCCESS)
        r.sm_mhz = mhz;
    r.draw_w = read_draw(power);
    r.celsius = read_temperature(power);
    return r;
}

struct bit_power_load bit_power_between(const struct bit_power_reading *before, const struct bit_power_reading *after,
                                        double seconds)
{
    struct bit_power_load load = {
        .clock_mhz = after->sm_mhz, .power_w = after->draw_w, .celsius = after->celsius, .capped = -1};

    if (before->energy_j >= 0 && after->energy_j >= before->energy_j && seconds > 0)
        load.power_w = (after->energy_j - before->energy_j) / seconds;
    if (before->clock_s >= 0 && after->clock_s > before->clock_s && after->capped_s >= before->capped_s)
        load.capped = fmin((after->capped_s - before->capped_s) / (after->clock_s - before->clock_s), 1);
    return load;
}
