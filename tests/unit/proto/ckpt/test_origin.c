#include "proto/ckpt/origin.h"

#include <stdio.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/folder.h"
#include "tests/test.h"

static struct bit_origin origin;
static Bit__InitFile file = BIT__INIT_FILE__INIT;

/* Takes recorded facts with `files` files and these names. */
static int take(bool folder, size_t files, char **names, size_t count)
{
    Bit__InitFacts facts = BIT__INIT_FACTS__INIT;
    Bit__InitFile *list[4] = {&file, &file, &file, &file};
    char path[] = "/some/model";

    facts.path = path;
    facts.folder = folder;
    facts.n_file = files;
    facts.file = list;
    facts.n_name = count;
    facts.name = names;
    memset(&origin, 0x55, sizeof origin);
    return bit_origin_take(&facts, &origin);
}

static void expect_path(size_t i, const char *want)
{
    char path[BIT_PATH_MAX];

    EXPECT_EQ(bit_origin_path(&origin, i, path), 0);
    EXPECT_STREQ(path, want);
}

TEST(what_was_kept_before_there_were_names_is_still_known)
{
    EXPECT_EQ(take(false, 1, NULL, 0), 0);
    EXPECT_EQ(origin.kind, BIT_ORIGIN_FILE);
    expect_path(0, "/some/model");
    EXPECT_EQ(take(true, 2, NULL, 0), 0);
    EXPECT_EQ(origin.kind, BIT_ORIGIN_CHECKPOINT);
    expect_path(BIT_ORIGIN_MANIFEST, "/some/model/MANIFEST");
    expect_path(BIT_ORIGIN_MODEL, "/some/model/model.safetensors");
}

TEST(names_are_of_a_folder_of_somebody_else)
{
    char a[] = "a.safetensors", b[] = "b.safetensors", out[] = "../b";
    char *good[] = {a, b}, *bad[] = {a, out};

    EXPECT_EQ(take(true, 2, good, 2), 0);
    EXPECT_EQ(origin.kind, BIT_ORIGIN_FOLDER);
    EXPECT_EQ(origin.count, 2);
    expect_path(1, "/some/model/b.safetensors");
    EXPECT_EQ(take(true, 2, bad, 2), BIT_ECORRUPT);
    EXPECT_EQ(take(false, 2, good, 2), BIT_ECORRUPT);
    EXPECT_EQ(take(true, 1, good, 2), BIT_ECORRUPT);
    EXPECT_EQ(take(true, 1, NULL, 0), BIT_ECORRUPT);
    EXPECT_EQ(take(false, 2, NULL, 0), BIT_ECORRUPT);
    EXPECT_EQ(take(false, 0, NULL, 0), BIT_ECORRUPT);
}

/* First choice is a checkpoint of ours, then one file, as transformers writes it, then an index. */
TEST(a_folder_is_what_lies_in_it)
{
    snprintf(origin.path, sizeof origin.path, "%s", test_path("model.safetensors"));
    *strrchr(origin.path, '/') = '\0';
    EXPECT_EQ(bit_origin_find(&origin), BIT_EDATA);
    EXPECT_CONTAINS(bit_fail_text(), "has neither MANIFEST");
    test_write_text(test_path(BIT_WEIGHT_INDEX), "{\"weight_map\":{\"a\":\"x-2\",\"b\":\"x-1\"}}");
    EXPECT_EQ(bit_origin_find(&origin), 0);
    EXPECT_EQ(origin.kind, BIT_ORIGIN_FOLDER);
    EXPECT_EQ(origin.count, 2);
    EXPECT_STREQ(origin.name[0], "x-1");
    test_write_text(test_path("model.safetensors"), "");
    EXPECT_EQ(bit_origin_find(&origin), 0);
    EXPECT_EQ(origin.kind, BIT_ORIGIN_FOLDER);
    EXPECT_EQ(origin.count, 1);
    test_write_text(test_path("MANIFEST"), "");
    EXPECT_EQ(bit_origin_find(&origin), 0);
    EXPECT_EQ(origin.kind, BIT_ORIGIN_CHECKPOINT);
    strcat(origin.path, "/MANIFEST");
    EXPECT_EQ(bit_origin_find(&origin), 0);
    EXPECT_EQ(origin.kind, BIT_ORIGIN_FILE);
    strcat(origin.path, "/none");
    EXPECT(bit_origin_find(&origin) < 0);
}

TEST_MAIN
