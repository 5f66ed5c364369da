/*
 * Sealed records: a stream of bytes cut into records that are encrypted and authenticated, for a link over a network.
 * The stream consists of the frames of frame.h; over a Unix socket they are sent without sealing.
 *
 *     record   bytes   what
 *        0       4     n, little-endian: bytes that follow, BIT_SEAL_OVERHEAD <= n + 4 <= the reader's cap
 *        4       n     crypto_secretstream_xchacha20poly1305 of the plain bytes, with the 4 bytes before as
 *                      additional data
 *
 * Each direction is one secretstream with its own key (handshake.h). Its state counts the records, so a record that was
 * changed, repeated, left out, reordered or reflected to its sender does not open, and no later record opens either.
 * The library rekeys whenever its 32-bit counter wraps, which is every 256 TiB of full records.
 *
 * Not protected: an eavesdropper sees the length and time of messages, and an attacker can cut the stream between two
 * records. A cut stream is a lost link, never a regular end: frames are used only when whole, and a run is complete
 * only after the WorkerDone of every rank.
 *
 * Why not AES-256-GCM: measured on one Zen 4 core with libsodium 1.0.18, 64 KiB records, sealing and opening alike,
 * XChaCha20-Poly1305 does 1.35 GiB/s and AES-256-GCM 1.6. For 8 MiB every 50 ms that is 12% of a core or 10%. The
 * difference is not worth managing nonces and rekeying here, negotiating a cipher, and excluding machines without
 * AES-NI.
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
#define BIT_SEAL_OVERHEAD     (BIT_SEAL_LENGTH_BYTES + crypto_secretstream_xchacha20poly1305_ABYTES) /* per record */
#define BIT_SEAL_RECORD_MAX   (BIT_SEAL_PLAIN_MAX + BIT_SEAL_OVERHEAD)

/* The sending half. */
struct bit_sealer {
    crypto_secretstream_xchacha20poly1305_state state;
};
/** Begin a stream under `key`. The receiver needs `header` to begin; it is not secret. */
void bit_sealer_init(struct bit_sealer *s, const uint8_t key[BIT_SEAL_KEY_BYTES],
                     uint8_t header[BIT_SEAL_HEADER_BYTES]);
/**
 * Make one record of `bytes` plain bytes, 1 to BIT_SEAL_PLAIN_MAX. out has bytes + BIT_SEAL_OVERHEAD, which is
 * returned, and must not overlap plain. Cannot fail.
 */
size_t bit_sealer_seal(struct bit_sealer *s, const void *plain, size_t bytes, uint8_t *out);

/*
 * The receiving half, with a buffer of the longest record so far: room() returns the place to read into, commit() adds
 * the bytes that arrived, next() opens the next whole record.
 */
struct bit_opener {
    crypto_secretstream_xchacha20poly1305_state state;
    uint32_t plain_max;   /* a longer record is refused as soon as its length is known */
    size_t capacity;      /* of buf and of plain */
    size_t bytes, taken;  /* in buf; of these, bytes opened already */
    uint8_t *buf, *plain; /* one record; its plain bytes */
};
/** plain_max <= BIT_SEAL_PLAIN_MAX; it may be changed between records. Errors: -ENOMEM; -EBADMSG. */
int bit_opener_init(struct bit_opener *o, const uint8_t key[BIT_SEAL_KEY_BYTES],
                    const uint8_t header[BIT_SEAL_HEADER_BYTES], uint32_t plain_max);
/** Wipes the key. A zeroed opener is allowed. */
void bit_opener_finish(struct bit_opener *o);
/** Room for at least one byte; call it only after next() has returned 0. */
uint8_t *bit_opener_room(struct bit_opener *o, size_t *room_bytes);
void bit_opener_commit(struct bit_opener *o, size_t bytes);
/**
 * 1 with the plain bytes of the next record, borrowed until the next call; 0 if more bytes must arrive first.
 * Errors      -EBADMSG for a record that does not open or has an invalid length: its sender does not know the key, and
 *             the stream is over; nothing of the record was used. -ENOMEM for a record longer than all before it.
 */
int bit_opener_next(struct bit_opener *o, const uint8_t **plain, size_t *bytes);

#endif
