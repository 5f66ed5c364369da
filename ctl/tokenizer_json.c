/* tokenizer.json to struct bit_tokenizer. Field names are those of Hugging Face's tokenizers (src/models/bpe,
 * src/pre_tokenizers, src/tokenizer/added_vocabulary.rs). */
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/nfc.h"
#include "ctl/tokenizer.h"
#include "ctl/unicode.h"
#include "proto/check.h"
#include "proto/err.h"

#define PATH_MAX_HERE 128 /* "pre_tokenizer.pretokenizers[12].pattern" */

struct loader {
    const char *name;
    struct bit_tokenizer *t;
    const json_t *vocab;  /* text of a token -> id */
    int16_t byte_of[512]; /* the byte that a character of the byte-level alphabet stands for, -1 for none */
    bool byte_level;      /* met in the pre-tokenizer */
    bool prefix;          /* likewise, with add_prefix_space */
};

static int refuse(const struct loader *l, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int refuse(const struct loader *l, const char *path, const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return bit_fail(-EINVAL, "tokenizer '%s': %s: %s", l->name, path, text);
}

static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value);
}

/* The type of a component, "" if it has none. */
static const char *type_of(const json_t *component)
{
    const char *type = json_string_value(json_object_get(component, "type"));
    return type == NULL ? "" : type;
}

static int get_bool(const struct loader *l, const json_t *object, const char *path, const char *key, bool fallback,
                    bool *out)
{
    const json_t *value = json_object_get(object, key);

    if (value != NULL && !json_is_boolean(value)) {
        char full[PATH_MAX_HERE];
        snprintf(full, sizeof full, "%s.%s", path, key);
        return refuse(l, full, "is not true or false");
    }
    *out = value == NULL ? fallback : json_is_true(value);
    return 0;
}

/* ---- byte-level alphabet ---- */

/* GPT-2 writes each byte as a printable character: itself where it is one in Latin-1, else U+0100 and on, in order. */
static void make_alphabet(struct loader *l)
{
    int next = 256;

    memset(l->byte_of, 0xff, sizeof l->byte_of);
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        l->byte_of[printable ? b : next++] = (int16_t)b;
    }
}

/* Turn the text of a token into bytes at out. Returns their number; if a character is not of the alphabet, the text is
 * copied as it is and *in_pieces is false. */
static size_t token_bytes(const struct loader *l, const char *text, size_t length, uint8_t *out, bool *in_pieces)
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

/* ---- model ---- */

/* One above the highest id in use, and room for the bytes of all tokens. */
static int measure(struct loader *l, const json_t *added, uint32_t *token_count, size_t *text_bytes)
{
    const char *text;
    json_t *value;
    json_int_t highest = -1;
    size_t i;

    json_object_foreach((json_t *)(uintptr_t)l->vocab, text, value)
    {
        json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || id >= BIT_BPE_TOKENS_MAX)
            return refuse(l, "model.vocab", "the id of '%s' is no number from 0 to %u", text, BIT_BPE_TOKENS_MAX - 1);
        highest = BIT_MAX(highest, id);
        *text_bytes += strlen(text);
    }
    json_array_foreach(added, i, value)
    {
        const json_t *id = json_object_get(value, "id"), *content = json_object_get(value, "content");
        char path[PATH_MAX_HERE];
        snprintf(path, sizeof path, "added_tokens[%zu]", i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= BIT_BPE_TOKENS_MAX)
            return refuse(l, path, "id is no number from 0 to %u", BIT_BPE_TOKENS_MAX - 1);
        if (!json_is_string(content) || json_string_length(content) == 0)
            return refuse(l, path, "content is no text, or empty");
        highest = BIT_MAX(highest, json_integer_value(id));
        *text_bytes += json_string_length(content);
    }
    *token_count = (uint32_t)(highest + 1);
    return 0;
}

static int load_vocab(struct loader *l)
{
    struct bit_tokenizer *t = l->t;
    const char *text;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)l->vocab, text, value)
    {
        uint32_t id = (uint32_t)json_integer_value(value);
        bool in_pieces;
        if (t->bpe.tokens[id].bytes != NULL)
            return refuse(l, "model.vocab", "id %u is given twice", id);
        uint8_t *at = t->text + t->text_bytes;
        size_t bytes = token_bytes(l, text, strlen(text), at, &in_pieces);
        t->text_bytes += bytes;
        bit_bpe_add_token(&t->bpe, id, at, bytes, in_pieces);
    }
    for (int b = 0; b < 256; b++) {
        bool in_utf8 = b != 0xc0 && b != 0xc1 && b < 0xf5;
        if (in_utf8 && t->bpe.byte_id[b] == BIT_BPE_NONE)
            return refuse(l, "model.vocab", "there is no token for byte 0x%02x: not a byte-level vocabulary", b);
    }
    return 0;
}

/* The two sides of a merge, "a b" or ["a", "b"], copied into one buffer "a\0b\0". */
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

static int load_merges(struct loader *l, const json_t *merges)
{
    char buf[4096], joined[4096], path[PATH_MAX_HERE];
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
            return refuse(l, path, "is not two tokens");
        snprintf(joined, sizeof joined, "%s%s", buf, right);
        const json_t *a = json_object_get(l->vocab, buf), *b = json_object_get(l->vocab, right),
                     *both = json_object_get(l->vocab, joined);
        if (a == NULL || b == NULL || both == NULL)
            return refuse(l, path, "'%s' is not in the vocabulary", a == NULL ? buf : b == NULL ? right : joined);
        bit_bpe_add_merge(&l->t->bpe, (uint32_t)json_integer_value(a), (uint32_t)json_integer_value(b), rank++,
                          (uint32_t)json_integer_value(both));
    }
    return 0;
}

/* What would change the ids in a way that is not implemented. */
static int check_model(const struct loader *l, const json_t *model)
{
    static const char *const texts[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    const json_t *dropout = json_object_get(model, "dropout");
    char path[PATH_MAX_HERE];

    if (!json_is_object(model))
        return refuse(l, "model", "is missing");
    if (strcmp(type_of(model), "BPE") != 0)
        return refuse(l, "model.type", "'%s' is not supported, only BPE", type_of(model));
    if (!is_absent(dropout) && json_number_value(dropout) != 0)
        return refuse(l, "model.dropout", "is not supported");
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return refuse(l, "model.byte_fallback", "is not supported");
    for (size_t i = 0; i < BIT_COUNT(texts); i++) {
        const json_t *value = json_object_get(model, texts[i]);
        snprintf(path, sizeof path, "model.%s", texts[i]);
        if (!is_absent(value) && json_string_length(value) > 0)
            return refuse(l, path, "is not supported");
    }
    if (!json_is_object(json_object_get(model, "vocab")))
        return refuse(l, "model.vocab", "is not an object");
    if (!json_is_array(json_object_get(model, "merges")))
        return refuse(l, "model.merges", "is not an array");
    return 0;
}

static int load_model(struct loader *l, const json_t *model, const json_t *added)
{
    const json_t *merges = json_object_get(model, "merges");
    uint32_t token_count = 0;
    size_t room = 0;
    int err = check_model(l, model);

    if (err < 0)
        return err;
    l->vocab = json_object_get(model, "vocab");
    err = measure(l, added, &token_count, &room);
    if (err == 0)
        err = bit_bpe_init(&l->t->bpe, token_count, json_array_size(merges));
    if (err == 0)
        err = get_bool(l, model, "model", "ignore_merges", false, &l->t->bpe.whole_first);
    if (err < 0)
        return err;
    l->t->text = malloc(room + 1);
    if (l->t->text == NULL)
        return bit_fail(-ENOMEM, "vocabulary of %zu bytes", room);
    err = load_vocab(l);
    return err < 0 ? err : load_merges(l, merges);
}

/* ---- added tokens ---- */

/* The id that tokenizers gives: the vocabulary's, or one after all others. Another in the file is a contradiction. */
static int check_added_id(const struct loader *l, const char *path, const json_t *token, uint32_t *next, uint32_t *out)
{
    const json_t *known = json_object_get(l->vocab, json_string_value(json_object_get(token, "content")));
    uint32_t id = (uint32_t)json_integer_value(json_object_get(token, "id"));
    uint32_t expected = known != NULL ? (uint32_t)json_integer_value(known) : *next;

    if (id != expected)
        return refuse(l, path, "id is %u where the vocabulary's order gives %u", id, expected);
    *next = BIT_MAX(*next, id + 1);
    *out = id;
    return 0;
}

static int insert_added(struct loader *l, const char *path, const json_t *token, struct bit_added_token added)
{
    const uint8_t *content = (const uint8_t *)json_string_value(json_object_get(token, "content"));
    size_t bytes = json_string_length(json_object_get(token, "content"));
    struct bit_nfc nfc = {0};
    bool normalized;

    int err = get_bool(l, token, path, "normalized", true, &normalized);
    if (err < 0)
        return err;
    uint8_t *at = memcpy(l->t->text + l->t->text_bytes, content, bytes);
    l->t->text_bytes += bytes;
    bit_bpe_add_token(&l->t->bpe, added.id, at, bytes, false); /* decodes to its content, whatever the alphabet */
    if (normalized && l->t->nfc)
        err = bit_nfc(&nfc, content, bytes);
    if (err > 0) {
        content = nfc.text;
        bytes = nfc.text_bytes;
    }
    if (err >= 0)
        err = bit_added_add(normalized ? &l->t->normalized : &l->t->raw, content, bytes, added);
    bit_nfc_finish(&nfc);
    return err == -EEXIST ? refuse(l, path, "content is that of another added token") : err;
}

static int load_added(struct loader *l, const json_t *added)
{
    uint32_t next = (uint32_t)json_object_size(l->vocab);
    json_t *token;
    size_t i;

    json_array_foreach(added, i, token)
    {
        struct bit_added_token flags = {0};
        char path[PATH_MAX_HERE];
        bool single_word;
        snprintf(path, sizeof path, "added_tokens[%zu]", i);
        int err = check_added_id(l, path, token, &next, &flags.id);
        if (err == 0)
            err = get_bool(l, token, path, "lstrip", false, &flags.lstrip);
        if (err == 0)
            err = get_bool(l, token, path, "rstrip", false, &flags.rstrip);
        if (err == 0)
            err = get_bool(l, token, path, "single_word", false, &single_word);
        if (err == 0 && single_word)
            err = refuse(l, path, "single_word is not supported");
        if (err == 0)
            err = insert_added(l, path, token, flags);
        if (err < 0)
            return err;
    }
    return 0;
}

/* ---- normaliser and pre-tokenizer ---- */

static int load_normalizer(struct loader *l, const json_t *n, const char *path)
{
    const json_t *list = json_object_get(n, "normalizers");
    char inner[PATH_MAX_HERE];
    json_t *item;
    size_t i;

    if (is_absent(n))
        return 0;
    if (strcmp(type_of(n), "NFC") == 0) {
        l->t->nfc = true;
        return 0;
    }
    snprintf(inner, sizeof inner, "%s.type", path);
    if (strcmp(type_of(n), "Sequence") != 0 || !json_is_array(list))
        return refuse(l, inner, "'%s' is not supported, only NFC", type_of(n));
    json_array_foreach(list, i, item)
    {
        snprintf(inner, sizeof inner, "normalizer.normalizers[%zu]", i);
        if (strcmp(type_of(item), "NFC") != 0)
            return refuse(l, inner, "'%s' is not supported, only NFC", type_of(item));
        l->t->nfc = true;
    }
    return 0;
}

static int add_step(struct loader *l, const char *path, struct bit_split step)
{
    struct bit_pretokenizer *p = &l->t->pretokenizer;

    if (p->count == BIT_PRETOKENIZE_STEPS_MAX)
        return refuse(l, path, "more than %d steps", BIT_PRETOKENIZE_STEPS_MAX);
    p->steps[p->count++] = step;
    return 0;
}

static int load_byte_level(struct loader *l, const json_t *p, const char *path)
{
    bool prefix, regex;
    int err = get_bool(l, p, path, "add_prefix_space", true, &prefix);

    if (err == 0)
        err = get_bool(l, p, path, "use_regex", true, &regex);
    if (err == 0 && prefix)
        err = add_step(l, path, (struct bit_split){.kind = BIT_SPLIT_PREFIX});
    if (err == 0 && regex)
        err = add_step(l, path, (struct bit_split){.kind = BIT_SPLIT_GPT2});
    l->byte_level = true;
    return err;
}

static int load_split(struct loader *l, const json_t *p, const char *path)
{
    const json_t *pattern = json_object_get(p, "pattern"), *regex = json_object_get(pattern, "Regex"),
                 *literal = json_object_get(pattern, "String"), *text = regex != NULL ? regex : literal;
    const char *behavior = json_string_value(json_object_get(p, "behavior"));
    struct bit_split step = {0};
    char inner[PATH_MAX_HERE];
    bool invert;
    int err = get_bool(l, p, path, "invert", false, &invert);

    if (err < 0)
        return err;
    snprintf(inner, sizeof inner, "%s.behavior", path);
    if (behavior == NULL || (strcmp(behavior, "Isolated") != 0 && strcmp(behavior, "Removed") != 0))
        return refuse(l, inner, "'%s' is not supported, only Isolated and Removed", behavior ? behavior : "");
    snprintf(inner, sizeof inner, "%s.pattern", path);
    if (!json_is_string(text) || json_string_length(text) == 0)
        return refuse(l, inner, "is no Regex or String");
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

static int load_step(struct loader *l, const json_t *p, const char *path)
{
    bool single;

    if (l->byte_level)
        return refuse(l, path, "a step after ByteLevel is not supported");
    if (strcmp(type_of(p), "ByteLevel") == 0)
        return load_byte_level(l, p, path);
    if (strcmp(type_of(p), "Split") == 0)
        return load_split(l, p, path);
    if (strcmp(type_of(p), "Digits") == 0) {
        int err = get_bool(l, p, path, "individual_digits", false, &single);
        return err < 0 ? err : add_step(l, path, (struct bit_split){.kind = BIT_SPLIT_DIGITS, .single = single});
    }
    char inner[PATH_MAX_HERE];
    snprintf(inner, sizeof inner, "%s.type", path);
    return refuse(l, inner, "'%s' is not supported, only ByteLevel, Split, Digits and a Sequence of them", type_of(p));
}

static int load_pretokenizer(struct loader *l, const json_t *p)
{
    const json_t *list = json_object_get(p, "pretokenizers");
    json_t *item;
    size_t i;
    int err = 0;

    if (strcmp(type_of(p), "Sequence") == 0 && json_is_array(list)) {
        json_array_foreach(list, i, item)
        {
            char path[PATH_MAX_HERE];
            snprintf(path, sizeof path, "pre_tokenizer.pretokenizers[%zu]", i);
            err = load_step(l, item, path);
            if (err < 0)
                return err;
        }
    } else if (!is_absent(p)) {
        err = load_step(l, p, "pre_tokenizer");
    }
    if (err == 0 && !l->byte_level)
        return refuse(l, "pre_tokenizer", "has no ByteLevel: not a byte-level tokenizer");
    return err;
}

/* ---- whole ---- */

static int load_all(struct loader *l, const json_t *root)
{
    static const char *const absent[] = {"truncation", "padding"};
    const json_t *added = json_object_get(root, "added_tokens"), *decoder = json_object_get(root, "decoder");
    int err = 0;

    if (!json_is_object(root))
        return refuse(l, "the file", "is no JSON object");
    for (size_t i = 0; i < BIT_COUNT(absent); i++) {
        if (!is_absent(json_object_get(root, absent[i])))
            return refuse(l, absent[i], "is not supported");
    }
    if (!is_absent(decoder) && strcmp(type_of(decoder), "ByteLevel") != 0)
        return refuse(l, "decoder.type", "'%s' is not supported, only ByteLevel", type_of(decoder));
    make_alphabet(l);
    err = load_normalizer(l, json_object_get(root, "normalizer"), "normalizer");
    if (err == 0)
        err = load_pretokenizer(l, json_object_get(root, "pre_tokenizer"));
    if (err == 0)
        err = load_model(l, json_object_get(root, "model"), added);
    return err < 0 ? err : load_added(l, added);
}

static void write_digest(struct bit_tokenizer *t, const char *json, size_t bytes)
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(hash, (const unsigned char *)json, bytes);
    sodium_bin2hex(t->digest, sizeof t->digest, hash, sizeof hash);
}

int bit_tokenizer_parse(const char *name, const char *json, size_t bytes, struct bit_tokenizer **out)
{
    struct loader l = {.name = name};
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
        err = bit_fail(-EINVAL, "tokenizer '%s': line %d, column %d: %s", name, error.line, error.column, error.text);
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

/* "dir/name.json" to "name". */
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
    char *buf = NULL;
    size_t done = 0;
    int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0) {
        err = bit_fail(-errno, "tokenizer '%s'", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > BIT_TOKENIZER_BYTES_MAX) {
        err = bit_fail(S_ISREG(st.st_mode) ? BIT_ELIMIT : -EINVAL, "tokenizer '%s' is no file of at most %u bytes",
                       path, BIT_TOKENIZER_BYTES_MAX);
        goto out;
    }
    buf = malloc((size_t)st.st_size + 1);
    if (buf == NULL) {
        err = bit_fail(-ENOMEM, "tokenizer '%s'", path);
        goto out;
    }
    for (ssize_t n; done < (size_t)st.st_size; done += (size_t)n) {
        n = read(fd, buf + done, (size_t)st.st_size - done);
        if (n <= 0) {
            err = bit_fail(n < 0 ? -errno : BIT_ECORRUPT, "tokenizer '%s': byte %zu", path, done);
            goto out;
        }
    }
    *out = buf;
    *bytes = done;
    buf = NULL;
out:
    free(buf);
    if (fd >= 0)
        close(fd);
    return err;
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
