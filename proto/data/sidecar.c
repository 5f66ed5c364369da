#include "proto/data/sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/limits.h"

static bool is_hex(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static int fill_files(json_t *files, struct bit_sidecar *s)
{
    size_t count = json_array_size(files);

    s->file = calloc(count ? count : 1, sizeof *s->file);
    for (; s->file != NULL && s->file_count < count; s->file_count++) {
        struct bit_sidecar_file *f = &s->file[s->file_count];
        const char *name = NULL, *crc = NULL;
        json_int_t tokens = 0, documents = 0;
        if (json_unpack(json_array_get(files, s->file_count), "{s:s, s:I, s:I, s:s}", "name", &name, "tokens", &tokens,
                        "documents", &documents, "crc32c", &crc) != 0 ||
            strlen(name) >= sizeof f->name || strchr(name, '/') != NULL || tokens < 0 || documents < 0 ||
            !is_hex(crc, 8))
            return BIT_ECORRUPT;
        snprintf(f->name, sizeof f->name, "%s", name);
        f->tokens = (uint64_t)tokens;
        f->documents = (uint64_t)documents;
        f->crc = (uint32_t)strtoul(crc, NULL, 16);
    }
    return s->file == NULL ? -ENOMEM : 0;
}

static int fill(json_t *root, struct bit_sidecar *s)
{
    const char *format = NULL, *name = NULL, *sha256 = NULL, *dtype = NULL;
    json_int_t vocab = 0, end = 0, documents = 0, tokens = 0, text_bytes = 0;
    json_t *files = NULL;

    if (json_unpack(root, "{s:s, s:{s:s, s:s, s:I, s:I}, s:s, s:I, s:I, s:I, s:o}", "format", &format, "tokenizer",
                    "name", &name, "sha256", &sha256, "vocab", &vocab, "end_of_text", &end, "dtype", &dtype,
                    "documents", &documents, "tokens", &tokens, "text_bytes", &text_bytes, "files", &files) != 0 ||
        strcmp(format, "bitd-dataset-1") != 0 || strlen(name) >= sizeof s->tokenizer || !is_hex(sha256, 64) ||
        vocab < 1 || vocab > INT32_MAX || end < 0 || end >= vocab || documents < 0 || tokens < 0 || text_bytes < 0 ||
        !json_is_array(files))
        return BIT_ECORRUPT;
    s->token_bytes = strcmp(dtype, "uint16") == 0 ? 2 : strcmp(dtype, "uint32") == 0 ? 4 : 0;
    if (s->token_bytes == 0 || (s->token_bytes == 2 && vocab > BIT_VOCAB_16BIT))
        return BIT_ECORRUPT;
    snprintf(s->tokenizer, sizeof s->tokenizer, "%s", name);
    snprintf(s->sha256, sizeof s->sha256, "%s", sha256);
    s->vocab = (uint32_t)vocab;
    s->end_of_text = (uint32_t)end;
    s->documents = (uint64_t)documents;
    s->tokens = (uint64_t)tokens;
    s->text_bytes = (uint64_t)text_bytes;
    return fill_files(files, s);
}

int bit_sidecar_parse(const char *text, size_t bytes, const char *path, struct bit_sidecar *out)
{
    struct bit_sidecar s = {0};
    json_error_t error;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);

    if (root == NULL) /* report only the position: the user who sees it may not be allowed to read the file */
        return bit_fail(BIT_ECORRUPT, "%s:%d:%d: no JSON", path, error.line, error.column);
    int err = fill(root, &s);
    json_decref(root);
    if (err < 0) {
        bit_sidecar_finish(&s);
        return bit_fail(err, "'%s' is not what bitctl tokenize writes", path);
    }
    *out = s;
    return 0;
}

static int read_whole(int fd, const char *path, size_t size, char **text, size_t *bytes)
{
    *text = malloc(size ? size : 1);
    if (*text == NULL)
        return bit_fail(-ENOMEM, "'%s'", path);
    int err = bit_full_io_read(fd, *text, size, bytes);
    return err < 0 ? bit_fail(err, "'%s'", path) : 0;
}

static int read_file(int fd, const char *path, const struct bit_file_id *shown, struct bit_sidecar *out)
{
    struct stat st;
    char *text = NULL;
    size_t bytes = 0;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "'%s'", path);
    if (shown != NULL && !bit_file_id_is(shown, &st))
        return bit_fail(BIT_EAUTH, "'%s': bitd opens another file at this path than the submitter did", path);
    if (!S_ISREG(st.st_mode) || st.st_size > BIT_SIDECAR_BYTES_MAX)
        return bit_fail(BIT_ELIMIT, "'%s' is not a file of at most %u bytes", path, BIT_SIDECAR_BYTES_MAX);
    int err = read_whole(fd, path, (size_t)st.st_size, &text, &bytes);
    if (err == 0)
        err = bit_sidecar_parse(text, bytes, path, out);
    free(text);
    return err;
}

int bit_sidecar_path(const char *path, char *out, size_t room)
{
    const char *slash = strrchr(path, '/');
    int folder = slash != NULL ? (int)(slash - path) + 1 : 0;

    return (size_t)snprintf(out, room, "%.*s%s", folder, path, BIT_SIDECAR_NAME) < room
               ? 0
               : bit_fail(-ENAMETOOLONG, "'%s'", path);
}

int bit_sidecar_read_shown(const char *path, const struct bit_file_id *shown, struct bit_sidecar *out)
{
    char beside[BIT_PATH_MAX + sizeof BIT_SIDECAR_NAME];
    int err = bit_sidecar_path(path, beside, sizeof beside);

    if (err < 0 || (shown != NULL && shown->inode == 0))
        return err;
    int fd = open(beside, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : bit_fail(-errno, "'%s'", beside);
    err = read_file(fd, beside, shown, out);
    close(fd);
    return err < 0 ? err : 1;
}

int bit_sidecar_read(const char *path, struct bit_sidecar *out)
{
    return bit_sidecar_read_shown(path, NULL, out);
}

void bit_sidecar_finish(struct bit_sidecar *s)
{
    free(s->file);
    *s = (struct bit_sidecar){0};
}

const struct bit_sidecar_file *bit_sidecar_find(const struct bit_sidecar *s, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < s->file_count; i++)
        if (strcmp(s->file[i].name, name) == 0)
            return &s->file[i];
    return NULL;
}

double bit_sidecar_bytes_per_token(const struct bit_sidecar *s)
{
    return s->tokens > 0 ? (double)s->text_bytes / (double)s->tokens : 0;
}

double bit_sidecar_bytes_per_token_of(char *const *path, size_t count, const struct bit_file_id *shown)
{
    double bytes = 0, tokens = 0;

    for (size_t i = 0; i < count; i++) {
        struct bit_sidecar s;
        if (bit_sidecar_read_shown(path[i], shown != NULL ? &shown[i] : NULL, &s) <= 0)
            return 0;
        const struct bit_sidecar_file *file = bit_sidecar_find(&s, path[i]);
        double known = bit_sidecar_bytes_per_token(&s), here = file != NULL ? (double)file->tokens : 0;
        bit_sidecar_finish(&s);
        if (known <= 0 || here <= 0)
            return 0;
        tokens += here;
        bytes += here * known;
    }
    return tokens > 0 ? bytes / tokens : 0;
}

/* ---- a run's files */

static int check_identity(struct bit_sidecar_check *c, const char *path, const struct bit_sidecar *s)
{
    const char *wanted = c->spec->data->tokenizer;

    if (s->token_bytes != (unsigned)c->spec->data->dtype)
        return bit_fail(BIT_EDATA, "%s holds %u-bit ids of tokenizer '%s', vocabulary %u; data.dtype is %s", path,
                        8 * s->token_bytes, s->tokenizer, s->vocab,
                        c->spec->data->dtype == BIT__TOKEN_TYPE__UINT16 ? "UINT16" : "UINT32");
    if (s->vocab > c->spec->model->vocab)
        return bit_fail(BIT_EDATA, "%s is of tokenizer '%s' with a vocabulary of %u; model.vocab is %u", path,
                        s->tokenizer, s->vocab, c->spec->model->vocab);
    if (wanted != NULL && wanted[0] != '\0' && strcmp(wanted, s->tokenizer) != 0 && strcmp(wanted, s->sha256) != 0)
        return bit_fail(BIT_EDATA, "%s is of tokenizer '%s', sha256 %.16s…; data.tokenizer says '%.80s'", path,
                        s->tokenizer, s->sha256, wanted);
    if (c->sha256[0] != '\0' && strcmp(c->sha256, s->sha256) != 0)
        return bit_fail(BIT_EDATA, "%s is of tokenizer '%s', sha256 %.16s…, but %s is of %.16s…", path, s->tokenizer,
                        s->sha256, c->first, c->sha256);
    snprintf(c->sha256, sizeof c->sha256, "%s", s->sha256);
    snprintf(c->first, sizeof c->first, "%s", path);
    return 0;
}

bool bit_sidecar_is_shared(const char *a, const char *b)
{
    const char *end = strrchr(a, '/');

    return end != NULL && strncmp(a, b, (size_t)(end - a) + 1) == 0 && strchr(b + (end - a) + 1, '/') == NULL;
}

int bit_sidecar_check_file(struct bit_sidecar_check *c, const char *path, const struct bit_file_id *shown)
{
    struct bit_sidecar s;
    int err = bit_sidecar_read_shown(path, shown, &s);

    if (err == 0 && c->missing.folders++ == 0)
        c->missing.first = path;
    if (err > 0) {
        err = check_identity(c, path, &s);
        bit_sidecar_finish(&s);
    }
    return err;
}
