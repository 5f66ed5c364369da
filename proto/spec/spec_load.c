#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_more_problems.h"
#include "proto/text/foreign_format.h"
#include "proto/utf8.h"
#include "proto/wire/msg.h"

static bool ends_with(const char *text, const char *tail)
{
    size_t len = strlen(text), tail_len = strlen(tail);

    return len >= tail_len && strcmp(text + len - tail_len, tail) == 0;
}

/* The lengths and tags of a binary message give control characters or invalid UTF-8, which text does not have. */
static bool looks_like_text(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == 0x7f || (c < 0x20 && strchr("\t\n\r\f\v", c) == NULL) || c == '\0')
            return false;
    }
    return bit_utf8_valid(bytes, len);
}

/* Reads up to one byte more than a spec may have, so that a longer file is noticed. */
static int read_all(int fd, const char *path, char **out, size_t *len)
{
    size_t size = BIT_SPEC_BYTES_MAX + 1, used = 0;
    char *bytes = malloc(size);

    if (bytes == NULL)
        return bit_fail(-ENOMEM, "contents of '%s'", path);
    int err = bit_full_io_read(fd, bytes, size, &used);
    if (err < 0) {
        free(bytes);
        return bit_fail(err, "read '%s'", path);
    }
    *out = bytes;
    *len = used;
    return 0;
}

static int decode_binary(const char *path, const char *bytes, size_t len, Bit__RunSpec **out,
                         struct bit_problems *problems)
{
    int err = bit_msg_decode_as(&bit__run_spec__descriptor, (const uint8_t *)bytes, len, BIT_DECODE_BUDGET_MAX,
                                (ProtobufCMessage **)out);

    if (err == 0 || err == -ENOMEM)
        return err;
    bit_problems_add(problems, NULL, 0, 0,
                     "this is not a specification: it is not text, and not a binary RunSpec either");
    return bit_fail(BIT_ESPEC, "'%s'", path);
}

/* Text editors of other systems may write UTF-16. Bytes that are 0 would each be a problem of their own. */
static bool is_readable(const char *bytes, size_t len, struct bit_problems *problems)
{
    const char *zero = memchr(bytes, '\0', len);

    if (len >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0)) {
        bit_problems_add(problems, NULL, 0, 0, "this is UTF-16 text: save it as UTF-8");
        return false;
    }
    if (zero != NULL)
        bit_problems_add(problems, NULL, 0, 0, "this is not text: byte %zu is 0x00", (size_t)(zero - bytes));
    return zero == NULL;
}

static int parse_text(const char *bytes, size_t len, Bit__RunSpec **out, struct bit_problems *problems)
{
    struct bit_foreign_format foreign;
    ProtobufCMessage *msg = NULL;
    int err = bit_text_parse_some(&bit__run_spec__descriptor, bytes, len, &msg, problems);

    if (err == 0) {
        *out = (Bit__RunSpec *)msg;
        return 0;
    }
    if (err == BIT_ESPEC && bit_foreign_format_find(bytes, len, &foreign)) {
        bit_msg_free(msg);
        problems->count = 0;
        bit_problems_add(problems, NULL, foreign.line, foreign.column,
                         "this is %s, and a specification is protobuf text format, as in model { preset: \"olmo_1b\" } "
                         "schedule { steps: 10000 }",
                         foreign.name);
        return bit_fail(err, "text of the specification");
    }
    /* Also find problems with presets and rules. After an unknown preset bit_spec_normalise does that itself. */
    Bit__RunSpec *some = (Bit__RunSpec *)msg, *filled = err == BIT_ESPEC && msg != NULL ? bit_msg_clone(msg) : NULL;
    if (filled != NULL && bit_spec_normalise(filled, NULL, problems) == 0)
        bit_spec_more_problems(filled, problems);
    bit_msg_free(filled);
    *out = some;
    return err == BIT_ESPEC ? bit_fail(err, "text of the specification") : err;
}

int bit_spec_load(const char *path, Bit__RunSpec **out, struct bit_problems *problems)
{
    Bit__RunSpec *some = NULL;
    int err = bit_spec_load_some(path, &some, problems);

    if (err < 0)
        bit_msg_free(some);
    else
        *out = some;
    return err;
}

int bit_spec_load_some(const char *path, Bit__RunSpec **out, struct bit_problems *problems)
{
    bool text = ends_with(path, ".txtpb") || ends_with(path, ".textproto") || ends_with(path, ".prototxt");
    char *bytes = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC); /* may block on a FIFO without a writer: the user named it */

    if (fd < 0)
        return bit_fail(-errno, "open '%s'", path);
    int err = read_all(fd, path, &bytes, &len);
    close(fd);
    if (err < 0)
        return err;
    if (len > BIT_SPEC_BYTES_MAX) {
        bit_problems_add(problems, NULL, 0, 0, "longer than the %u bytes that a specification may have",
                         BIT_SPEC_BYTES_MAX);
        err = bit_fail(BIT_ESPEC, "'%s'", path);
    } else if (text && !is_readable(bytes, len, problems)) {
        err = bit_fail(BIT_ESPEC, "'%s'", path);
    } else if (text || looks_like_text(bytes, len)) {
        err = parse_text(bytes, len, out, problems);
    } else {
        err = decode_binary(path, bytes, len, out, problems);
    }
    free(bytes);
    return err;
}
