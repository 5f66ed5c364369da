/* The tokens that follow an order on the link: one buffer, cut into frames whose headers are made off the loop. */
#ifndef BIT_DAEMON_PAYLOAD_H
#define BIT_DAEMON_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

struct bit_payload {
    uint8_t *bytes; /* token ids, little-endian, of 2 or 4 bytes */
    size_t size;
    uint32_t crc;       /* CRC-32C of all of it */
    uint8_t *headers;   /* one frame header for each piece of at most BIT_PAYLOAD_CHUNK bytes */
    size_t frame_count; /* 0 until sealed */
};

/** Allocate `size` bytes. Errors: -ENOMEM; BIT_ELIMIT above BIT_STEP_TOKEN_BYTES_MAX. NULL is fine for destroy. */
int bit_payload_create(size_t size, struct bit_payload **out);
void bit_payload_destroy(struct bit_payload *p);
/** Compute the checksum, and the frame headers for launch `epoch`. The bytes may not change afterwards. -ENOMEM. */
int bit_payload_seal(struct bit_payload *p, uint64_t epoch);
/** Bytes of piece `i`. */
size_t bit_payload_piece_bytes(const struct bit_payload *p, size_t i);

#endif
