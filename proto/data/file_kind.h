/*
 * Guesses from its first bytes whether a file given as a token file is one. Raw ids have no header, so any bytes could
 * be ids; the kinds below are the mistakes that can be recognised.
 */
#ifndef BIT_PROTO_FILE_KIND_H
#define BIT_PROTO_FILE_KIND_H

#include <stddef.h>
#include <stdint.h>

#define BIT_FILE_KIND_BYTES 65536 /* bytes from the file's start (or the whole file) that are looked at */

enum bit_file_kind {
    BIT_FILE_TOKENS,
    BIT_FILE_NUMPY,      /* written by numpy.save: a header, then the array */
    BIT_FILE_COMPRESSED, /* gzip or zstd */
    BIT_FILE_REQUESTS,   /* a downstream task: request_file.h */
    BIT_FILE_TEXT,
    BIT_FILE_IDS_16, /* ids of 16 bits where 32 are expected */
    BIT_FILE_IDS_32, /* ids of 32 bits where 16 are expected */
};

/** Judge the first bytes of a file that should hold ids of token_bytes (2 or 4), little-endian, below vocab. */
enum bit_file_kind bit_file_kind(const uint8_t *bytes, size_t count, unsigned token_bytes, uint32_t vocab);
/** 0 for BIT_FILE_TOKENS; else BIT_EDATA with `path`, the kind of file and a remedy. */
int bit_file_kind_check(enum bit_file_kind kind, const char *path);

#endif
