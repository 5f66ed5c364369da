#include "ctl/tokenize/encode_block.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

struct bit_block_encoder {
    const struct bit_encode_options *options;
    struct bit_encoder *encoder;
    struct bit_document_scratch scratch;
};

static int grow(void **data, size_t *room, size_t need, size_t size)
{
    if (need <= *room)
        return 0;
    size_t more = need + need / 2 + 16;
    void *grown = realloc(*data, more * size);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "a block's documents");
    *data = grown;
    *room = more;
    return 0;
}

static int add_line(struct bit_encoded *out, const struct bit_encoded_line *line)
{
    int err = grow((void **)&out->lines, &out->line_room, out->line_count + 1, sizeof *out->lines);

    if (err == 0)
        out->lines[out->line_count++] = *line;
    return err;
}

static int add_document(struct bit_encoded *out, uint64_t line, size_t tokens, const struct bit_document *document)
{
    int err = grow((void **)&out->ids, &out->ids_room, out->ids_bytes + document->id_bytes, 1);

    if (err < 0)
        return err;
    if (document->id_bytes > 0)
        memcpy(out->ids + out->ids_bytes, document->id, document->id_bytes);
    err = add_line(out, &(struct bit_encoded_line){
                            .line = line,
                            .tokens = tokens,
                            .text_bytes = document->text_bytes,
                            .id_at = out->ids_bytes,
                            .id_bytes = document->id_bytes,
                        });
    out->ids_bytes += document->id_bytes;
    return err;
}

static int encode_document(struct bit_block_encoder *e, uint64_t line, struct bit_document *document,
                           struct bit_encoded *out)
{
    struct bit_ids *ids = &out->scratch;
    const size_t first = ids->count;

    if (!e->options->keep_space)
        bit_document_strip(document);
    if (document->text_bytes == 0)
        return add_line(out, &(struct bit_encoded_line){.line = line});
    int err = bit_encoder_encode(e->encoder, document->text, document->text_bytes, ids);
    if (err == 0)
        err = bit_ids_reserve(ids, 1);
    if (err < 0)
        return err;
    if (ids->count == first || ids->id[ids->count - 1] != e->options->end_of_text)
        ids->id[ids->count++] = e->options->end_of_text;
    return add_document(out, line, ids->count - first, document);
}

static int encode_line(struct bit_block_encoder *e, uint64_t line, const uint8_t *begin, size_t bytes,
                       struct bit_encoded *out)
{
    struct bit_document document;
    size_t at;
    int fault = bit_document_parse(begin, bytes, &e->scratch, &document, &at);

    if (fault < 0 || fault == BIT_DOCUMENT_BLANK)
        return fault < 0 ? fault : 0;
    if (fault == BIT_DOCUMENT_GOOD)
        return encode_document(e, line, &document, out);
    return add_line(
        out, &(struct bit_encoded_line){.line = line, .fault = (enum bit_document_fault)fault, .column = at + 1});
}

/* Write the ids in the byte order and width of the token file. */
static int pack(struct bit_encoded *out, unsigned token_bytes)
{
    const struct bit_ids *ids = &out->scratch;
    int err = grow((void **)&out->tokens, &out->tokens_room, ids->count * token_bytes, 1);

    if (err < 0)
        return err;
    for (size_t i = 0; i < ids->count; i++) {
        for (unsigned b = 0; b < token_bytes; b++)
            out->tokens[i * token_bytes + b] = (uint8_t)(ids->id[i] >> 8 * b);
    }
    return 0;
}

int bit_block_encode(struct bit_block_encoder *e, const struct bit_line_block *block, uint64_t first_line,
                     struct bit_encoded *out)
{
    const uint8_t *at = block->data, *end = at + block->bytes;
    int err = 0;

    out->scratch.count = out->line_count = out->ids_bytes = 0;
    for (uint64_t line = block->first_line; at < end && err == 0; line++) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline == NULL ? end : newline;
        if (line >= first_line)
            err = encode_line(e, line, at, (size_t)(stop - at), out);
        at = stop + 1;
    }
    return err < 0 ? err : pack(out, e->options->token_bytes);
}

void bit_encoded_finish(struct bit_encoded *encoded)
{
    bit_ids_finish(&encoded->scratch);
    free(encoded->tokens);
    free(encoded->lines);
    free(encoded->ids);
    *encoded = (struct bit_encoded){0};
}

int bit_block_encoder_create(const struct bit_encode_options *options, struct bit_block_encoder **out)
{
    struct bit_block_encoder *e = calloc(1, sizeof *e);

    if (e == NULL)
        return bit_fail(-ENOMEM, "encoder");
    e->options = options;
    int err = bit_encoder_create(options->tokenizer, &e->encoder);
    if (err < 0) {
        free(e);
        return err;
    }
    *out = e;
    return 0;
}

void bit_block_encoder_destroy(struct bit_block_encoder *e)
{
    if (e == NULL)
        return;
    bit_encoder_destroy(e->encoder);
    bit_document_scratch_finish(&e->scratch);
    free(e);
}
