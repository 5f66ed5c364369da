/*
 * What a step was, to the bit, and the chain of all steps up to it.
 *
 *     link(0) = hash(digest of the weights that training began with)
 *     link(s) = hash(link(s - 1), s, position, tokens, precision, skipped, strength, lr, loss, gradient norm)
 *
 * Two runs with equal links at step s had the same facts in all steps up to s, even if their journals no longer hold
 * those steps. The hash is XXH3-64 over little-endian words: it detects faults, but does not resist forgery.
 */
#ifndef BIT_PROTO_CHAIN_H
#define BIT_PROTO_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

/* The facts of one step. Loss and gradient norm, hence skipped and link, depend on the machine; the rest does not. */
struct bit_fact {
    double loss, grad_norm, lr, strength;
    uint64_t position; /* of the batch in the order of the data, from 1 */
    uint64_t link;
    uint32_t token_crc;
    uint16_t machine; /* the caller's number of a struct bit_machine */
    uint8_t precision;
    bool skipped; /* no update was made */
};

/* What determines the order in which sums are added. */
struct bit_machine {
    uint32_t ranks, micro_instances;
    char backend[192];
    char products[192]; /* the cards of WorkerReady.product, separated by "; "; empty: WorkerReady listed none */
};

/* The first fact of a step that differs, with both values as text: "0x3ff0000000000000 (1)". */
struct bit_difference {
    const char *field; /* NULL: none */
    char was[64], is[64];
};

/** From a report as it is journalled. Sets machine to 0. */
void bit_fact_from_report(struct bit_fact *fact, const Bit__StepReport *report);
uint64_t bit_chain_begin(uint64_t weights_digest);
uint64_t bit_chain_next(uint64_t before, uint64_t step, const struct bit_fact *fact);

/**
 * Finds the first difference, causes before effects: position, tokens, precision, strength, learning rate, then (with
 * `arithmetic`) whether the update was skipped, loss and gradient norm. Returns true if there is none.
 */
bool bit_fact_equal(const struct bit_fact *was, const struct bit_fact *is, bool arithmetic, struct bit_difference *out);
/** "0x000000000000000a (10)". */
void bit_text_of_u64(uint64_t v, char out[64]);

/** Whether both add sums in the same order; if not, text is the reason: "ranks 2 -> 4". */
bool bit_machine_equal(const struct bit_machine *was, const struct bit_machine *is, char *text, size_t room);
void bit_machine_from_ready(struct bit_machine *machine, const Bit__WorkerReady *ready, uint32_t ranks);

#endif
