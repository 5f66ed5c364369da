/* Messages, frames, checkpoints' headers and tasks, with every allocation failing in turn: each time -ENOMEM, no leak,
 * and no result. */
#include "tests/failing_malloc.h"

#include "proto/ckpt/checkpoint.h"
#include "proto/data/request_file.h"
#include "proto/data/task_score.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

/* Writes, reads and scores a request file. */
static int score_a_task(void)
{
    struct bit_request_document document = {.choices = 2};
    struct bit_request_item item[2] = {
        {.context_tokens = 1, .continuation_tokens = 1, .characters = 1, .bytes = 1},
        {.context_tokens = 1, .continuation_tokens = 1, .characters = 1, .bytes = 1, .same_context = true}};
    uint16_t ids[] = {1, 2, 3};
    const double sum[2] = {-1, -2};
    const struct bit_request_file made = {.task = "t",
                                          .metric = BIT_METRIC_F1,
                                          .tokenizer = "t",
                                          .vocab = 4,
                                          .token_bytes = 2,
                                          .document = &document,
                                          .document_count = 1,
                                          .item = item,
                                          .item_count = 2,
                                          .ids = ids,
                                          .id_count = 3,
                                          .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    struct bit_request_file f = {0};
    struct bit_task_score s = {0};
    uint8_t *bytes = NULL;
    size_t count = 0;
    int err = bit_request_file_encode(&made, &bytes, &count);

    if (err == 0)
        err = bit_request_file_parse(bytes, count, "t", &f);
    if (err == 0)
        err = bit_task_score_compute(&f, sum, &s);
    bit_task_score_finish(&s);
    bit_request_file_finish(&f);
    free(bytes);
    return err;
}

static int read_safetensors(void)
{
    static const char json[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                               "\"a\":{\"dtype\":\"U8\",\"shape\":[2,2],\"data_offsets\":[0,4]},"
                               "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}";
    uint8_t buf[8 + sizeof json - 1] = {sizeof json - 1};
    struct bit_safetensors s;

    memcpy(buf + 8, json, sizeof json - 1);
    int err = bit_safetensors_parse(buf, sizeof buf, sizeof buf + 8, &s);
    if (err == 0)
        bit_safetensors_finish(&s);
    return err;
}

static int write_safetensors(void)
{
    Bit__ModelSpec model = BIT__MODEL_SPEC__INIT;
    struct bit_tensor *tensors = NULL;
    uint8_t *header = NULL;
    size_t bytes;

    model.layers = 3;
    model.width = model.mlp_hidden = model.vocab_padded = 8;
    int count = bit_checkpoint_tensors(&model, &tensors);
    if (count < 0)
        return count;
    int err = bit_safetensors_header(tensors, count, NULL, &header, &bytes);
    free(header);
    free(tensors);
    return err;
}

static int say_and_hear(void)
{
    Bit__CancelRequest request = BIT__CANCEL_REQUEST__INIT;
    char run[] = "r7", id[] = "1";
    struct bit_frame_reader reader;
    struct bit_frame frame;
    ProtobufCMessage *back = NULL;
    uint8_t *buf = NULL, *room;
    size_t bytes, room_bytes;

    request.run = run;
    request.request_id = id;
    bit_frame_reader_init(&reader, BIT_REQUEST_BODY_MAX);
    int err = bit_msg_encode(BIT_MSG_CANCEL_REQUEST, 0, &request, &buf, &bytes);
    if (err == 0)
        err = bit_frame_reader_reserve(&reader, &room, &room_bytes);
    if (err == 0) {
        memcpy(room, buf, bytes);
        bit_frame_reader_commit(&reader, bytes);
        EXPECT_EQ(bit_frame_reader_next(&reader, &frame), 1);
        err = bit_msg_decode(BIT_CHANNEL_CLIENT_REQUEST, frame.type, frame.body, frame.body_bytes, &back);
        EXPECT_EQ(back != NULL, err == 0);
    }
    bit_msg_free(back);
    bit_frame_reader_finish(&reader);
    free(buf);
    return err;
}

static int copy_message(void)
{
    Bit__DataSpec data = BIT__DATA_SPEC__INIT;
    char a[] = "a", b[] = "b", *train[] = {a, b};

    data.n_train = 2;
    data.train = train;
    void *copy = bit_msg_clone(&data);
    int err = copy != NULL ? 0 : -ENOMEM;
    bit_msg_free(copy);
    return err;
}

TEST(reading_a_header)
{
    test_every_failure(read_safetensors);
}

TEST(writing_a_header)
{
    test_every_failure(write_safetensors);
}

TEST(a_task)
{
    test_every_failure(score_a_task);
}

TEST(a_request)
{
    test_every_failure(say_and_hear);
}

TEST(a_clone)
{
    test_every_failure(copy_message);
}

TEST_MAIN
