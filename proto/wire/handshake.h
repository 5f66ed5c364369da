/*
 * The two ends of a link over a network authenticate each other and agree on keys before either parses a message.
 *
 * Both know the launch's secret S (32 random bytes, new for each launch of a run), the run's id and the launch's
 * number, the epoch. The worker sends first; each side sends one message of fixed size:
 *
 *     hello   bytes            answer  bytes
 *        0      8  "bitlink1"     0      8  "bitlink1"
 *        8      8  epoch, LE      8     32  D, bitd's ephemeral X25519 key
 *       16     32  run id, NULs  40     24  header of the stream downwards
 *       48     32  W, the worker's ephemeral X25519 key
 *       80     32  tag           64     32  tag
 *
 * and after the answer the worker sends the 24-byte header of the stream upwards; then both sides send records
 * (seal.h). With H(k, ...) for BLAKE2b-256 keyed with k over its arguments, each of fixed length, first an 8-byte
 * label:
 *
 *     L          = H(S, "launch", epoch, run)                   so each run and launch has its own key
 *     hello.tag  = H(L, "hello", hello up to its tag)
 *     up, down   = crypto_kx of W and D                         X25519, then BLAKE2b-512 over its result and both keys
 *     answer.tag = H(L, "answer", up, down, hello, answer up to its tag)
 *     key up     = H(L, "up", up, hello, answer's first 40)     key down the same with "down" and down
 *
 * Claims, each with a test in test_handshake.c:
 *   Order    The daemon compares run and epoch with those it expects, then checks the tag, and only then makes its
 *            ephemeral key: for an unauthenticated peer it neither parses nor allocates, and computes no key exchange.
 *   Mutual   Only a peer that knows S can make a hello that is answered, or an answer that is accepted. The worker's
 *            first record proves that it computed the keys.
 *   Replay   A replayed hello is answered, but does not help: only the maker of W can compute the keys. The daemon must
 *            change no state until a first record has opened. A replayed answer matches no other hello.
 *   Reflection  Every label names a role, the messages have different lengths, and each direction has its own key.
 *   Another epoch  has another S, and another L even with the same S.
 *   Forward secrecy  Both ephemeral keys are wiped; S alone does not decrypt recorded traffic.
 *   Identity Both ends hold the same secret, so its holder can play either role. Only the daemon and rank 0 of one
 *            launch read it.
 * The construction follows Noise's NNpsk0, with libsodium's X25519, BLAKE2b and key exchange. An eavesdropper can read
 * run and epoch.
 */
#ifndef BIT_PROTO_HANDSHAKE_H
#define BIT_PROTO_HANDSHAKE_H

#include <stdint.h>

#include "proto/limits.h"
#include "proto/wire/seal.h"

#define BIT_HANDSHAKE_HELLO_BYTES  112
#define BIT_HANDSHAKE_ANSWER_BYTES 96

/* Identifies a launch on both sides. */
struct bit_launch_id {
    char run[BIT_RUN_ID_MAX]; /* NULs after the id */
    uint64_t epoch;
    uint8_t secret[BIT_SECRET_BYTES];
};

/** Run id and epoch of a hello, to be trusted only after bit_handshake_answer has checked its tag. run ends in NUL.
 * Errors      BIT_EAUTH if this is not a hello */
int bit_handshake_peek(const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES], char run[BIT_RUN_ID_MAX], uint64_t *epoch);

/**
 * The daemon's whole part: check the hello against the launch that it names, make the answer and the keys. `in` is the
 * key of the stream upwards, whose header comes next (bit_opener_init).
 * Errors      BIT_EAUTH if the other side does not know the secret
 */
int bit_handshake_answer(const struct bit_launch_id *id, const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES],
                         uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES], struct bit_sealer *out,
                         uint8_t in[BIT_SEAL_KEY_BYTES]);

/* The worker's state between hello and answer. */
struct bit_handshake {
    struct bit_launch_id id;
    uint8_t secret_key[32];
    uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES]; /* to be sent */
};
void bit_handshake_begin(struct bit_handshake *h, const struct bit_launch_id *id);
/**
 * Check the answer. `header` is out's header, which must be sent first. Wipes the handshake in every case.
 * Errors      BIT_EAUTH if the other side does not know the secret; -ENOMEM
 */
int bit_handshake_finish(struct bit_handshake *h, const uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES],
                         struct bit_sealer *out, uint8_t header[BIT_SEAL_HEADER_BYTES], struct bit_opener *in);

#endif
