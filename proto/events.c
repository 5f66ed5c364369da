/*
 * An event file is a row of records: u64 bytes, u32 masked CRC-32C of those eight, the data, u32 masked CRC-32C of the
 * data. The data is a protobuf Event:
 *     Event    1 wall_time double   2 step int64   3 file_version string   5 summary   7 session_log
 *     Summary  1 repeated Value { 1 tag string, 2 simple_value float }
 *     SessionLog  1 status, where 1 is START
 * Source      tensorflow/tensorboard: compat/proto/event.proto, summary.proto; summary/writer/record_writer.py
 */
#include "proto/events.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"

#define HEAD_BYTES 12
#define TAIL_BYTES 4

enum wire { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

/* Counts on past its end, so that one check at the end is enough. */
struct writer {
    uint8_t *out;
    size_t at, bytes;
};

static void put_byte(struct writer *w, uint8_t v)
{
    if (w->at < w->bytes)
        w->out[w->at] = v;
    w->at++;
}

static void put_fixed(struct writer *w, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        put_byte(w, (uint8_t)(v >> 8 * i));
}

static void put_varint(struct writer *w, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_byte(w, (uint8_t)(v | 0x80));
    put_byte(w, (uint8_t)v);
}

static void put_tag(struct writer *w, unsigned field, enum wire wire)
{
    put_varint(w, field << 3 | (unsigned)wire);
}

static void put_string(struct writer *w, unsigned field, const char *text)
{
    size_t bytes = strlen(text);

    put_tag(w, field, LENGTH);
    put_varint(w, bytes);
    for (size_t i = 0; i < bytes; i++)
        put_byte(w, (uint8_t)text[i]);
}

static void put_wall(struct writer *w, double wall_s)
{
    uint64_t bits;

    memcpy(&bits, &wall_s, sizeof bits);
    put_tag(w, 1, FIXED64);
    put_fixed(w, bits, 8);
}

static void put_step(struct writer *w, int64_t step)
{
    put_tag(w, 2, VARINT);
    put_varint(w, (uint64_t)step);
}

static void put_value(struct writer *w, const struct bit_event_scalar *scalar)
{
    uint32_t bits;

    memcpy(&bits, &scalar->value, sizeof bits);
    put_string(w, 1, scalar->tag);
    put_tag(w, 2, FIXED32);
    put_fixed(w, bits, 4);
}

static void put_summary(struct writer *w, const struct bit_event_scalar *scalars, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct writer counted = {0};
        put_value(&counted, &scalars[i]);
        put_tag(w, 1, LENGTH);
        put_varint(w, counted.at);
        put_value(w, &scalars[i]);
    }
}

/* Makes TensorBoard's readers tell a checksum from the data that contains it. */
static uint32_t masked_crc(const uint8_t *data, size_t bytes)
{
    uint32_t crc = bit_crc32c(0, data, bytes);

    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static struct writer begin(uint8_t *out, size_t out_bytes)
{
    return (struct writer){.out = out, .at = HEAD_BYTES, .bytes = out_bytes};
}

/* The data is in its place; write what stands around it. Returns the bytes of the record. */
static int finish(struct writer *w)
{
    size_t end = w->at, data_bytes = end - HEAD_BYTES;

    if (end + TAIL_BYTES > w->bytes || end > INT_MAX - TAIL_BYTES)
        return bit_fail(BIT_ELIMIT, "an event of %zu bytes where %zu fit", end + TAIL_BYTES, w->bytes);
    w->at = 0;
    put_fixed(w, data_bytes, 8);
    put_fixed(w, masked_crc(w->out, 8), 4);
    w->at = end;
    put_fixed(w, masked_crc(w->out + HEAD_BYTES, data_bytes), 4);
    return (int)w->at;
}

int bit_event_version(double wall_s, uint8_t *out, size_t out_bytes)
{
    struct writer w = begin(out, out_bytes);

    put_wall(&w, wall_s);
    put_string(&w, 3, "brain.Event:2");
    return finish(&w);
}

int bit_event_start(double wall_s, int64_t step, uint8_t *out, size_t out_bytes)
{
    struct writer w = begin(out, out_bytes);

    put_wall(&w, wall_s);
    put_step(&w, step);
    put_tag(&w, 7, LENGTH);
    put_varint(&w, 2);
    put_tag(&w, 1, VARINT);
    put_varint(&w, 1);
    return finish(&w);
}

int bit_event_scalars(double wall_s, int64_t step, const struct bit_event_scalar *scalars, size_t count, uint8_t *out,
                      size_t out_bytes)
{
    struct writer w = begin(out, out_bytes), counted = {0};

    if (count > BIT_EVENT_SCALARS_MAX)
        return bit_fail(BIT_ELIMIT, "%zu scalars in one event", count);
    put_wall(&w, wall_s);
    put_step(&w, step);
    put_summary(&counted, scalars, count);
    put_tag(&w, 5, LENGTH);
    put_varint(&w, counted.at);
    put_summary(&w, scalars, count);
    return finish(&w);
}
