/*
 * The order of a run's instances: for each epoch numpy.random.Generator(PCG64(seed + epoch)).shuffle(arange(count)),
 * which is OLMo's, read in pieces.
 *
 * A shuffle of up to BIT_SHUFFLE_WINDOW instances is computed whole. The order of a larger one is computed window by
 * window from the swaps that affect the window (swap_trace.h), the next window on a thread while this one is read. 1.5
 * billion instances take as much memory as twenty million. Among all shuffles, one window is computed at a time.
 */
#ifndef BIT_PROTO_SHUFFLE_H
#define BIT_PROTO_SHUFFLE_H

#include <stddef.h>
#include <stdint.h>

#define BIT_SHUFFLE_WINDOW (1u << 22) /* two windows of 16 MiB, and 100 MiB while one is computed */

struct bit_shuffle;

/**
 * Limits      1 <= count <= UINT32_MAX
 * Errors      BIT_ELIMIT; -ENOMEM
 * Source      olmo/data/iterable_dataset.py: data_shuffle_seed + epoch, uint32 indices
 */
int bit_shuffle_create(uint64_t seed, uint64_t count, struct bit_shuffle **out);
/** The same with another window, 1 to BIT_SHUFFLE_WINDOW, for the sources of a mixture, which share the memory. */
int bit_shuffle_create_windowed(uint64_t seed, uint64_t count, uint32_t window, struct bit_shuffle **out);
/** Waits for its thread, for milliseconds at most. NULL is allowed. */
void bit_shuffle_destroy(struct bit_shuffle *s);

/**
 * The instances at the places [first, first + n) of an epoch's order. Fast while places and epochs increase. Going
 * back, or ahead by more than a window, computes a window first, which takes seconds for a billion instances.
 * Shapes      out is (n)       Limits  first + n <= count
 * Errors      -ENOMEM
 */
int bit_shuffle_read(struct bit_shuffle *s, uint64_t epoch, uint64_t first, size_t n, uint32_t *out);

#endif
