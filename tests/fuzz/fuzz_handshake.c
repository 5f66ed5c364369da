/* The first message of an unknown peer. A byte for the receiver (0: bitd), then a hello for bitd, or an answer and the
 * worker's own hello for a worker. */
#include <string.h>

#include "proto/err.h"
#include "proto/wire/handshake.h"
#include "tests/fuzz/fuzz.h"

/* The launch of test_handshake.c's known messages, so that one input of each kind is accepted. */
static struct bit_launch_id launch(void)
{
    struct bit_launch_id id = {.run = "r12", .epoch = 7};

    for (size_t i = 0; i < sizeof id.secret; i++)
        id.secret[i] = (uint8_t)i;
    return id;
}

static void to_bitd(const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES])
{
    const struct bit_launch_id id = launch();
    uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES], in[BIT_SEAL_KEY_BYTES];
    struct bit_sealer out;
    char run[BIT_RUN_ID_MAX];
    uint64_t epoch = 0;
    int peeked = bit_handshake_peek(hello, run, &epoch);
    int answered = bit_handshake_answer(&id, hello, answer, &out, in);

    FUZZ_CHECK(peeked == 0 || peeked == BIT_EAUTH);
    FUZZ_CHECK(answered == 0 || answered == BIT_EAUTH);
    FUZZ_CHECK(peeked < 0 || memchr(run, '\0', sizeof run) != NULL);
    if (answered == 0)
        FUZZ_CHECK(peeked == 0 && epoch == id.epoch && strcmp(run, id.run) == 0);
}

static void to_worker(const uint8_t answer[BIT_HANDSHAKE_ANSWER_BYTES], const uint8_t hello[BIT_HANDSHAKE_HELLO_BYTES])
{
    struct bit_handshake worker = {.id = launch()};
    uint8_t header[BIT_SEAL_HEADER_BYTES];
    struct bit_sealer out;
    struct bit_opener in = {0};

    for (size_t i = 0; i < sizeof worker.secret_key; i++)
        worker.secret_key[i] = (uint8_t)(1 + i);
    memcpy(worker.hello, hello, sizeof worker.hello);
    int err = bit_handshake_finish(&worker, answer, &out, header, &in);
    FUZZ_CHECK(err == 0 || err == BIT_EAUTH);
    FUZZ_CHECK((err == 0) == (in.buf != NULL));
    bit_opener_finish(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 1 + BIT_HANDSHAKE_HELLO_BYTES && data[0] == 0)
        to_bitd(data + 1);
    else if (bytes == 1 + BIT_HANDSHAKE_ANSWER_BYTES + BIT_HANDSHAKE_HELLO_BYTES)
        to_worker(data + 1, data + 1 + BIT_HANDSHAKE_ANSWER_BYTES);
    return 0;
}
