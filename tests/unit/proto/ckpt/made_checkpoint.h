/* A complete checkpoint in a folder of its own, for tests that damage it. */
#ifndef BIT_TESTS_MADE_CHECKPOINT_H
#define BIT_TESTS_MADE_CHECKPOINT_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/crc32c.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "tests/message.h"
#include "tests/test.h"

static char dir[64]; /* the checkpoint's folder */

static inline Bit__ModelSpec model_of(uint32_t layers, uint32_t width, uint32_t hidden, uint32_t vocab, bool tied)
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

static inline void make_path(char *path, size_t bytes, const char *name)
{
    snprintf(path, bytes, "%s/%s", dir, name);
}

static inline void write_file(const char *name, const uint8_t *header, size_t header_bytes, const uint8_t *data,
                              size_t bytes)
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
static inline void cut(Bit__ManifestFile *f, const uint8_t *data, size_t bytes, uint32_t chunk_bytes)
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

static inline Bit__ManifestFile *describe(const char *name, const uint8_t *header, size_t header_bytes,
                                          const uint8_t *data, size_t bytes)
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
static inline Bit__Manifest *make_checkpoint(const Bit__ModelSpec *model)
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

static inline int write_manifest(const Bit__Manifest *m)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY), err;

    BIT_ASSERT(fd >= 0);
    err = bit_manifest_write(fd, m);
    close(fd);
    return err;
}

static inline void remove_checkpoint(void)
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
static inline int check_all(void)
{
    Bit__Manifest *m;
    int err = bit_manifest_read(dir, &m);

    if (err < 0)
        return err;
    err = bit_checkpoint_verify(dir, m, NULL, NULL);
    bit_msg_free(m);
    return err;
}

#endif
