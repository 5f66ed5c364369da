/*
 * What a step was, to the bit, and the chain of all steps up to it.
 *
 *     link(0) = hash(digest of the weights that training began with)
 *     link(s) = hash(link(s - 1), s, position, tokens, precision, skipped, strength, lr, loss, gradient norm)
 *
 * Two runs whose links of step s are equal did the same up to there, whatever their journals still hold. The hash is
 * XXH3-64 over little-endian words: it finds faults, it does not stand against somebody who wants to cheat.
 */
#ifndef BIT_PROTO_CHAIN_H
#define BIT_PROTO_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* The facts of one step. Loss and norm depend on what it ran on; the rest does not even depend on the ranks. */
struct bit_fact {
    double loss, grad_norm, lr, strength;
    uint64_t position; /* of the batch in the order of the data, from 1 */
    uint64_t link;
    uint32_t token_crc;
    uint16_t machine; /* the caller's number of a struct bit_machine */
    uint8_t precision;
    bool skipped; /* no update was made */
};

/* What decides in which order sums are added. */
struct bit_machine {
    uint32_t ranks, micro_instances;
    char backend[192];
    char products[192]; /* whose algorithms its products are by, card by card; empty: its own, or nobody said */
};

/* The first of a step's facts that is not what it was: both as "0x3ff0000000000000 (1)". */
struct bit_difference {
    const char *field; /* NULL: none */
    char was[64], is[64];
};

/** From a report as it is journalled. machine is left 0. */
void bit_fact_from_report(struct bit_fact *fact, const Bit__StepReport *report);
uint64_t bit_chain_begin(uint64_t weights_digest);
uint64_t bit_chain_next(uint64_t before, uint64_t step, const struct bit_fact *fact);

/**
 * The first difference, in the order in which one brings about the next: position, tokens, precision, strength,
 * learning rate, then (with `arithmetic`) whether the update was skipped, loss and gradient norm. true if there is
 * none.
 */
bool bit_fact_equal(const struct bit_fact *was, const struct bit_fact *is, bool arithmetic, struct bit_difference *out);
/** "0x000000000000000a (10)". */
void bit_text_of_u64(uint64_t v, char out[64]);

/** Whether both add in the same order; if not, text says why not: "ranks 2 -> 4". */
bool bit_machine_equal(const struct bit_machine *was, const struct bit_machine *is, char *text, size_t room);
void bit_machine_from_ready(struct bit_machine *machine, const Bit__WorkerReady *ready, uint32_t ranks);

#endif
