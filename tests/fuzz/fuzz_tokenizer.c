/*
 * The encoder, compared with direct implementations of the definitions: added tokens by trying each content at each
 * position, NFC by its definition, GPT-2's pattern by trying its alternatives in order, and byte-pair encoding by
 * repeatedly searching for the best pair. Input: any bytes; those that are not UTF-8 become '?'.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/tokenize/tokenizer.h"
#include "ctl/tokenize/unicode.h"
#include "proto/err.h"
#include "proto/utf8.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 200 /* the direct implementations are slow */
#define ROOM      (INPUT_MAX * 12)
#define ADDED_MAX 32

static struct {
    struct bit_tokenizer *tokenizer;
    struct bit_encoder *encoder;
    json_t *json, *vocab, *ranks; /* the tokenizer file; its model's vocabulary; "left right" -> rank */
    struct added {
        const char *content;
        uint32_t id;
        bool lstrip, rstrip, normalized;
    } added[ADDED_MAX];
    size_t added_count;
    char byte_char[256][3]; /* the character that stands for a byte */
} self;

struct out {
    uint32_t id[ROOM];
    size_t count;
};

/* ---- set-up */

static void make_alphabet(void)
{
    uint32_t next = 256;

    for (uint32_t b = 0; b < 256; b++) {
        bool printable = (b > 32 && b < 127) || (b > 160 && b != 173);
        self.byte_char[b][bit_utf8_encode(printable ? b : next++, self.byte_char[b])] = '\0';
    }
}

static void take_added(const json_t *list)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        FUZZ_CHECK(self.added_count < ADDED_MAX);
        self.added[self.added_count++] = (struct added){
            json_string_value(json_object_get(item, "content")),
            (uint32_t)json_integer_value(json_object_get(item, "id")), json_is_true(json_object_get(item, "lstrip")),
            json_is_true(json_object_get(item, "rstrip")), json_is_true(json_object_get(item, "normalized"))};
    }
}

static void set_up(void)
{
    char path[4096], pair[512];
    const char *root = getenv("BIT_SOURCE_ROOT");
    json_t *merge;
    size_t i;

    snprintf(path, sizeof path, "%s/tests/tokenize/small.json", root == NULL ? "." : root);
    FUZZ_CHECK(bit_tokenizer_load(path, &self.tokenizer) == 0);
    FUZZ_CHECK(bit_encoder_create(self.tokenizer, &self.encoder) == 0);
    self.json = json_load_file(path, 0, NULL);
    self.vocab = json_object_get(json_object_get(self.json, "model"), "vocab");
    self.ranks = json_object();
    json_array_foreach(json_object_get(json_object_get(self.json, "model"), "merges"), i, merge)
    {
        snprintf(pair, sizeof pair, "%s %s", json_string_value(json_array_get(merge, 0)),
                 json_string_value(json_array_get(merge, 1)));
        json_object_set_new(self.ranks, pair, json_integer((json_int_t)i));
    }
    take_added(json_object_get(self.json, "added_tokens"));
    make_alphabet();
}

/* ---- byte-pair encoding */

static json_int_t rank_of(const char *left, const char *right)
{
    char pair[8 * INPUT_MAX];

    snprintf(pair, sizeof pair, "%s %s", left, right);
    const json_t *rank = json_object_get(self.ranks, pair);
    return rank == NULL ? INT64_MAX : json_integer_value(rank);
}

static void encode_piece(const uint8_t *piece, size_t bytes, struct out *out)
{
    char **symbol = malloc(bytes * sizeof *symbol);
    size_t count = bytes;

    for (size_t i = 0; i < bytes; i++)
        symbol[i] = strdup(self.byte_char[piece[i]]);
    for (;;) {
        size_t best = 0;
        json_int_t lowest = INT64_MAX;
        for (size_t i = 0; i + 1 < count; i++) {
            json_int_t rank = rank_of(symbol[i], symbol[i + 1]);
            if (rank < lowest) {
                lowest = rank;
                best = i;
            }
        }
        if (lowest == INT64_MAX)
            break;
        char *joined = malloc(strlen(symbol[best]) + strlen(symbol[best + 1]) + 1);
        strcat(strcpy(joined, symbol[best]), symbol[best + 1]);
        free(symbol[best]);
        free(symbol[best + 1]);
        symbol[best] = joined;
        memmove(symbol + best + 1, symbol + best + 2, (count - best - 2) * sizeof *symbol);
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(out->count < ROOM);
        out->id[out->count++] = (uint32_t)json_integer_value(json_object_get(self.vocab, symbol[i]));
        free(symbol[i]);
    }
    free(symbol);
}

/* ---- GPT-2's pattern */

static int class_of(const uint8_t *s, size_t bytes, size_t at, size_t *step)
{
    return at < bytes ? (int)bit_unicode_class_at(s + at, step) : -1;
}

/* " ?X+" for a class X; 0 if it does not match. */
static size_t match_word(const uint8_t *s, size_t bytes, size_t at, int class)
{
    size_t begin = at < bytes && s[at] == ' ' ? at + 1 : at, end = begin, step;

    while (class_of(s, bytes, end, &step) == class)
        end += step;
    return end > begin ? end - at : 0;
}

/* "\s+(?!\S)": the longest run that is not followed by \S, by backtracking one character at a time. */
static size_t match_spaces(const uint8_t *s, size_t bytes, size_t at, bool look_ahead)
{
    size_t ends[INPUT_MAX * 4], count = 0, end = at, step;

    while (class_of(s, bytes, end, &step) == BIT_UNICODE_SPACE)
        ends[count++] = end += step;
    while (look_ahead && count > 0) {
        int behind = class_of(s, bytes, ends[count - 1], &step);
        if (behind < 0 || behind == BIT_UNICODE_SPACE)
            break;
        count--;
    }
    return count > 0 ? ends[count - 1] - at : 0;
}

static size_t match(const uint8_t *s, size_t bytes, size_t at)
{
    static const char *const contractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    size_t found;

    for (size_t i = 0; i < BIT_COUNT(contractions); i++) {
        size_t length = strlen(contractions[i]);
        if (bytes - at >= length && memcmp(s + at, contractions[i], length) == 0)
            return length;
    }
    if ((found = match_word(s, bytes, at, BIT_UNICODE_LETTER)) > 0 ||
        (found = match_word(s, bytes, at, BIT_UNICODE_NUMBER)) > 0 ||
        (found = match_word(s, bytes, at, BIT_UNICODE_OTHER)) > 0 || (found = match_spaces(s, bytes, at, true)) > 0)
        return found;
    return match_spaces(s, bytes, at, false);
}

static void encode_plain(const uint8_t *s, size_t bytes, struct out *out)
{
    for (size_t at = 0, length; at < bytes; at += length) {
        length = match(s, bytes, at);
        FUZZ_CHECK(length > 0);
        encode_piece(s + at, length, out);
    }
}

/* ---- NFC */

static size_t decompose(uint32_t c, uint32_t *out)
{
    uint32_t part[2];
    int parts = bit_unicode_decompose(c, part);
    size_t count = 0;

    if (parts == 0) {
        out[0] = c;
        return 1;
    }
    for (int i = 0; i < parts; i++)
        count += decompose(part[i], out + count);
    return count;
}

static size_t form_c(const uint8_t *s, size_t bytes, uint8_t *out)
{
    uint32_t c[INPUT_MAX * 4];
    size_t count = 0, step, used = 0;

    for (size_t at = 0; at < bytes; at += step)
        count += decompose(bit_unicode_decode(s + at, &step), c + count);
    for (size_t swaps = 1; swaps > 0;) {
        swaps = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            uint8_t left = bit_unicode(c[i])->ccc, right = bit_unicode(c[i + 1])->ccc;
            if (right != 0 && left > right) {
                uint32_t t = c[i];
                c[i] = c[i + 1];
                c[i + 1] = t;
                swaps++;
            }
        }
    }
    for (size_t i = 1; i < count; i++) {
        size_t starter = i;
        bool blocked = false;
        while (starter > 0 && bit_unicode(c[--starter])->ccc != 0)
            blocked = blocked || bit_unicode(c[starter])->ccc >= bit_unicode(c[i])->ccc;
        if (bit_unicode(c[starter])->ccc != 0 || blocked || (i > starter + 1 && bit_unicode(c[i])->ccc == 0))
            continue;
        uint32_t whole = bit_unicode_compose(c[starter], c[i]);
        if (whole == 0)
            continue;
        c[starter] = whole;
        memmove(c + i, c + i + 1, (--count - i) * sizeof *c);
        i--;
    }
    for (size_t i = 0; i < count; i++)
        used += bit_utf8_encode(c[i], (char *)out + used);
    return used;
}

/* ---- added tokens */

static const struct added *longest_at(const uint8_t *s, size_t bytes, size_t at, bool normalized)
{
    const struct added *best = NULL;

    for (size_t i = 0; i < self.added_count; i++) {
        uint8_t content[64];
        const char *text = self.added[i].content;
        size_t length = strlen(text);
        memcpy(content, text, length);
        if (normalized)
            length = form_c((const uint8_t *)text, length, content);
        if (self.added[i].normalized == normalized && bytes - at >= length && memcmp(s + at, content, length) == 0 &&
            (best == NULL || strlen(best->content) < strlen(text)))
            best = &self.added[i];
    }
    return best;
}

static size_t content_bytes(const struct added *a)
{
    uint8_t content[64];

    return a->normalized ? form_c((const uint8_t *)a->content, strlen(a->content), content) : strlen(a->content);
}

static void encode_around(const uint8_t *s, size_t bytes, bool normalized, struct out *out);

static void encode_between(const uint8_t *s, size_t bytes, bool normalized, struct out *out)
{
    uint8_t form[INPUT_MAX * 12];

    if (normalized)
        encode_plain(s, bytes, out);
    else
        encode_around(form, form_c(s, bytes, form), true, out);
}

static void encode_around(const uint8_t *s, size_t bytes, bool normalized, struct out *out)
{
    size_t done = 0, at = 0, step;

    while (at < bytes) {
        const struct added *a = longest_at(s, bytes, at, normalized);
        if (a == NULL) {
            at++;
            continue;
        }
        size_t begin = at, end = at += content_bytes(a);
        for (size_t back = begin; a->lstrip && back > done;) {
            do
                back--;
            while ((s[back] & 0xc0) == 0x80);
            if (class_of(s, bytes, back, &step) != BIT_UNICODE_SPACE)
                break;
            begin = back;
        }
        begin = a->lstrip && begin < done ? done : begin;
        while (a->rstrip && class_of(s, bytes, end, &step) == BIT_UNICODE_SPACE)
            end += step;
        if (begin > done)
            encode_between(s + done, begin - done, normalized, out);
        FUZZ_CHECK(out->count < ROOM);
        out->id[out->count++] = a->id;
        done = end;
    }
    if (done < bytes)
        encode_between(s + done, bytes - done, normalized, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct out want;
    uint8_t text[INPUT_MAX];
    struct bit_ids ids = {0};

    if (self.tokenizer == NULL)
        set_up();
    bytes = BIT_MIN(bytes, INPUT_MAX);
    if (bytes > 0)
        memcpy(text, data, bytes);
    for (size_t valid; (valid = bit_unicode_valid(text, bytes)) < bytes;)
        text[valid] = '?';
    want.count = 0;
    encode_around(text, bytes, false, &want);
    FUZZ_CHECK(bit_encoder_encode(self.encoder, text, bytes, &ids) == 0);
    FUZZ_CHECK(ids.count == want.count);
    FUZZ_CHECK(ids.count == 0 || memcmp(ids.id, want.id, ids.count * sizeof *ids.id) == 0);
    bit_ids_finish(&ids);
    return 0;
}
