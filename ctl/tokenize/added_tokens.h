/* Added tokens: contents that are cut out of the text, longest first, before the pre-tokenizer sees it. */
#ifndef BIT_CTL_ADDED_TOKENS_H
#define BIT_CTL_ADDED_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bit_added_token {
    uint32_t id;
    bool lstrip, rstrip; /* also take the white space before, after the token */
};

/* A set of contents, stored as a trie of bytes. A zeroed struct is an empty set. */
struct bit_added_tokens {
    struct bit_added_node {
        uint32_t child, sibling; /* indices in nodes; 0: none */
        uint32_t token;          /* 1 + index in tokens, 0 where no content ends */
        uint8_t byte;
    } * nodes; /* nodes[0] is not used */
    size_t node_count, node_room;
    struct bit_added_token *tokens;
    size_t token_count, token_room;
    uint32_t root[256]; /* index of the node of a content's first byte */
};

/** Add a content (copied, not empty). -EEXIST if the set has it already; -ENOMEM. */
int bit_added_tokens_add(struct bit_added_tokens *set, const uint8_t *content, size_t bytes,
                         struct bit_added_token token);
void bit_added_tokens_finish(struct bit_added_tokens *set);

/* One match in a text: [begin, end) becomes `id`. The text between two matches is plain. */
struct bit_added_tokens_match {
    size_t begin, end;
    uint32_t id;
};

/**
 * Find the next match at or after *at: the leftmost, of several the longest. The caller sets *at to 0 before the first
 * call; the function moves it past the content. `taken` is the end of the match before, 0 at first. Contents do not
 * overlap, but a content may begin in white space that the match before it took along: then begin may be below
 * `taken`, and no plain text is between the two. Returns false at the end of the text.
 */
bool bit_added_tokens_next(const struct bit_added_tokens *set, const uint8_t *s, size_t bytes, size_t *at, size_t taken,
                           struct bit_added_tokens_match *out);

#endif
