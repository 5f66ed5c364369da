/*
 * What a file that is given as token files looks like, from its first bytes. Raw ids have no header, so any bytes could
 * be ids; these are the mistakes that can be told from them.
 */
#ifndef BIT_PROTO_FILE_KIND_H
#define BIT_PROTO_FILE_KIND_H

#include <stddef.h>
#include <stdint.h>

#define BIT_FILE_KIND_BYTES 65536 /* of a file's beginning, or all of it: what a verdict is made from */

enum bit_file_kind {
    BIT_FILE_TOKENS,
    BIT_FILE_NUMPY,      /* numpy.save's: a header, then the array */
    BIT_FILE_COMPRESSED, /* gzip or zstd */
    BIT_FILE_REQUESTS,   /* a downstream task: request_file.h */
    BIT_FILE_TEXT,
    BIT_FILE_IDS_16, /* ids of 16 bits where 32 are expected */
    BIT_FILE_IDS_32, /* and the other way round */
};

/** Judge the first bytes of a file that should hold ids of token_bytes (2 or 4), little-endian, below vocab. */
enum bit_file_kind bit_file_kind(const uint8_t *bytes, size_t count, unsigned token_bytes, uint32_t vocab);
/** 0 for BIT_FILE_TOKENS; else BIT_EDATA with `path`, what it looks like and what to do. */
int bit_file_kind_check(enum bit_file_kind kind, const char *path);

#endif
