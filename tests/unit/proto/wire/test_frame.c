#include "proto/wire/frame.h"

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/test.h"

#define BODY_MAX 4096u

static const char body[] = "forty-two bytes of something worth sending";

static size_t encode(uint16_t type, uint64_t epoch, const void *data, uint32_t bytes, uint8_t *out)
{
    struct bit_frame frame = {.type = type, .epoch = epoch, .body = data, .body_bytes = bytes};

    bit_frame_encode_header(&frame, out);
    if (bytes > 0)
        memcpy(out + BIT_FRAME_HEADER_BYTES, data, bytes);
    return BIT_FRAME_HEADER_BYTES + bytes;
}

/* Computes the header's checksum again, for headers that are intact but wrong. */
static void seal(uint8_t *header)
{
    uint32_t crc = bit_crc32c(0, header, 24);

    for (int i = 0; i < 4; i++)
        header[24 + i] = (uint8_t)(crc >> 8 * i);
}

TEST(layout_is_the_documented_one)
{
    static const uint8_t head[] = {'B', 'I', 'T', '1', 0x34, 0x12, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 3, 0, 0, 0};
    uint8_t buf[64];
    uint32_t crc = bit_crc32c(0, "abc", 3);

    EXPECT_EQ(encode(0x1234, 0x0102030405060708, "abc", 3, buf), 31u);
    EXPECT_MEMEQ(buf, head, sizeof head);
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(buf[20 + i], crc >> 8 * i & 0xff);
    EXPECT_MEMEQ(buf + 28, "abc", 3);
}

TEST(what_was_encoded_comes_back)
{
    uint8_t buf[128];
    struct bit_frame frame;
    size_t need, bytes = encode(11, UINT64_MAX, body, sizeof body, buf);

    EXPECT_EQ(bit_frame_decode(buf, bytes, BODY_MAX, &frame, &need), (int64_t)bytes);
    EXPECT_EQ(need, bytes);
    EXPECT_EQ(frame.type, 11);
    EXPECT_EQ(frame.epoch, UINT64_MAX);
    EXPECT_EQ(frame.body_bytes, sizeof body);
    EXPECT(frame.body == buf + BIT_FRAME_HEADER_BYTES);
    bytes = encode(BIT_FRAME_PAYLOAD, 0, NULL, 0, buf);
    EXPECT_EQ(bit_frame_decode(buf, bytes, 0, &frame, &need), BIT_FRAME_HEADER_BYTES);
    EXPECT_EQ(frame.body_bytes, 0u);
}

TEST(a_cut_frame_says_how_much_it_needs)
{
    uint8_t buf[128];
    struct bit_frame frame;
    size_t need, bytes = encode(11, 3, body, sizeof body, buf);

    for (size_t have = 0; have < bytes; have++) {
        need = 0;
        EXPECT_EQ(bit_frame_decode(buf, have, BODY_MAX, &frame, &need), 0);
        EXPECT_EQ(need, have < BIT_FRAME_HEADER_BYTES ? (size_t)BIT_FRAME_HEADER_BYTES : bytes);
    }
}

TEST(every_flipped_bit_is_found)
{
    uint8_t buf[128];
    struct bit_frame frame;
    size_t need, bytes = encode(11, 3, body, sizeof body, buf);

    for (size_t bit = 0; bit < 8 * bytes; bit++) {
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT_EQ(bit_frame_decode(buf, bytes, BODY_MAX, &frame, &need), BIT_EFRAME);
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

TEST(a_wrong_header_is_refused_before_its_body_is_there)
{
    uint8_t buf[128];
    struct bit_frame frame;
    size_t need;

    EXPECT_EQ(bit_frame_decode((const uint8_t *)"GET", 3, BODY_MAX, &frame, &need), BIT_EFRAME);
    encode(11, 3, body, sizeof body, buf);
    memset(buf + 16, 0xff, 4); /* a huge length, and the checksum of the true one */
    EXPECT_EQ(bit_frame_decode(buf, BIT_FRAME_HEADER_BYTES, BODY_MAX, &frame, &need), BIT_EFRAME);
    seal(buf);
    EXPECT_EQ(bit_frame_decode(buf, BIT_FRAME_HEADER_BYTES, BODY_MAX, &frame, &need), BIT_ELIMIT);
    EXPECT_CONTAINS(bit_fail_text(), "4294967295");
    encode(11, 3, body, sizeof body, buf);
    buf[6] = 1;
    seal(buf);
    EXPECT_EQ(bit_frame_decode(buf, BIT_FRAME_HEADER_BYTES, BODY_MAX, &frame, &need), BIT_EFRAME);
    EXPECT_CONTAINS(bit_fail_text(), "flags 0x0001");
}

TEST(the_cap_is_the_readers)
{
    uint8_t buf[BIT_FRAME_HEADER_BYTES + 100] = {0}, data[100] = {0};
    struct bit_frame frame;
    size_t need, bytes = encode(11, 3, data, sizeof data, buf);

    EXPECT_EQ(bit_frame_decode(buf, bytes, 100, &frame, &need), (int64_t)bytes);
    EXPECT_EQ(bit_frame_decode(buf, bytes, 99, &frame, &need), BIT_ELIMIT);
}

/* Feeds the reader `step` bytes at a time; expects frames of 0, 1, 2, ... bytes. */
static int read_in_steps(const uint8_t *stream, size_t bytes, size_t step)
{
    struct bit_frame_reader r;
    struct bit_frame frame;
    uint8_t *room;
    size_t room_bytes;
    int frames = 0, got = 0;

    bit_frame_reader_init(&r, BODY_MAX);
    for (size_t at = 0; at < bytes && got >= 0;) {
        EXPECT_EQ(bit_frame_reader_reserve(&r, &room, &room_bytes), 0);
        EXPECT(room_bytes > 0);
        size_t now = BIT_MIN(BIT_MIN(step, room_bytes), bytes - at);
        memcpy(room, stream + at, now);
        bit_frame_reader_commit(&r, now);
        at += now;
        while ((got = bit_frame_reader_next(&r, &frame)) == 1) {
            EXPECT_EQ(frame.body_bytes, (unsigned)frames * 37);
            EXPECT_EQ(frame.type, frames + 10);
            for (uint32_t i = 0; i < frame.body_bytes; i++)
                if (!EXPECT_EQ(frame.body[i], frames))
                    break;
            frames++;
        }
    }
    EXPECT(r.capacity <= BODY_MAX + BIT_FRAME_HEADER_BYTES);
    bit_frame_reader_finish(&r);
    EXPECT(r.buf == NULL);
    return got < 0 ? got : frames;
}

TEST(a_reader_takes_frames_however_they_arrive)
{
    static uint8_t stream[256 << 10], data[BODY_MAX];
    size_t bytes = 0;
    const int frames = 110; /* the last one has nearly the maximum size */

    for (int i = 0; i < frames; i++) {
        memset(data, i, sizeof data);
        bytes += encode((uint16_t)(i + 10), 1, data, (uint32_t)i * 37, stream + bytes);
    }
    for (size_t step = 1; step < 9000; step = step * 3 / 2 + 1)
        EXPECT_EQ(read_in_steps(stream, bytes, step), frames);
}

TEST(a_reader_ends_at_garbage)
{
    uint8_t stream[128];
    size_t bytes = encode(10, 1, NULL, 0, stream);

    memcpy(stream + bytes, "BITS and pieces", 15);
    EXPECT_EQ(read_in_steps(stream, bytes + 15, 1), BIT_EFRAME);
    EXPECT_EQ(read_in_steps(stream, bytes + 15, 128), BIT_EFRAME);
}

TEST_MAIN
