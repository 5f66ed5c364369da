/*
 * An event file is a sequence of records: u64 length of the data, u32 masked CRC-32C of these eight bytes, the data,
 * u32 masked CRC-32C of the data. The data is a protobuf Event:
 *     Event    1 wall_time double   2 step int64   3 file_version string   5 summary   7 session_log
 *     Summary  1 repeated Value { 1 tag string, 2 simple_value float, or 8 tensor and 9 metadata }
 *     SummaryMetadata  1 plugin_data { 1 plugin_name string, 2 content bytes }   4 data_class, where 2 is TENSOR
 *     SessionLog  1 status, where 1 is START
 * Source      tensorflow/tensorboard: compat/proto/event.proto, summary.proto; summary/writer/record_writer.py
 */
#include "proto/events.h"

#include <limits.h>
#include <string.h>

#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/field_writer.h"

#define HEAD_BYTES 12
#define TAIL_BYTES 4

static void put_wall(struct bit_field_writer *w, double wall_s)
{
    bit_field_writer_double(w, 1, wall_s);
}

static void put_step(struct bit_field_writer *w, int64_t step)
{
    bit_field_writer_varint(w, 2, (uint64_t)step);
}

static void put_value(struct bit_field_writer *w, const struct bit_event_scalar *scalar)
{
    bit_field_writer_text(w, 1, scalar->tag);
    bit_field_writer_float(w, 2, scalar->value);
}

static void put_summary(struct bit_field_writer *w, const struct bit_event_scalar *scalars, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bit_field_writer counted = {0};
        put_value(&counted, &scalars[i]);
        bit_field_writer_head(w, 1, counted.at);
        put_value(w, &scalars[i]);
    }
}

/* The format masks its CRCs, because a CRC over data that contain other CRCs is a poor checksum. */
static uint32_t masked_crc(const uint8_t *data, size_t bytes)
{
    uint32_t crc = bit_crc32c(0, data, bytes);

    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static struct bit_field_writer begin(uint8_t *out, size_t out_bytes)
{
    return (struct bit_field_writer){.out = out, .at = HEAD_BYTES, .bytes = out_bytes};
}

/* The data is in its place; write the length and the checksums around it. Returns the bytes of the record. */
static int finish(struct bit_field_writer *w)
{
    size_t end = w->at, data_bytes = end - HEAD_BYTES;

    if (end + TAIL_BYTES > w->bytes || end > INT_MAX - TAIL_BYTES)
        return bit_fail(BIT_ELIMIT, "an event of %zu bytes where %zu fit", end + TAIL_BYTES, w->bytes);
    w->at = 0;
    bit_field_writer_number(w, data_bytes, 8);
    bit_field_writer_number(w, masked_crc(w->out, 8), 4);
    w->at = end;
    bit_field_writer_number(w, masked_crc(w->out + HEAD_BYTES, data_bytes), 4);
    return (int)w->at;
}

int bit_event_version(double wall_s, uint8_t *out, size_t out_bytes)
{
    struct bit_field_writer w = begin(out, out_bytes);

    put_wall(&w, wall_s);
    bit_field_writer_text(&w, 3, "brain.Event:2");
    return finish(&w);
}

int bit_event_start(double wall_s, int64_t step, uint8_t *out, size_t out_bytes)
{
    struct bit_field_writer w = begin(out, out_bytes);

    put_wall(&w, wall_s);
    put_step(&w, step);
    bit_field_writer_head(&w, 7, 2);
    bit_field_writer_varint(&w, 1, 1);
    return finish(&w);
}

int bit_event_scalars(double wall_s, int64_t step, const struct bit_event_scalar *scalars, size_t count, uint8_t *out,
                      size_t out_bytes)
{
    struct bit_field_writer w = begin(out, out_bytes), counted = {0};

    if (count > BIT_EVENT_SCALARS_MAX)
        return bit_fail(BIT_ELIMIT, "%zu scalars in one event", count);
    put_wall(&w, wall_s);
    put_step(&w, step);
    put_summary(&counted, scalars, count);
    bit_field_writer_head(&w, 5, counted.at);
    put_summary(&w, scalars, count);
    return finish(&w);
}

/* ---- what a plugin reads */

struct plugin_data {
    const char *tag, *plugin;
    const uint8_t *content;
    size_t bytes;
};

static void put_plugin_data(struct bit_field_writer *w, const struct plugin_data *d)
{
    bit_field_writer_text(w, 1, d->plugin);
    bit_field_writer_data(w, 2, d->content, d->bytes);
}

static void put_metadata(struct bit_field_writer *w, const struct plugin_data *d)
{
    struct bit_field_writer counted = {0};

    put_plugin_data(&counted, d);
    bit_field_writer_head(w, 1, counted.at);
    put_plugin_data(w, d);
    bit_field_writer_varint(w, 4, 2);
}

/* A value needs a tensor: this one is of floats (1: 1) and has one dimension (2: a shape, with 2 in it) of size 0. */
static void put_plugin_value(struct bit_field_writer *w, const struct plugin_data *d)
{
    static const uint8_t no_floats[] = {0x08, 0x01, 0x12, 0x02, 0x12, 0x00};
    struct bit_field_writer counted = {0};

    bit_field_writer_text(w, 1, d->tag);
    bit_field_writer_data(w, 8, no_floats, sizeof no_floats);
    put_metadata(&counted, d);
    bit_field_writer_head(w, 9, counted.at);
    put_metadata(w, d);
}

static void put_plugin_summary(struct bit_field_writer *w, const struct plugin_data *d)
{
    struct bit_field_writer counted = {0};

    put_plugin_value(&counted, d);
    bit_field_writer_head(w, 1, counted.at);
    put_plugin_value(w, d);
}

int bit_event_plugin(double wall_s, const char *tag, const char *plugin, const uint8_t *content, size_t bytes,
                     uint8_t *out, size_t out_bytes)
{
    const struct plugin_data data = {.tag = tag, .plugin = plugin, .content = content, .bytes = bytes};
    struct bit_field_writer w = begin(out, out_bytes), counted = {0};

    put_wall(&w, wall_s);
    put_plugin_summary(&counted, &data);
    bit_field_writer_head(&w, 5, counted.at);
    put_plugin_summary(&w, &data);
    return finish(&w);
}
