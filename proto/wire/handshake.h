/*
 * How the two ends of a link over a network prove themselves and agree on keys, before a byte of either is parsed.
 *
 * Both know the launch's secret S (32 random bytes, new for each launch of a run) and what it belongs to: the run's id
 * and the launch's number, the epoch. The worker speaks first; each side sends one message of fixed size:
 *
 *     hello   bytes            answer  bytes
 *        0      8  "bitlink1"     0      8  "bitlink1"
 *        8      8  epoch, LE      8     32  D, bitd's ephemeral X25519 key
 *       16     32  run id, NULs  40     24  header of the stream downwards
 *       48     32  W, the worker's ephemeral X25519 key
 *       80     32  tag           64     32  tag
 *
 * and after the answer the worker sends the 24-byte header of the stream upwards, then records (seal.h) run both ways.
 * With H(k, ...) for BLAKE2b-256 keyed with k over its arguments, each of fixed length, first an 8-byte label:
 *
 *     L          = H(S, "launch", epoch, run)                   so another run's or launch's secret is another key
 *     hello.tag  = H(L, "hello", hello up to its tag)
 *     up, down   = crypto_kx of W and D                         X25519, then BLAKE2b-512 over its result and both keys
 *     answer.tag = H(L, "answer", up, down, hello, answer up to its tag)
 *     key up     = H(L, "up", up, hello, answer's first 40)     key down the same with "down" and down
 *
 * Claims, each with a test in test_handshake.c:
 *   Nothing is parsed, allocated or computed with for a stranger: the daemon compares run and epoch with those it waits
 *   for, then checks the tag, and only then draws its ephemeral key.
 *   Mutual   Only who knows S makes a hello that is answered, or an answer that is accepted. The worker's first record
 *            shows that it could compute the keys.
 *   Replay   A recorded hello is answered, and is of no use: nobody but the one who made W can compute the keys. The
 *            daemon must change nothing until a first record has opened. A recorded answer fits no other hello.
 *   Reflection  Every label names a role, the messages have different lengths, and each direction has its own key.
 *   Another epoch  has another S, and another L even with the same S.
 *   Secrecy of the past  Both ephemeral keys are forgotten here; S alone does not open what was recorded.
 *   Identity Both ends hold the same secret, so whoever has it can be either. It is read by the daemon and by rank 0 of
 *            one launch alone.
 * The construction is Noise's NNpsk0 in its ideas, with libsodium's own X25519, BLAKE2b and key exchange; run and epoch
 * can be read by who listens.
 */
#ifndef BIT_PROTO_HANDSHAKE_H
#define BIT_PROTO_HANDSHAKE_H

#include <stdint.h>

#include "proto/limits.h"
#include "proto/wire/seal.h"

#define BIT_HANDSHAKE_HELLO_BYTES  112
#define BIT_HANDSHAKE_ANSWER_BYTES 96

/* What a launch is known by, on both sides. */
struct bit_launch_id {
    char run[BIT_RUN_ID_MAX]; /* NULs after the id */
    uint64_t epoch;
    uint8_t secret[BIT_SECRET_BYTES];
};

/** Run id and epoch that a hello names, believed only once bit_handshake_answer has checked its tag. run ends in NUL.
 * Errors      BIT_EAUTH if this is no hello at all */
int bit_handshake_peek(const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES], char run[BIT_RUN_ID_MAX], uint64_t *epoch);

/**
 * The daemon's whole part: check the hello against the launch it names, make the answer and the keys. `in` is for the
 * stream upwards, whose header has still to come (bit_opener_init).
 * Errors      BIT_EAUTH if the other side does not know the secret
 */
int bit_handshake_answer(const struct bit_launch_id *id, const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES],
                         uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES], struct bit_sealer *out,
                         uint8_t in[BIT_SEAL_KEY_BYTES]);

/* The worker's part, between its two halves. */
struct bit_handshake {
    struct bit_launch_id id;
    uint8_t secret_key[32];
    uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES]; /* to be sent */
};
void bit_handshake_begin(struct bit_handshake *h, const struct bit_launch_id *id);
/**
 * Check the answer; out's header, to be sent first, goes to `header`. The handshake is forgotten in every case.
 * Errors      BIT_EAUTH if the other side does not know the secret; -ENOMEM
 */
int bit_handshake_finish(struct bit_handshake *h, const uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES],
                         struct bit_sealer *out, uint8_t header[BIT_SEAL_HEADER_BYTES], struct bit_opener *in);

#endif
