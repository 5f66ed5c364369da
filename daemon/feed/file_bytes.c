#include "daemon/feed/file_bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/data/sidecar.h"
#include "proto/err.h"
#include "proto/full_io.h"

#define KNOWN       (UINT64_C(1) << 32)
#define PIECE_BYTES (1u << 20)

/* The sidecar of the folder last read, and the likely index of its next file. */
struct beside {
    const char *path; /* of a file in that folder; NULL: none yet */
    bool known;
    struct bit_sidecar sidecar;
    size_t next;
};

static void leave(struct beside *b)
{
    if (b->known)
        bit_sidecar_finish(&b->sidecar);
    *b = (struct beside){0};
}

static void look_beside(struct beside *b, const char *path, const struct bit_file_id *shown)
{
    if (b->path != NULL && bit_sidecar_is_shared(b->path, path))
        return;
    leave(b);
    b->path = path;
    b->known = bit_sidecar_read_shown(path, shown, &b->sidecar) > 0; /* a broken one is ignored */
}

/* Starts at the likely index: files mostly come in the sidecar's order, and there may be many. */
static const struct bit_sidecar_file *find(struct beside *b, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; b->known && i < b->sidecar.file_count; i++) {
        const size_t at = (b->next + i) % b->sidecar.file_count;
        if (strcmp(b->sidecar.file[at].name, name) == 0) {
            b->next = at + 1;
            return &b->sidecar.file[at];
        }
    }
    return NULL;
}

void bit_file_bytes_note(struct bit_shards *const *sets, size_t count, const struct bit_file_id *shown,
                         uint64_t *checksum)
{
    struct beside beside = {0};

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < bit_shards_files(sets[i]); k++, checksum++) {
            const struct bit_token_file *file = bit_shards_file(sets[i], k);
            look_beside(&beside, file->path, shown);
            const struct bit_sidecar_file *told = find(&beside, file->path);
            *checksum = told != NULL && told->tokens * file->token_bytes == file->bytes ? KNOWN | told->crc : 0;
            if (shown != NULL)
                shown++;
        }
    leave(&beside);
}

static int sum(const struct bit_token_file *file, uint8_t *piece, const atomic_bool *stop, uint32_t *crc)
{
    uint64_t done = 0;
    size_t got = PIECE_BYTES;

    for (*crc = 0; got == PIECE_BYTES; done += got) {
        if (atomic_load(stop))
            return bit_fail(-ECANCELED, "%s: not compared to its end", file->path);
        int err = bit_full_io_read(file->fd, piece, PIECE_BYTES, &got);
        if (err < 0)
            return bit_fail(err, "token file '%s' at byte %" PRIu64, file->path, done);
        *crc = bit_crc32c(*crc, piece, got);
    }
    return 0;
}

int bit_file_bytes_compare(const struct bit_token_file *file, uint64_t checksum, bool same_mtime,
                           const atomic_bool *stop)
{
    struct bit_token_file now;
    uint8_t *piece = malloc(PIECE_BYTES);
    uint32_t crc = 0;
    int err = piece == NULL ? bit_fail(-ENOMEM, "%s", file->path)
                            : bit_token_file_open(file->path, file->token_bytes, &now);

    if (err == 0) {
        if (now.inode != file->inode || now.device != file->device || now.bytes != file->bytes)
            err = bit_fail(BIT_EDATA, "%s: replaced while it was compared", file->path);
        else
            err = sum(&now, piece, stop, &crc);
        bit_token_file_close(&now);
    }
    if (err == 0 && crc != (uint32_t)checksum)
        err = bit_fail(BIT_EDATA,
                       "%s: written to since the run began%s: its bytes have CRC-32C %08" PRIx32
                       ", and dataset.json had %08" PRIx32 " then",
                       file->path, same_mtime ? ", with its time put back" : "", crc, (uint32_t)checksum);
    free(piece);
    return err;
}
