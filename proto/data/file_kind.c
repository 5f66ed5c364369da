#include "proto/data/file_kind.h"

#include <stdbool.h>
#include <string.h>

#include "proto/check.h"
#include "proto/data/request_file.h"
#include "proto/err.h"
#include "proto/limits.h"

#define IDS_LEAST  64                          /* with fewer ids, neither their width nor text can be recognised */
#define UPPER_MOST ((BIT_VOCAB_MAX - 1) >> 16) /* largest upper half of a 32-bit id */

static bool begins_with(const uint8_t *bytes, size_t count, const char *magic, size_t magic_bytes)
{
    return count >= magic_bytes && memcmp(bytes, magic, magic_bytes) == 0;
}

/* Only printable ASCII, white space, and bytes from 0x80 on (UTF-8), of which there may be at most half. */
static bool is_text(const uint8_t *bytes, size_t count)
{
    size_t wide = 0;

    for (size_t i = 0; i < count; i++) {
        const uint8_t c = bytes[i];
        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return false;
        wide += c >= 0x80;
    }
    return count >= 2 * IDS_LEAST && wide <= count / 2;
}

static uint32_t half_at(const uint8_t *bytes, size_t i)
{
    return bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
}

/* Every second half is small, like the upper half of an id; of the other halves, more than half are larger. */
static bool has_upper_halves(const uint8_t *bytes, size_t count)
{
    const size_t ids = count / 4;
    size_t larger = 0;

    for (size_t i = 0; i < ids; i++) {
        if (half_at(bytes, 2 * i + 1) > UPPER_MOST)
            return false;
        larger += half_at(bytes, 2 * i) > UPPER_MOST;
    }
    return ids >= IDS_LEAST && larger > ids / 2;
}

/* Read as 32-bit ids most are beyond the vocabulary; read as 16-bit ids none is. */
static bool has_two_in_one(const uint8_t *bytes, size_t count, uint32_t vocab)
{
    const size_t ids = count / 4;
    size_t beyond = 0;

    for (size_t i = 0; i < ids; i++) {
        const uint32_t lower = half_at(bytes, 2 * i), upper = half_at(bytes, 2 * i + 1);
        if (lower >= vocab || upper >= vocab)
            return false;
        beyond += (upper << 16 | lower) >= vocab;
    }
    return ids >= IDS_LEAST && beyond > ids / 2;
}

enum bit_file_kind bit_file_kind(const uint8_t *bytes, size_t count, unsigned token_bytes, uint32_t vocab)
{
    if (begins_with(bytes, count, "\x93NUMPY", 6))
        return BIT_FILE_NUMPY;
    if (begins_with(bytes, count, "\x1f\x8b\x08", 3) || begins_with(bytes, count, "\x28\xb5\x2f\xfd", 4))
        return BIT_FILE_COMPRESSED;
    if (bit_request_file_is(bytes, count))
        return BIT_FILE_REQUESTS;
    if (is_text(bytes, count))
        return BIT_FILE_TEXT;
    if (token_bytes == sizeof(uint16_t) && has_upper_halves(bytes, count))
        return BIT_FILE_IDS_32;
    if (token_bytes == sizeof(uint32_t) && has_two_in_one(bytes, count, vocab))
        return BIT_FILE_IDS_16;
    return BIT_FILE_TOKENS;
}

int bit_file_kind_check(enum bit_file_kind kind, const char *path)
{
    static const char *const says[] = {
        [BIT_FILE_NUMPY] = "is a file of numpy.save, which begins with a header: write the ids alone (array.tofile)",
        [BIT_FILE_COMPRESSED] = "is compressed: token files are read in place, so unpack it",
        [BIT_FILE_REQUESTS] = "is a request file, a task to be evaluated: it is no data to train on",
        [BIT_FILE_TEXT] = "holds text, not token ids: bitctl tokenize makes token files of documents",
        [BIT_FILE_IDS_16] = "looks like ids of 16 bits, and 32 are expected: data { dtype: UINT16 }",
        [BIT_FILE_IDS_32] = "looks like ids of 32 bits, and 16 are expected: data { dtype: UINT32 }",
    };

    if (kind == BIT_FILE_TOKENS)
        return 0;
    BIT_ASSERT((size_t)kind < BIT_COUNT(says));
    return bit_fail(BIT_EDATA, "token file '%s' %s", path, says[kind]);
}
