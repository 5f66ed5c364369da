#include "proto/wire/msg.h"

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "tests/message.h"
#include "tests/test.h"

static const struct {
    uint16_t type;
    const char *name;
} types[] = {
#define X(NAME, message, number, channel) {number, #message},
    BIT_MSG_TABLE(X)
#undef X
};

/* Reads tests/fuzz/corpus/fuzz_msg/NAME: the message's number in one byte, then a body. Returns the bytes read. */
static size_t read_seed(const char *name, uint8_t *out, size_t most)
{
    const char *root = getenv("BIT_SOURCE_ROOT");
    char path[512];
    FILE *f;
    size_t bytes;

    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/fuzz_msg/%s", root != NULL ? root : ".", name);
    f = fopen(path, "rb");
    if (f == NULL)
        return 0;
    bytes = fread(out, 1, most, f);
    fclose(f);
    return bytes;
}

TEST(each_message_has_a_seed_for_the_fuzzer)
{
    static uint8_t seed[65536];

    for (size_t i = 0; i < BIT_COUNT(types); i++) {
        ProtobufCMessage *msg = NULL;
        size_t bytes = read_seed(types[i].name, seed, sizeof seed);
        bool is_seed = bytes > 0 && seed[0] == types[i].type &&
                       bit_msg_decode(bit_msg_channel(types[i].type), types[i].type, seed + 1, bytes - 1, &msg) == 0;
        if (!EXPECT(is_seed))
            fprintf(stderr, "    %s: tests/fuzz/corpus/fuzz_msg/%s is its number as one byte, then a body\n",
                    types[i].name, types[i].name);
        bit_msg_free(msg);
    }
}

#define PATH_DEPTH_MAX 16

/* Walks the graph of types below desc. False if a type contains itself. */
static bool is_acyclic(const ProtobufCMessageDescriptor *desc, const ProtobufCMessageDescriptor **path, int depth)
{
    EXPECT(desc->n_fields <= 64); /* strict.c has a bit for each */
    for (int i = 0; i < depth; i++)
        if (path[i] == desc)
            return false;
    if (depth == PATH_DEPTH_MAX)
        return false;
    path[depth] = desc;
    for (unsigned i = 0; i < desc->n_fields; i++)
        if (desc->fields[i].type == PROTOBUF_C_TYPE_MESSAGE && !is_acyclic(desc->fields[i].descriptor, path, depth + 1))
            return false;
    return true;
}

TEST(no_message_contains_itself)
{
    const ProtobufCMessageDescriptor *path[PATH_DEPTH_MAX];

    for (size_t i = 0; i < BIT_COUNT(types); i++)
        if (!EXPECT(is_acyclic(bit_msg_descriptor(types[i].type), path, 0)))
            fprintf(stderr, "    %s\n", types[i].name);
}

TEST(the_table_is_consistent)
{
    for (size_t i = 0; i < BIT_COUNT(types); i++) {
        EXPECT_NE(types[i].type, BIT_FRAME_PAYLOAD);
        EXPECT_STREQ(bit_msg_name(types[i].type), types[i].name);
        EXPECT(bit_msg_channel(types[i].type) >= BIT_CHANNEL_LINK_DOWN);
        EXPECT(bit_msg_channel(types[i].type) <= BIT_CHANNEL_DISK);
    }
    EXPECT_STREQ(bit_msg_name(0), "unknown");
    EXPECT_STREQ(bit_msg_name(UINT16_MAX), "unknown");
    EXPECT_EQ((int)bit_msg_channel(0), 0);
    EXPECT_EQ((int)bit_msg_channel(UINT16_MAX), 0);
    EXPECT(bit_msg_descriptor(9999) == NULL);
    EXPECT_EQ((int)bit_msg_channel(BIT_MSG_STEP_ORDER), BIT_CHANNEL_LINK_DOWN);
}

/* Encodes, takes the body out of its frame, decodes; *out is a new message. */
static int there_and_back(uint16_t type, const void *msg, ProtobufCMessage **out)
{
    struct bit_frame frame;
    uint8_t *buf;
    size_t bytes, need;
    int err = bit_msg_encode(type, 42, msg, &buf, &bytes);

    if (err < 0)
        return err;
    EXPECT_EQ(bit_frame_decode(buf, bytes, BIT_FRAME_BODY_MAX, &frame, &need), (int64_t)bytes);
    EXPECT_EQ(frame.type, type);
    EXPECT_EQ(frame.epoch, 42u);
    err = bit_msg_decode(bit_msg_channel(type), type, frame.body, frame.body_bytes, out);
    free(buf);
    return err;
}

static bool same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t bytes = protobuf_c_message_get_packed_size(a);
    uint8_t *x = malloc(bytes + 1), *y = malloc(bytes + 1);
    bool equal = EXPECT_EQ(protobuf_c_message_get_packed_size(b), bytes);

    BIT_ASSERT(x != NULL && y != NULL);
    if (equal) {
        protobuf_c_message_pack(a, x);
        protobuf_c_message_pack(b, y);
        equal = EXPECT_MEMEQ(x, y, bytes);
    }
    free(x);
    free(y);
    return equal;
}

TEST(every_type_comes_back_the_same)
{
    for (size_t i = 0; i < BIT_COUNT(types); i++)
        for (uint64_t seed = 0; seed < 30; seed++) {
            uint64_t state = seed << 16 | types[i].type;
            ProtobufCMessage *msg = test_message(bit_msg_descriptor(types[i].type), &state), *back = NULL, *copy;
            if (!EXPECT_EQ(there_and_back(types[i].type, msg, &back), 0))
                fprintf(stderr, "    %s, seed %d: %s\n", types[i].name, (int)seed, bit_fail_text());
            else
                same(msg, back);
            copy = bit_msg_clone(msg);
            if (EXPECT(copy != NULL))
                same(msg, copy);
            bit_msg_free(msg);
            bit_msg_free(back);
            bit_msg_free(copy);
        }
}

TEST(a_message_belongs_to_its_channel)
{
    ProtobufCMessage *out = NULL;

    EXPECT_EQ(bit_msg_decode(BIT_CHANNEL_CLIENT_REQUEST, BIT_MSG_LIST_REQUEST, NULL, 0, &out), 0);
    bit_msg_free(out);
    out = NULL;
    EXPECT_EQ(bit_msg_decode(BIT_CHANNEL_CLIENT_REPLY, BIT_MSG_LIST_REQUEST, NULL, 0, &out), BIT_EMESSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "list_request");
    EXPECT_EQ(bit_msg_decode(BIT_CHANNEL_CLIENT_REQUEST, 49, NULL, 0, &out), BIT_EMESSAGE);
    EXPECT_EQ(bit_msg_decode(0, 49, NULL, 0, &out), BIT_EMESSAGE);
    EXPECT(out == NULL);
}

/* Decodes bytes written by hand as a message of this type; returns the error. */
static int decode(uint16_t type, const void *body, size_t bytes)
{
    ProtobufCMessage *out = NULL;
    int err = bit_msg_decode(bit_msg_channel(type), type, body, bytes, &out);

    EXPECT_EQ(out != NULL, err == 0);
    bit_msg_free(out);
    return err;
}

#define DECODE(type, body) decode(BIT_MSG_##type, body, sizeof body - 1)

static void expect_refused(int err, const char *why)
{
    EXPECT_EQ(err, BIT_EMESSAGE);
    EXPECT_CONTAINS(bit_fail_text(), why);
}

TEST(what_protobuf_lets_through_is_refused)
{
    EXPECT_EQ(DECODE(STATUS_REQUEST, "\x0a\x02r7\x10\x05"), 0);
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r7\x78\x05"), "bit.StatusRequest has no field 15");
    expect_refused(DECODE(STATUS_REQUEST, "\x10\x05"), "bit.StatusRequest.run is missing");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r\0"), "bit.StatusRequest.run has a NUL");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r\xff"), "bit.StatusRequest.run is not UTF-8");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r7\x0a\x02r8"), "run is given twice");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r7\x10\x80\x80\x80\x80\x10"), "points has a number");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r7\x12\x01x"), "points is written as another type");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r7\x10"), "points has a broken varint");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x03r7"), "or ends too early");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01r7"), "run has a broken length");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02r7"), "run has a broken length");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r7\x80"), "broken tag");
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x02r7\x00\x01"), "broken tag");
    expect_refused(DECODE(LIST_REQUEST, "\x08\x02"), "bit.ListRequest.all has a number");
    expect_refused(DECODE(WAIT_REQUEST, "\x0a\x02r7\x10\x63"), "bit.WaitRequest.state has no value 99");
    expect_refused(DECODE(WAIT_REQUEST, "\x0a\x02r7\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "no value -1");
}

/* Padded varints: protobuf-c reads tags and lengths of at most five bytes. */
TEST(tags_and_lengths_of_more_than_five_bytes_are_refused)
{
    EXPECT_EQ(DECODE(STATUS_REQUEST, "\x0a\x82\x80\x80\x80\x00r7"), 0);
    expect_refused(DECODE(STATUS_REQUEST, "\x0a\x82\x80\x80\x80\x80\x00r7"), "run has a broken length");
    EXPECT_EQ(DECODE(STATUS_REQUEST, "\x8a\x80\x80\x80\x00\x02r7"), 0);
    expect_refused(DECODE(STATUS_REQUEST, "\x8a\x80\x80\x80\x80\x00\x02r7"), "broken tag");
    EXPECT_EQ(DECODE(STATUS_REQUEST, "\x0a\x02r7\x10\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00"), 0);
}

TEST(also_deep_inside)
{
    /* submit_request { spec { model { layers: 2, 30: 1 } } request_id: "x" } */
    expect_refused(DECODE(SUBMIT_REQUEST, "\x0a\x07\x12\x05\x10\x02\xf0\x01\x01\x12\x01x"),
                   "bit.ModelSpec has no field 30");
    expect_refused(DECODE(SUBMIT_REQUEST, "\x0a\x04\x12\x02\x68\x09\x12\x01x"), "bit.ModelSpec.init has no value 9");
    EXPECT_EQ(DECODE(SUBMIT_REQUEST, "\x0a\x04\x12\x02\x68\x02\x12\x01x"), 0);
    expect_refused(DECODE(JOURNAL_RECORD, "\x08\x01\x10\x01\x8a\x01\x00"), "bit.CheckpointAsked.after_step is missing");
}

TEST(one_of_a_oneof)
{
    /* journal_record { seq: 1 time_ns: 1 removed {...} bad {...} } */
    static const char one[] = "\x08\x01\x10\x01\x9a\x01\x06\x0a\x01n\x12\x01w";
    static const char two[] = "\x08\x01\x10\x01\x9a\x01\x06\x0a\x01n\x12\x01w\xa2\x01\x06\x0a\x01n\x12\x01w";

    EXPECT_EQ(DECODE(JOURNAL_RECORD, one), 0);
    expect_refused(DECODE(JOURNAL_RECORD, two), "with another member of its oneof");
}

TEST(numbers_that_are_none_neither_leave_nor_arrive)
{
    static const double none[] = {NAN, -NAN, INFINITY, -INFINITY};
    Bit__EvaluateReport report = BIT__EVALUATE_REPORT__INIT;
    char body[64], set[] = "wiki";
    uint8_t *buf = NULL;
    size_t bytes;

    report.set = set;
    report.precision = BIT__PRECISION__TERNARY;
    for (size_t i = 0; i < BIT_COUNT(none); i++) {
        report.loss = none[i];
        bytes = protobuf_c_message_pack(&report.base, (uint8_t *)body);
        expect_refused(decode(BIT_MSG_EVALUATE_REPORT, body, bytes), "bit.EvaluateReport.loss is not a finite number");
        expect_refused(bit_msg_encode(BIT_MSG_EVALUATE_REPORT, 0, &report, &buf, &bytes), "bit.EvaluateReport.loss");
    }
    EXPECT(buf == NULL);
}

/* 698 kB of empty submessages: 349 000 sets of an evaluation, each of which takes 48 bytes and two blocks decoded. */
TEST(a_frame_that_grows_when_decoded_is_refused_early)
{
    const size_t sets = 349000, set_bytes = 2 * sets;
    uint8_t *body = malloc(set_bytes + 32);
    size_t at = 0, inner = set_bytes;

    BIT_ASSERT(body != NULL);
    const uint8_t head[] = {0x12, 1, 'x', 0x0a};
    memcpy(body, head, sizeof head);
    at = sizeof head;
    size_t spec_bytes = 1 + 3 + inner; /* tag of eval, three bytes of length */
    for (size_t v = spec_bytes, i = 0; i < 3; i++, v >>= 7)
        body[at++] = (uint8_t)(v | (i < 2 ? 0x80 : 0));
    body[at++] = 0x52;
    for (size_t v = inner, i = 0; i < 3; i++, v >>= 7)
        body[at++] = (uint8_t)(v | (i < 2 ? 0x80 : 0));
    for (size_t i = 0; i < sets; i++) {
        body[at++] = 0x0a;
        body[at++] = 0;
    }
    EXPECT_EQ(decode(BIT_MSG_SUBMIT_REQUEST, body, at), BIT_ELIMIT);
    EXPECT_CONTAINS(bit_fail_text(), "takes more than 8388608 decoded");
    free(body);
    body = calloc(1, BIT_FRAME_BODY_MAX + 1);
    EXPECT_EQ(decode(BIT_MSG_SUBMIT_REQUEST, body, BIT_FRAME_BODY_MAX + 1), BIT_ELIMIT);
    free(body);
}

static void *new_message(const ProtobufCMessageDescriptor *desc)
{
    ProtobufCMessage *msg = calloc(1, desc->sizeof_message);

    BIT_ASSERT(msg != NULL);
    protobuf_c_message_init(desc, msg);
    return msg;
}

/* Replies and reports are sent with '?' for bytes that are no character; a request is refused, since it would then name
 * something else. */
TEST(broken_texts_are_repaired_in_what_is_told_alone)
{
    Bit__Problem problem = BIT__PROBLEM__INIT, *problems[] = {&problem};
    Bit__ErrorReply reply = BIT__ERROR_REPLY__INIT;
    Bit__WorkerFailed failed = BIT__WORKER_FAILED__INIT;
    Bit__StatusRequest request = BIT__STATUS_REQUEST__INIT;
    ProtobufCMessage *back = NULL;
    char broken[] = "a\xc3 \xe2\x82", whole[] = "é";

    problem.text = broken;
    reply.text = whole;
    reply.problem = problems;
    reply.n_problem = 1;
    if (EXPECT_EQ(there_and_back(BIT_MSG_ERROR_REPLY, &reply, &back), 0)) {
        EXPECT_STREQ(((Bit__ErrorReply *)back)->text, "é");
        EXPECT_STREQ(((Bit__ErrorReply *)back)->problem[0]->text, "a? ??");
        bit_msg_free(back);
    }
    failed.text = broken;
    if (EXPECT_EQ(there_and_back(BIT_MSG_WORKER_FAILED, &failed, &back), 0)) {
        EXPECT_STREQ(((Bit__WorkerFailed *)back)->text, "a? ??");
        bit_msg_free(back);
    }
    EXPECT_STREQ(broken, "a\xc3 \xe2\x82");
    request.run = broken;
    EXPECT_EQ(there_and_back(BIT_MSG_STATUS_REQUEST, &request, &back), BIT_EMESSAGE);
}

/* A run that is training: most fields set, most of them small. */
static void fill_status(Bit__RunStatus *s, int number)
{
    char text[32];

    snprintf(text, sizeof text, "r%d", number);
    s->run = strdup(text);
    s->name = strdup("x");
    s->state = BIT__RUN_STATE__TRAINING;
    s->step = 100;
    s->steps = 1000;
    s->precision = BIT__PRECISION__TERNARY;
    s->strength = 1;
    s->has_switch_after = s->has_switched = s->has_tokens_per_s = s->has_eta_s = true;
    s->has_checkpoint_step = s->has_restarts = s->has_ranks = s->has_created_ns = s->has_started_ns = true;
    s->backend = strdup("cpu");
    s->directory = strdup("/");
    s->last = new_message(&bit__step_report__descriptor);
    s->last->precision = BIT__PRECISION__TERNARY;
    s->last->split = new_message(&bit__time_split__descriptor);
}

/* Frees msg. */
static void expect_fits(uint16_t type, ProtobufCMessage *msg)
{
    ProtobufCMessage *back = NULL;

    if (!EXPECT_EQ(there_and_back(type, msg, &back), 0))
        fprintf(stderr, "    %s of %zu bytes: %s\n", bit_msg_name(type), protobuf_c_message_get_packed_size(msg),
                bit_fail_text());
    bit_msg_free(back);
    bit_msg_free(msg);
}

/* The budget is against hostile messages; the largest that honest programs send must fit. */
TEST(large_honest_messages_fit_their_budget)
{
    Bit__SubmitRequest *submit = new_message(&bit__submit_request__descriptor);
    Bit__RunStatus *status = new_message(&bit__run_status__descriptor);
    Bit__ListReply *list = new_message(&bit__list_reply__descriptor);

    submit->request_id = strdup("r");
    submit->spec = new_message(&bit__run_spec__descriptor);
    submit->spec->data = new_message(&bit__data_spec__descriptor);
    submit->spec->data->n_train = 20000;
    submit->spec->data->train = calloc(20000, sizeof(char *));
    for (int i = 0; i < 20000; i++) {
        char path[64];
        snprintf(path, sizeof path, "/data/dolma/part-%05d.npy", i);
        submit->spec->data->train[i] = strdup(path);
    }
    expect_fits(BIT_MSG_SUBMIT_REQUEST, &submit->base);

    fill_status(status, 0);
    status->n_curve = 20000;
    status->curve = calloc(20000, sizeof(void *));
    for (int i = 0; i < 20000; i++) {
        status->curve[i] = new_message(&bit__curve_point__descriptor);
        status->curve[i]->step = (uint64_t)i + 1;
        status->curve[i]->loss = 2.5;
    }
    expect_fits(BIT_MSG_RUN_STATUS, &status->base);

    list->n_run = 5000;
    list->run = calloc(5000, sizeof(void *));
    for (int i = 0; i < 5000; i++) {
        list->run[i] = new_message(&bit__run_status__descriptor);
        fill_status(list->run[i], i);
    }
    expect_fits(BIT_MSG_LIST_REPLY, &list->base);
}

/* At whichever allocation the budget ends, nothing leaks and no partial message is returned. */
TEST(every_budget_below_enough_is_refused)
{
    uint64_t state = 5;
    ProtobufCMessage *msg = test_message(&bit__dry_run_reply__descriptor, &state), *out;
    size_t bytes = protobuf_c_message_get_packed_size(msg), budget = 0;
    uint8_t *body = malloc(bytes);
    int err = BIT_ELIMIT;

    BIT_ASSERT(body != NULL);
    protobuf_c_message_pack(msg, body);
    for (; err == BIT_ELIMIT && budget < (1 << 20); budget += 8) {
        out = NULL;
        err = bit_msg_decode_as(msg->descriptor, body, bytes, budget, &out);
        EXPECT_EQ(out != NULL, err == 0);
        bit_msg_free(out);
    }
    EXPECT_EQ(err, 0);
    EXPECT(budget > bytes);
    free(body);
    bit_msg_free(msg);
}

TEST(a_cut_message_is_refused_or_is_one)
{
    uint64_t state = 9;
    ProtobufCMessage *msg = test_message(&bit__run_status__descriptor, &state);
    size_t bytes = protobuf_c_message_get_packed_size(msg);
    uint8_t *body = malloc(bytes);

    BIT_ASSERT(body != NULL);
    protobuf_c_message_pack(msg, body);
    for (size_t cut = 0; cut <= bytes; cut++) {
        uint8_t *exact = malloc(cut + 1); /* exact, so that a read beyond the end is detected */
        int err;
        BIT_ASSERT(exact != NULL);
        memcpy(exact, body, cut);
        err = decode(BIT_MSG_RUN_STATUS, exact, cut);
        EXPECT(err == BIT_EMESSAGE || err == 0);
        free(exact);
    }
    EXPECT_EQ(decode(BIT_MSG_RUN_STATUS, body, bytes), 0);
    free(body);
    bit_msg_free(msg);
}

TEST(a_body_above_the_frame_is_not_encoded)
{
    Bit__LogReply reply = BIT__LOG_REPLY__INIT;
    uint8_t *buf = NULL;
    size_t bytes;

    reply.text.len = BIT_FRAME_BODY_MAX;
    reply.text.data = calloc(1, reply.text.len);
    EXPECT_EQ(bit_msg_encode(BIT_MSG_LOG_REPLY, 0, &reply, &buf, &bytes), BIT_ELIMIT);
    reply.text.len = BIT_FRAME_BODY_MAX - 4;
    EXPECT_EQ(bit_msg_encode(BIT_MSG_LOG_REPLY, 0, &reply, &buf, &bytes), 0);
    EXPECT_EQ(bytes, BIT_FRAME_HEADER_BYTES + (size_t)BIT_FRAME_BODY_MAX);
    free(buf);
    free(reply.text.data);
}

TEST(nothing_is_cloned_and_freed)
{
    EXPECT(bit_msg_clone(NULL) == NULL);
    bit_msg_free(NULL);
}

TEST_MAIN
