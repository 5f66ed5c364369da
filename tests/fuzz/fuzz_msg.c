/* The body of a message. The first byte is the type's number. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "tests/fuzz/fuzz.h"

#define X(NAME, message, number, channel) _Static_assert(number <= UINT8_MAX, #message);
BIT_MSG_TABLE(X)
#undef X

/* A decoded message must encode, and the result must decode to the same message. */
static void check_message(uint16_t type, const ProtobufCMessage *msg)
{
    struct bit_frame frame;
    ProtobufCMessage *again, *copy = bit_msg_clone(msg);
    uint8_t *buf, *buf_again;
    size_t bytes, bytes_again, need;

    FUZZ_CHECK(copy != NULL);
    FUZZ_CHECK(bit_msg_encode(type, 7, msg, &buf, &bytes) == 0);
    FUZZ_CHECK(bit_frame_decode(buf, bytes, BIT_FRAME_BODY_MAX, &frame, &need) == (int64_t)bytes);
    FUZZ_CHECK(bit_msg_decode_as(msg->descriptor, frame.body, frame.body_bytes, SIZE_MAX, &again) == 0);
    FUZZ_CHECK(bit_msg_encode(type, 7, again, &buf_again, &bytes_again) == 0);
    FUZZ_CHECK(bytes == bytes_again && memcmp(buf, buf_again, bytes) == 0);
    free(buf);
    free(buf_again);
    bit_msg_free(again);
    bit_msg_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    ProtobufCMessage *msg = NULL;

    if (bytes == 0)
        return 0;
    uint16_t type = data[0];
    int err = bit_msg_decode(bit_msg_channel(type), type, data + 1, bytes - 1, &msg);
    FUZZ_CHECK(err == 0 || err == BIT_EMESSAGE || err == BIT_ELIMIT);
    FUZZ_CHECK((msg != NULL) == (err == 0));
    if (msg != NULL)
        check_message(type, msg);
    bit_msg_free(msg);
    return 0;
}
