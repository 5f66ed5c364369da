/*
 * Byte-pair encoding: a piece of text becomes tokens by joining neighbours repeatedly. Each time the pair whose merge
 * has the lowest rank is joined, the leftmost one if several are equal, until no merge applies. Source: arXiv
 * 1508.07909, section 3.2, over bytes as GPT-2 does.
 */
#ifndef BIT_CTL_BPE_H
#define BIT_CTL_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_BPE_TOKENS_MAX (1u << 24) /* ids are below this */
#define BIT_BPE_NONE       UINT32_MAX

/* The merges and the vocabulary. Read-only after loading, and shared by all threads. */
struct bit_bpe {
    struct bit_bpe_merge {
        uint64_t pair; /* left id << 32 | right id; UINT64_MAX: the entry is free */
        uint32_t rank, id;
    } * merges; /* hash table with open addressing; its size is a power of two */
    size_t merge_mask, merge_count;
    uint32_t byte_id[256]; /* the token of each byte, BIT_BPE_NONE if there is none */

    struct bit_bpe_token {
        const uint8_t *bytes; /* its text; NULL if the id is not used. Borrowed from the owner */
        uint32_t length;
    } * tokens; /* by id */
    uint32_t token_count;
    uint32_t *by_bytes; /* hash table with open addressing, over tokens that merges can make: id, or BIT_BPE_NONE */
    size_t by_bytes_mask;
    bool whole_first; /* "ignore_merges": a piece that is itself a token becomes that token, without merging */
};

/* A growing list of ids. A zeroed struct is an empty list. */
struct bit_ids {
    uint32_t *id;
    size_t count, room;
};
/** Make room for `more` ids after the present ones. -ENOMEM. */
int bit_ids_reserve(struct bit_ids *ids, size_t more);
void bit_ids_finish(struct bit_ids *ids);

/* One thread's memory: a cache of encoded pieces, and working memory. About 4 MiB. */
struct bit_bpe_scratch;

/** Allocate the tables for so many ids and merges, all unused. -ENOMEM; BIT_ELIMIT. */
int bit_bpe_init(struct bit_bpe *bpe, uint32_t token_count, size_t merge_count);
/** Add a merge. A later merge of the same pair replaces the earlier one. */
void bit_bpe_add_merge(struct bit_bpe *bpe, uint32_t left, uint32_t right, uint32_t rank, uint32_t id);
/**
 * Token `id` stands for these bytes (borrowed until finish). in_pieces: whether the encoding of a piece may contain it.
 * If so, it is the token of its byte if it has only one, and whole_first finds it. False for mere added tokens.
 */
void bit_bpe_add_token(struct bit_bpe *bpe, uint32_t id, const uint8_t *bytes, size_t length, bool in_pieces);
void bit_bpe_finish(struct bit_bpe *bpe);

int bit_bpe_scratch_create(struct bit_bpe_scratch **out);
void bit_bpe_scratch_destroy(struct bit_bpe_scratch *scratch);

/**
 * Append the ids of one piece. Every byte must have a token; the loader checks that. Time is n log n in the piece's
 * bytes; a piece that is in the cache costs one look-up. -ENOMEM; BIT_ELIMIT above 2^31 bytes.
 */
int bit_bpe_encode(const struct bit_bpe *bpe, struct bit_bpe_scratch *scratch, const uint8_t *piece, size_t bytes,
                   struct bit_ids *out);

#endif
