#include "proto/wire/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"

#define FIRST_CAPACITY 1024u

enum offset { MAGIC = 0, TYPE = 4, FLAGS = 6, EPOCH = 8, BODY_BYTES = 16, BODY_CRC = 20, HEADER_CRC = 24 };
_Static_assert(HEADER_CRC + 4 == BIT_FRAME_HEADER_BYTES, "the header ends with its own checksum");

static const uint8_t magic[4] = {'B', 'I', 'T', '1'};

static void put(uint8_t *out, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *in, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)in[i] << 8 * i;
    return v;
}

void bit_frame_encode_header(const struct bit_frame *frame, uint8_t *out)
{
    BIT_ASSERT(frame->body_bytes <= BIT_FRAME_BODY_MAX);
    memcpy(out + MAGIC, magic, sizeof magic);
    put(out + TYPE, frame->type, 2);
    put(out + FLAGS, 0, 2);
    put(out + EPOCH, frame->epoch, 8);
    put(out + BODY_BYTES, frame->body_bytes, 4);
    put(out + BODY_CRC, bit_crc32c(0, frame->body, frame->body_bytes), 4);
    put(out + HEADER_CRC, bit_crc32c(0, out, HEADER_CRC), 4);
}

/* The order matters: the magic has been checked before, the checksum is checked first here, and only then is the length
 * trusted. */
static int check_header(const uint8_t *buf, uint32_t body_max)
{
    uint32_t body_bytes = (uint32_t)get(buf + BODY_BYTES, 4);

    if (get(buf + HEADER_CRC, 4) != bit_crc32c(0, buf, HEADER_CRC))
        return bit_fail(BIT_EFRAME, "frame header's checksum is wrong");
    if (get(buf + FLAGS, 2) != 0)
        return bit_fail(BIT_EFRAME, "frame flags 0x%04x are unknown", (unsigned)get(buf + FLAGS, 2));
    if (body_bytes > body_max)
        return bit_fail(BIT_ELIMIT, "frame of type %u has %u bytes, above the %u allowed here",
                        (unsigned)get(buf + TYPE, 2), body_bytes, body_max);
    return 0;
}

int64_t bit_frame_decode(const uint8_t *buf, size_t bytes, uint32_t body_max, struct bit_frame *out, size_t *need)
{
    size_t whole;
    int err;

    /* Refuse wrong magic bytes at once, without waiting for the rest of the header. */
    if (bytes > 0 && memcmp(buf, magic, BIT_MIN(bytes, sizeof magic)) != 0)
        return bit_fail(BIT_EFRAME, "no frame begins here");
    *need = BIT_FRAME_HEADER_BYTES;
    if (bytes < BIT_FRAME_HEADER_BYTES)
        return 0;
    err = check_header(buf, body_max);
    if (err < 0)
        return err;
    whole = BIT_FRAME_HEADER_BYTES + (size_t)get(buf + BODY_BYTES, 4);
    *need = whole;
    if (bytes < whole)
        return 0;
    if (get(buf + BODY_CRC, 4) != bit_crc32c(0, buf + BIT_FRAME_HEADER_BYTES, whole - BIT_FRAME_HEADER_BYTES))
        return bit_fail(BIT_EFRAME, "body's checksum is wrong in a frame of type %u", (unsigned)get(buf + TYPE, 2));
    out->type = (uint16_t)get(buf + TYPE, 2);
    out->epoch = get(buf + EPOCH, 8);
    out->body = buf + BIT_FRAME_HEADER_BYTES;
    out->body_bytes = (uint32_t)(whole - BIT_FRAME_HEADER_BYTES);
    return (int64_t)whole;
}

void bit_frame_reader_init(struct bit_frame_reader *r, uint32_t body_max)
{
    *r = (struct bit_frame_reader){.body_max = body_max};
}

void bit_frame_reader_finish(struct bit_frame_reader *r)
{
    free(r->buf);
    *r = (struct bit_frame_reader){.body_max = r->body_max};
}

/* Frames that next() returned are before `taken`; the bytes after it move to the front. */
static void drop_taken(struct bit_frame_reader *r)
{
    if (r->taken == 0)
        return;
    memmove(r->buf, r->buf + r->taken, r->bytes - r->taken);
    r->bytes -= r->taken;
    r->taken = 0;
}

static int grow(struct bit_frame_reader *r)
{
    size_t most = BIT_FRAME_HEADER_BYTES + (size_t)r->body_max;
    size_t capacity = BIT_MIN(most, BIT_MAX(2 * r->capacity, FIRST_CAPACITY));
    uint8_t *buf;

    /* A buffer of the largest size that is full holds a whole frame, which next() would have taken or refused. */
    BIT_ASSERT(capacity > r->capacity);
    buf = realloc(r->buf, capacity);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "frame buffer of %zu bytes", capacity);
    r->buf = buf;
    r->capacity = capacity;
    return 0;
}

int bit_frame_reader_reserve(struct bit_frame_reader *r, uint8_t **room, size_t *room_bytes)
{
    drop_taken(r);
    if (r->bytes == r->capacity) {
        int err = grow(r);
        if (err < 0)
            return err;
    }
    *room = r->buf + r->bytes;
    *room_bytes = r->capacity - r->bytes;
    return 0;
}

void bit_frame_reader_commit(struct bit_frame_reader *r, size_t bytes)
{
    BIT_ASSERT(bytes <= r->capacity - r->bytes);
    r->bytes += bytes;
}

int bit_frame_reader_next(struct bit_frame_reader *r, struct bit_frame *out)
{
    size_t need;
    int64_t took;

    if (r->taken == r->bytes)
        return 0;
    took = bit_frame_decode(r->buf + r->taken, r->bytes - r->taken, r->body_max, out, &need);
    if (took <= 0)
        return (int)took;
    r->taken += (size_t)took;
    return 1;
}
