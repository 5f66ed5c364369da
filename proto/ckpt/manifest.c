#include "proto/ckpt/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "proto/wire/strict.h"

#define HEAD_BYTES 16

static const char magic[8] = "BITMAN01";

static void put32(uint8_t *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *in)
{
    return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

/* Whether the chunk size is valid; chunks of the moments may be half as large. */
static bool is_chunk(const Bit__ManifestFile *file, enum bit_checkpoint_file which)
{
    const bool moments = which == BIT_CHECKPOINT_EXP_AVG || which == BIT_CHECKPOINT_EXP_AVG_SQ;

    return file->chunk_bytes == bit_checkpoint_chunk_of(BIT__OPERANDS__FP32) ||
           (moments && file->chunk_bytes == bit_checkpoint_chunk_of(BIT__OPERANDS__BF16));
}

/* File names become parts of paths, so each must be the expected one. */
static int check_file(const Bit__ManifestFile *file, enum bit_checkpoint_file which, const char *path)
{
    const char *name = bit_checkpoint_file_name(which);
    uint64_t chunks;

    if (strcmp(file->name, name) != 0)
        return bit_fail(BIT_ECORRUPT, "'%s' lists '%s' where '%s' belongs", path, file->name, name);
    if (file->data_offset > file->bytes || file->data_offset > BIT_SAFETENSORS_HEADER_MAX + 8)
        return bit_fail(BIT_ECORRUPT, "'%s': data of '%s' cannot begin at byte %" PRIu64, path, name,
                        file->data_offset);
    if (!is_chunk(file, which))
        return bit_fail(BIT_ECORRUPT, "'%s': chunks of '%s' cannot have %u bytes", path, name, file->chunk_bytes);
    chunks = (file->bytes - file->data_offset + file->chunk_bytes - 1) / file->chunk_bytes;
    if (file->n_chunk_crc != chunks)
        return bit_fail(BIT_ECORRUPT, "'%s' has %zu checksums for the %" PRIu64 " chunks of '%s'", path,
                        file->n_chunk_crc, chunks, name);
    return 0;
}

/* Whether a manifest of this version may list so many files; codes are optional. */
static bool is_count(uint32_t version, size_t files)
{
    if (version == 1)
        return files == BIT_CHECKPOINT_FILES;
    return files == BIT_CHECKPOINT_CODES || files == BIT_CHECKPOINT_FILES_MAX;
}

static int check_manifest(const Bit__Manifest *m, const char *path)
{
    if (m->version == 0 || m->version > BIT_MANIFEST_VERSION)
        return bit_fail(BIT_EVERSION, "'%s' is of version %u, this program reads up to %u", path, m->version,
                        BIT_MANIFEST_VERSION);
    if (!is_count(m->version, m->n_file))
        return bit_fail(BIT_ECORRUPT, "'%s' lists %zu files, not %d", path, m->n_file,
                        m->version == 1 ? BIT_CHECKPOINT_FILES : BIT_CHECKPOINT_CODES);
    for (size_t i = 0; i < m->n_file; i++) {
        int err = check_file(m->file[i], (enum bit_checkpoint_file)i, path);
        if (err < 0)
            return err;
    }
    return 0;
}

static int check_head(const uint8_t *buf, size_t bytes, const char *path)
{
    if (bytes < HEAD_BYTES)
        return bit_fail(BIT_ECORRUPT, "'%s' ends at byte %zu, inside its head", path, bytes);
    if (memcmp(buf, magic, sizeof magic) != 0)
        return bit_fail(BIT_ECORRUPT, "'%s' is not a manifest: wrong magic at byte 0", path);
    if (get32(buf + 8) != bytes - HEAD_BYTES)
        return bit_fail(BIT_ECORRUPT, "'%s' has %zu bytes from byte %d; the length at byte 8 says %u", path,
                        bytes - HEAD_BYTES, HEAD_BYTES, get32(buf + 8));
    if (get32(buf + 12) != bit_crc32c(0, buf + HEAD_BYTES, bytes - HEAD_BYTES))
        return bit_fail(BIT_ECORRUPT, "'%s': bytes %d to %zu do not match the checksum at byte 12", path, HEAD_BYTES,
                        bytes);
    return 0;
}

int bit_manifest_parse(const uint8_t *buf, size_t bytes, const char *path, Bit__Manifest **out)
{
    size_t budget = BIT_DECODE_BUDGET_FACTOR * bytes + BIT_DECODE_BUDGET_BASE;
    ProtobufCMessage *msg;
    int err = check_head(buf, bytes, path);

    if (err < 0)
        return err;
    err = bit_msg_decode_as(&bit__manifest__descriptor, buf + HEAD_BYTES, bytes - HEAD_BYTES, budget, &msg);
    if (err < 0)
        return bit_fail_within(err == -ENOMEM ? err : BIT_ECORRUPT, "'%s' from byte %d", path, HEAD_BYTES);
    err = check_manifest((const Bit__Manifest *)msg, path);
    if (err < 0)
        bit_msg_free(msg);
    else
        *out = (Bit__Manifest *)msg;
    return err;
}

static int read_whole(int fd, const char *path, uint8_t **out, size_t *bytes)
{
    struct stat st;
    uint8_t *buf;
    size_t got = 0;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "'%s'", path);
    if (!S_ISREG(st.st_mode) || st.st_size > BIT_MANIFEST_BYTES_MAX)
        return bit_fail(BIT_ECORRUPT, "'%s' is no manifest: %" PRIu64 " bytes", path, (uint64_t)st.st_size);
    buf = malloc((size_t)st.st_size + 1);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "'%s'", path);
    int err = bit_full_io_read(fd, buf, (size_t)st.st_size, &got);
    if (err < 0) {
        free(buf);
        return bit_fail(err, "'%s' at byte %zu", path, got);
    }
    *out = buf;
    *bytes = got;
    return 0;
}

int bit_manifest_read_open(int fd, const char *path, Bit__Manifest **out)
{
    uint8_t *buf = NULL;
    size_t bytes = 0;
    int err = read_whole(fd, path, &buf, &bytes);

    if (err == 0)
        err = bit_manifest_parse(buf, bytes, path, out);
    free(buf);
    return err;
}

int bit_manifest_read(const char *dir, Bit__Manifest **out)
{
    char path[BIT_PATH_MAX];
    int fd, err;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, BIT_CHECKPOINT_MANIFEST) >= sizeof path)
        return bit_fail(-ENAMETOOLONG, "'%s'", dir);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return bit_fail(-errno, "'%s'", path);
    err = bit_manifest_read_open(fd, path, out);
    close(fd);
    return err;
}

/* The file's bytes. *out is heap. */
static int encode(const Bit__Manifest *manifest, uint8_t **out, size_t *bytes)
{
    size_t body_bytes = protobuf_c_message_get_packed_size(&manifest->base);
    uint8_t *buf;
    int err;

    if (body_bytes > BIT_MANIFEST_BYTES_MAX - HEAD_BYTES)
        return bit_fail(BIT_ELIMIT, "a manifest of %zu bytes", body_bytes);
    buf = malloc(HEAD_BYTES + body_bytes);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "a manifest of %zu bytes", body_bytes);
    protobuf_c_message_pack(&manifest->base, buf + HEAD_BYTES);
    /* Find now what a reader would refuse, while the run still has the data in memory. */
    err = bit_strict_check(&bit__manifest__descriptor, buf + HEAD_BYTES, body_bytes);
    if (err < 0) {
        free(buf);
        return err;
    }
    memcpy(buf, magic, sizeof magic);
    put32(buf + 8, (uint32_t)body_bytes);
    put32(buf + 12, bit_crc32c(0, buf + HEAD_BYTES, body_bytes));
    *out = buf;
    *bytes = HEAD_BYTES + body_bytes;
    return 0;
}

static int write_synced(int fd, const uint8_t *buf, size_t bytes)
{
    int err = bit_full_io_write(fd, buf, bytes);

    if (err < 0)
        return bit_fail(err, "writing " BIT_CHECKPOINT_MANIFEST);
    return fsync(fd) < 0 ? bit_fail(-errno, "syncing " BIT_CHECKPOINT_MANIFEST) : 0;
}

/* Always a new file: after a failed fsync a file must not be trusted again. */
static int create_file(int dir_fd, const uint8_t *buf, size_t bytes)
{
    int fd, err;

    if (unlinkat(dir_fd, BIT_CHECKPOINT_MANIFEST, 0) < 0 && errno != ENOENT)
        return bit_fail(-errno, "replacing " BIT_CHECKPOINT_MANIFEST);
    fd = openat(dir_fd, BIT_CHECKPOINT_MANIFEST, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return bit_fail(-errno, "creating " BIT_CHECKPOINT_MANIFEST);
    err = write_synced(fd, buf, bytes);
    if (close(fd) < 0 && err == 0)
        err = bit_fail(-errno, "closing " BIT_CHECKPOINT_MANIFEST);
    if (err == 0 && fsync(dir_fd) < 0)
        err = bit_fail(-errno, "syncing the checkpoint's folder");
    if (err < 0)
        unlinkat(dir_fd, BIT_CHECKPOINT_MANIFEST, 0);
    return err;
}

int bit_manifest_write(int dir_fd, const Bit__Manifest *manifest)
{
    uint8_t *buf = NULL;
    size_t bytes = 0;
    int err;

    BIT_ASSERT(protobuf_c_message_check(&manifest->base));
    err = check_manifest(manifest, BIT_CHECKPOINT_MANIFEST);
    if (err < 0)
        return err;
    err = encode(manifest, &buf, &bytes);
    if (err == 0)
        err = create_file(dir_fd, buf, bytes);
    free(buf);
    return err;
}
