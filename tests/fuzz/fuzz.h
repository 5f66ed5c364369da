/*
 * A fuzz target is one function that takes one input. In a libFuzzer build (clang, -Dfuzz=enabled) libFuzzer calls it;
 * otherwise replay.c calls it, in every test run, for each file of the corpus and for seeded mutations of them.
 * A target must not crash, and must check that what the parser accepts is consistent (FUZZ_CHECK).
 */
#ifndef BIT_TESTS_FUZZ_FUZZ_H
#define BIT_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "proto/check.h"

#define FUZZ_CHECK(cond) BIT_ASSERT(cond)

/** Always returns 0. `data` has exactly `bytes` bytes, without a NUL at the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif
