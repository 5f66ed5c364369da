/*
 * A specification: bytes, text or binary, then `--set` assignments, each after a NUL. It is normalised, validated, and
 * if valid, scheduled. Nothing may crash, and a valid one must give every step usable numbers.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/spec/schedule.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/fuzz/fuzz.h"

static struct bit_problems problems;

/* Reads the specification from an anonymous file. */
static Bit__RunSpec *read_spec(const uint8_t *data, size_t size)
{
    Bit__RunSpec *spec = NULL;
    char path[32];
    int fd = memfd_create("spec", 0);

    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int err = bit_spec_load(path, &spec, &problems);
    close(fd);
    FUZZ_CHECK((err == 0) == (spec != NULL) && (err == 0) == (problems.count == 0));
    return spec;
}

static void check_step(const Bit__RunSpec *spec, const struct bit_switch_plan *plan, uint64_t step)
{
    struct bit_step_plan at;

    bit_schedule_at(spec, plan, step, &at);
    FUZZ_CHECK(isfinite(at.lr) && at.lr >= 0);
    FUZZ_CHECK(at.strength > 0 && at.strength <= 1);
    FUZZ_CHECK(at.weight_decay >= 0 && at.beta1 >= 0 && at.beta1 < 1 && at.beta2 >= 0 && at.beta2 < 1);
    FUZZ_CHECK((at.precision == BIT__PRECISION__TERNARY) == (plan->planned && step > plan->at_step));
}

static void check_schedule(const Bit__RunSpec *spec)
{
    const Bit__ScheduleSpec *s = spec->schedule;
    struct bit_switch_plan plan;

    bit_switch_plan_init(&plan, spec);
    check_step(spec, &plan, 1);
    check_step(spec, &plan, BIT_MAX(s->warmup_steps, 1u));
    check_step(spec, &plan, plan.at_step + 1);
    check_step(spec, &plan, plan.at_step / 2 + s->steps / 2 + 1);
    check_step(spec, &plan, s->steps);
}

/* Normalising a valid specification again changes nothing. */
static void check_stable(Bit__RunSpec *spec)
{
    char *before, *after;

    FUZZ_CHECK(bit_text_print(&spec->base, &before, NULL) == 0);
    FUZZ_CHECK(bit_spec_normalise(spec, "/other", &problems) == 0);
    FUZZ_CHECK(bit_text_print(&spec->base, &after, NULL) == 0);
    FUZZ_CHECK(strcmp(before, after) == 0);
    free(before);
    free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A binary spec contains NULs, so it takes no assignments. */
    bool binary = size > 0 && data[0] == 0xff;
    const uint8_t *nul = binary || size == 0 ? NULL : memchr(data, '\0', size);
    size_t spec_size = nul != NULL ? (size_t)(nul - data) : size;

    problems.count = problems.position_count = 0;
    Bit__RunSpec *spec = binary ? read_spec(data + 1, size - 1) : read_spec(data, spec_size);
    char *rest = spec != NULL && nul != NULL ? calloc(1, size - spec_size + 1) : NULL;
    if (rest != NULL) {
        memcpy(rest, nul + 1, size - spec_size - 1);
        for (char *a = rest; a < rest + (size - spec_size - 1); a += strlen(a) + 1)
            bit_spec_set(spec, a, &problems);
        free(rest);
    }
    if (spec != NULL && bit_spec_normalise(spec, "/data", &problems) == 0 && bit_spec_validate(spec, &problems) == 0) {
        check_schedule(spec);
        check_stable(spec);
    }
    bit_msg_free(spec);
    return 0;
}
