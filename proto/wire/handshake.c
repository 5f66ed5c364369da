#include "proto/wire/handshake.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"

#define LABEL_BYTES 8
#define HASH_BYTES  32

enum hello { HELLO_MAGIC = 0, HELLO_EPOCH = 8, HELLO_RUN = 16, HELLO_KEY = 48, HELLO_TAG = 80 };
enum answer { ANSWER_MAGIC = 0, ANSWER_KEY = 8, ANSWER_HEADER = 40, ANSWER_TAG = 64 };
_Static_assert(HELLO_RUN + BIT_RUN_ID_MAX == HELLO_KEY && HELLO_TAG + HASH_BYTES == BIT_HANDSHAKE_HELLO_BYTES, "hello");
_Static_assert(ANSWER_HEADER + BIT_SEAL_HEADER_BYTES == ANSWER_TAG &&
                   ANSWER_TAG + HASH_BYTES == BIT_HANDSHAKE_ANSWER_BYTES,
               "answer");
_Static_assert(crypto_kx_PUBLICKEYBYTES == 32 && crypto_kx_SECRETKEYBYTES == 32 && crypto_kx_SESSIONKEYBYTES == 32 &&
                   BIT_SEAL_KEY_BYTES == HASH_BYTES && BIT_SECRET_BYTES >= crypto_generichash_KEYBYTES_MIN,
               "sizes");

static const uint8_t magic[8] = {'b', 'i', 't', 'l', 'i', 'n', 'k', '1'};

struct part {
    const void *data;
    size_t bytes;
};

/* Every label has 8 bytes, and it determines the length of every part, so different inputs never give the same bytes.
 */
static void hash(const uint8_t key[HASH_BYTES], const char label[LABEL_BYTES], const struct part *parts, size_t count,
                 uint8_t out[HASH_BYTES])
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, key, HASH_BYTES, HASH_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)label, LABEL_BYTES);
    for (size_t i = 0; i < count; i++)
        crypto_generichash_update(&state, parts[i].data, parts[i].bytes);
    crypto_generichash_final(&state, out, HASH_BYTES);
    sodium_memzero(&state, sizeof state);
}

static void put_epoch(uint8_t out[8], uint64_t epoch)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(epoch >> 8 * i);
}

static void launch_key(const struct bit_launch_id *id, uint8_t out[HASH_BYTES])
{
    uint8_t epoch[8];

    put_epoch(epoch, id->epoch);
    hash(id->secret, "launch\0", (const struct part[]){{epoch, sizeof epoch}, {id->run, sizeof id->run}}, 2, out);
}

static void hello_tag(const uint8_t launch[HASH_BYTES], const uint8_t *hello, uint8_t out[HASH_BYTES])
{
    hash(launch, "hello\0\0", &(struct part){hello, HELLO_TAG}, 1, out);
}

/* The result of crypto_kx: one key for each direction. */
struct exchange {
    uint8_t up[crypto_kx_SESSIONKEYBYTES], down[crypto_kx_SESSIONKEYBYTES];
};

static void answer_tag(const uint8_t launch[HASH_BYTES], const struct exchange *x, const uint8_t *hello,
                       const uint8_t *answer, uint8_t out[HASH_BYTES])
{
    const struct part parts[] = {
        {x->up, sizeof x->up},
        {x->down, sizeof x->down},
        {hello, BIT_HANDSHAKE_HELLO_BYTES},
        {answer, ANSWER_TAG},
    };

    hash(launch, "answer\0", parts, BIT_COUNT(parts), out);
}

static void direction_key(const uint8_t launch[HASH_BYTES], const char label[LABEL_BYTES],
                          const uint8_t from[crypto_kx_SESSIONKEYBYTES], const uint8_t *hello, const uint8_t *answer,
                          uint8_t out[HASH_BYTES])
{
    /* The answer up to the header of the stream downwards, which does not exist yet; the tag authenticates it. */
    const struct part parts[] = {
        {from, crypto_kx_SESSIONKEYBYTES}, {hello, BIT_HANDSHAKE_HELLO_BYTES}, {answer, ANSWER_HEADER}};

    hash(launch, label, parts, BIT_COUNT(parts), out);
}

int bit_handshake_peek(const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES], char run[BIT_RUN_ID_MAX], uint64_t *epoch)
{
    if (memcmp(hello + HELLO_MAGIC, magic, sizeof magic) != 0 || hello[HELLO_RUN + BIT_RUN_ID_MAX - 1] != '\0')
        return bit_fail(BIT_EAUTH, "what came is not a worker's hello");
    memcpy(run, hello + HELLO_RUN, BIT_RUN_ID_MAX);
    *epoch = 0;
    for (int i = 0; i < 8; i++)
        *epoch |= (uint64_t)hello[HELLO_EPOCH + i] << 8 * i;
    return 0;
}

/* Check that the hello names this launch, and that its tag proves knowledge of the launch's secret. */
static int check_hello(const struct bit_launch_id *id, const uint8_t *hello, const uint8_t launch[HASH_BYTES])
{
    uint8_t expected[HASH_BYTES], epoch[8];

    put_epoch(epoch, id->epoch);
    if (memcmp(hello + HELLO_MAGIC, magic, sizeof magic) != 0 ||
        memcmp(hello + HELLO_EPOCH, epoch, sizeof epoch) != 0 ||
        memcmp(hello + HELLO_RUN, id->run, sizeof id->run) != 0)
        return bit_fail(BIT_EAUTH, "a hello of another launch than %.31s's %llu", id->run,
                        (unsigned long long)id->epoch);
    hello_tag(launch, hello, expected);
    if (crypto_verify_32(expected, hello + HELLO_TAG) != 0)
        return bit_fail(BIT_EAUTH, "a worker of %.31s without its secret", id->run);
    return 0;
}

int bit_handshake_answer(const struct bit_launch_id *id, const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES],
                         uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES], struct bit_sealer *out,
                         uint8_t in[BIT_SEAL_KEY_BYTES])
{
    uint8_t launch[HASH_BYTES], secret[crypto_kx_SECRETKEYBYTES], down[HASH_BYTES];
    struct exchange x;

    BIT_ASSERT(sodium_init() >= 0);
    launch_key(id, launch);
    int err = check_hello(id, hello, launch);
    if (err < 0)
        goto out;
    memcpy(answer + ANSWER_MAGIC, magic, sizeof magic);
    crypto_kx_keypair(answer + ANSWER_KEY, secret);
    if (crypto_kx_server_session_keys(x.up, x.down, answer + ANSWER_KEY, secret, hello + HELLO_KEY) != 0) {
        err = bit_fail(BIT_EAUTH, "a worker of %.31s with a key of small order", id->run);
        goto out;
    }
    direction_key(launch, "up\0\0\0\0\0", x.up, hello, answer, in);
    direction_key(launch, "down\0\0\0", x.down, hello, answer, down);
    bit_sealer_init(out, down, answer + ANSWER_HEADER);
    answer_tag(launch, &x, hello, answer, answer + ANSWER_TAG);
out:
    sodium_memzero(launch, sizeof launch);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(down, sizeof down);
    sodium_memzero(&x, sizeof x);
    return err;
}

void bit_handshake_begin(struct bit_handshake *h, const struct bit_launch_id *id)
{
    uint8_t launch[HASH_BYTES];

    BIT_ASSERT(sodium_init() >= 0);
    *h = (struct bit_handshake){.id = *id};
    launch_key(id, launch);
    memcpy(h->hello + HELLO_MAGIC, magic, sizeof magic);
    put_epoch(h->hello + HELLO_EPOCH, id->epoch);
    memcpy(h->hello + HELLO_RUN, id->run, sizeof id->run);
    crypto_kx_keypair(h->hello + HELLO_KEY, h->secret_key);
    hello_tag(launch, h->hello, h->hello + HELLO_TAG);
    sodium_memzero(launch, sizeof launch);
}

static int check_answer(const struct bit_handshake *h, const uint8_t *answer, const uint8_t launch[HASH_BYTES],
                        struct exchange *x)
{
    uint8_t expected[HASH_BYTES];

    if (memcmp(answer + ANSWER_MAGIC, magic, sizeof magic) != 0)
        return bit_fail(BIT_EAUTH, "what answers is not bitd");
    if (crypto_kx_client_session_keys(x->down, x->up, h->hello + HELLO_KEY, h->secret_key, answer + ANSWER_KEY) != 0)
        return bit_fail(BIT_EAUTH, "what answers sent a key of small order");
    answer_tag(launch, x, h->hello, answer, expected);
    if (crypto_verify_32(expected, answer + ANSWER_TAG) != 0)
        return bit_fail(BIT_EAUTH, "what answers does not know this launch's secret");
    return 0;
}

int bit_handshake_finish(struct bit_handshake *h, const uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES],
                         struct bit_sealer *out, uint8_t header[BIT_SEAL_HEADER_BYTES], struct bit_opener *in)
{
    uint8_t launch[HASH_BYTES], key[HASH_BYTES];
    struct exchange x;

    launch_key(&h->id, launch);
    int err = check_answer(h, answer, launch, &x);
    if (err == 0) {
        direction_key(launch, "down\0\0\0", x.down, h->hello, answer, key);
        err = bit_opener_init(in, key, answer + ANSWER_HEADER, BIT_SEAL_PLAIN_MAX);
    }
    if (err == 0) {
        direction_key(launch, "up\0\0\0\0\0", x.up, h->hello, answer, key);
        bit_sealer_init(out, key, header);
    }
    sodium_memzero(launch, sizeof launch);
    sodium_memzero(key, sizeof key);
    sodium_memzero(&x, sizeof x);
    sodium_memzero(h, sizeof *h);
    return err;
}
