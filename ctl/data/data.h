/* Shared by the sub-verbs of `bitctl data`. */
#ifndef BIT_CTL_DATA_H
#define BIT_CTL_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/cli/options.h"
#include "proto/data/sidecar.h"

struct bit_data_options {
    struct bit_cli *cli;
    uint64_t context, vocab, step, rank, document; /* 0: not given, except for rank and document */
    bool has_rank, has_document, text;
    const char *tokenizer;
};

/* A list of files; a folder is replaced by its .npy and .requests files, sorted by name. */
struct bit_data_files {
    char **path;
    size_t count;
};
/** Errors: -ENOENT naming a folder without such files; -errno; -ENOMEM. */
int bit_data_files_find(char *const *args, size_t count, struct bit_data_files *out);
void bit_data_files_finish(struct bit_data_files *files);

/** Bytes per id: from dataset.json, else 2. *sidecar is zero if there is no dataset.json. Errors:
 * bit_sidecar_read's. */
int bit_data_describe(const char *path, struct bit_sidecar *sidecar, unsigned *token_bytes);

/* Each returns an exit code. */
int bit_data_info(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_verify(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_show(const struct bit_data_options *o, const char *run);

/** Fill in the verdict of a bad file. The note of bit_fail is borrowed. */
void bit_data_verify_failed(Bit__DataVerdict *m, int err);

/** Whether a file is a request file, by its first bytes. */
bool bit_data_is_requests(const char *path);
/* The same for request files. */
int bit_data_requests_info(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_requests_verify(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_requests_show(const struct bit_data_options *o, const char *path);

#endif
