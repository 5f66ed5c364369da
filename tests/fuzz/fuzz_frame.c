/* A stream of frames that arrives in pieces. The first byte determines their size. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/wire/frame.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MAX 2048u

/* An accepted frame encodes to the same bytes. */
static void check_frame(const struct bit_frame *frame, const uint8_t *bytes)
{
    uint8_t again[BIT_FRAME_HEADER_BYTES];

    FUZZ_CHECK(frame->body_bytes <= BODY_MAX && frame->body == bytes + BIT_FRAME_HEADER_BYTES);
    bit_frame_encode_header(frame, again);
    FUZZ_CHECK(memcmp(again, bytes, sizeof again) == 0);
}

/* The number of frames in the whole stream; *end is how the stream ended: 0 or an error. */
static int count_whole(const uint8_t *data, size_t bytes, int *end)
{
    struct bit_frame frame;
    int64_t took = 0;
    int count = 0;
    size_t need;

    for (size_t at = 0; at < bytes; at += (size_t)took, count++) {
        took = bit_frame_decode(data + at, bytes - at, BODY_MAX, &frame, &need);
        if (took <= 0)
            break;
        FUZZ_CHECK((size_t)took <= bytes - at && need == (size_t)took);
        check_frame(&frame, data + at);
    }
    *end = took < 0 ? (int)took : 0;
    return count;
}

static int count_in_pieces(const uint8_t *data, size_t bytes, size_t piece, int *end)
{
    struct bit_frame_reader r;
    struct bit_frame frame;
    int count = 0, got = 0;

    bit_frame_reader_init(&r, BODY_MAX);
    for (size_t at = 0; at < bytes && got >= 0;) {
        uint8_t *room;
        size_t room_bytes;
        FUZZ_CHECK(bit_frame_reader_reserve(&r, &room, &room_bytes) == 0 && room_bytes > 0);
        FUZZ_CHECK(r.capacity <= BIT_FRAME_HEADER_BYTES + BODY_MAX);
        size_t now = BIT_MIN(BIT_MIN(piece, room_bytes), bytes - at);
        memcpy(room, data + at, now);
        bit_frame_reader_commit(&r, now);
        at += now;
        while ((got = bit_frame_reader_next(&r, &frame)) > 0)
            count++;
    }
    *end = got;
    bit_frame_reader_finish(&r);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    int whole_end, pieces_end;

    if (bytes == 0)
        return 0;
    int whole = count_whole(data + 1, bytes - 1, &whole_end);
    int pieces = count_in_pieces(data + 1, bytes - 1, data[0] + 1u, &pieces_end);
    FUZZ_CHECK(whole == pieces && whole_end == pieces_end);
    return 0;
}
