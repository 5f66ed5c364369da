/* The tensors of a checkpoint, the names of its steps, and damage that is found in its files. */
#include "proto/ckpt/checkpoint.h"

#include <sys/stat.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "tests/unit/proto/ckpt/made_checkpoint.h"

static void expect_tensor(const struct bit_tensor *t, const char *name, int64_t rows, int64_t cols, int64_t offset)
{
    EXPECT_STREQ(t->name, name);
    EXPECT_EQ(t->rows, rows);
    EXPECT_EQ(t->cols, cols);
    EXPECT_EQ(t->offset, offset);
}

TEST(tensors_lie_in_the_documented_order)
{
    Bit__ModelSpec model = model_of(2, 4, 10, 7, false);
    struct bit_tensor *t;

    if (!EXPECT_EQ(bit_checkpoint_tensors(&model, &t), 10))
        return;
    expect_tensor(&t[0], "transformer.wte.weight", 7, 4, 0);
    expect_tensor(&t[1], "transformer.blocks.0.att_proj.weight", 12, 4, 28);
    expect_tensor(&t[2], "transformer.blocks.0.attn_out.weight", 4, 4, 76);
    expect_tensor(&t[3], "transformer.blocks.0.ff_proj.weight", 20, 4, 92);
    expect_tensor(&t[4], "transformer.blocks.0.ff_out.weight", 4, 10, 172);
    expect_tensor(&t[5], "transformer.blocks.1.att_proj.weight", 12, 4, 212);
    expect_tensor(&t[9], "transformer.ff_out.weight", 7, 4, 396);
    EXPECT_EQ(bit_checkpoint_elements(t, 10), 424);
    for (int i = 0; i < 10; i++)
        EXPECT_EQ(bit_tensor_is_linear(&t[i]), i > 0 && i < 9);
    free(t);
}

/* OLMo-1B: 1 176 764 416 parameters (its model card), of which 16 blocks of 67 108 864 are linears. */
TEST(olmo_1b_has_its_parameters)
{
    Bit__ModelSpec model = model_of(16, 2048, 8192, 50304, true);
    struct bit_tensor *t;
    int64_t linears = 0;
    int count = bit_checkpoint_tensors(&model, &t);

    EXPECT_EQ(count, 65);
    EXPECT_EQ(bit_checkpoint_elements(t, count), 1176764416);
    for (int i = 0; i < count; i++)
        linears += bit_tensor_is_linear(&t[i]) ? t[i].rows * t[i].cols : 0;
    EXPECT_EQ(linears, 16 * 67108864ll);
    free(t);
    EXPECT_EQ(bit_checkpoint_elements(NULL, 0), 0);
}

TEST(names_of_steps)
{
    static const char *const none[] = {"",
                                       "step-",
                                       "step-2000",
                                       "step-0000200x",
                                       "step-0000",
                                       "step-00002000 ",
                                       "step-00002000.partial-3",
                                       "step--0002000",
                                       "step-000002000",
                                       "step-99999999999999999999",
                                       "xstep-00002000",
                                       "step-+0002000"};
    char name[32];

    bit_checkpoint_name(2000, name);
    EXPECT_STREQ(name, "step-00002000");
    EXPECT_EQ(bit_checkpoint_step(name), 2000);
    EXPECT_EQ(bit_checkpoint_step("step-00000000"), 0);
    bit_checkpoint_name(BIT_STEPS_MAX, name);
    EXPECT_STREQ(name, "step-1099511627776");
    EXPECT_EQ(bit_checkpoint_step(name), (int64_t)BIT_STEPS_MAX);
    for (size_t i = 0; i < BIT_COUNT(none); i++)
        if (!EXPECT_EQ(bit_checkpoint_step(none[i]), -1))
            fprintf(stderr, "    %s\n", none[i]);
}

/* Flips a bit in every byte of the file in turn, checks, and flips it back. */
static void flip_every_byte(const char *name)
{
    char path[128];
    struct stat st;
    uint8_t byte;
    int fd;

    make_path(path, sizeof path, name);
    fd = open(path, O_RDWR);
    BIT_ASSERT(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 0; at < st.st_size; at++) {
        BIT_ASSERT(pread(fd, &byte, 1, at) == 1);
        byte ^= (uint8_t)(1u << at % 8);
        BIT_ASSERT(pwrite(fd, &byte, 1, at) == 1);
        if (!EXPECT_EQ(check_all(), BIT_ECORRUPT) || !EXPECT_CONTAINS(bit_fail_text(), path))
            fprintf(stderr, "    bit %d of byte %d of %s\n", (int)(at % 8), (int)at, name);
        byte ^= (uint8_t)(1u << at % 8);
        BIT_ASSERT(pwrite(fd, &byte, 1, at) == 1);
    }
    close(fd);
}

TEST(a_flipped_bit_in_any_byte_of_any_file_is_found)
{
    Bit__ModelSpec model = model_of(1, 8, 8, 16, true);
    Bit__Manifest *m = make_checkpoint(&model);

    EXPECT_EQ(write_manifest(m), 0);
    EXPECT_EQ(check_all(), 0);
    flip_every_byte(BIT_CHECKPOINT_MANIFEST);
    for (int i = 0; i < BIT_CHECKPOINT_FILES_MAX; i++)
        flip_every_byte(bit_checkpoint_file_name(i));
    EXPECT_EQ(check_all(), 0);
    bit_msg_free(m);
    remove_checkpoint();
}

static uint64_t last_done, last_all;

static void note_progress(void *arg, uint64_t done, uint64_t all)
{
    EXPECT(done > last_done && done <= all);
    EXPECT(arg == &last_done);
    last_done = done;
    last_all = all;
}

/* Several chunks, the last one short; reads of several chunks. */
TEST(a_chunk_is_named_by_its_offset)
{
    Bit__ModelSpec model = model_of(2, 128, 256, 642, false);
    Bit__Manifest *m = make_checkpoint(&model), *back;
    char path[128], want[64];
    const uint64_t bytes = m->file[1]->bytes, at = m->file[1]->data_offset + 17 * (uint64_t)BIT_CHECKPOINT_CHUNK + 5;
    uint8_t byte;
    int fd;

    EXPECT(m->file[1]->n_chunk_crc > 17);
    EXPECT((bytes - m->file[1]->data_offset) % BIT_CHECKPOINT_CHUNK != 0);
    EXPECT_EQ(write_manifest(m), 0);
    EXPECT_EQ(bit_manifest_read(dir, &back), 0);
    EXPECT_EQ(bit_checkpoint_verify(dir, back, note_progress, &last_done), 0);
    EXPECT_EQ(last_done, 5 * bytes);
    EXPECT_EQ(last_all, 5 * bytes);
    make_path(path, sizeof path, "exp_avg.safetensors");
    fd = open(path, O_RDWR);
    BIT_ASSERT(fd >= 0 && pread(fd, &byte, 1, (off_t)at) == 1);
    byte ^= 1;
    BIT_ASSERT(pwrite(fd, &byte, 1, (off_t)at) == 1);
    EXPECT_EQ(bit_checkpoint_verify(dir, back, NULL, NULL), BIT_ECORRUPT);
    snprintf(want, sizeof want, "chunk 17, 65536 bytes from byte %llu", (unsigned long long)(at - 5));
    EXPECT_CONTAINS(bit_fail_text(), want);
    EXPECT_CONTAINS(bit_fail_text(), path);
    EXPECT_EQ(ftruncate(fd, (off_t)bytes - 1), 0);
    EXPECT_EQ(bit_checkpoint_verify(dir, back, NULL, NULL), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "its manifest says");
    close(fd);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_EQ(bit_checkpoint_verify(dir, back, NULL, NULL), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "is missing");
    bit_msg_free(back);
    bit_msg_free(m);
    remove_checkpoint();
}

/* Only the moments' files may have chunks of half the size, which they have in bf16. */
TEST(chunks_of_the_moments_may_be_half_as_large)
{
    const Bit__ModelSpec model = model_of(2, 128, 256, 642, false);
    Bit__Manifest *m = make_checkpoint(&model), *back = NULL;
    Bit__ManifestFile *file = m->file[1];
    const size_t bytes = file->bytes - file->data_offset;
    uint8_t *data = malloc(bytes);
    char path[128];

    make_path(path, sizeof path, "exp_avg.safetensors");
    int fd = open(path, O_RDWR);
    BIT_ASSERT(fd >= 0 && data != NULL && pread(fd, data, bytes, (off_t)file->data_offset) == (ssize_t)bytes);
    cut(file, data, bytes, BIT_CHECKPOINT_CHUNK / 2);
    EXPECT_EQ(write_manifest(m), 0);
    EXPECT_EQ(check_all(), 0);
    if (EXPECT_EQ(bit_manifest_read(dir, &back), 0)) {
        EXPECT_EQ(back->file[1]->chunk_bytes, BIT_CHECKPOINT_CHUNK / 2);
        EXPECT_EQ(back->file[2]->chunk_bytes, BIT_CHECKPOINT_CHUNK);
    }
    data[17 * (BIT_CHECKPOINT_CHUNK / 2) + 5] ^= 1;
    BIT_ASSERT(pwrite(fd, data, bytes, (off_t)file->data_offset) == (ssize_t)bytes);
    EXPECT_EQ(check_all(), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "chunk 17, 32768 bytes from byte");
    cut(file, data, bytes, BIT_CHECKPOINT_CHUNK / 4);
    EXPECT_EQ(write_manifest(m), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "chunks of 'exp_avg.safetensors' cannot have 16384 bytes");
    cut(file, data, bytes, BIT_CHECKPOINT_CHUNK);
    cut(m->file[0], data, bytes, BIT_CHECKPOINT_CHUNK / 2);
    EXPECT_EQ(write_manifest(m), BIT_ECORRUPT);
    EXPECT_CONTAINS(bit_fail_text(), "chunks of 'model.safetensors' cannot have 32768 bytes");
    close(fd);
    free(data);
    bit_msg_free(back);
    bit_msg_free(m);
    remove_checkpoint();
}

TEST(a_digest_depends_on_every_chunk_and_their_order)
{
    uint32_t crc[3] = {1, 2, 3};
    uint64_t digest = bit_checkpoint_digest(crc, 3);

    EXPECT_EQ(bit_checkpoint_digest(crc, 3), digest);
    EXPECT_NE(bit_checkpoint_digest(crc, 2), digest);
    EXPECT_NE(bit_checkpoint_digest((uint32_t[]){2, 1, 3}, 3), digest);
    EXPECT_NE(bit_checkpoint_digest((uint32_t[]){1, 2, 4}, 3), digest);
}

TEST_MAIN
