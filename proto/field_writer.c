/* Source      protobuf.dev/programming-guides/encoding */
#include "proto/field_writer.h"

#include <string.h>

enum wire { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static void put_byte(struct bit_field_writer *w, uint8_t v)
{
    if (w->at < w->bytes)
        w->out[w->at] = v;
    w->at++;
}

static void put_varint(struct bit_field_writer *w, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_byte(w, (uint8_t)(v | 0x80));
    put_byte(w, (uint8_t)v);
}

static void put_tag(struct bit_field_writer *w, unsigned field, enum wire wire)
{
    put_varint(w, field << 3 | (unsigned)wire);
}

void bit_field_writer_number(struct bit_field_writer *w, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        put_byte(w, (uint8_t)(v >> 8 * i));
}

void bit_field_writer_varint(struct bit_field_writer *w, unsigned field, uint64_t v)
{
    put_tag(w, field, VARINT);
    put_varint(w, v);
}

void bit_field_writer_double(struct bit_field_writer *w, unsigned field, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    put_tag(w, field, FIXED64);
    bit_field_writer_number(w, bits, 8);
}

void bit_field_writer_float(struct bit_field_writer *w, unsigned field, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    put_tag(w, field, FIXED32);
    bit_field_writer_number(w, bits, 4);
}

void bit_field_writer_head(struct bit_field_writer *w, unsigned field, size_t bytes)
{
    put_tag(w, field, LENGTH);
    put_varint(w, bytes);
}

void bit_field_writer_data(struct bit_field_writer *w, unsigned field, const void *data, size_t bytes)
{
    bit_field_writer_head(w, field, bytes);
    for (size_t i = 0; i < bytes; i++)
        put_byte(w, ((const uint8_t *)data)[i]);
}

void bit_field_writer_text(struct bit_field_writer *w, unsigned field, const char *text)
{
    bit_field_writer_data(w, field, text, strlen(text));
}
