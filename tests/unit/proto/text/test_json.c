#include "proto/text/json.h"

#include <jansson.h>

#include "proto/bit.pb-c.h"
#include "proto/text/precision.h"
#include "proto/wire/msg.h"
#include "tests/spec_of.h"
#include "tests/test.h"

/* Prints the message and reads it with an independent parser; NULL if it is not JSON. The caller frees both. */
static json_t *print_and_load(const ProtobufCMessage *msg, char **text)
{
    json_error_t error;
    size_t bytes;

    if (!EXPECT_EQ(bit_json_print(msg, text, &bytes), 0))
        return NULL;
    EXPECT_EQ(strlen(*text), bytes);
    EXPECT(strchr(*text, '\n') == NULL);
    json_t *json = json_loads(*text, JSON_REJECT_DUPLICATES, &error);
    if (!EXPECT(json != NULL))
        fprintf(stderr, "    %s at %d of %s\n", error.text, error.position, *text);
    return json;
}

TEST(a_specification)
{
    static const char source[] = "model { preset: 'olmo_20m' } data { train: ['/a', '/b'] seed: 9007199254740993 }"
                                 "phases { switch { at_step: 7 optimizer: RESET ramp_k: 2.5 } }";
    Bit__RunSpec *spec = test_spec_normalised(source, NULL);
    char *text = NULL;
    json_t *json = print_and_load(&spec->base, &text);
    json_t *sw = json_object_get(json_object_get(json, "phases"), "switch");
    EXPECT_EQ(json_integer_value(json_object_get(sw, "at_step")), 7);
    EXPECT_STREQ(json_string_value(json_object_get(sw, "optimizer")), "reset");
    EXPECT_EQ(json_real_value(json_object_get(sw, "ramp_k")), 2.5);
    EXPECT(json_is_real(json_object_get(sw, "weight_decay")));
    json_t *model = json_object_get(json, "model");
    EXPECT(json_is_false(json_object_get(model, "tied")));
    EXPECT(json_is_real(json_object_get(model, "rope_theta"))); /* 10000.0, not 10000 */
    EXPECT(json_is_null(json_object_get(model, "init_from")));
    json_t *data = json_object_get(json, "data");
    EXPECT_STREQ(json_string_value(json_object_get(data, "seed")), "9007199254740993"); /* no double has this value */
    EXPECT_EQ(json_array_size(json_object_get(data, "train")), 2);
    json_t *sets = json_object_get(json_object_get(json, "eval"), "set");
    EXPECT(json_is_array(sets));
    EXPECT_EQ(json_array_size(sets), 0);
    json_decref(json);
    free(text);
    bit_msg_free(spec);
}

TEST(digests_bytes_and_numbers_at_their_ends)
{
    uint8_t raw[] = {0x00, 0x7f, 0xff};
    char tail[] = "a";
    Bit__WorkerHello hello = BIT__WORKER_HELLO__INIT;
    Bit__StateChanged changed = BIT__STATE_CHANGED__INIT;
    Bit__JournalRecord record = BIT__JOURNAL_RECORD__INIT;
    char *text = NULL;

    hello.run = hello.host = tail;
    hello.secret = (ProtobufCBinaryData){.len = sizeof raw, .data = raw};
    hello.epoch = INT64_MAX;
    json_t *json = print_and_load(&hello.base, &text);
    EXPECT_STREQ(json_string_value(json_object_get(json, "secret")), "007fff");
    EXPECT_STREQ(json_string_value(json_object_get(json, "epoch")), "9223372036854775807");
    EXPECT(json_is_null(json_object_get(json, "rank")));
    json_decref(json);
    free(text);

    changed.state = BIT__RUN_STATE__COMPLETED;
    changed.reason = tail;
    changed.has_exit_code = 1;
    changed.exit_code = INT32_MIN;
    changed.has_weights_digest = 1;
    changed.weights_digest = 0xabc;
    record.what_case = BIT__JOURNAL_RECORD__WHAT_STATE;
    record.state = &changed;
    json = print_and_load(&record.base, &text);
    json_t *state = json_object_get(json, "state");
    EXPECT_STREQ(json_string_value(json_object_get(state, "state")), "completed");
    EXPECT_EQ(json_integer_value(json_object_get(state, "exit_code")), INT32_MIN);
    EXPECT_STREQ(json_string_value(json_object_get(state, "weights_digest")), "0000000000000abc");
    EXPECT(json_is_null(json_object_get(state, "asked")));
    EXPECT_EQ(json_object_size(json), 4); /* seq, time_ns, time, and the field of the oneof that is set */
    json_decref(json);
    free(text);
}

TEST(strings_survive_and_broken_ones_still_parse)
{
    char good[] = "quote \" backslash \\ tab \t newline \n bell \a del \x7f caf\xc3\xa9 \xf0\x9f\x98\x80";
    char broken[] = "a\xff\xc3(\xed\xa0\x80z";
    Bit__Problem problem = BIT__PROBLEM__INIT;
    char *text = NULL;

    problem.text = good;
    json_t *json = print_and_load(&problem.base, &text);
    EXPECT_STREQ(json_string_value(json_object_get(json, "text")), good);
    json_decref(json);
    free(text);

    problem.text = broken;
    json = print_and_load(&problem.base, &text);
    EXPECT_STREQ(json_string_value(json_object_get(json, "text")),
                 "a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
    json_decref(json);
    free(text);
}

TEST(what_acts_on_a_terminal_is_escaped_and_still_exact)
{
    char hostile[] = "\x1b[2J \xc2\x9b"
                     "31m \x7f \xe2\x80\xae"
                     "cod.npy \xe2\x81\xa9 \xd8\x9c";
    Bit__Problem problem = BIT__PROBLEM__INIT;
    char *text = NULL;

    problem.text = hostile;
    json_t *json = print_and_load(&problem.base, &text);
    EXPECT_STREQ(json_string_value(json_object_get(json, "text")), hostile);
    EXPECT_CONTAINS(text, "\\u001b[2J \\u009b31m \\u007f \\u202ecod.npy \\u2069 \\u061c");
    json_decref(json);
    free(text);
}

TEST(doubles_read_back_and_non_numbers_are_null)
{
    static const double values[] = {0.1, 1e-300, 1.7976931348623157e308, 5e-324, -0.0, 1, 3e20, 1.0 / 3};
    Bit__CurvePoint point = BIT__CURVE_POINT__INIT;
    char *text = NULL;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        point.loss = values[i];
        json_t *json = print_and_load(&point.base, &text);
        EXPECT(json_is_real(json_object_get(json, "loss")));
        EXPECT_EQ(json_real_value(json_object_get(json, "loss")), values[i]);
        json_decref(json);
        free(text);
    }
    point.loss = NAN;
    json_t *json = print_and_load(&point.base, &text);
    EXPECT(json_is_null(json_object_get(json, "loss")));
    json_decref(json);
    free(text);
}

TEST(integers_up_to_2_53_are_numbers_and_those_beyond_are_strings)
{
    Bit__CurvePoint point = BIT__CURVE_POINT__INIT;
    char *text = NULL;

    point.step = UINT64_C(1) << 53;
    json_decref(print_and_load(&point.base, &text));
    EXPECT_CONTAINS(text, "\"step\":9007199254740992,");
    free(text);
    point.step++;
    json_decref(print_and_load(&point.base, &text));
    EXPECT_CONTAINS(text, "\"step\":\"9007199254740993\",");
    free(text);
}

TEST(times_are_strings_of_nanoseconds_and_dates)
{
    Bit__CheckpointInfo info = BIT__CHECKPOINT_INFO__INIT;
    Bit__RunStatus status = BIT__RUN_STATUS__INIT;
    char name[] = "x";
    char *text = NULL;

    info.name = info.path = name;
    info.precision = BIT__PRECISION__SIXTEEN_BIT;
    info.time_ns = 1795783201000000009;
    json_decref(print_and_load(&info.base, &text));
    EXPECT_CONTAINS(text, "\"time_ns\":\"1795783201000000009\",\"time\":\"2026-11-27T12:40:01.000000009Z\"");
    EXPECT_CONTAINS(text, "\"precision\":\"16bit\"");
    free(text);
    info.time_ns = 0; /* the type of a key does not depend on its value */
    json_decref(print_and_load(&info.base, &text));
    EXPECT_CONTAINS(text, "\"time_ns\":\"0\",\"time\":\"1970-01-01T00:00:00.000000000Z\"");
    free(text);
    status.run = status.name = name;
    status.state = BIT__RUN_STATE__QUEUED;
    status.precision = BIT__PRECISION__TERNARY;
    json_decref(print_and_load(&status.base, &text));
    EXPECT_CONTAINS(text, "\"ended_ns\":null,\"ended\":null");
    EXPECT_CONTAINS(text, "\"precision\":\"ternary\"");
    EXPECT_CONTAINS(text, "\"curve\":[]");
    free(text);
}

TEST(every_spelling_of_a_precision_is_read)
{
    static const char *const sixteen[] = {"16bit", "16-bit", "SIXTEEN_BIT", "sixteen_bit"}, *const ternary[] = {
                                                                                                "ternary", "TERNARY",
                                                                                                "1.58bit", "1.58-bit"};
    Bit__Precision got;

    for (size_t i = 0; i < 4; i++) {
        EXPECT(bit_precision_parse(sixteen[i], &got) == 0 && got == BIT__PRECISION__SIXTEEN_BIT);
        EXPECT(bit_precision_parse(ternary[i], &got) == 0 && got == BIT__PRECISION__TERNARY);
    }
    EXPECT(bit_precision_parse("1.58", &got) < 0 && bit_precision_parse("", &got) < 0);
}

TEST(an_empty_message)
{
    Bit__VersionRequest request = BIT__VERSION_REQUEST__INIT;
    char *text = NULL;

    json_decref(print_and_load(&request.base, &text));
    EXPECT_STREQ(text, "{}");
    free(text);
}

TEST_MAIN
