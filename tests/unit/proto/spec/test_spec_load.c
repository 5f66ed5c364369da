/* A specification from a file: text, binary, or something else. */
#include <unistd.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "tests/unit/proto/spec/spec_problems.h"

/* A file of these bytes; its name ends in `suffix`. */
static const char *file_with(const char *suffix, const void *bytes, size_t len)
{
    static char path[64];

    snprintf(path, sizeof path, "%s/run%s", test_folder(), suffix);
    test_write(path, bytes, len);
    return path;
}

static int load(const char *suffix, const void *bytes, size_t len, Bit__RunSpec **out)
{
    const char *path = file_with(suffix, bytes, len);

    test_problems = (struct bit_problems){0};
    int err = bit_spec_load(path, out, &test_problems);
    unlink(path);
    return err;
}

TEST(load_tells_text_from_binary)
{
    Bit__RunSpec *spec = test_spec_parse(SMALL), *loaded = NULL;
    uint8_t packed[128];
    size_t len = protobuf_c_message_pack(&spec->base, packed);

    EXPECT_EQ(load(".pb", packed, len, &loaded), 0);
    EXPECT_STREQ(loaded->model->preset, "olmo_20m");
    bit_msg_free(loaded);
    EXPECT_EQ(load(".pb", SMALL, strlen(SMALL), &loaded), 0);
    EXPECT_STREQ(loaded->model->preset, "olmo_20m");
    bit_msg_free(loaded);
    EXPECT_EQ(load(".txtpb", SMALL, strlen(SMALL), &loaded), 0);
    bit_msg_free(loaded);
    EXPECT_EQ(load(".txtpb", packed, len, &loaded), BIT_ESPEC);
    EXPECT(test_problems.count > 0);
    EXPECT_EQ(load(".pb", "", 0, &loaded), 0);
    bit_msg_free(loaded);
    bit_msg_free(spec);
}

TEST(load_finds_mistakes_of_every_kind_at_once)
{
    static const char text[] = "modle { }\n"
                               "model { preset: 'olmo_1c' heads: 15 width: 100 }\n"
                               "data { train: 'a' seed: x }\n"
                               "batch { instances: 100 }\n"
                               "launch { ranks: 3 }\n"
                               "schedule { steps: many final: 2 }\n";

    static const struct {
        int line;
        const char *field, *says;
    } want[] = {
        {1, "", "did you mean model?"},
        {2, "model.preset", "did you mean olmo_1b?"},
        {2, "model.heads", "15 heads do not divide the width 100"},
        {3, "data.seed", "expected a whole number"},
        {4, "batch.instances", "100 is not divisible by launch.ranks 3; 2 and 4 divide it"},
        {6, "schedule.steps", "expected a whole number"},
        {6, "schedule.final", "2 is above 1"},
    };
    Bit__RunSpec *loaded = NULL;

    EXPECT_EQ(load(".txtpb", text, sizeof text - 1, &loaded), BIT_ESPEC);
    EXPECT(loaded == NULL);
    if (!EXPECT_EQ(test_problems.count, BIT_COUNT(want)))
        return;
    for (size_t i = 0; i < BIT_COUNT(want); i++) {
        EXPECT_EQ(test_problems.item[i].line, want[i].line);
        EXPECT_STREQ(test_problems.item[i].field, want[i].field);
        EXPECT_CONTAINS(test_problems.item[i].text, want[i].says);
    }
}

TEST(load_knows_other_formats)
{
    static const struct {
        const char *text, *is;
        int line, column;
    } cases[] = {
        {"{\n \"model\": {\"preset\": \"olmo_1b\"}\n}\n", "JSON", 1, 1},
        {"# a run\nmodel:\n  preset: olmo_1b\nschedule:\n  steps: 100\n", "YAML", 2, 1},
        {"---\nname: a\n", "YAML", 1, 1},
        {"data:\n  train:\n  - a.npy\n", "YAML", 1, 1},
        {"name = \"a\"\n[model]\npreset = \"olmo_1b\"\n", "TOML", 2, 1},
    };
    Bit__RunSpec *loaded = NULL;

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        EXPECT_EQ(load(".txtpb", cases[i].text, strlen(cases[i].text), &loaded), BIT_ESPEC);
        bool good = EXPECT_EQ(test_problems.count, 1) && EXPECT_CONTAINS(test_problems.item[0].text, cases[i].is) &&
                    EXPECT_CONTAINS(test_problems.item[0].text, "model { preset: \"olmo_1b\" }") &&
                    EXPECT_EQ(test_problems.item[0].line, cases[i].line) &&
                    EXPECT_EQ(test_problems.item[0].column, cases[i].column);
        if (!good)
            fprintf(stderr, "    %s\n", cases[i].text);
    }
    static const char ours[] = "data { train: [\n  'a'\n] }\nmodel:\n  { preset: 'olmo_20m' layers: x }\n";
    EXPECT_EQ(load(".txtpb", ours, sizeof ours - 1, &loaded), BIT_ESPEC);
    EXPECT_CONTAINS(test_problems.item[0].text, "expected a whole number");
}

TEST(load_refuses_bytes_that_are_nothing)
{
    static const uint8_t garbage[] = {0xff, 0x00, 0x13, 0x37};
    Bit__RunSpec *loaded = NULL;

    EXPECT_EQ(load(".pb", garbage, sizeof garbage, &loaded), BIT_ESPEC);
    EXPECT_EQ(test_problems.count, 1);
    EXPECT_CONTAINS(test_problems.item[0].text, "not text, and not a binary RunSpec either");
    EXPECT(loaded == NULL);
}

TEST(load_refuses_what_is_too_long)
{
    Bit__RunSpec *loaded = NULL;
    char *spaces = malloc(BIT_SPEC_BYTES_MAX + 1);

    memset(spaces, ' ', BIT_SPEC_BYTES_MAX + 1);
    EXPECT_EQ(load("", spaces, BIT_SPEC_BYTES_MAX + 1, &loaded), BIT_ESPEC);
    EXPECT_CONTAINS(test_problems.item[0].text, "longer than the 1048576 bytes");
    EXPECT_EQ(load("", spaces, BIT_SPEC_BYTES_MAX, &loaded), 0);
    bit_msg_free(loaded);
    free(spaces);
}

TEST(load_says_what_the_file_system_says)
{
    Bit__RunSpec *loaded = NULL;

    test_problems = (struct bit_problems){0};
    EXPECT_EQ(bit_spec_load("/nonexistent/run.txtpb", &loaded, &test_problems), -ENOENT);
    EXPECT_CONTAINS(bit_fail_text(), "/nonexistent/run.txtpb");
    EXPECT_EQ(bit_spec_load("/tmp", &loaded, &test_problems), -EISDIR);
    EXPECT_EQ(test_problems.count, 0);
}

TEST(load_reads_pipes)
{
    Bit__RunSpec *loaded = NULL;
    char path[32];
    int fd[2];

    EXPECT_EQ(pipe(fd), 0);
    EXPECT_EQ(write(fd[1], SMALL, strlen(SMALL)), (ssize_t)strlen(SMALL));
    close(fd[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", fd[0]);
    test_problems = (struct bit_problems){0};
    EXPECT_EQ(bit_spec_load(path, &loaded, &test_problems), 0);
    EXPECT(loaded != NULL && loaded->data->n_train == 1);
    bit_msg_free(loaded);
    close(fd[0]);
}

TEST_MAIN
