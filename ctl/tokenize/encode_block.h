/* Turns a block of lines into ids. Each worker thread does this alone, with its own memory. */
#ifndef BIT_CTL_ENCODE_BLOCK_H
#define BIT_CTL_ENCODE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/bpe.h"
#include "ctl/tokenize/documents.h"
#include "ctl/tokenize/line_blocks.h"
#include "ctl/tokenize/tokenizer.h"

/* The result for one line, in the order of the lines; blank lines are left out. */
struct bit_encoded_line {
    uint64_t line;
    enum bit_document_fault fault; /* BIT_DOCUMENT_GOOD: a document; it has no tokens if its text is empty */
    size_t column;                 /* of a fault, from 1 */
    size_t tokens;                 /* including the end-of-text token */
    size_t text_bytes;
    size_t id_at, id_bytes; /* where the document's id is in bit_encoded.ids */
};

/* A zeroed struct is ready for use, and is reused block after block. */
struct bit_encoded {
    uint8_t *tokens; /* little-endian, all documents one after another */
    size_t tokens_room;
    struct bit_encoded_line *lines;
    size_t line_count, line_room;
    uint8_t *ids;
    size_t ids_bytes, ids_room;
    struct bit_ids scratch;
};
void bit_encoded_finish(struct bit_encoded *encoded);

struct bit_encode_options {
    const struct bit_tokenizer *tokenizer;
    uint32_t end_of_text;
    unsigned token_bytes; /* 2 or 4 */
    bool keep_space;
};

struct bit_block_encoder;
/** `options` is borrowed until destroy. -ENOMEM. */
int bit_block_encoder_create(const struct bit_encode_options *options, struct bit_block_encoder **out);
void bit_block_encoder_destroy(struct bit_block_encoder *encoder);
/** Encode the lines of block from number first_line on. -ENOMEM; BIT_EDATA if PCRE2 gives up on a pattern. */
int bit_block_encode(struct bit_block_encoder *encoder, const struct bit_line_block *block, uint64_t first_line,
                     struct bit_encoded *out);

#endif
