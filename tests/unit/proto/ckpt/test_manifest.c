/* A manifest is written whole or not at all, and read only if it agrees with itself. */
#include "proto/ckpt/manifest.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "proto/err.h"
#include "tests/unit/proto/ckpt/made_checkpoint.h"

TEST(a_manifest_comes_back)
{
    Bit__ModelSpec model = model_of(1, 8, 8, 16, true);
    Bit__Manifest *m = make_checkpoint(&model), *back = NULL;

    EXPECT_EQ(bit_manifest_read(dir, &back), -ENOENT);
    EXPECT_EQ(write_manifest(m), 0);
    EXPECT_EQ(write_manifest(m), 0); /* again: the first is replaced */
    if (EXPECT_EQ(bit_manifest_read(dir, &back), 0)) {
        EXPECT_EQ(back->n_file, 5u);
        EXPECT_EQ(back->file[2]->chunk_crc[0], m->file[2]->chunk_crc[0]);
        EXPECT_EQ(back->epoch, m->epoch);
        EXPECT_STREQ(back->writer, m->writer);
        bit_msg_free(back);
    }
    EXPECT_EQ(check_all(), 0);
    bit_msg_free(m);
    remove_checkpoint();
}

TEST(a_manifest_that_does_not_agree_with_itself_is_not_written)
{
    Bit__ModelSpec model = model_of(1, 8, 8, 16, true);
    Bit__Manifest *m = make_checkpoint(&model);
    char path[128];

    m->version = BIT_MANIFEST_VERSION + 1;
    EXPECT_EQ(write_manifest(m), BIT_EVERSION);
    m->version = BIT_MANIFEST_VERSION;
    m->file[1]->n_chunk_crc--;
    EXPECT_EQ(write_manifest(m), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "0 checksums for the 1 chunks of 'exp_avg.safetensors'");
    m->file[1]->n_chunk_crc++;
    m->file[0]->name[0] = '/';
    EXPECT_EQ(write_manifest(m), BIT_ECORRUPT);
    m->file[0]->name[0] = 'm';
    m->file[0]->data_offset = m->file[0]->bytes + 1;
    EXPECT_EQ(write_manifest(m), BIT_ECORRUPT);
    m->file[0]->data_offset = 4096;
    m->phase->beta1 = NAN;
    EXPECT_EQ(write_manifest(m), BIT_EMESSAGE);
    EXPECT_CONTAINS(bit_fail_text(), "bit.PhaseState.beta1");
    make_path(path, sizeof path, BIT_CHECKPOINT_MANIFEST);
    EXPECT_EQ(access(path, F_OK), -1);
    bit_msg_free(m);
    remove_checkpoint();
}

/* How many files a manifest of each version may list. */
TEST(files_of_a_version)
{
    static const struct {
        uint32_t version;
        size_t files;
        int err;
    } cases[] = {{0, 3, BIT_EVERSION}, {1, 3, 0}, {1, 4, BIT_ECORRUPT}, {2, 3, BIT_ECORRUPT}, {2, 4, 0}, {2, 5, 0}};
    Bit__ModelSpec model = model_of(1, 8, 8, 16, true);
    Bit__Manifest *m = make_checkpoint(&model);

    for (size_t i = 0; i < BIT_COUNT(cases); i++) {
        m->version = cases[i].version;
        m->n_file = cases[i].files;
        EXPECT_EQ(write_manifest(m), cases[i].err);
        if (cases[i].err == 0)
            EXPECT_EQ(check_all(), 0);
    }
    m->n_file = BIT_CHECKPOINT_FILES_MAX;
    bit_msg_free(m);
    remove_checkpoint();
}

/* RLIMIT_FSIZE stops the write after 100 bytes. */
TEST(a_manifest_that_could_not_be_written_whole_is_removed)
{
    Bit__ModelSpec model = model_of(1, 8, 8, 16, true);
    Bit__Manifest *m = make_checkpoint(&model);
    struct rlimit before, little = {.rlim_cur = 100};
    char path[128];

    BIT_ASSERT(getrlimit(RLIMIT_FSIZE, &before) == 0);
    little.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    BIT_ASSERT(setrlimit(RLIMIT_FSIZE, &little) == 0);
    EXPECT_EQ(write_manifest(m), -EFBIG);
    BIT_ASSERT(setrlimit(RLIMIT_FSIZE, &before) == 0);
    make_path(path, sizeof path, BIT_CHECKPOINT_MANIFEST);
    EXPECT_EQ(access(path, F_OK), -1);
    EXPECT_EQ(write_manifest(m), 0);
    EXPECT_EQ(check_all(), 0);
    bit_msg_free(m);
    remove_checkpoint();
}

/* The manifest is cut to every shorter length. */
TEST(a_cut_manifest_is_found)
{
    Bit__ModelSpec model = model_of(1, 8, 8, 16, true);
    Bit__Manifest *m = make_checkpoint(&model);
    char path[128];
    struct stat st;

    EXPECT_EQ(write_manifest(m), 0);
    make_path(path, sizeof path, BIT_CHECKPOINT_MANIFEST);
    BIT_ASSERT(stat(path, &st) == 0);
    for (off_t bytes = st.st_size - 1; bytes >= 0; bytes--) {
        EXPECT_EQ(truncate(path, bytes), 0);
        EXPECT_EQ(check_all(), BIT_ECORRUPT);
    }
    bit_msg_free(m);
    remove_checkpoint();
}

TEST_MAIN
