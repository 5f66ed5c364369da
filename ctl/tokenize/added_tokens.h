/* Added tokens: contents that are cut out of the text, longest first, before the pre-tokenizer sees it. */
#ifndef BIT_CTL_ADDED_TOKENS_H
#define BIT_CTL_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_added_token {
    uint32_t id;
    bool lstrip, rstrip; /* take the white space before, after it along */
};

/* A set of contents, as a tree of bytes. Zero is an empty set. */
struct bit_added_tokens {
    struct bit_added_node {
        uint32_t child, sibling; /* nodes; 0 is none */
        uint32_t token;          /* 1 + index in tokens, 0 where no content ends */
        uint8_t byte;
    } * nodes; /* [0] is not used */
    size_t node_count, node_room;
    struct bit_added_token *tokens;
    size_t token_count, token_room;
    uint32_t root[256]; /* the node of a content's first byte */
};

/** Add a content (copied, not empty). -EEXIST if the set has it already; -ENOMEM. */
int bit_added_tokens_add(struct bit_added_tokens *set, const uint8_t *content, size_t bytes,
                         struct bit_added_token token);
void bit_added_tokens_finish(struct bit_added_tokens *set);

/* A cut through a text: [begin, end) is `id`, what is left of it since the cut before is plain. */
struct bit_added_tokens_match {
    size_t begin, end;
    uint32_t id;
};

/**
 * The leftmost longest content at or after *at, which begins as 0 and is moved past the content. Contents do not
 * overlap, but white space stripped from both sides may: then begin is before the last end, and the caller has nothing
 * between. `taken` is the end of the match before (0 at first). False at the end of the text.
 */
bool bit_added_tokens_next(const struct bit_added_tokens *set, const uint8_t *s, size_t bytes, size_t *at, size_t taken,
                           struct bit_added_tokens_match *out);

#endif
