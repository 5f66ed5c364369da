#include "ctl/tokenize/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/nfc.h"
#include "proto/check.h"
#include "proto/err.h"

struct bit_encoder {
    const struct bit_tokenizer *tokenizer;
    struct bit_bpe_scratch *bpe;
    struct bit_nfc nfc;
    struct bit_pretokenize_scratch pretokenize;
    struct bit_ids *out; /* of the current call */
};

void bit_tokenizer_destroy(struct bit_tokenizer *tokenizer)
{
    if (tokenizer == NULL)
        return;
    bit_bpe_finish(&tokenizer->bpe);
    bit_added_tokens_finish(&tokenizer->raw);
    bit_added_tokens_finish(&tokenizer->normalized);
    bit_pretokenizer_finish(&tokenizer->pretokenizer);
    free(tokenizer->text);
    free(tokenizer->name);
    free(tokenizer);
}

uint32_t bit_tokenizer_find(const struct bit_tokenizer *tokenizer, const char *text, size_t bytes)
{
    for (uint32_t id = 0; id < tokenizer->bpe.token_count; id++) {
        const struct bit_bpe_token *token = &tokenizer->bpe.tokens[id];
        if (token->bytes != NULL && token->length == bytes && memcmp(token->bytes, text, bytes) == 0)
            return id;
    }
    return BIT_BPE_NONE;
}

int bit_encoder_create(const struct bit_tokenizer *tokenizer, struct bit_encoder **out)
{
    struct bit_encoder *encoder = calloc(1, sizeof *encoder);

    if (encoder == NULL)
        return bit_fail(-ENOMEM, "encoder");
    encoder->tokenizer = tokenizer;
    int err = bit_bpe_scratch_create(&encoder->bpe);
    if (err < 0) {
        bit_encoder_destroy(encoder);
        return err;
    }
    *out = encoder;
    return 0;
}

void bit_encoder_destroy(struct bit_encoder *encoder)
{
    if (encoder == NULL)
        return;
    bit_bpe_scratch_destroy(encoder->bpe);
    bit_nfc_finish(&encoder->nfc);
    bit_pretokenize_scratch_finish(&encoder->pretokenize);
    free(encoder);
}

static int push(struct bit_ids *ids, uint32_t id)
{
    int err = bit_ids_reserve(ids, 1);

    if (err < 0)
        return err;
    ids->id[ids->count++] = id;
    return 0;
}

static int encode_piece(void *arg, const uint8_t *piece, size_t bytes)
{
    struct bit_encoder *e = arg;

    return bit_bpe_encode(&e->tokenizer->bpe, e->bpe, piece, bytes, e->out);
}

static int encode_plain(struct bit_encoder *e, const uint8_t *s, size_t bytes)
{
    return bit_pretokenize(&e->tokenizer->pretokenizer, &e->pretokenize, s, bytes, encode_piece, e);
}

/* Cut the added tokens of a set out of the text; the text between them goes to `plain`. */
static int encode_around(struct bit_encoder *e, const struct bit_added_tokens *set, const uint8_t *s, size_t bytes,
                         int (*plain)(struct bit_encoder *e, const uint8_t *s, size_t bytes))
{
    struct bit_added_tokens_match match;
    size_t at = 0, done = 0;
    int err = 0;

    while (set->token_count > 0 && bit_added_tokens_next(set, s, bytes, &at, done, &match)) {
        if (match.begin > done)
            err = plain(e, s + done, match.begin - done);
        if (err == 0)
            err = push(e->out, match.id);
        if (err < 0)
            return err;
        done = match.end;
    }
    return done < bytes ? plain(e, s + done, bytes - done) : 0;
}

static int encode_normalised(struct bit_encoder *e, const uint8_t *s, size_t bytes)
{
    int changed = e->tokenizer->nfc ? bit_nfc(&e->nfc, s, bytes) : 0;

    if (changed < 0)
        return changed;
    if (changed > 0)
        return encode_around(e, &e->tokenizer->normalized, e->nfc.text, e->nfc.text_bytes, encode_plain);
    return encode_around(e, &e->tokenizer->normalized, s, bytes, encode_plain);
}

int bit_encoder_encode(struct bit_encoder *encoder, const uint8_t *text, size_t bytes, struct bit_ids *out)
{
    encoder->out = out;
    return encode_around(encoder, &encoder->tokenizer->raw, text, bytes, encode_normalised);
}

int bit_tokenizer_decode(const struct bit_tokenizer *tokenizer, const uint32_t *ids, size_t count, char **text,
                         size_t *bytes)
{
    const struct bit_bpe *bpe = &tokenizer->bpe;
    size_t total = 0;

    for (size_t i = 0; i < count; i++) {
        if (ids[i] >= bpe->token_count || bpe->tokens[ids[i]].bytes == NULL)
            return bit_fail(BIT_EDATA, "id %u at index %zu is no token of '%s'", ids[i], i, tokenizer->name);
        if (!bit_add_size(total, bpe->tokens[ids[i]].length, &total))
            return bit_fail(BIT_ELIMIT, "%zu ids", count);
    }
    char *all = malloc(total + 1);
    if (all == NULL)
        return bit_fail(-ENOMEM, "text of %zu ids", count);
    total = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(all + total, bpe->tokens[ids[i]].bytes, bpe->tokens[ids[i]].length);
        total += bpe->tokens[ids[i]].length;
    }
    all[total] = '\0';
    *text = all;
    *bytes = total;
    return 0;
}
