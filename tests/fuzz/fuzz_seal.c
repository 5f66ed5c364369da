/* A sealed stream that arrives in pieces: a byte that determines their size, 24 bytes of header, the records. */
#include <errno.h>
#include <string.h>

#include "proto/wire/seal.h"
#include "tests/fuzz/fuzz.h"

#define PLAIN_MAX 2048u

/* The number of records that open; *end is how the stream ends. */
static int count(const uint8_t *header, const uint8_t *data, size_t bytes, size_t piece, int *end)
{
    uint8_t key[BIT_SEAL_KEY_BYTES];
    struct bit_opener in;
    const uint8_t *plain;
    size_t plain_bytes;
    int got = 0, opened = 0;

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    FUZZ_CHECK(bit_opener_init(&in, key, header, PLAIN_MAX) == 0);
    for (size_t at = 0; at < bytes && got >= 0;) {
        size_t room_bytes;
        uint8_t *room = bit_opener_room(&in, &room_bytes);
        size_t now = BIT_MIN(BIT_MIN(piece, room_bytes), bytes - at);
        memcpy(room, data + at, now);
        bit_opener_commit(&in, now);
        at += now;
        while ((got = bit_opener_next(&in, &plain, &plain_bytes)) > 0) {
            FUZZ_CHECK(plain_bytes > 0 && plain_bytes <= PLAIN_MAX);
            opened++;
        }
    }
    FUZZ_CHECK(got == 0 || got == -EBADMSG);
    *end = got;
    bit_opener_finish(&in);
    return opened;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    int pieces_end, whole_end;

    if (bytes < 1 + BIT_SEAL_HEADER_BYTES)
        return 0;
    const uint8_t *records = data + 1 + BIT_SEAL_HEADER_BYTES;
    size_t left = bytes - 1 - BIT_SEAL_HEADER_BYTES;
    int pieces = count(data + 1, records, left, data[0] + 1u, &pieces_end);
    int whole = count(data + 1, records, left, left, &whole_end);
    FUZZ_CHECK(pieces == whole && pieces_end == whole_end);
    return 0;
}
