/* Kernels with planted faults: the harness must notice each fault, and must accept the sound kernel. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/kcheck/kcheck.h"

/* y = 2 x, the operator with the planted faults. */
struct twice_args {
    int64_t count;
    float *x, *y;
    enum fault {
        SOUND,
        WRONG,
        NOT_A_NUMBER,
        UNWRITTEN,
        BEFORE,
        BEYOND,
        CHANGES_INPUT,
        BY_THREADS,
        RETURNS_ERROR,
        BEYOND_WORKSPACE,
        STALE_WORKSPACE,
        FAULTS,
    } fault;
};
static const char *const fault_names[FAULTS] = {
    "sound",         "wrong",      "not a number",  "unwritten",        "before",         "beyond",
    "changes input", "by threads", "returns error", "beyond workspace", "stale workspace"};

#define SCRATCH_BYTES 64

/* Faults that are planted after the outputs are computed. */
static int plant(const struct bit_exec *exec, const struct twice_args *a)
{
    if (a->fault == WRONG)
        a->y[a->count / 2] += 1e-3f;
    if (a->fault == NOT_A_NUMBER)
        a->y[a->count - 1] = NAN;
    if (a->fault == BEFORE)
        a->y[-1] = 0;
    if (a->fault == BEYOND)
        a->y[a->count] = 0;
    if (a->fault == CHANGES_INPUT)
        a->x[0] += 1;
    if (a->fault == BY_THREADS && exec->threads > 1)
        a->y[0] = nextafterf(a->y[0], 100);
    if (a->fault == BEYOND_WORKSPACE)
        ((uint8_t *)exec->workspace)[exec->workspace_bytes] = 0;
    if (a->fault == STALE_WORKSPACE)
        a->y[0] += *(const float *)exec->workspace;
    if (a->fault == RETURNS_ERROR)
        return bit_fail(-EINVAL, "planted");
    return 0;
}

static int run_twice(const struct bit_exec *exec, const void *args)
{
    const struct twice_args *a = args;
    const bool reference = exec->backend == BIT_BACKEND_REF;

    for (int64_t i = 0; i < a->count; i++)
        if (reference || a->fault != UNWRITTEN || i != 1)
            a->y[i] = 2 * a->x[i];
    return reference ? 0 : plant(exec, a);
}

static int check_twice(struct kc *k, const int64_t *dim)
{
    const struct twice_args args = {
        .count = dim[0],
        .x = kc_in(k, "x", BIT_F32, dim[0], 1),
        .y = kc_out(k, "y", KC_F32, dim[0], KC_NEAR(1e-6, 1e-6)),
        .fault = (enum fault)dim[1],
    };

    kc_workspace(k, SCRATCH_BYTES);
    return kc_call(k, &args);
}

int kc_selftest(uint64_t seed)
{
    int unnoticed = 0;

    for (int fault = SOUND; fault < FAULTS; fault++) {
        const struct kc_shape shape = {KC_QUICK, {100, fault}};
        const struct kc_op op = {
            .name = "twice",
            .dim_names = "count fault",
            .shapes = &shape,
            .shape_count = 1,
            .body = check_twice,
            .run = run_twice,
            .flags = KC_DETERMINISTIC,
        };
        const struct kc_options options = {.seed = seed, .shapes = KC_QUICK, .isa = -1, .cpu = true};
        struct kc_tally tally = {0};

        kc_check_op(&op, &options, &tally);
        if ((tally.failures > 0) == (fault != SOUND) && tally.calls > 1)
            continue;
        fprintf(stderr, "selftest: the kernel that is '%s' was %s\n", fault_names[fault],
                tally.failures > 0 ? "refused" : "accepted");
        unnoticed++;
    }
    return unnoticed;
}
