/* Writes protobuf fields one by one, for messages of other projects, which have no descriptors here. */
#ifndef BIT_PROTO_FIELD_WRITER_H
#define BIT_PROTO_FIELD_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* `at` goes on counting after the buffer is full, so one check at the end is enough. With out NULL it only counts. */
struct bit_field_writer {
    uint8_t *out;
    size_t at, bytes;
};

/** The lowest `bytes` bytes of a number, little-endian, without tag or length. */
void bit_field_writer_number(struct bit_field_writer *w, uint64_t v, int bytes);
/** A whole field. */
void bit_field_writer_varint(struct bit_field_writer *w, unsigned field, uint64_t v);
void bit_field_writer_double(struct bit_field_writer *w, unsigned field, double v);
void bit_field_writer_float(struct bit_field_writer *w, unsigned field, float v);
void bit_field_writer_data(struct bit_field_writer *w, unsigned field, const void *data, size_t bytes);
void bit_field_writer_text(struct bit_field_writer *w, unsigned field, const char *text);
/** The tag and length before a message of `bytes` bytes, which the caller writes next. */
void bit_field_writer_head(struct bit_field_writer *w, unsigned field, size_t bytes);

#endif
