/* The codes file of a checkpoint (proto/ckpt/codes_file.h): every rank ternarises and packs its own part of the
 * master. */
#ifndef BIT_WORKER_CKPT_CODES_H
#define BIT_WORKER_CKPT_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_worker;

struct bit_ckpt_codes {
    struct bit_worker *worker; /* borrowed; NULL where the specification asks for no codes */
    bool wanted;               /* whether the checkpoint under way has codes: it is of the ternary phase */
    float *scale;              /* (scales), on the host; owned, with what follows */
    uint32_t (*crc)[2];        /* (blocks): of a block's codes up to a chunk's end, and after it; at the end all
                                  blocks' */
    uint32_t *chunk_crc;       /* (chunks): of the whole file, after they are joined */
    size_t chunks;
    uint8_t *packed; /* buffer of one write */
    size_t head_bytes;
    uint32_t head_crc; /* rank 0's */
    uint64_t file_bytes;
};

/** Does nothing if the specification asks for no codes. Errors: -ENOMEM. finish takes a zeroed struct too. */
int bit_ckpt_codes_init(struct bit_ckpt_codes *codes, struct bit_worker *worker);
void bit_ckpt_codes_finish(struct bit_ckpt_codes *codes);

/**
 * Compute the scales of the present master, if this phase has codes.
 * Collective  yes
 * Errors      an operator's: others may be inside a collective then
 */
int bit_ckpt_codes_begin(struct bit_ckpt_codes *codes);
/** Rank 0: create the file at its full size, without codes. Errors: -errno; -ENOMEM */
int bit_ckpt_codes_create(struct bit_ckpt_codes *codes, const char *path, const char *metadata);
/** Write the codes of elements [first, first + count) of the flat vector, which are this rank's, to the open file;
 * calls in flat order. Errors: -errno */
int bit_ckpt_codes_write(struct bit_ckpt_codes *codes, int fd, const char *path, const float *master, int64_t first,
                         int64_t count);
/** Gather all ranks' checksums and join them. Collective: yes */
void bit_ckpt_codes_gather(struct bit_ckpt_codes *codes);
/** Fill its entry of the manifest. Borrows codes' tables. */
void bit_ckpt_codes_describe(const struct bit_ckpt_codes *codes, Bit__ManifestFile *out);

#endif
