/* Specifications for tests: from a text, or from assignments as `--set` takes them. The caller frees each with
 * bit_msg_free. */
#ifndef BIT_TESTS_SPEC_OF_H
#define BIT_TESTS_SPEC_OF_H

#include <stddef.h>
#include <string.h>

#include "proto/spec/spec.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

/* The problems of the last specification. The files of a program share them. */
__attribute__((weak)) struct bit_problems test_problems;

/** A text as it is, without defaults. */
static inline Bit__RunSpec *test_spec_parse(const char *text)
{
    ProtobufCMessage *spec = NULL;

    test_problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &spec, &test_problems), 0);
    return (Bit__RunSpec *)spec;
}

/** A text with the defaults filled in; relative paths become those in `directory` (NULL: they stay). */
static inline Bit__RunSpec *test_spec_normalised(const char *text, const char *directory)
{
    Bit__RunSpec *spec = test_spec_parse(text);

    EXPECT_EQ(bit_spec_normalise(spec, directory, &test_problems), 0);
    return spec;
}

/** A normalised specification of olmo_20m with a held-out set, changed by `base` and then by `set`, lists that end with
 * NULL. */
static inline Bit__RunSpec *test_spec_of(const char *const *base, const char *const *set)
{
    static const char *const always[] = {"model.preset=olmo_20m",
                                         "data.train=a.npy",
                                         "batch.instances=4",
                                         "schedule.peak_lr=1e-3",
                                         "eval.set={name: \"a\" path: \"b.npy\"}",
                                         NULL};
    const char *const *const part[] = {always, base, set};
    Bit__RunSpec *spec = test_spec_parse("");

    for (size_t p = 0; p < sizeof part / sizeof *part; p++)
        for (const char *const *text = part[p]; *text != NULL; text++)
            EXPECT_EQ(bit_spec_set(spec, *text, &test_problems), 0);
    EXPECT_EQ(bit_spec_normalise(spec, "/", &test_problems), 0);
    return spec;
}

#endif
