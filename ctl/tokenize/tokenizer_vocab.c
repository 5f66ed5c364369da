/*
 * Reads the tokens of a tokenizer.json: model (vocabulary and merges) and added tokens. Field names are those of
 * Hugging Face's tokenizers (src/models/bpe, src/tokenizer/added_vocabulary.rs).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/nfc.h"
#include "ctl/tokenize/tokenizer_json.h"
#include "ctl/tokenize/unicode.h"
#include "proto/check.h"
#include "proto/err.h"

/* ---- byte-level alphabet */

/* GPT-2 writes each byte as a printable character: itself if it is printable in Latin-1, else U+0100 and on, in
 * order. */
static void make_alphabet(struct bit_tokenizer_loader *l)
{
    int next = 256;

    memset(l->byte_of, 0xff, sizeof l->byte_of);
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        l->byte_of[printable ? b : next++] = (int16_t)b;
    }
}

/*
 * Convert the text of a token to bytes at out. Returns their number. If a character is not in the alphabet, the text
 * is copied unchanged and *in_pieces is false.
 */
static size_t token_bytes(const struct bit_tokenizer_loader *l, const char *text, size_t length, uint8_t *out,
                          bool *in_pieces)
{
    size_t count = 0, step;

    for (size_t i = 0; i < length; i += step) {
        uint32_t c = bit_unicode_decode((const uint8_t *)text + i, &step);
        if (c >= BIT_COUNT(l->byte_of) || l->byte_of[c] < 0) {
            memcpy(out, text, length);
            *in_pieces = false;
            return length;
        }
        out[count++] = (uint8_t)l->byte_of[c];
    }
    *in_pieces = true;
    return count;
}

/* ---- model */

/* Compute one above the highest id in use, and the bytes needed for the text of all tokens. */
static int measure(struct bit_tokenizer_loader *l, const json_t *added, uint32_t *token_count, size_t *text_bytes)
{
    const char *text;
    json_t *value;
    json_int_t highest = -1;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)l->vocab, text, value)
    {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || id >= BIT_BPE_TOKENS_MAX)
            return bit_tokenizer_refuse(l, "model.vocab", "the id of '%s' is not a number from 0 to %u", text,
                                        BIT_BPE_TOKENS_MAX - 1);
        highest = BIT_MAX(highest, id);
        *text_bytes += strlen(text);
    }
    json_array_foreach(added, i, value)
    {
        const json_t *id = json_object_get(value, "id"), *content = json_object_get(value, "content");
        char path[BIT_TOKENIZER_PATH_MAX];
        snprintf(path, sizeof path, "added_tokens[%zu]", i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= BIT_BPE_TOKENS_MAX)
            return bit_tokenizer_refuse(l, path, "id is not a number from 0 to %u", BIT_BPE_TOKENS_MAX - 1);
        if (!json_is_string(content) || json_string_length(content) == 0)
            return bit_tokenizer_refuse(l, path, "content is no text, or empty");
        highest = BIT_MAX(highest, json_integer_value(id));
        *text_bytes += json_string_length(content);
    }
    *token_count = (uint32_t)(highest + 1);
    return 0;
}

static int load_vocab(struct bit_tokenizer_loader *l)
{
    struct bit_tokenizer *t = l->t;
    const char *text;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)l->vocab, text, value)
    {
        uint32_t id = (uint32_t)json_integer_value(value);
        bool in_pieces;
        if (t->bpe.tokens[id].bytes != NULL)
            return bit_tokenizer_refuse(l, "model.vocab", "id %u is given twice", id);
        uint8_t *at = t->text + t->text_bytes;
        size_t bytes = token_bytes(l, text, strlen(text), at, &in_pieces);
        t->text_bytes += bytes;
        bit_bpe_add_token(&t->bpe, id, at, bytes, in_pieces);
    }
    for (int b = 0; b < 256; b++) {
        bool in_utf8 = b != 0xc0 && b != 0xc1 && b < 0xf5;
        if (in_utf8 && t->bpe.byte_id[b] == BIT_BPE_NONE)
            return bit_tokenizer_refuse(l, "model.vocab",
                                        "there is no token for byte 0x%02x: not a byte-level vocabulary", b);
    }
    return 0;
}

/* Split a merge, "a b" or ["a", "b"], into its two sides: "a\0b\0" in buf. */
static bool split_merge(const json_t *merge, char *buf, size_t room, const char **right)
{
    if (json_is_array(merge) && json_array_size(merge) == 2) {
        const char *a = json_string_value(json_array_get(merge, 0)), *b = json_string_value(json_array_get(merge, 1));
        if (a == NULL || b == NULL || (size_t)snprintf(buf, room, "%s%c%s", a, ' ', b) >= room)
            return false;
        buf[strlen(a)] = '\0';
        *right = buf + strlen(a) + 1;
        return true;
    }
    const char *text = json_string_value(merge);
    if (text == NULL || (size_t)snprintf(buf, room, "%s", text) >= room)
        return false;
    char *space = strchr(buf, ' ');
    if (space == NULL || strchr(space + 1, ' ') != NULL)
        return false;
    *space = '\0';
    *right = space + 1;
    return true;
}

static int load_merges(struct bit_tokenizer_loader *l, const json_t *merges)
{
    char buf[4096], joined[4096], path[BIT_TOKENIZER_PATH_MAX];
    const char *right;
    json_t *merge;
    uint32_t rank = 0;
    size_t i;

    json_array_foreach(merges, i, merge)
    {
        snprintf(path, sizeof path, "model.merges[%zu]", i);
        if (json_is_string(merge) && strncmp(json_string_value(merge), "#version", 8) == 0)
            continue;
        if (!split_merge(merge, buf, sizeof buf, &right))
            return bit_tokenizer_refuse(l, path, "is not two tokens");
        snprintf(joined, sizeof joined, "%s%s", buf, right);
        const json_t *a = json_object_get(l->vocab, buf), *b = json_object_get(l->vocab, right),
                     *both = json_object_get(l->vocab, joined);
        if (a == NULL || b == NULL || both == NULL)
            return bit_tokenizer_refuse(l, path, "'%s' is not in the vocabulary",
                                        a == NULL   ? buf
                                        : b == NULL ? right
                                                    : joined);
        bit_bpe_add_merge(&l->t->bpe, (uint32_t)json_integer_value(a), (uint32_t)json_integer_value(b), rank++,
                          (uint32_t)json_integer_value(both));
    }
    return 0;
}

/* Refuse settings that change the ids and are not implemented. */
static int check_model(const struct bit_tokenizer_loader *l, const json_t *model)
{
    static const char *const texts[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const json_t *dropout = json_object_get(model, "dropout");
    char path[BIT_TOKENIZER_PATH_MAX];

    if (!json_is_object(model))
        return bit_tokenizer_refuse(l, "model", "is missing");
    if (strcmp(bit_tokenizer_type(model), "BPE") != 0)
        return bit_tokenizer_refuse(l, "model.type", "'%s' is not supported, only BPE", bit_tokenizer_type(model));
    if (!bit_tokenizer_is_absent(dropout) && json_number_value(dropout) != 0)
        return bit_tokenizer_refuse(l, "model.dropout", "is not supported");
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return bit_tokenizer_refuse(l, "model.byte_fallback", "is not supported");
    for (size_t i = 0; i < BIT_COUNT(texts); i++) {
        const json_t *value = json_object_get(model, texts[i]);
        snprintf(path, sizeof path, "model.%s", texts[i]);
        if (!bit_tokenizer_is_absent(value) && json_string_length(value) > 0)
            return bit_tokenizer_refuse(l, path, "is not supported");
    }
    if (!json_is_object(json_object_get(model, "vocab")))
        return bit_tokenizer_refuse(l, "model.vocab", "is not an object");
    if (!json_is_array(json_object_get(model, "merges")))
        return bit_tokenizer_refuse(l, "model.merges", "is not an array");
    return 0;
}

int bit_tokenizer_load_model(struct bit_tokenizer_loader *l, const json_t *model, const json_t *added)
{
    const json_t *merges = json_object_get(model, "merges");
    uint32_t token_count = 0;
    size_t room = 0;
    int err = check_model(l, model);

    if (err < 0)
        return err;
    make_alphabet(l);
    l->vocab = json_object_get(model, "vocab");
    err = measure(l, added, &token_count, &room);
    if (err == 0)
        err = bit_bpe_init(&l->t->bpe, token_count, json_array_size(merges));
    if (err == 0)
        err = bit_tokenizer_get_bool(l, model, "model", "ignore_merges", false, &l->t->bpe.whole_first);
    if (err < 0)
        return err;
    l->t->text = malloc(room + 1);
    if (l->t->text == NULL)
        return bit_fail(-ENOMEM, "vocabulary of %zu bytes", room);
    err = load_vocab(l);
    return err < 0 ? err : load_merges(l, merges);
}

/* ---- added tokens */

/*
 * Check an added token's id: it must be the one that tokenizers would assign, the vocabulary's id or else the next one
 * after all others.
 */
static int check_added_id(const struct bit_tokenizer_loader *l, const char *path, const json_t *token, uint32_t *next,
                          uint32_t *out)
{
    const json_t *known = json_object_get(l->vocab, json_string_value(json_object_get(token, "content")));
    uint32_t id = (uint32_t)json_integer_value(json_object_get(token, "id"));
    uint32_t expected = known != NULL ? (uint32_t)json_integer_value(known) : *next;

    if (id != expected)
        return bit_tokenizer_refuse(l, path, "id is %u where the vocabulary's order gives %u", id, expected);
    *next = BIT_MAX(*next, id + 1);
    *out = id;
    return 0;
}

static int insert_added(struct bit_tokenizer_loader *l, const char *path, const json_t *token,
                        struct bit_added_token added)
{
    const uint8_t *content = (const uint8_t *)json_string_value(json_object_get(token, "content"));
    size_t bytes = json_string_length(json_object_get(token, "content"));
    struct bit_nfc nfc = {0};
    bool normalized;

    int err = bit_tokenizer_get_bool(l, token, path, "normalized", true, &normalized);
    if (err < 0)
        return err;
    uint8_t *at = memcpy(l->t->text + l->t->text_bytes, content, bytes);
    l->t->text_bytes += bytes;
    bit_bpe_add_token(&l->t->bpe, added.id, at, bytes, false); /* decodes to its content as it is */
    if (normalized && l->t->nfc)
        err = bit_nfc(&nfc, content, bytes);
    if (err > 0) {
        content = nfc.text;
        bytes = nfc.text_bytes;
    }
    if (err >= 0)
        err = bit_added_tokens_add(normalized ? &l->t->normalized : &l->t->raw, content, bytes, added);
    bit_nfc_finish(&nfc);
    return err == -EEXIST ? bit_tokenizer_refuse(l, path, "content is that of another added token") : err;
}

int bit_tokenizer_load_added(struct bit_tokenizer_loader *l, const json_t *added)
{
    uint32_t next = (uint32_t)json_object_size(l->vocab);
    json_t *token;
    size_t i;

    json_array_foreach(added, i, token)
    {
        struct bit_added_token flags = {0};
        char path[BIT_TOKENIZER_PATH_MAX];
        bool single_word;
        snprintf(path, sizeof path, "added_tokens[%zu]", i);
        int err = check_added_id(l, path, token, &next, &flags.id);
        if (err == 0)
            err = bit_tokenizer_get_bool(l, token, path, "lstrip", false, &flags.lstrip);
        if (err == 0)
            err = bit_tokenizer_get_bool(l, token, path, "rstrip", false, &flags.rstrip);
        if (err == 0)
            err = bit_tokenizer_get_bool(l, token, path, "single_word", false, &single_word);
        if (err == 0 && single_word)
            err = bit_tokenizer_refuse(l, path, "single_word is not supported");
        if (err == 0)
            err = insert_added(l, path, token, flags);
        if (err < 0)
            return err;
    }
    return 0;
}
