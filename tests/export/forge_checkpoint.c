/*
 * forge_checkpoint FOLDER ASSIGNMENT...: writes a checkpoint of random weights, of any size, without training.
 * Assignments are those of bitctl's --set: model.preset=olmo_1b, quantizer.preset=export. The checkpoint is of the
 * ternary phase and has no moments. For measuring exports; no run can resume from it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/ckpt/manifest.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/text/text.h"
#include "proto/wire/msg.h"

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "forge_checkpoint: %s: %s %s\n", what, bit_fail_text(), strerror(errno));
    exit(1);
}

static Bit__RunSpec *make_spec(int count, char **assignments)
{
    static const char text[] = "name: 'forged' data { train: '/dev/null' } phases { switch { at_step: 0 } }";
    struct bit_problems problems = {0};
    ProtobufCMessage *spec = NULL;
    int err = bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &spec, &problems);

    for (int i = 0; i < count && err >= 0; i++)
        err = bit_spec_set((Bit__RunSpec *)spec, assignments[i], &problems);
    if (err >= 0)
        err = bit_spec_normalise((Bit__RunSpec *)spec, NULL, &problems);
    if (err < 0)
        fail(problems.item[0].text);
    return (Bit__RunSpec *)spec;
}

/* Sums of four random bytes: bell-shaped like weights. */
static void fill(float *chunk, size_t count, uint64_t *state)
{
    for (size_t i = 0; i < count; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        const uint32_t r = (uint32_t)(*state >> 32);
        chunk[i] = ((float)((r & 255) + (r >> 8 & 255) + (r >> 16 & 255) + (r >> 24)) - 510) * 1e-4f;
    }
}

static void write_all(int fd, const void *bytes, size_t count)
{
    if (write(fd, bytes, count) != (ssize_t)count)
        fail("writing");
}

static void write_model(const char *path, const struct bit_tensor *tensors, int count, Bit__ManifestFile *file)
{
    const int64_t elements = bit_checkpoint_elements(tensors, count), at_once = BIT_CHECKPOINT_CHUNK / sizeof(float);
    float *chunk = malloc(BIT_CHECKPOINT_CHUNK);
    uint8_t *header = NULL;
    size_t bytes = 0;
    uint64_t state = 1;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd < 0 || chunk == NULL || bit_safetensors_header(tensors, count, NULL, &header, &bytes) < 0)
        fail(path);
    write_all(fd, header, bytes);
    file->header_crc = bit_crc32c(0, header, bytes);
    file->data_offset = bytes;
    file->bytes = bytes + sizeof(float) * (uint64_t)elements;
    file->chunk_crc = calloc((size_t)(elements / at_once) + 1, sizeof *file->chunk_crc);
    for (int64_t at = 0; at < elements; at += at_once) {
        const size_t here = (size_t)BIT_MIN(at_once, elements - at);
        fill(chunk, here, &state);
        write_all(fd, chunk, here * sizeof *chunk);
        file->chunk_crc[file->n_chunk_crc++] = bit_crc32c(0, chunk, here * sizeof *chunk);
    }
    close(fd);
    free(header);
    free(chunk);
}

/* The manifest lists the moments' files, too, although they do not exist. */
static void write_manifest(const char *folder, Bit__RunSpec *spec, Bit__ManifestFile *model)
{
    Bit__ManifestFile files[BIT_CHECKPOINT_FILES], *list[BIT_CHECKPOINT_FILES];
    Bit__PhaseState phase = BIT__PHASE_STATE__INIT;
    Bit__Manifest m = BIT__MANIFEST__INIT;
    int fd = open(folder, O_RDONLY | O_DIRECTORY);

    for (int i = 0; i < BIT_CHECKPOINT_FILES; i++) {
        files[i] = *model;
        files[i].name = bit_lend(bit_checkpoint_file_name((enum bit_checkpoint_file)i));
        list[i] = &files[i];
    }
    phase.precision = BIT__PRECISION__TERNARY;
    m.version = 1; /* without a config.json */
    m.run = bit_lend("forged");
    m.step = 1;
    m.phase = &phase;
    m.ranks = 1;
    m.spec = spec;
    m.n_file = BIT_CHECKPOINT_FILES;
    m.file = list;
    m.writer = bit_lend("forge_checkpoint");
    if (fd < 0 || bit_manifest_write(fd, &m) < 0)
        fail("MANIFEST");
    close(fd);
}

int main(int argc, char **argv)
{
    char path[BIT_PATH_MAX];
    struct bit_tensor *tensors = NULL;
    Bit__ManifestFile model = BIT__MANIFEST_FILE__INIT;

    if (argc < 2 || (mkdir(argv[1], 0777) < 0 && errno != EEXIST))
        fail(argc < 2 ? "FOLDER ASSIGNMENT..." : argv[1]);
    Bit__RunSpec *spec = make_spec(argc - 2, argv + 2);
    const int count = bit_checkpoint_tensors(spec->model, &tensors);
    snprintf(path, sizeof path, "%s/%s", argv[1], bit_checkpoint_file_name(BIT_CHECKPOINT_MODEL));
    write_model(path, tensors, count, &model);
    write_manifest(argv[1], spec, &model);
    free(model.chunk_crc);
    free(tensors);
    bit_msg_free(spec);
    return 0;
}
