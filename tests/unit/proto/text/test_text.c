#include "proto/text/text.h"

#include "proto/bit.pb-c.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/nearest.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

static struct bit_problems problems;

/* Clears `problems` first. NULL if the text was refused. */
static Bit__RunSpec *parse(const char *text)
{
    ProtobufCMessage *msg = NULL;

    problems = (struct bit_problems){0};
    int err = bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &msg, &problems);
    EXPECT(err == (problems.count > 0 ? BIT_ESPEC : 0));
    return (Bit__RunSpec *)msg;
}

/* The text is refused with exactly one problem, at this place, with these words. */
static void expect_problem(const char *text, int line, int column, const char *field, const char *says)
{
    bit_msg_free(parse(text));
    if (!EXPECT_EQ(problems.count, 1) || !EXPECT_CONTAINS(problems.item[0].text, says) ||
        !EXPECT_STREQ(problems.item[0].field, field) || !EXPECT_EQ(problems.item[0].line, line) ||
        !EXPECT_EQ(problems.item[0].column, column))
        fprintf(stderr, "    in: %s\n    first: %s\n", text, problems.item[0].text);
}

TEST(empty_text_is_an_empty_message)
{
    Bit__RunSpec *spec = parse("# nothing but a comment");

    if (EXPECT(spec != NULL))
        EXPECT_EQ(protobuf_c_message_get_packed_size(&spec->base), 0);
    bit_msg_free(spec);
}

TEST(every_form_of_a_field)
{
    Bit__RunSpec *spec = parse("model { layers: 3 } batch: { instances: 0x10; micro_instances: 017, }\n"
                               "schedule < steps: 5 > launch: < ranks :2 >"
                               "data{train:'a'train:[\"b\" 'c' , 'd']train:[]}"
                               "eval { set [ { name: 'x' }, < name: 'y' > ] set { name: 'z' } }");

    if (!EXPECT(spec != NULL))
        return;
    EXPECT_EQ(spec->model->layers, 3);
    EXPECT_EQ(spec->batch->instances, 16);
    EXPECT_EQ(spec->batch->micro_instances, 15);
    EXPECT_EQ(spec->schedule->steps, 5);
    EXPECT_EQ(spec->launch->ranks, 2);
    EXPECT(!spec->launch->has_threads);
    EXPECT_EQ(spec->data->n_train, 3);
    EXPECT_STREQ(spec->data->train[1], "bc");
    EXPECT_STREQ(spec->data->train[2], "d");
    EXPECT_EQ(spec->eval->n_set, 3);
    EXPECT_STREQ(spec->eval->set[1]->name, "y");
    bit_msg_free(spec);
}

TEST(numbers)
{
    Bit__RunSpec *spec = parse("optimizer { beta1: 1e-3f beta2: .5 eps: 5. weight_decay: 1F clip_norm: -2.5E+1 }"
                               "data { seed: 18446744073709551615 } schedule { peak_lr: 99999999999999999999999 }");

    if (!EXPECT(spec != NULL))
        return;
    EXPECT_EQ(spec->optimizer->beta1, 1e-3);
    EXPECT_EQ(spec->optimizer->beta2, 0.5);
    EXPECT_EQ(spec->optimizer->eps, 5.0);
    EXPECT_EQ(spec->optimizer->weight_decay, 1.0);
    EXPECT_EQ(spec->optimizer->clip_norm, -25.0);
    EXPECT_EQ(spec->data->seed, UINT64_MAX);
    EXPECT_EQ(spec->schedule->peak_lr, 1e23);
    bit_msg_free(spec);
}

TEST(signed_numbers)
{
    static const char text[] = "rank: 1 error: -2147483648 step: 1 text: ''";
    ProtobufCMessage *msg = NULL;

    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__worker_failed__descriptor, text, sizeof text - 1, &msg, &problems), 0);
    if (EXPECT(msg != NULL))
        EXPECT_EQ(((Bit__WorkerFailed *)msg)->error, INT32_MIN);
    bit_msg_free(msg);

    static const char low[] = "rank: 1 error: -2147483649 step: 1 text: ''";
    EXPECT_EQ(bit_text_parse(&bit__worker_failed__descriptor, low, sizeof low - 1, &msg, &problems), BIT_ESPEC);
    EXPECT_STREQ(problems.item[0].text, "-2147483649 does not fit: at most -2147483648");
}

TEST(strings)
{
    Bit__RunSpec *spec = parse("name: 'tab\\t\\'\\\"\\\\ \\101\\x42\\u00e9\\U0001F600\\ud83d\\ude00\\?' \"\xc3\xa9\"");

    if (EXPECT(spec != NULL))
        EXPECT_STREQ(spec->name, "tab\t'\"\\ AB\xc3\xa9\xf0\x9f\x98\x80\xf0\x9f\x98\x80?\xc3\xa9");
    bit_msg_free(spec);
}

TEST(a_byte_order_mark_is_skipped)
{
    Bit__RunSpec *spec = parse("\xef\xbb\xbfname: 'a'\r\n");

    EXPECT(spec != NULL);
    bit_msg_free(spec);
}

TEST(refused_values_say_where_and_why)
{
    expect_problem("launch { ranks: 4294967296 }", 1, 17, "launch.ranks", "at most 4294967295");
    expect_problem("launch {\n\tranks: -1 }", 2, 10, "launch.ranks", "-1 is below 0");
    expect_problem("launch { ranks: 1.5 }", 1, 17, "launch.ranks", "expected a whole number, found '1.5'");
    expect_problem("data { seed: 18446744073709551616 }", 1, 14, "data.seed", "does not fit");
    expect_problem("schedule { peak_lr: inf }", 1, 21, "schedule.peak_lr", "expected a number");
    expect_problem("schedule { peak_lr: -nan }", 1, 22, "schedule.peak_lr", "expected a number");
    expect_problem("schedule { peak_lr: 1e999 }", 1, 21, "schedule.peak_lr", "too large");
    expect_problem("schedule { peak_lr: 0x1 }", 1, 21, "schedule.peak_lr", "expected a number");
    expect_problem("schedule { peak_lr: 1e }", 1, 21, "", "'1e' is not a number");
    expect_problem("model { layers: 09 }", 1, 17, "", "'09' is not a number");
    expect_problem("model { layers: 12monkeys }", 1, 17, "", "'12monkeys' is not a number");
    expect_problem("model { tied: TRUE }", 1, 15, "model.tied", "expected true or false, found 'TRUE'");
    expect_problem("model { tied: 2 }", 1, 15, "model.tied", "2 does not fit: at most 1");
    expect_problem("model { init: 9 }", 1, 15, "model.init", "expected one of MITCHELL, NORMAL");
    expect_problem("model { init: 'NORMAL' }", 1, 15, "model.init", "expected one of MITCHELL, NORMAL");
    expect_problem("model { layers: }", 1, 17, "model.layers", "expected a whole number, found '}'");
    expect_problem("model { layers:\n heads: 2 }", 2, 2, "model.layers", "expected a whole number, found 'heads'");
    expect_problem("model { layers: { } heads: 2 }", 1, 17, "model.layers", "expected a whole number");
    expect_problem("name: run", 1, 7, "name", "expected a string in quotes, found 'run'");
    expect_problem("name: 'a\\qb'", 1, 9, "name", "'\\q' is not an escape");
    expect_problem("name: '\\ud83d'", 1, 8, "name", "is not an escape");
    expect_problem("name: '\\777'", 1, 8, "name", "is not an escape");
    expect_problem("name: 'a\\000b'", 1, 7, "name", "NUL");
    expect_problem("name: '\\xff'", 1, 7, "name", "not UTF-8");
    expect_problem("data { train: ['a', 'b',] }", 1, 25, "data.train[2]", "expected a string in quotes");
}

TEST(refused_syntax_says_where_and_why)
{
    expect_problem("model 3", 1, 7, "model", "expected '{', found '3'");
    expect_problem("model: 3", 1, 8, "model", "expected '{', found '3'");
    expect_problem("launch {\n  ranks 2\n}", 2, 9, "launch.ranks", "expected ':', found '2'");
    expect_problem("launch { ranks = 2 }", 1, 16, "", "a value follows ':'");
    expect_problem("launch { ranks: 2", 1, 8, "launch", "this '{' is never closed");
    expect_problem("launch { ranks: 2 > }", 1, 19, "launch", "expected a field name, found '>'");
    expect_problem("launch { } }", 1, 12, "", "expected a field name, found '}'");
    expect_problem("launch { ranks: 1;; threads: 2 }", 1, 19, "launch", "expected a field name, found ';'");
    expect_problem("name: \"caf\xc3\xa9\" @", 1, 14, "", "'@' has no meaning here");
    expect_problem("\xc3\xa9", 1, 1, "", "byte 0xc3");
    expect_problem("name: 'open\n", 1, 7, "", "does not end on its line");
    expect_problem("launch { ranks: 1 }\nlaunch { }", 2, 1, "launch", "given twice");
    expect_problem("[any]: 3", 1, 1, "", "expected a field name, found '['");
}

TEST(unknown_names_get_the_nearest_known)
{
    expect_problem("modle { layers: 1 }", 1, 1, "", "there is no field 'modle'; did you mean model?");
    expect_problem("schedule { warmup-steps: 1 }", 1, 12, "schedule",
                   "schedule has no field 'warmup-steps'; did you mean warmup_steps?");
    expect_problem("steps: 100", 1, 1, "", "did you mean schedule.steps?");
    expect_problem("model { ranks: 4 }", 1, 9, "model", "did you mean launch.ranks?");
    expect_problem("model { Layers: 4 }", 1, 9, "model", "did you mean layers?");
    expect_problem("zebra: 100", 1, 1, "", "there is no field 'zebra'; `bitctl help spec` lists the fields");
    EXPECT(strstr(problems.item[0].text, "did you mean") == NULL);
    expect_problem("phases { switch { optimizer: RESTE } }", 1, 30, "phases.switch.optimizer",
                   "'RESTE' is not one of KEEP, RESET; did you mean RESET?");
    expect_problem("phases { switch { lr: rewarm } }", 1, 23, "phases.switch.lr", "did you mean REWARM?");
}

TEST(all_problems_are_found_at_once)
{
    parse("modle { layers: [ 3 ] } # unknown, its value skipped\n"
          "model { layers: 4.5 width: -3 heads: 8 }\n"
          "batch { instances: ten }\n"
          "phases { switch { ramp: yes at_step: 1 } }\n"
          "data { train: 'a\\q' train: 3 }\n"
          "launch { ranks: 1 ranks: 2 }\n"
          "name: 'late'\n");
    static const int line[] = {1, 2, 2, 3, 4, 5, 5, 6};
    if (!EXPECT_EQ(problems.count, BIT_COUNT(line)))
        return;
    for (size_t i = 0; i < BIT_COUNT(line); i++)
        EXPECT_EQ(problems.item[i].line, line[i]);
}

TEST(more_problems_than_are_kept_are_counted)
{
    enum { N = BIT_PROBLEMS_MAX + 36 };
    char text[N * 8 + 1] = "";

    for (int i = 0; i < N; i++)
        memcpy(text + i * 8, "x: 1   \n", 8);
    text[N * 8] = '\0';
    parse(text);
    EXPECT_EQ(problems.count, N);
    EXPECT_EQ(bit_problems_kept(&problems), BIT_PROBLEMS_MAX);
    EXPECT_EQ(problems.item[BIT_PROBLEMS_MAX - 1].line, BIT_PROBLEMS_MAX);
}

TEST(missing_required_fields_and_second_members_of_a_oneof)
{
    static const char text[] = "seq: 1\nlost { attempt: 1 cause: 'x' }\nstate { state: PAUSED reason: '' }";
    ProtobufCMessage *msg = NULL;

    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__journal_record__descriptor, text, sizeof text - 1, &msg, &problems), BIT_ESPEC);
    EXPECT(msg == NULL);
    if (!EXPECT_EQ(problems.count, 3))
        return;
    EXPECT_CONTAINS(problems.item[0].text, "step is required");
    EXPECT_CONTAINS(problems.item[1].text, "excludes another field");
    EXPECT_EQ(problems.item[1].line, 3);
    EXPECT_CONTAINS(problems.item[2].text, "time_ns is required");
}

TEST(too_long_a_text_is_refused_unread)
{
    ProtobufCMessage *msg = NULL;
    char *text = malloc(BIT_SPEC_BYTES_MAX + 1);

    memset(text, ' ', BIT_SPEC_BYTES_MAX + 1);
    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text, BIT_SPEC_BYTES_MAX + 1, &msg, &problems), BIT_ESPEC);
    EXPECT_CONTAINS(problems.item[0].text, "1048577 bytes");
    EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text, BIT_SPEC_BYTES_MAX, &msg, &problems), 0);
    bit_msg_free(msg);
    free(text);
}

TEST(positions_of_fields_are_remembered)
{
    int line = -1, column = -1;

    bit_msg_free(parse("model {\n  heads: 3\n}\ndata { train: [ 'a',\n 'b' ] }"));
    EXPECT(bit_problems_find(&problems, "model.heads", &line, &column) && line == 2 && column == 10);
    EXPECT(bit_problems_find(&problems, "data.train[1]", &line, &column) && line == 5 && column == 2);
    /* A field that is absent has the place of its message. */
    EXPECT(bit_problems_find(&problems, "model.width", &line, &column) && line == 1 && column == 7);
    EXPECT(!bit_problems_find(&problems, "launch.ranks", &line, &column));
    /* A field that was set from elsewhere has no place, although its message has one. */
    bit_problems_place(&problems, "model.width", 0, 0);
    EXPECT(bit_problems_find(&problems, "model.width", &line, &column) && line == 0);
}

TEST(printing_parses_back)
{
    Bit__RunSpec *spec = parse(
        "name: 'q\"\\\\\\n\\r\\t\\001\xc3\xa9' data { train: ['a', ''] seed: 18446744073709551615 }"
        "schedule { peak_lr: 0.1 final: 1e-300 warmup_start: 0.30000000000000004 }"
        "model { tied: false init: NORMAL } phases { switch { } } eval { set { } }");
    char *text = NULL;
    size_t bytes = 0;

    if (!EXPECT(spec != NULL) || !EXPECT_EQ(bit_text_print(&spec->base, &text, &bytes), 0))
        return;
    EXPECT_EQ(strlen(text), bytes);
    EXPECT_CONTAINS(text, "name: \"q\\\"\\\\\\n\\r\\t\\001\xc3\xa9\"\nmodel {\n  tied: false\n  init: NORMAL\n}\n");
    EXPECT_CONTAINS(text, "warmup_start: 0.30000000000000004\n");
    Bit__RunSpec *again = parse(text);
    if (EXPECT(again != NULL)) {
        size_t size = protobuf_c_message_get_packed_size(&spec->base);
        uint8_t a[512], b[512];
        EXPECT(size <= sizeof a);
        EXPECT_EQ(protobuf_c_message_get_packed_size(&again->base), size);
        protobuf_c_message_pack(&spec->base, a);
        protobuf_c_message_pack(&again->base, b);
        EXPECT_MEMEQ(a, b, size);
    }
    free(text);
    bit_msg_free(spec);
    bit_msg_free(again);
}

TEST(bytes_print_escaped_and_parse_back)
{
    uint8_t data[256];
    Bit__LogReply reply = BIT__LOG_REPLY__INIT;
    ProtobufCMessage *again = NULL;
    char *text = NULL;

    for (int i = 0; i < 256; i++)
        data[i] = (uint8_t)i;
    reply.text = (ProtobufCBinaryData){.len = sizeof data, .data = data};
    EXPECT_EQ(bit_text_print(&reply.base, &text, NULL), 0);
    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__log_reply__descriptor, text, strlen(text), &again, &problems), 0);
    if (EXPECT(again != NULL) && EXPECT_EQ(((Bit__LogReply *)again)->text.len, sizeof data))
        EXPECT_MEMEQ(((Bit__LogReply *)again)->text.data, data, sizeof data);
    bit_msg_free(again);
    free(text);
}

TEST(what_acts_on_a_terminal_prints_escaped_and_parses_back)
{
    char hostile[] = "\x1b[2J\xc2\x9b"
                     "31m\xe2\x80\xae"
                     "cod gr\xc3\xbc\xc3\x9f"
                     "e";
    Bit__Problem problem = BIT__PROBLEM__INIT;
    ProtobufCMessage *back = NULL;
    char *text = NULL;
    size_t bytes;

    problem.text = hostile;
    EXPECT_EQ(bit_text_print(&problem.base, &text, &bytes), 0);
    EXPECT_CONTAINS(text, "\"\\033[2J\\u009b31m\\u202ecod gr\xc3\xbc\xc3\x9f"
                          "e\"");
    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__problem__descriptor, text, bytes, &back, &problems), 0);
    EXPECT_STREQ(((Bit__Problem *)back)->text, hostile);
    bit_msg_free(back);
    free(text);
}

TEST(nearest_counts_swaps_and_forgives_case)
{
    static const char *const names[] = {"peak_lr", "steps", "final"};

    static const struct {
        const char *word, *nearest;
    } cases[] = {{"setps", "steps"},   {"PEAK-LR", "peak_lr"}, {"finl", "final"},
                 {"finally", "final"}, {"warmup", NULL},       {"", NULL},
                 {"x", NULL}};

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        struct bit_nearest n;
        bit_nearest_init(&n, cases[i].word, strlen(cases[i].word));
        for (size_t k = 0; k < BIT_COUNT(names); k++)
            bit_nearest_offer(&n, names[k]);
        EXPECT_STREQ(bit_nearest_name(&n), cases[i].nearest);
    }
}

TEST(filling_takes_only_what_is_absent)
{
    Bit__RunSpec *spec = parse("model { layers: 1 } data { train: 'a' }");
    Bit__RunSpec *more = parse(
        "name: 'n' model { layers: 2 heads: 3 } data { train: ['b', 'c'] } eval { set { name: 'x' } }");

    EXPECT_EQ(bit_message_fill(&spec->base, &more->base), 0);
    bit_msg_free(more);
    EXPECT_STREQ(spec->name, "n");
    EXPECT_EQ(spec->model->layers, 1);
    EXPECT_EQ(spec->model->heads, 3);
    EXPECT_EQ(spec->data->n_train, 1);
    EXPECT_STREQ(spec->eval->set[0]->name, "x");
    bit_msg_free(spec);
}

TEST(doubles_print_short_and_exact)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},     {1e-5, "1e-05"},   {10000, "10000"},
                 {4e-4, "0.0004"}, {-0.0, "-0"},      {1.0 / 3, "0.3333333333333333"},
                 {1e22, "1e+22"},  {INFINITY, "inf"}, {-INFINITY, "-inf"}};
    char out[32];

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        bit_double_format(cases[i].value, out);
        EXPECT_STREQ(out, cases[i].text);
    }
    bit_double_format(NAN, out);
    EXPECT_STREQ(out, "nan");
}

TEST_MAIN
