#include "ctl/export/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/regular_file.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

static const Bit__ManifestFile *model_file(const struct bit_source *s)
{
    return s->manifest->file[BIT_CHECKPOINT_MODEL];
}

static int read_at(const struct bit_source *s, uint64_t at, uint8_t *out, size_t bytes)
{
    size_t got;
    int err = bit_full_io_read_at(s->fd, out, bytes, at, &got);

    if (err < 0)
        return bit_fail(err, "'%s' at byte %" PRIu64, s->path, at + got);
    return got < bytes ? bit_fail(BIT_ECORRUPT, "'%s' ends at byte %" PRIu64, s->path, at + got) : 0;
}

static int check_header_bytes(const struct bit_source *s)
{
    const Bit__ManifestFile *file = model_file(s);
    uint32_t crc = 0;
    int err = 0;

    for (uint64_t at = 0; at < file->data_offset && err >= 0; at += BIT_CHECKPOINT_CHUNK) {
        const size_t bytes = (size_t)BIT_MIN((uint64_t)BIT_CHECKPOINT_CHUNK, file->data_offset - at);
        err = read_at(s, at, s->chunk, bytes);
        crc = err < 0 ? crc : bit_crc32c(crc, s->chunk, bytes);
    }
    if (err >= 0 && crc != file->header_crc)
        err = bit_fail(BIT_ECORRUPT, "'%s': the header, bytes 0 to %" PRIu64 ", does not match its checksum", s->path,
                       file->data_offset);
    return err;
}

/* Check that every tensor of the model is in the file, at the offset that it has in the flat vector. */
static int check_tensors(const struct bit_source *s, const struct bit_safetensors *file)
{
    for (int t = 0; t < s->count; t++) {
        const struct bit_tensor *tensor = &s->tensors[t];
        const struct bit_safetensors_entry *entry = bit_safetensors_find(file, tensor->name);
        if (entry == NULL || strcmp(entry->dtype, "F32") != 0 || entry->dims != 2 || entry->shape[0] != tensor->rows ||
            entry->shape[1] != tensor->cols || entry->begin != sizeof(float) * (uint64_t)tensor->offset)
            return bit_fail(BIT_ECORRUPT, "'%s': tensor '%s' is not there as the manifest's model has it", s->path,
                            tensor->name);
    }
    return 0;
}

static int check_header(const struct bit_source *s)
{
    struct bit_safetensors file = {0};
    int err = check_header_bytes(s);

    if (err >= 0)
        err = bit_safetensors_read(s->fd, s->path, &file);
    if (err >= 0 && file.data_offset != model_file(s)->data_offset)
        err = bit_fail(BIT_ECORRUPT, "'%s': its data begins at byte %" PRIu64 ", not at %" PRIu64, s->path,
                       file.data_offset, model_file(s)->data_offset);
    if (err >= 0)
        err = check_tensors(s, &file);
    bit_safetensors_finish(&file);
    return err;
}

static int open_model(struct bit_source *s)
{
    const Bit__ManifestFile *file = model_file(s);
    struct stat st;

    s->fd = bit_regular_file_open(s->path, true, &st);
    if (s->fd < 0)
        return s->fd;
    if ((uint64_t)st.st_size != file->bytes)
        return bit_fail(BIT_ECORRUPT, "'%s' has %" PRIu64 " bytes; its manifest says %" PRIu64, s->path,
                        (uint64_t)st.st_size, file->bytes);
    return check_header(s);
}

static int read_layout(struct bit_source *s)
{
    struct bit_problems problems = {0};
    int err = bit_spec_normalise(s->manifest->spec, NULL, &problems); /* older manifests lack newer fields */

    if (err >= 0)
        err = bit_checkpoint_tensors(s->manifest->spec->model, &s->tensors);
    if (err < 0)
        return err;
    s->count = err;
    for (int t = 0; t < s->count; t++)
        s->largest = BIT_MAX(s->largest, s->tensors[t].rows * s->tensors[t].cols);
    s->chunk = malloc(BIT_CHECKPOINT_CHUNK);
    return s->chunk == NULL ? bit_fail(-ENOMEM, "reading '%s'", s->path) : 0;
}

int bit_source_open(struct bit_source *source, const char *folder)
{
    int err;

    *source = (struct bit_source){.fd = -1};
    const char *name = bit_checkpoint_file_name(BIT_CHECKPOINT_MODEL);
    if ((size_t)snprintf(source->path, sizeof source->path, "%s/%s", folder, name) >= sizeof source->path)
        return bit_fail(-ENAMETOOLONG, "'%s'", folder);
    err = bit_manifest_read(folder, &source->manifest);
    if (err >= 0)
        err = read_layout(source);
    return err < 0 ? err : open_model(source);
}

void bit_source_finish(struct bit_source *source)
{
    if (source->manifest != NULL && source->fd >= 0)
        close(source->fd);
    bit_msg_free(source->manifest);
    free(source->tensors);
    free(source->chunk);
    *source = (struct bit_source){.fd = -1};
}

/* Read chunk `i` of the data into source->chunk. Returns its size in bytes. */
static int read_chunk(const struct bit_source *s, size_t i)
{
    const Bit__ManifestFile *file = model_file(s);
    const uint64_t at = file->data_offset + (uint64_t)i * BIT_CHECKPOINT_CHUNK;
    const size_t bytes = (size_t)BIT_MIN((uint64_t)BIT_CHECKPOINT_CHUNK, file->bytes - at);
    int err = read_at(s, at, s->chunk, bytes);

    if (err >= 0 && bit_crc32c(0, s->chunk, bytes) != file->chunk_crc[i])
        err = bit_fail(BIT_ECORRUPT, "'%s': chunk %zu, %zu bytes from byte %" PRIu64 ", does not match its checksum",
                       s->path, i, bytes, at);
    return err < 0 ? err : (int)bytes;
}

int bit_source_read(const struct bit_source *source, int t, float *out)
{
    const struct bit_tensor *tensor = &source->tensors[t];
    const uint64_t begin = sizeof(float) * (uint64_t)tensor->offset;
    const uint64_t end = begin + sizeof(float) * (uint64_t)(tensor->rows * tensor->cols);

    for (uint64_t at = begin; at < end;) {
        const size_t from = at % BIT_CHECKPOINT_CHUNK;
        int bytes = read_chunk(source, at / BIT_CHECKPOINT_CHUNK);
        if (bytes < 0)
            return bytes;
        const size_t count = (size_t)BIT_MIN((uint64_t)bytes - from, end - at);
        memcpy((uint8_t *)out + (at - begin), source->chunk + from, count);
        at += count;
    }
    return 0;
}
