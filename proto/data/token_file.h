/*
 * Token files: raw little-endian ids of 2 or 4 bytes (OLMo's memmap_dtype uint16 and uint32), without a header,
 * although OLMo names them .npy (olmo/data/memmap_dataset.py).
 */
#ifndef BIT_PROTO_TOKEN_FILE_H
#define BIT_PROTO_TOKEN_FILE_H

#include <stddef.h>
#include <stdint.h>

struct bit_token_file {
    int fd;
    const char *path;     /* borrowed */
    unsigned token_bytes; /* of an id: 2 or 4 */
    uint64_t bytes;       /* when it was opened */
    uint64_t mtime_ns;    /* likewise: a file that changes during a run is an error */
    uint64_t ctime_ns;    /* likewise; permissions, links and names change it too, and it cannot be set back */
    uint64_t inode, device;
};

/**
 * Open a token file and note its size. Errors: -errno of open and fstat; BIT_EDATA if it is not a regular file, is
 * empty, or is not a whole number of ids of token_bytes. The caller closes out->fd.
 */
int bit_token_file_open(const char *path, unsigned token_bytes, struct bit_token_file *out);
void bit_token_file_close(struct bit_token_file *f);
/** Whole instances of `context` tokens in the file; the remainder is dropped. */
uint64_t bit_token_file_instances(const struct bit_token_file *f, uint32_t context);
/**
 * Read instance `index` into tokens (context ids of f->token_bytes, host order). Blocking.
 * Errors: BIT_EDATA naming path and byte offset for a short read or a file that shrank; -errno with the same for an I/O
 * error.
 */
int bit_token_file_read(const struct bit_token_file *f, uint64_t index, uint32_t context, void *tokens);
/** Index of the first id >= vocab, or -1. tokens (count) of token_bytes, aligned to them. */
int64_t bit_token_find_invalid(const void *tokens, size_t count, unsigned token_bytes, uint32_t vocab);
/** The id at index i of tokens, which are of token_bytes. */
uint32_t bit_token_id(const void *tokens, size_t i, unsigned token_bytes);

#endif
