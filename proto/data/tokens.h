/* Token files: raw little-endian uint16, no header, despite the .npy that OLMo names them by
 * (olmo/data/memmap_dataset.py). */
#ifndef BIT_PROTO_TOKENS_H
#define BIT_PROTO_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#define BIT_TOKEN_BYTES 2

struct bit_token_file {
    int fd;
    const char *path;  /* borrowed */
    uint64_t bytes;    /* when it was opened */
    uint64_t mtime_ns; /* likewise: a file that changes under a run is an error */
    uint64_t ctime_ns; /* likewise; it changes with rights, links and names too, and nobody can put it back */
    uint64_t inode, device;
};

/**
 * Open a token file and note its size. Errors: -errno of open and fstat; BIT_EDATA if it is not a regular file, is
 * empty, or has an odd number of bytes. The caller closes out->fd.
 */
int bit_token_file_open(const char *path, struct bit_token_file *out);
void bit_token_file_close(struct bit_token_file *f);
/** Whole instances of `context` tokens in the file; the remainder is dropped. */
uint64_t bit_token_file_instances(const struct bit_token_file *f, uint32_t context);
/**
 * Read instance `index` into tokens (context x uint16, host order). Blocking.
 * Errors: BIT_EDATA naming path and byte offset for a short read or a file that shrank; -errno with the same for an I/O
 * error.
 */
int bit_token_file_read(const struct bit_token_file *f, uint64_t index, uint32_t context, uint16_t *tokens);
/** Index of the first id >= vocab, or -1. */
int64_t bit_tokens_find_invalid(const uint16_t *tokens, size_t count, uint32_t vocab);

#endif
