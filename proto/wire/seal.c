#include "proto/wire/seal.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

#define FIRST_BYTES 1024 /* first capacity of a buffer: most links only carry beats */

_Static_assert(crypto_secretstream_xchacha20poly1305_ABYTES == 17, "a record is 21 bytes longer than what it holds");

static void put_length(uint8_t out[BIT_SEAL_LENGTH_BYTES], size_t n)
{
    for (int i = 0; i < BIT_SEAL_LENGTH_BYTES; i++)
        out[i] = (uint8_t)(n >> 8 * i);
}

static size_t get_length(const uint8_t in[BIT_SEAL_LENGTH_BYTES])
{
    size_t n = 0;

    for (int i = 0; i < BIT_SEAL_LENGTH_BYTES; i++)
        n |= (size_t)in[i] << 8 * i;
    return n;
}

void bit_sealer_init(struct bit_sealer *s, const uint8_t key[BIT_SEAL_KEY_BYTES], uint8_t header[BIT_SEAL_HEADER_BYTES])
{
    BIT_ASSERT(sodium_init() >= 0);
    crypto_secretstream_xchacha20poly1305_init_push(&s->state, header, key);
}

size_t bit_sealer_seal(struct bit_sealer *s, const void *plain, size_t bytes, uint8_t *out)
{
    BIT_ASSERT(bytes > 0 && bytes <= BIT_SEAL_PLAIN_MAX);
    put_length(out, bytes + BIT_SEAL_OVERHEAD - BIT_SEAL_LENGTH_BYTES);
    crypto_secretstream_xchacha20poly1305_push(&s->state, out + BIT_SEAL_LENGTH_BYTES, NULL, plain, bytes, out,
                                               BIT_SEAL_LENGTH_BYTES,
                                               crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
    return bytes + BIT_SEAL_OVERHEAD;
}

/* Grow both buffers for a record of `bytes` bytes, including its length. The plain bytes of the last record are lost.
 */
static int make_room(struct bit_opener *o, size_t bytes)
{
    size_t capacity = BIT_MIN(BIT_MAX(bytes, 2 * o->capacity), (size_t)BIT_SEAL_RECORD_MAX);
    uint8_t *buf = realloc(o->buf, capacity), *plain;

    if (buf != NULL)
        o->buf = buf;
    free(o->plain);
    o->plain = plain = malloc(capacity);
    if (buf == NULL || plain == NULL)
        return bit_fail(-ENOMEM, "the buffers of a sealed stream");
    o->capacity = capacity;
    return 0;
}

int bit_opener_init(struct bit_opener *o, const uint8_t key[BIT_SEAL_KEY_BYTES],
                    const uint8_t header[BIT_SEAL_HEADER_BYTES], uint32_t plain_max)
{
    BIT_ASSERT(sodium_init() >= 0 && plain_max <= BIT_SEAL_PLAIN_MAX);
    *o = (struct bit_opener){.plain_max = plain_max};
    if (make_room(o, FIRST_BYTES) < 0) {
        bit_opener_finish(o);
        return -ENOMEM;
    }
    if (crypto_secretstream_xchacha20poly1305_init_pull(&o->state, header, key) == 0)
        return 0;
    bit_opener_finish(o);
    return bit_fail(-EBADMSG, "the header of a sealed stream");
}

void bit_opener_finish(struct bit_opener *o)
{
    free(o->buf);
    free(o->plain);
    sodium_memzero(o, sizeof *o);
}

uint8_t *bit_opener_room(struct bit_opener *o, size_t *room_bytes)
{
    if (o->taken > 0) {
        memmove(o->buf, o->buf + o->taken, o->bytes - o->taken);
        o->bytes -= o->taken;
        o->taken = 0;
    }
    *room_bytes = o->capacity - o->bytes;
    BIT_ASSERT(*room_bytes > 0); /* next() would have opened or refused a whole record, or made room for it */
    return o->buf + o->bytes;
}

void bit_opener_commit(struct bit_opener *o, size_t bytes)
{
    BIT_ASSERT(bytes <= o->capacity - o->bytes);
    o->bytes += bytes;
}

static int open_record(struct bit_opener *o, const uint8_t *record, size_t n, size_t *bytes)
{
    unsigned long long got = 0;
    unsigned char tag;

    if (crypto_secretstream_xchacha20poly1305_pull(&o->state, o->plain, &got, &tag, record + BIT_SEAL_LENGTH_BYTES, n,
                                                   record, BIT_SEAL_LENGTH_BYTES) != 0)
        return bit_fail(-EBADMSG, "a record of %zu bytes is not the other side's, or not the next one", n);
    o->taken += BIT_SEAL_LENGTH_BYTES + n;
    *bytes = (size_t)got;
    return 1;
}

int bit_opener_next(struct bit_opener *o, const uint8_t **plain, size_t *bytes)
{
    const uint8_t *record = o->buf + o->taken;
    size_t have = o->bytes - o->taken;

    if (have < BIT_SEAL_LENGTH_BYTES)
        return 0;
    size_t n = get_length(record);
    if (n <= BIT_SEAL_OVERHEAD - BIT_SEAL_LENGTH_BYTES ||
        n > (size_t)o->plain_max + BIT_SEAL_OVERHEAD - BIT_SEAL_LENGTH_BYTES)
        return bit_fail(-EBADMSG, "a record of %zu bytes has an invalid length", n);
    if (BIT_SEAL_LENGTH_BYTES + n > o->capacity)
        return make_room(o, BIT_SEAL_LENGTH_BYTES + n);
    if (have < BIT_SEAL_LENGTH_BYTES + n)
        return 0;
    *plain = o->plain;
    return open_record(o, record, n, bytes);
}
