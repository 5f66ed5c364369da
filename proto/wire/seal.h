/*
 * Sealed records: a stream of bytes cut, encrypted and authenticated, so that it can cross a network. What it carries
 * are the frames of frame.h, unchanged; over a Unix socket they travel bare.
 *
 *     record   bytes   what
 *        0       4     n, little-endian: bytes that follow, BIT_SEAL_OVERHEAD <= n + 4 <= the reader's cap
 *        4       n     crypto_secretstream_xchacha20poly1305 of the plain bytes, with the 4 bytes before as
 *                      additional data
 *
 * Each direction is one secretstream with a key of its own (handshake.h). Its state counts the records, so one that is
 * changed, repeated, left out, put elsewhere, or sent back to where it came from does not open, and nothing after it
 * does. The library takes a new key whenever its 32-bit counter wraps, which is every 256 TiB of full records.
 *
 * What this does not say: how long messages are and when they travel is to be seen; and a stream may be cut off between
 * two records by whoever can cut the wire. A cut is a lost link and never the end of anything: frames are used only
 * when whole, and a run is done when the WorkerDone of every rank says so.
 *
 * Why not AES-256-GCM: measured on one Zen 4 core with libsodium 1.0.18, 64 KiB records, sealing and opening alike,
 * XChaCha20-Poly1305 does 1.35 GiB/s and AES-256-GCM 1.6. For 8 MiB every 50 ms that is 12% of a core or 10%; the
 * difference does not pay for nonces and rekeying of our own, a choice to be negotiated, and machines without AES-NI.
 */
#ifndef BIT_PROTO_SEAL_H
#define BIT_PROTO_SEAL_H

#include <sodium/crypto_secretstream_xchacha20poly1305.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/limits.h"

#define BIT_SEAL_KEY_BYTES    crypto_secretstream_xchacha20poly1305_KEYBYTES
#define BIT_SEAL_HEADER_BYTES crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define BIT_SEAL_LENGTH_BYTES 4
#define BIT_SEAL_OVERHEAD     (BIT_SEAL_LENGTH_BYTES + crypto_secretstream_xchacha20poly1305_ABYTES) /* a record */
#define BIT_SEAL_RECORD_MAX   (BIT_SEAL_PLAIN_MAX + BIT_SEAL_OVERHEAD)

/* The sending half. */
struct bit_sealer {
    crypto_secretstream_xchacha20poly1305_state state;
};
/** A stream under `key`; header is what the other side needs to begin, and no secret. */
void bit_sealer_init(struct bit_sealer *s, const uint8_t key[BIT_SEAL_KEY_BYTES],
                     uint8_t header[BIT_SEAL_HEADER_BYTES]);
/**
 * One record of `bytes` plain bytes, 1 to BIT_SEAL_PLAIN_MAX. out has bytes + BIT_SEAL_OVERHEAD and may not overlap
 * plain. Returns that number. Cannot fail.
 */
size_t bit_sealer_seal(struct bit_sealer *s, const void *plain, size_t bytes, uint8_t *out);

/*
 * The receiving half, with a buffer of the longest record so far: room() says where to read to, commit() what arrived,
 * next() opens what is whole.
 */
struct bit_opener {
    crypto_secretstream_xchacha20poly1305_state state;
    uint32_t plain_max;   /* a record of more is refused from its length */
    size_t capacity;      /* of buf and of plain */
    size_t bytes, taken;  /* in buf; of them opened already */
    uint8_t *buf, *plain; /* one record; one record's plain bytes */
};
/** plain_max <= BIT_SEAL_PLAIN_MAX may be lowered and raised between records. Errors: -ENOMEM; -EBADMSG. */
int bit_opener_init(struct bit_opener *o, const uint8_t key[BIT_SEAL_KEY_BYTES],
                    const uint8_t header[BIT_SEAL_HEADER_BYTES], uint32_t plain_max);
/** Forgets the key. A zeroed one is fine. */
void bit_opener_finish(struct bit_opener *o);
/** Room for at least one byte, once next() has said that nothing is whole. */
uint8_t *bit_opener_room(struct bit_opener *o, size_t *room_bytes);
void bit_opener_commit(struct bit_opener *o, size_t bytes);
/**
 * 1 with the plain bytes of the next record, borrowed until the next call; 0 if more must arrive first.
 * Errors      -EBADMSG for a record that does not open or whose length none may have: whoever sent it does not know the
 *             key, and the stream is over. Nothing of it was used. -ENOMEM for one that is longer than all before.
 */
int bit_opener_next(struct bit_opener *o, const uint8_t **plain, size_t *bytes);

#endif
