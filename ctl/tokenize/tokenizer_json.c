/*
 * Reads a tokenizer.json into struct bit_tokenizer: the file, its normaliser and pre-tokenizer; tokenizer_vocab.c
 * reads the tokens. Field names are those of Hugging Face's tokenizers (src/pre_tokenizers, src/normalizers).
 */
#include "ctl/tokenize/tokenizer_json.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/regular_file.h"

/* ---- shared by the two halves */

int bit_tokenizer_refuse(const struct bit_tokenizer_loader *l, const char *path, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return bit_fail(BIT_EDATA, "tokenizer '%s': %s: %s", l->name, path, text);
}

bool bit_tokenizer_is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

const char *bit_tokenizer_type(const json_t *component)
{
    const char *type = json_string_value(json_object_get(component, "type"));

    return type == NULL ? "" : type;
}

int bit_tokenizer_get_bool(const struct bit_tokenizer_loader *l, const json_t *object, const char *path,
                           const char *key, bool fallback, bool *out)
{
    const json_t *value = json_object_get(object, key);

    if (value != NULL && !json_is_boolean(value)) {
        char full[BIT_TOKENIZER_PATH_MAX];
        snprintf(full, sizeof full, "%s.%s", path, key);
        return bit_tokenizer_refuse(l, full, "is not true or false");
    }
    *out = value == NULL ? fallback : json_is_true(value);
    return 0;
}

/* ---- normaliser and pre-tokenizer */

static int load_normalizer(struct bit_tokenizer_loader *l, const json_t *n, const char *path)
{
    const json_t *list = json_object_get(n, "normalizers");
    char inner[BIT_TOKENIZER_PATH_MAX];
    json_t *item;
    size_t i;

    if (bit_tokenizer_is_absent(n))
        return 0;
    if (strcmp(bit_tokenizer_type(n), "NFC") == 0) {
        l->t->nfc = true;
        return 0;
    }
    snprintf(inner, sizeof inner, "%s.type", path);
    if (strcmp(bit_tokenizer_type(n), "Sequence") != 0 || !json_is_array(list))
        return bit_tokenizer_refuse(l, inner, "'%s' is not supported, only NFC", bit_tokenizer_type(n));
    json_array_foreach(list, i, item)
    {
        snprintf(inner, sizeof inner, "normalizer.normalizers[%zu]", i);
        if (strcmp(bit_tokenizer_type(item), "NFC") != 0)
            return bit_tokenizer_refuse(l, inner, "'%s' is not supported, only NFC", bit_tokenizer_type(item));
        l->t->nfc = true;
    }
    return 0;
}

static int add_step(struct bit_tokenizer_loader *l, const char *path, struct bit_split step)
{
    struct bit_pretokenizer *p = &l->t->pretokenizer;

    if (p->count == BIT_PRETOKENIZE_STEPS_MAX)
        return bit_tokenizer_refuse(l, path, "more than %d steps", BIT_PRETOKENIZE_STEPS_MAX);
    p->steps[p->count++] = step;
    return 0;
}

static int load_byte_level(struct bit_tokenizer_loader *l, const json_t *p, const char *path)
{
    bool prefix, regex;
    int err = bit_tokenizer_get_bool(l, p, path, "add_prefix_space", true, &prefix);

    if (err == 0)
        err = bit_tokenizer_get_bool(l, p, path, "use_regex", true, &regex);
    if (err == 0 && prefix)
        err = add_step(l, path, (struct bit_split){.kind = BIT_SPLIT_PREFIX});
    if (err == 0 && regex)
        err = add_step(l, path, (struct bit_split){.kind = BIT_SPLIT_GPT2});
    l->byte_level = true;
    return err;
}

static int load_split(struct bit_tokenizer_loader *l, const json_t *p, const char *path)
{
    const json_t *pattern = json_object_get(p, "pattern"), *regex = json_object_get(pattern, "Regex"),
                 *literal = json_object_get(pattern, "String"), *text = regex != NULL ? regex : literal;
    const char *behavior = json_string_value(json_object_get(p, "behavior"));
    struct bit_split step = {0};
    char inner[BIT_TOKENIZER_PATH_MAX];
    bool invert;
    int err = bit_tokenizer_get_bool(l, p, path, "invert", false, &invert);

    if (err < 0)
        return err;
    snprintf(inner, sizeof inner, "%s.behavior", path);
    if (behavior == NULL || (strcmp(behavior, "Isolated") != 0 && strcmp(behavior, "Removed") != 0))
        return bit_tokenizer_refuse(l, inner, "'%s' is not supported, only Isolated and Removed",
                                    behavior ? behavior : "");
    snprintf(inner, sizeof inner, "%s.pattern", path);
    if (!json_is_string(text) || json_string_length(text) == 0)
        return bit_tokenizer_refuse(l, inner, "is no Regex or String");
    bool dropped = strcmp(behavior, "Removed") == 0;
    if (regex != NULL && !dropped && strcmp(json_string_value(regex), BIT_GPT2_PATTERN) == 0)
        return add_step(l, path, (struct bit_split){.kind = BIT_SPLIT_GPT2});
    err = bit_split_regex(json_string_value(text), json_string_length(text), regex == NULL, &step);
    if (err < 0)
        return bit_fail_within(err, "tokenizer '%s': %s", l->name, inner);
    step.dropped = dropped;
    step.invert = invert;
    return add_step(l, path, step);
}

static int load_step(struct bit_tokenizer_loader *l, const json_t *p, const char *path)
{
    bool single;

    if (l->byte_level)
        return bit_tokenizer_refuse(l, path, "a step after ByteLevel is not supported");
    if (strcmp(bit_tokenizer_type(p), "ByteLevel") == 0)
        return load_byte_level(l, p, path);
    if (strcmp(bit_tokenizer_type(p), "Split") == 0)
        return load_split(l, p, path);
    if (strcmp(bit_tokenizer_type(p), "Digits") == 0) {
        int err = bit_tokenizer_get_bool(l, p, path, "individual_digits", false, &single);
        return err < 0 ? err : add_step(l, path, (struct bit_split){.kind = BIT_SPLIT_DIGITS, .single = single});
    }
    char inner[BIT_TOKENIZER_PATH_MAX];
    snprintf(inner, sizeof inner, "%s.type", path);
    return bit_tokenizer_refuse(l, inner, "'%s' is not supported, only ByteLevel, Split, Digits and a Sequence of them",
                                bit_tokenizer_type(p));
}

static int load_pretokenizer(struct bit_tokenizer_loader *l, const json_t *p)
{
    const json_t *list = json_object_get(p, "pretokenizers");
    json_t *item;
    size_t i;
    int err = 0;

    if (strcmp(bit_tokenizer_type(p), "Sequence") == 0 && json_is_array(list)) {
        json_array_foreach(list, i, item)
        {
            char path[BIT_TOKENIZER_PATH_MAX];
            snprintf(path, sizeof path, "pre_tokenizer.pretokenizers[%zu]", i);
            err = load_step(l, item, path);
            if (err < 0)
                return err;
        }
    } else if (!bit_tokenizer_is_absent(p)) {
        err = load_step(l, p, "pre_tokenizer");
    }
    if (err == 0 && !l->byte_level)
        return bit_tokenizer_refuse(l, "pre_tokenizer", "has no ByteLevel: not a byte-level tokenizer");
    return err;
}

/* ---- the whole file */

static int load_all(struct bit_tokenizer_loader *l, const json_t *root)
{
    static const char *const absent[] = {"truncation", "padding"};
    const json_t *added = json_object_get(root, "added_tokens"), *decoder = json_object_get(root, "decoder");
    int err = 0;

    if (!json_is_object(root))
        return bit_tokenizer_refuse(l, "the file", "is no JSON object");
    for (size_t i = 0; i < BIT_COUNT(absent); i++) {
        if (!bit_tokenizer_is_absent(json_object_get(root, absent[i])))
            return bit_tokenizer_refuse(l, absent[i], "is not supported");
    }
    if (!bit_tokenizer_is_absent(decoder) && strcmp(bit_tokenizer_type(decoder), "ByteLevel") != 0)
        return bit_tokenizer_refuse(l, "decoder.type", "'%s' is not supported, only ByteLevel",
                                    bit_tokenizer_type(decoder));
    err = load_normalizer(l, json_object_get(root, "normalizer"), "normalizer");
    if (err == 0)
        err = load_pretokenizer(l, json_object_get(root, "pre_tokenizer"));
    if (err == 0)
        err = bit_tokenizer_load_model(l, json_object_get(root, "model"), added);
    return err < 0 ? err : bit_tokenizer_load_added(l, added);
}

static void write_digest(struct bit_tokenizer *t, const char *json, size_t bytes)
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)json, bytes);
    sodium_bin2hex(t->digest, sizeof t->digest, hash, sizeof hash);
}

int bit_tokenizer_parse(const char *name, const char *json, size_t bytes, struct bit_tokenizer **out)
{
    struct bit_tokenizer_loader l = {.name = name};
    json_error_t error;
    json_t *root = NULL;
    int err = 0;

    l.t = calloc(1, sizeof *l.t);
    if (l.t == NULL || (l.t->name = strdup(name)) == NULL) {
        err = bit_fail(-ENOMEM, "tokenizer '%s'", name);
        goto out;
    }
    write_digest(l.t, json, bytes);
    root = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        err = bit_fail(BIT_EDATA, "tokenizer '%s': line %d, column %d: %s", name, error.line, error.column, error.text);
        goto out;
    }
    err = load_all(&l, root);
    if (err < 0)
        goto out;
    *out = l.t;
    l.t = NULL;
out:
    json_decref(root);
    bit_tokenizer_destroy(l.t);
    return err;
}

/* "dir/name.json" becomes "name". */
static char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1;
    size_t length = strlen(base);

    if (length > 5 && strcmp(base + length - 5, ".json") == 0)
        length -= 5;
    return strndup(base, length);
}

static int read_file(const char *path, char **out, size_t *bytes)
{
    struct stat st;
    uint8_t *text = NULL;
    int fd = bit_regular_file_open(path, true, &st);
    int err = fd < 0 ? fd : bit_regular_file_read(fd, path, &st, BIT_TOKENIZER_BYTES_MAX, &text, bytes);

    if (fd >= 0)
        close(fd);
    if (err < 0)
        return bit_fail_within(err, "tokenizer");
    *out = (char *)text;
    return 0;
}

int bit_tokenizer_load(const char *path, struct bit_tokenizer **out)
{
    char *json = NULL, *name = base_name(path);
    size_t bytes = 0;
    int err = name == NULL ? bit_fail(-ENOMEM, "tokenizer '%s'", path) : read_file(path, &json, &bytes);

    if (err == 0)
        err = bit_tokenizer_parse(name, json, bytes, out);
    free(json);
    free(name);
    return err;
}
