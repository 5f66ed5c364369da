/*
 * The frame: how a message or a piece of payload crosses a stream. The only code that knows the header.
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
#define BIT_FRAME_PAYLOAD      1 /* raw bytes; every other type is a message */

struct bit_frame {
    uint16_t type;
    uint64_t epoch;
    const uint8_t *body; /* borrowed from the buffer it was decoded from */
    uint32_t body_bytes;
};

/** Write the 28 header bytes for `frame` (checksums computed here). out has BIT_FRAME_HEADER_BYTES. Asserts body_bytes
 * <= BIT_FRAME_BODY_MAX. */
void bit_frame_encode_header(const struct bit_frame *frame, uint8_t *out);

/**
 * Decode the frame at the start of buf.
 * Returns the bytes it took (> 0), 0 if more bytes are needed (*need says how many in all, once the header is there;
 * before that it is BIT_FRAME_HEADER_BYTES), BIT_EFRAME on a bad magic, flag or checksum, BIT_ELIMIT on a body above
 * body_max. A header that is wrong is refused from its own bytes: a huge length never makes the reader wait or
 * allocate.
 */
int64_t bit_frame_decode(const uint8_t *buf, size_t bytes, uint32_t body_max, struct bit_frame *out, size_t *need);

/*
 * A growing input buffer with one frame at its head; used by every reader of a stream. Grows to at most one frame of
 * body_max, given back with finish. reserve() says where to read to, commit() what arrived, next() takes frames off.
 */
struct bit_frame_reader {
    uint8_t *buf;
    size_t bytes, capacity, taken;
    uint32_t body_max;
};
void bit_frame_reader_init(struct bit_frame_reader *r, uint32_t body_max);
void bit_frame_reader_finish(struct bit_frame_reader *r);
/** Room for at least one byte. Returns -ENOMEM, or 0 with *room and *room_bytes. Invalidates frames handed out. */
int bit_frame_reader_reserve(struct bit_frame_reader *r, uint8_t **room, size_t *room_bytes);
void bit_frame_reader_commit(struct bit_frame_reader *r, size_t bytes);
/** 1 with a frame (its body lives until the next reserve), 0 for none yet, < 0 as bit_frame_decode: the stream is lost.
 */
int bit_frame_reader_next(struct bit_frame_reader *r, struct bit_frame *out);

#endif
