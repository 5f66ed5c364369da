/* Protobuf's fields written one by one, for messages of others that we have no descriptors of. */
#ifndef BIT_PROTO_FIELD_WRITER_H
#define BIT_PROTO_FIELD_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* Counts on past its end, so that one check at the end is enough; without `out` it only counts. */
struct bit_field_writer {
    uint8_t *out;
    size_t at, bytes;
};

/** A number's lowest `bytes` bytes, lowest first, and nothing around them. */
void bit_field_writer_number(struct bit_field_writer *w, uint64_t v, int bytes);
/** A whole field. */
void bit_field_writer_varint(struct bit_field_writer *w, unsigned field, uint64_t v);
void bit_field_writer_double(struct bit_field_writer *w, unsigned field, double v);
void bit_field_writer_float(struct bit_field_writer *w, unsigned field, float v);
void bit_field_writer_data(struct bit_field_writer *w, unsigned field, const void *data, size_t bytes);
void bit_field_writer_text(struct bit_field_writer *w, unsigned field, const char *text);
/** What stands before a message of so many bytes, which follows. */
void bit_field_writer_head(struct bit_field_writer *w, unsigned field, size_t bytes);

#endif
