/* Text format: any bytes are refused with problems, or parse to a message that survives printing and packing. */
#include <stdlib.h>
#include <string.h>

#include "proto/bit.pb-c.h"
#include "proto/text/json.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"
#include "tests/fuzz/fuzz.h"

static struct bit_problems problems;

static ProtobufCMessage *parse(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes)
{
    ProtobufCMessage *msg = NULL;

    problems.count = problems.position_count = 0;
    int err = bit_text_parse(desc, text, bytes, &msg, &problems);
    FUZZ_CHECK((err == 0) == (msg != NULL));
    FUZZ_CHECK((err == 0) == (problems.count == 0));
    for (int i = 0; i < bit_problems_kept(&problems); i++)
        FUZZ_CHECK(problems.item[i].text[0] != '\0' && problems.item[i].line > 0 && problems.item[i].column > 0);
    return msg;
}

static uint8_t *pack(const ProtobufCMessage *msg, size_t *len)
{
    *len = protobuf_c_message_get_packed_size(msg);
    uint8_t *bytes = malloc(*len + 1);
    FUZZ_CHECK(bytes != NULL);
    protobuf_c_message_pack(msg, bytes);
    return bytes;
}

static void round_trip(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes)
{
    ProtobufCMessage *msg = parse(desc, text, bytes);
    char *printed, *json;
    size_t len, packed_len, again_len;

    if (msg == NULL)
        return;
    FUZZ_CHECK(bit_json_print(msg, &json, NULL) == 0);
    free(json);
    FUZZ_CHECK(bit_text_print(msg, &printed, &len) == 0);
    ProtobufCMessage *again = parse(desc, printed, len);
    FUZZ_CHECK(again != NULL || len > BIT_SPEC_BYTES_MAX);
    if (again != NULL) {
        uint8_t *a = pack(msg, &packed_len), *b = pack(again, &again_len);
        FUZZ_CHECK(packed_len == again_len && memcmp(a, b, packed_len) == 0);
        free(a);
        free(b);
    }
    bit_msg_free(again);
    bit_msg_free(msg);
    free(printed);
}

/* The specification, and a message with required fields, a oneof, bytes and signed numbers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    round_trip(&bit__run_spec__descriptor, (const char *)data, size);
    round_trip(&bit__journal_record__descriptor, (const char *)data, size);
    round_trip(&bit__worker_hello__descriptor, (const char *)data, size);
    return 0;
}
