#include "proto/ckpt/weight_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

static struct bit_weight_index index_;

static int parse(const char *text)
{
    index_ = (struct bit_weight_index){.count = 7};
    return bit_weight_index_parse(text, strlen(text), "an.index", &index_);
}

static void refused(const char *text, int err, const char *words)
{
    EXPECT_EQ(parse(text), err);
    EXPECT_CONTAINS(bit_fail_text(), words);
    EXPECT_CONTAINS(bit_fail_text(), "an.index");
    EXPECT_EQ(index_.count, 7);
}

TEST(each_file_is_named_once_in_order)
{
    EXPECT_EQ(parse("{\"metadata\":{\"total_size\":3},\"weight_map\":{\"a\":\"m-2\",\"b\":\"m-1\",\"c\":\"m-2\"}}"), 0);
    EXPECT_EQ(index_.count, 2);
    EXPECT_STREQ(index_.name[0], "m-1");
    EXPECT_STREQ(index_.name[1], "m-2");
}

TEST(a_name_leads_nowhere_else)
{
    refused("{\"weight_map\":{\"a\":\"/etc/passwd\"}}", BIT_ECORRUPT, "is no name of a file beside it");
    refused("{\"weight_map\":{\"a\":\"..\"}}", BIT_ECORRUPT, "is no name of a file beside it");
    refused("{\"weight_map\":{\"a\":\"\"}}", BIT_ECORRUPT, "is no name of a file beside it");
    refused("{\"weight_map\":{\"a\":1}}", BIT_ECORRUPT, "is no name of a file beside it");
    refused("{\"weight_map\":{}}", BIT_ECORRUPT, "names no file");
    refused("{\"weight_map\":[]}", BIT_ECORRUPT, "has no weight_map");
    refused("{}", BIT_ECORRUPT, "has no weight_map");
    refused("[1]", BIT_ECORRUPT, "is no JSON object");
    refused("{\"weight_map\":{\"a\":\"b\",\"a\":\"c\"}}", BIT_ECORRUPT, "duplicate");
    refused("{\"a\":[[[[[[[[1]]]]]]]]}", BIT_ELIMIT, "nested 9 deep");
}

static char *make_text(int files, int name_bytes)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);

    BIT_ASSERT(f != NULL);
    fputs("{\"weight_map\":{", f);
    for (int i = 0; i < files; i++)
        fprintf(f, "%s\"t%d\":\"%0*d\"", i > 0 ? "," : "", i, name_bytes, i);
    fputs("}}", f);
    fclose(f);
    return text;
}

TEST(files_and_names_have_their_limits)
{
    const struct {
        int files, bytes, err;
    } cases[] = {{BIT_WEIGHT_FILES_MAX, 8, 0},
                 {BIT_WEIGHT_FILES_MAX + 1, 8, BIT_ELIMIT},
                 {1, BIT_WEIGHT_FILE_NAME_MAX - 1, 0},
                 {1, BIT_WEIGHT_FILE_NAME_MAX, BIT_ECORRUPT}};

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        char *text = make_text(cases[i].files, cases[i].bytes);
        EXPECT_EQ(parse(text), cases[i].err);
        if (cases[i].err == 0)
            EXPECT_EQ(index_.count, cases[i].files);
        free(text);
    }
}

TEST_MAIN
