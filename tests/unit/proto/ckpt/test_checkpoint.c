#include "proto/ckpt/checkpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "tests/message.h"
#include "tests/test.h"

static char dir[64];

static Bit__ModelSpec model_of(uint32_t layers, uint32_t width, uint32_t hidden, uint32_t vocab, bool tied)
{
    Bit__ModelSpec m = BIT__MODEL_SPEC__INIT;

    m.has_layers = m.has_width = m.has_mlp_hidden = m.has_vocab_padded = m.has_tied = true;
    m.layers = layers;
    m.width = width;
    m.mlp_hidden = hidden;
    m.vocab_padded = vocab;
    m.tied = tied;
    return m;
}

static void make_path(char *path, size_t bytes, const char *name)
{
    snprintf(path, bytes, "%s/%s", dir, name);
}

static void write_file(const char *name, const uint8_t *header, size_t header_bytes, const uint8_t *data, size_t bytes)
{
    char path[128];
    FILE *f;

    make_path(path, sizeof path, name);
    f = fopen(path, "wb");
    BIT_ASSERT(f != NULL);
    BIT_ASSERT(fwrite(header, 1, header_bytes, f) == header_bytes && fwrite(data, 1, bytes, f) == bytes);
    BIT_ASSERT(fclose(f) == 0);
}

/* Sets the file's checksums, for chunks of this size. */
static void cut(Bit__ManifestFile *f, const uint8_t *data, size_t bytes, uint32_t chunk_bytes)
{
    free(f->chunk_crc);
    f->has_chunk_bytes = chunk_bytes != BIT_CHECKPOINT_CHUNK;
    f->chunk_bytes = chunk_bytes;
    f->n_chunk_crc = (bytes + chunk_bytes - 1) / chunk_bytes;
    f->chunk_crc = calloc(f->n_chunk_crc + 1, sizeof *f->chunk_crc);
    for (size_t i = 0; i < f->n_chunk_crc; i++) {
        size_t at = i * chunk_bytes;
        f->chunk_crc[i] = bit_crc32c(0, data + at, BIT_MIN(bytes - at, (size_t)chunk_bytes));
    }
}

static Bit__ManifestFile *describe(const char *name, const uint8_t *header, size_t header_bytes, const uint8_t *data,
                                   size_t bytes)
{
    Bit__ManifestFile *f = malloc(sizeof *f);

    BIT_ASSERT(f != NULL);
    bit__manifest_file__init(f);
    f->name = strdup(name);
    f->bytes = header_bytes + bytes;
    f->header_crc = bit_crc32c(0, header, header_bytes);
    f->data_offset = header_bytes;
    cut(f, data, bytes, BIT_CHECKPOINT_CHUNK);
    return f;
}

/* A complete checkpoint of a model with random data, in a new folder, `dir`. The caller frees the manifest. */
static Bit__Manifest *make_checkpoint(const Bit__ModelSpec *model)
{
    uint64_t seed = 3;
    Bit__Manifest *m = (Bit__Manifest *)test_message(&bit__manifest__descriptor, &seed);
    struct bit_tensor *tensors;
    int count = bit_checkpoint_tensors(model, &tensors);
    size_t data_bytes = 4 * (size_t)bit_checkpoint_elements(tensors, count), header_bytes;
    uint8_t *data = malloc(data_bytes), *header;

    BIT_ASSERT(count > 0 && data != NULL && bit_safetensors_header(tensors, count, NULL, &header, &header_bytes) == 0);
    snprintf(dir, sizeof dir, "%s", test_folder_new());
    for (size_t i = 0; i < m->n_file; i++)
        bit_msg_free(m->file[i]);
    free(m->file);
    m->version = BIT_MANIFEST_VERSION;
    m->n_file = BIT_CHECKPOINT_FILES_MAX;
    m->file = calloc(BIT_CHECKPOINT_FILES_MAX, sizeof(void *));
    for (int i = 0; i < BIT_CHECKPOINT_FILES_MAX; i++) {
        for (size_t k = 0; k < data_bytes; k++)
            data[k] = (uint8_t)test_random(&seed);
        write_file(bit_checkpoint_file_name(i), header, header_bytes, data, data_bytes);
        m->file[i] = describe(bit_checkpoint_file_name(i), header, header_bytes, data, data_bytes);
    }
    free(data);
    free(header);
    free(tensors);
    return m;
}

static int write_manifest(const Bit__Manifest *m)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY), err;

    BIT_ASSERT(fd >= 0);
    err = bit_manifest_write(fd, m);
    close(fd);
    return err;
}

static void remove_checkpoint(void)
{
    char path[128];

    for (int i = 0; i < BIT_CHECKPOINT_FILES_MAX; i++) {
        make_path(path, sizeof path, bit_checkpoint_file_name(i));
        unlink(path);
    }
    make_path(path, sizeof path, BIT_CHECKPOINT_MANIFEST);
    unlink(path);
    EXPECT_EQ(rmdir(dir), 0); /* and nothing else was left in it */
}

/* Checks the checkpoint in `dir` as a reader does: 0 if all of it is as it was written. */
static int check_all(void)
{
    Bit__Manifest *m;
    int err = bit_manifest_read(dir, &m);

    if (err < 0)
        return err;
    err = bit_checkpoint_verify(dir, m, NULL, NULL);
    bit_msg_free(m);
    return err;
}

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
