#include "ctl/export/gguf_vocabulary.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/tokenize/tokenizer.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/regular_file.h"

/* llama.cpp's types of tokens. */
enum token_type { NORMAL = 1, CONTROL = 3, USER_DEFINED = 4, UNUSED = 5 };

struct vocabulary {
    const char *path;
    json_t *root;
    const char **text; /* by id; NULL where there is none. Borrowed from root */
    int32_t *type;
    uint32_t rows;
};

static int refuse(const struct vocabulary *v, const char *what)
{
    return bit_fail(BIT_EDATA,
                    "'%s': llama.cpp has no %s; without --tokenizer, the file has no vocabulary and works "
                    "on token ids only",
                    v->path, what);
}

/* ---- pre-tokenizer */

#define DOLMA2_PATTERN                                                                                                 \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"           \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static bool is_type(const json_t *component, const char *type)
{
    const char *is = json_string_value(json_object_get(component, "type"));

    return is != NULL && strcmp(is, type) == 0;
}

/* A flag that is true by default. */
static bool is_on(const json_t *component, const char *key)
{
    return !json_is_false(json_object_get(component, key));
}

static bool is_olmo(const json_t *p)
{
    return is_type(p, "ByteLevel") && is_on(p, "use_regex") && !is_on(p, "add_prefix_space");
}

static bool is_dolma2(const json_t *p)
{
    const json_t *steps = json_object_get(p, "pretokenizers"), *split = json_array_get(steps, 0),
                 *bytes = json_array_get(steps, 1);
    const char *pattern = json_string_value(json_object_get(json_object_get(split, "pattern"), "Regex"));
    const char *behavior = json_string_value(json_object_get(split, "behavior"));
    const bool inverted = json_is_true(json_object_get(split, "invert"));

    return is_type(p, "Sequence") && json_array_size(steps) == 2 && is_type(split, "Split") && pattern != NULL &&
           strcmp(pattern, DOLMA2_PATTERN) == 0 && behavior != NULL &&
           strcmp(behavior, inverted ? "Removed" : "Isolated") == 0 && is_type(bytes, "ByteLevel") &&
           !is_on(bytes, "use_regex") && !is_on(bytes, "add_prefix_space");
}

static int add_pre(const struct vocabulary *v, struct bit_gguf_pairs *pairs)
{
    const json_t *p = json_object_get(v->root, "pre_tokenizer");

    if (json_is_true(json_object_get(json_object_get(v->root, "model"), "ignore_merges")))
        return refuse(v, "counterpart of model.ignore_merges");
    if (!is_olmo(p) && !is_dolma2(p))
        return refuse(v, "name for how pre_tokenizer splits");
    bit_gguf_add_text(pairs, "tokenizer.ggml.pre", is_olmo(p) ? "olmo" : "dbrx");
    return 0;
}

/* ---- tokens */

static int set_token(struct vocabulary *v, const char *text, const json_t *id, enum token_type type)
{
    const json_int_t at = json_integer_value(id);

    if (at >= (json_int_t)v->rows)
        return bit_fail(BIT_EDATA,
                        "'%s': token '%s' has id %" JSON_INTEGER_FORMAT "; the model has %" PRIu32
                        " rows: it was trained with another tokenizer",
                        v->path, text, at, v->rows);
    v->text[at] = text;
    v->type[at] = type;
    return 0;
}

static int read_tokens(struct vocabulary *v)
{
    const json_t *added = json_object_get(v->root, "added_tokens");
    json_t *vocab = json_object_get(json_object_get(v->root, "model"), "vocab"), *item;
    const char *text;
    size_t i;
    int err = 0;

    json_object_foreach(vocab, text, item)
    {
        err = set_token(v, text, item, NORMAL);
        if (err < 0)
            return err;
    }
    json_array_foreach(added, i, item)
    {
        if (json_is_true(json_object_get(item, "lstrip")) || json_is_true(json_object_get(item, "rstrip")))
            return refuse(v, "counterpart of an added token with lstrip or rstrip");
        err = set_token(v, json_string_value(json_object_get(item, "content")), json_object_get(item, "id"),
                        json_is_true(json_object_get(item, "special")) ? CONTROL : USER_DEFINED);
        if (err < 0)
            return err;
    }
    return 0;
}

static void add_tokens(const struct vocabulary *v, struct bit_gguf_pairs *pairs)
{
    char pad[32];

    bit_gguf_add_texts(pairs, "tokenizer.ggml.tokens", v->rows);
    for (uint32_t i = 0; i < v->rows; i++) {
        snprintf(pad, sizeof pad, "[PAD%" PRIu32 "]", i);
        const char *text = v->text[i] == NULL ? pad : v->text[i];
        bit_gguf_append_text(pairs, text, strlen(text));
    }
    bit_gguf_add_i32s(pairs, "tokenizer.ggml.token_type", v->type, v->rows);
}

/* ---- merges */

static bool is_comment(const json_t *merge)
{
    return json_is_string(merge) && strncmp(json_string_value(merge), "#version", 8) == 0;
}

/* Each merge is "a b" or ["a", "b"]: the tokenizer's loader has checked that. */
static void add_merges(const struct vocabulary *v, struct bit_gguf_pairs *pairs)
{
    const json_t *merges = json_object_get(json_object_get(v->root, "model"), "merges");
    uint64_t count = 0;
    json_t *merge;
    size_t i;
    char both[8192];

    json_array_foreach(merges, i, merge) count += !is_comment(merge);
    bit_gguf_add_texts(pairs, "tokenizer.ggml.merges", count);
    json_array_foreach(merges, i, merge)
    {
        if (is_comment(merge))
            continue;
        if (json_is_string(merge))
            snprintf(both, sizeof both, "%s", json_string_value(merge));
        else
            snprintf(both, sizeof both, "%s %s", json_string_value(json_array_get(merge, 0)),
                     json_string_value(json_array_get(merge, 1)));
        bit_gguf_append_text(pairs, both, strlen(both));
    }
}

/* ---- special tokens */

static int64_t find(const struct vocabulary *v, const char *text)
{
    for (uint32_t i = 0; i < v->rows; i++)
        if (v->text[i] != NULL && strcmp(v->text[i], text) == 0)
            return i;
    return -1;
}

static int add_special(const struct vocabulary *v, struct bit_gguf_pairs *pairs, const char *end_of_text)
{
    static const char *const paddings[] = {"<|padding|>", "<|pad|>"};
    const int64_t end = find(v, end_of_text);

    if (end < 0)
        return bit_fail(BIT_EDATA,
                        "'%s' has no token '%s', where llama.cpp would stop; name its own with --end-of-text, or "
                        "leave --tokenizer out: the file then has no vocabulary and works on token ids only",
                        v->path, end_of_text);
    bit_gguf_add_u32(pairs, "tokenizer.ggml.bos_token_id", (uint32_t)end); /* by default llama.cpp would use id 11 */
    bit_gguf_add_u32(pairs, "tokenizer.ggml.eos_token_id", (uint32_t)end);
    for (size_t i = 0; i < BIT_COUNT(paddings); i++) {
        const int64_t padding = find(v, paddings[i]);
        if (padding < 0)
            continue;
        bit_gguf_add_u32(pairs, "tokenizer.ggml.padding_token_id", (uint32_t)padding);
        break;
    }
    bit_gguf_add_bool(pairs, "tokenizer.ggml.add_bos_token", false);
    bit_gguf_add_bool(pairs, "tokenizer.ggml.add_eos_token", false);
    return 0;
}

/* ---- all pairs */

static int read_json(struct vocabulary *v)
{
    struct stat st;
    uint8_t *text = NULL;
    size_t bytes = 0;
    json_error_t error;
    int fd = bit_regular_file_open(v->path, true, &st);
    int err = fd < 0 ? fd : bit_regular_file_read(fd, v->path, &st, BIT_TOKENIZER_BYTES_MAX, &text, &bytes);

    if (fd >= 0)
        close(fd);
    if (err >= 0)
        v->root = json_loadb((const char *)text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (err >= 0 && v->root == NULL)
        err = bit_fail(BIT_EDATA, "'%s': %s", v->path, error.text);
    free(text);
    return err;
}

static int add_all(struct vocabulary *v, struct bit_gguf_pairs *pairs, const char *end_of_text)
{
    int err = read_json(v);

    v->text = calloc(v->rows, sizeof *v->text);
    v->type = calloc(v->rows, sizeof *v->type);
    if (err >= 0 && (v->text == NULL || v->type == NULL))
        err = bit_fail(-ENOMEM, "a vocabulary of %" PRIu32 " tokens", v->rows);
    for (uint32_t i = 0; err >= 0 && i < v->rows; i++)
        v->type[i] = UNUSED;
    if (err >= 0)
        err = read_tokens(v);
    if (err < 0)
        return err;
    bit_gguf_add_text(pairs, "tokenizer.ggml.model", "gpt2");
    err = add_pre(v, pairs);
    if (err < 0)
        return err;
    add_tokens(v, pairs);
    add_merges(v, pairs);
    return add_special(v, pairs, end_of_text);
}

int bit_gguf_add_vocabulary(struct bit_gguf_pairs *pairs, const char *path, uint32_t rows, const char *end_of_text)
{
    struct vocabulary v = {.path = path, .rows = rows};
    struct bit_tokenizer *tokenizer = NULL;
    int err = bit_tokenizer_load(path, &tokenizer); /* checks everything that the code above relies on */

    bit_tokenizer_destroy(tokenizer);
    if (err >= 0)
        err = add_all(&v, pairs, end_of_text);
    json_decref(v.root);
    free(v.text);
    free(v.type);
    return err;
}
