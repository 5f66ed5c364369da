/*
 * Frames: each carries a message or a piece of payload over a stream. Only frame.c knows the header's layout.
 *
 *     offset  bytes  little-endian
 *          0      4  magic        "BIT1"
 *          4      2  type         enum bit_msg_type, or BIT_FRAME_PAYLOAD
 *          6      2  flags        0
 *          8      8  epoch        of the run (link), 0 on the client socket
 *         16      4  body_bytes   <= the reader's cap
 *         20      4  body_crc     CRC-32C of the body
 *         24      4  header_crc   CRC-32C of bytes 0 to 23
 *         28         body
 */
#ifndef BIT_PROTO_FRAME_H
#define BIT_PROTO_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define BIT_FRAME_HEADER_BYTES 28
#define BIT_FRAME_PAYLOAD      1 /* raw bytes; every other type is a message type */

struct bit_frame {
    uint16_t type;
    uint64_t epoch;
    const uint8_t *body; /* borrowed from the buffer it was decoded from */
    uint32_t body_bytes;
};

/** Write the header of `frame`, with its checksums, to out (BIT_FRAME_HEADER_BYTES). Asserts body_bytes <=
 * BIT_FRAME_BODY_MAX. */
void bit_frame_encode_header(const struct bit_frame *frame, uint8_t *out);

/**
 * Decode the frame at the start of buf.
 * Returns the frame's bytes (> 0); 0 if more bytes are needed: *need is the total, or BIT_FRAME_HEADER_BYTES until the
 * header is complete; BIT_EFRAME on a bad magic, flag or checksum; BIT_ELIMIT on a body above body_max. An invalid
 * header is refused before its body arrives: a huge length never makes the reader wait or allocate.
 */
int64_t bit_frame_decode(const uint8_t *buf, size_t bytes, uint32_t body_max, struct bit_frame *out, size_t *need);

/*
 * A growing input buffer, used by every reader of a stream. It grows to at most one frame of body_max; finish() frees
 * it. reserve() returns the room to read into, commit() adds the bytes that arrived, next() takes frames off the front.
 */
struct bit_frame_reader {
    uint8_t *buf;
    size_t bytes, capacity, taken;
    uint32_t body_max;
};
void bit_frame_reader_init(struct bit_frame_reader *r, uint32_t body_max);
void bit_frame_reader_finish(struct bit_frame_reader *r);
/** Room for at least one byte. Returns -ENOMEM, or 0 with *room and *room_bytes. Invalidates frames from next(). */
int bit_frame_reader_reserve(struct bit_frame_reader *r, uint8_t **room, size_t *room_bytes);
void bit_frame_reader_commit(struct bit_frame_reader *r, size_t bytes);
/** 1 with a frame (its body is valid until the next reserve), 0 if none is complete, < 0 as bit_frame_decode: the
 * stream cannot be used any more. */
int bit_frame_reader_next(struct bit_frame_reader *r, struct bit_frame *out);

#endif
