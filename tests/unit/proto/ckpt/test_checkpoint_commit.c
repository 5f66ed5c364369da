/* When a finished checkpoint gets its name. */
#include "proto/ckpt/checkpoint.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "tests/unit/proto/ckpt/made_checkpoint.h"

/* A complete checkpoint of launch 7, run r1, step 12, at parent/step-00000012.partial-7. */
static Bit__Manifest *make_partial(char parent[64], char partial[BIT_PATH_MAX])
{
    Bit__ModelSpec model = model_of(1, 8, 8, 16, true);
    Bit__Manifest *m = make_checkpoint(&model);

    free(m->run);
    m->run = strdup("r1");
    m->step = 12;
    m->epoch = 7;
    EXPECT_EQ(write_manifest(m), 0);
    snprintf(parent, 64, "%s", test_folder_new());
    EXPECT_EQ(bit_checkpoint_partial(parent, "step-00000012", 7, partial, BIT_PATH_MAX), 0);
    EXPECT_EQ(rename(dir, partial), 0);
    return m;
}

static void look_at(const char *path)
{
    BIT_ASSERT(strlen(path) < sizeof dir);
    memcpy(dir, path, strlen(path) + 1);
}

static void check_at(const char *path)
{
    look_at(path);
    EXPECT_EQ(check_all(), 0);
}

TEST(only_the_launch_that_counts_gives_a_checkpoint_its_name)
{
    char parent[64], partial[BIT_PATH_MAX], whole[128], late[BIT_PATH_MAX];
    Bit__Manifest *m = make_partial(parent, partial);

    snprintf(whole, sizeof whole, "%s/step-00000012", parent);
    EXPECT_EQ(bit_checkpoint_commit(parent, "step-00000012", "r1", 8), -ENOENT); /* launch 8 has written nothing */
    EXPECT_EQ(bit_checkpoint_partial(parent, "step-00000012", 8, late, sizeof late), 0);
    EXPECT_EQ(rename(partial, late), 0);
    EXPECT_EQ(bit_checkpoint_commit(parent, "step-00000012", "r1", 8),
              BIT_EEPOCH); /* another launch's folder does not count as its own */
    EXPECT_EQ(rename(late, partial), 0);
    EXPECT_EQ(bit_checkpoint_commit(parent, "step-00000012", "r2", 7), BIT_ECORRUPT);
    EXPECT_EQ(access(whole, F_OK), -1);
    EXPECT_EQ(bit_checkpoint_commit(parent, "step-00000012", "r1", 7), 0);
    EXPECT_EQ(bit_checkpoint_commit(parent, "step-00000012", "r1", 7), 0); /* asked again by a restarted daemon */
    EXPECT_EQ(access(partial, F_OK), -1);
    check_at(whole);
    bit_msg_free(m);
    remove_checkpoint();
    EXPECT_EQ(rmdir(parent), 0);
}

TEST(a_checkpoint_without_a_whole_manifest_gets_no_name)
{
    char parent[64], partial[BIT_PATH_MAX], path[BIT_PATH_MAX + 16];
    Bit__Manifest *m = make_partial(parent, partial);

    snprintf(path, sizeof path, "%s/%s", partial, BIT_CHECKPOINT_MANIFEST);
    EXPECT_EQ(truncate(path, 40), 0);
    EXPECT_EQ(bit_checkpoint_commit(parent, "step-00000012", "r1", 7), BIT_ECORRUPT);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(bit_checkpoint_commit(parent, "step-00000012", "r1", 7), -ENOENT);
    bit_msg_free(m);
    look_at(partial);
    remove_checkpoint();
    EXPECT_EQ(rmdir(parent), 0);
}

TEST_MAIN
