/* A MANIFEST's bytes. An input that begins with "M" is also parsed with a valid head before the rest, because the
 * checksum would reject nearly all mutations. */
#include <stdlib.h>
#include <string.h>

#include "proto/ckpt/checkpoint.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "tests/fuzz/fuzz.h"

#define HEAD_BYTES 16

static void put32(uint8_t *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> 8 * i);
}

/* The properties that verification relies on. */
static void check_manifest(const Bit__Manifest *m)
{
    FUZZ_CHECK(m->version >= 1 && m->version <= BIT_MANIFEST_VERSION);
    FUZZ_CHECK(m->n_file >= BIT_CHECKPOINT_FILES && m->n_file <= BIT_CHECKPOINT_FILES_MAX);
    for (size_t i = 0; i < m->n_file; i++) {
        const Bit__ManifestFile *f = m->file[i];
        uint64_t data_bytes = f->bytes - f->data_offset;
        FUZZ_CHECK(strcmp(f->name, bit_checkpoint_file_name(i)) == 0);
        FUZZ_CHECK(f->data_offset <= f->bytes);
        FUZZ_CHECK(f->chunk_bytes == BIT_CHECKPOINT_CHUNK ||
                   (i >= BIT_CHECKPOINT_EXP_AVG && i <= BIT_CHECKPOINT_EXP_AVG_SQ &&
                    f->chunk_bytes == BIT_CHECKPOINT_CHUNK / 2));
        FUZZ_CHECK(f->n_chunk_crc == data_bytes / f->chunk_bytes + (data_bytes % f->chunk_bytes != 0));
    }
}

static void parse(const uint8_t *buf, size_t bytes)
{
    Bit__Manifest *m = NULL;
    int err = bit_manifest_parse(buf, bytes, "input", &m);

    FUZZ_CHECK(err == 0 || err == BIT_ECORRUPT || err == BIT_EVERSION);
    FUZZ_CHECK((m != NULL) == (err == 0));
    if (m != NULL)
        check_manifest(m);
    bit_msg_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint8_t *buf;

    parse(data, bytes);
    if (bytes == 0 || data[0] != 'M')
        return 0;
    buf = malloc(HEAD_BYTES + bytes);
    FUZZ_CHECK(buf != NULL);
    memcpy(buf, "BITMAN01", 8);
    put32(buf + 8, (uint32_t)(bytes - 1));
    put32(buf + 12, bit_crc32c(0, data + 1, bytes - 1));
    memcpy(buf + HEAD_BYTES, data + 1, bytes - 1);
    parse(buf, HEAD_BYTES + bytes - 1);
    free(buf);
    return 0;
}
