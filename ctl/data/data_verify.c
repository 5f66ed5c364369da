#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/data/data.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/data/file_kind.h"
#include "proto/data/token_file.h"
#include "proto/err.h"
#include "proto/full_io.h"
#include "proto/limits.h"

#define PIECE (1u << 20)

/* Expected properties of a file, and what has been found so far. */
struct verify {
    const char *path;
    unsigned token_bytes;
    uint32_t vocab;                       /* ids must be below it; 0: not known */
    const struct bit_sidecar_file *entry; /* NULL: dataset.json has no entry for it */
    bool recorded;
    uint64_t bytes;
    uint32_t crc;
    uint8_t *piece;
};

static int check_piece(struct verify *v, size_t bytes)
{
    int64_t bad = v->vocab == 0 ? -1
                                : bit_token_find_invalid(v->piece, bytes / v->token_bytes, v->token_bytes, v->vocab);

    if (v->bytes == 0 && v->entry == NULL) { /* no dataset.json says that these are tokens */
        int err = bit_file_kind_check(bit_file_kind(v->piece, BIT_MIN(bytes, (size_t)BIT_FILE_KIND_BYTES),
                                                    v->token_bytes, v->vocab != 0 ? v->vocab : BIT_VOCAB_MAX),
                                      v->path);
        if (err < 0)
            return err;
    }
    v->crc = bit_crc32c(v->crc, v->piece, bytes);
    if (bad < 0)
        return 0;
    uint32_t id = bit_token_id(v->piece, (size_t)bad, v->token_bytes);
    return bit_fail(BIT_EDATA, "%s: token id %u at byte %" PRIu64 " is not below the vocabulary's %u", v->path, id,
                    v->bytes + (uint64_t)bad * v->token_bytes, v->vocab);
}

static int read_through(struct verify *v)
{
    int fd = open(v->path, O_RDONLY | O_CLOEXEC), err = 0;
    size_t got = PIECE;

    if (fd < 0)
        return bit_fail(-errno, "'%s'", v->path);
    while (err == 0 && got == PIECE) {
        err = bit_full_io_read(fd, v->piece, PIECE, &got);
        if (err < 0)
            bit_fail(err, "'%s' at byte %" PRIu64, v->path, v->bytes + got);
        else if (got > 0)
            err = check_piece(v, got);
        v->bytes += got;
    }
    close(fd);
    return err;
}

static int compare(const struct verify *v)
{
    if (v->bytes % v->token_bytes != 0)
        return bit_fail(BIT_EDATA, "%s: %" PRIu64 " bytes are no whole number of %u-byte ids", v->path, v->bytes,
                        v->token_bytes);
    if (v->entry == NULL)
        return 0;
    if (v->entry->tokens * v->token_bytes != v->bytes)
        return bit_fail(BIT_ECORRUPT, "%s: %" PRIu64 " bytes; %s says %" PRIu64, v->path, v->bytes, BIT_SIDECAR_NAME,
                        v->entry->tokens * v->token_bytes);
    if (v->entry->crc != v->crc)
        return bit_fail(BIT_ECORRUPT, "%s: CRC-32C %08x; %s says %08x", v->path, v->crc, BIT_SIDECAR_NAME,
                        v->entry->crc);
    return 0;
}

void bit_data_verify_failed(Bit__DataVerdict *m, int err)
{
    m->good = false;
    m->has_error = m->has_exit_code = true;
    m->error = err;
    m->exit_code = bit_exit_code(err);
    m->name = bit_lend(bit_err_name(err));
    m->text = bit_lend(bit_fail_text());
}

/* If err < 0, the error text is the note of bit_fail. */
static void print_json(const struct verify *v, int err)
{
    Bit__DataVerdict m = BIT__DATA_VERDICT__INIT;
    char crc[9];

    snprintf(crc, sizeof crc, "%08x", v->crc);
    m.path = bit_lend(v->path);
    m.good = err >= 0;
    if (err < 0) {
        bit_data_verify_failed(&m, err);
    } else {
        m.has_tokens = m.has_recorded = m.has_vocab = true;
        m.tokens = v->bytes / v->token_bytes;
        m.crc32c = crc;
        m.recorded = v->recorded;
        m.vocab = v->vocab;
    }
    bit_print_json(&m);
}

static void print_good(const struct bit_data_options *o, const struct verify *v)
{
    if (o->cli->quiet)
        return;
    bit_show(stdout, "%s: good, %" PRIu64 " ids", v->path, v->bytes / v->token_bytes);
    if (v->vocab != 0)
        bit_show(stdout, " below %u", v->vocab);
    else
        bit_show(stdout, ", the vocabulary is not known (--vocab)");
    bit_show(stdout, v->recorded ? ", CRC-32C %08x as recorded\n" : ", CRC-32C %08x, none is recorded\n", v->crc);
}

static int look_at_file(struct verify *v)
{
    struct bit_sidecar sidecar;
    int err = bit_data_describe(v->path, &sidecar, &v->token_bytes);

    if (err < 0)
        return err;
    v->entry = bit_sidecar_find(&sidecar, v->path);
    v->recorded = v->entry != NULL;
    if (v->vocab == 0)
        v->vocab = sidecar.vocab;
    if (sidecar.token_bytes == 0 && v->vocab > BIT_VOCAB_16BIT)
        v->token_bytes = sizeof(uint32_t);
    err = read_through(v);
    if (err == 0)
        err = compare(v);
    bit_sidecar_finish(&sidecar);
    v->entry = NULL;
    return err;
}

static int verify_file(const struct bit_data_options *o, const char *path, uint8_t *piece)
{
    struct verify v = {.path = path, .piece = piece, .vocab = (uint32_t)o->vocab};
    int err = look_at_file(&v);

    if (o->cli->json)
        print_json(&v, err);
    else if (err == 0)
        print_good(o, &v);
    else
        bit_failure_print(o->cli, err);
    return bit_exit_code(err);
}

/* Verifies all files, even after a bad one. Returns the exit code of the first bad one. */
int bit_data_verify(const struct bit_data_options *o, const struct bit_data_files *files)
{
    uint8_t *piece = malloc(PIECE);
    int code = BIT_EXIT_OK;

    if (piece == NULL)
        return bit_failure_print(o->cli, bit_fail(-ENOMEM, "a buffer"));
    for (size_t i = 0; i < files->count; i++) {
        const int said = verify_file(o, files->path[i], piece);
        code = code == BIT_EXIT_OK ? said : code;
    }
    free(piece);
    return code;
}
