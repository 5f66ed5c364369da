/*
 * A fuzz target is one function on one input. libFuzzer calls it where the build has it (clang, -Dfuzz=enabled);
 * everywhere else replay.c calls it for each file of the corpus and for seeded mutations of them, in every test run.
 * A target checks more than that it survives: what was accepted must be what it claims to be (FUZZ_CHECK).
 */
#ifndef BIT_TESTS_FUZZ_FUZZ_H
#define BIT_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "proto/check.h"

#define FUZZ_CHECK(cond) BIT_ASSERT(cond)

/** Always returns 0. `data` has no byte beyond bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
