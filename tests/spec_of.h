/* A specification made of assignments, as `--set` takes them. */
#ifndef BIT_TESTS_SPEC_OF_H
#define BIT_TESTS_SPEC_OF_H

#include <stddef.h>
#include <stdlib.h>

#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

/* A normalised specification of olmo_20m with a held-out set, changed by `base` and then by `set`, lists that end with
 * NULL. The caller frees it with bit_msg_free. */
static inline Bit__RunSpec *test_spec_of(const char *const *base, const char *const *set)
{
    static const char *const always[] = {"model.preset=olmo_20m",
                                         "data.train=a.npy",
                                         "batch.instances=4",
                                         "schedule.peak_lr=1e-3",
                                         "eval.set={name: \"a\" path: \"b.npy\"}",
                                         NULL};
    const char *const *const part[] = {always, base, set};
    Bit__RunSpec empty = BIT__RUN_SPEC__INIT, *spec = bit_msg_clone(&empty);
    struct bit_problems *problems = calloc(1, sizeof *problems);

    for (size_t p = 0; p < sizeof part / sizeof *part; p++)
        for (const char *const *text = part[p]; *text != NULL; text++)
            EXPECT_EQ(bit_spec_set(spec, *text, problems), 0);
    EXPECT_EQ(bit_spec_normalise(spec, "/", problems), 0);
    free(problems);
    return spec;
}

#endif
