/* Where a specification has its tokens from: data.train, or data.source. */
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "tests/unit/proto/spec/spec_problems.h"

/* A text that is a whole spec but for its data is refused, with exactly this problem. */
static void expect_source_problem(const char *data, const char *field, const char *says)
{
    char text[1024];

    snprintf(text, sizeof text, "model { preset: 'olmo_20m' }\ndata { %s }\n", data);
    Bit__RunSpec *spec = normalised(text);
    if (EXPECT_EQ(bit_spec_validate(spec, &test_problems), BIT_ESPEC) && EXPECT_EQ(test_problems.count, 1)) {
        EXPECT_STREQ(test_problems.item[0].field, field);
        EXPECT_CONTAINS(test_problems.item[0].text, says);
    }
    bit_msg_free(spec);
}

TEST(mixtures)
{
    Bit__RunSpec *spec = normalised("model { preset: 'olmo_20m' }\n"
                                    "data { source { name: 'web' path: 'w.npy' path: './x.npy' weight: 0.7 }\n"
                                    "       source { name: 'books' path: '/b.npy' weight: 0.3 } }\n");

    EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
    EXPECT_STREQ(spec->data->source[0]->path[0], "/data/w.npy");
    EXPECT_STREQ(spec->data->source[0]->path[1], "/data/x.npy");
    EXPECT_STREQ(spec->data->source[1]->path[0], "/b.npy");
    bit_msg_free(spec);
    spec = normalised("model { preset: 'olmo_20m' }\ndata { source { name: 'all' path: 'w.npy' } }\n");
    EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0); /* alone it needs no weight */
    bit_msg_free(spec);
    expect_source_problem("", "data.train", "no token files");
    expect_source_problem("train: 'a' source { name: 'a' path: 'b' }", "data.train", "not together with data.source");
    expect_source_problem("source { name: 'a' path: 'b' weight: 1 } source { name: 'b' path: 'b' }",
                          "data.source[1].weight", "its share");
    expect_source_problem("source { name: 'a' path: 'b' weight: 1 } source { name: 'a' path: 'b' weight: 1 }",
                          "data.source[1].name", "another source");
    expect_source_problem("source { name: 'a' path: 'b' weight: 0 }", "data.source[0].weight", "not from");
    expect_source_problem("source { name: 'a' weight: 1 }", "data.source[0].path", "no token files");
    expect_source_problem("source { path: 'a' }", "data.source[0].name", "not set");
}

TEST_MAIN
