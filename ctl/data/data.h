/* `bitctl data`: what its sub-verbs share. */
#ifndef BIT_CTL_DATA_H
#define BIT_CTL_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/cli/options.h"
#include "proto/data/sidecar.h"

struct bit_data_options {
    struct bit_cli *cli;
    unsigned long long context, vocab, step, rank, document; /* 0: not given, but for has_rank and has_document */
    bool has_rank, has_document, text;
    const char *tokenizer;
};

/* Files by their paths; a folder stands for the .npy and .requests files in it, by name. */
struct bit_data_files {
    char **path;
    size_t count;
};
/** Errors: -ENOENT naming what has no such file; -errno; -ENOMEM. */
int bit_data_files_find(char *const *args, size_t count, struct bit_data_files *out);
void bit_data_files_finish(struct bit_data_files *files);

/** Bytes of an id: what dataset.json says, else 2. *sidecar is zero where there is none. Errors: as bit_sidecar_read.
 */
int bit_data_describe(const char *path, struct bit_sidecar *sidecar, unsigned *token_bytes);

/* Each returns the exit code. */
int bit_data_info(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_verify(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_show(const struct bit_data_options *o, const char *run);

/** A verdict of a bad file: what bit_fail noted of it, which is borrowed. */
void bit_data_verify_failed(Bit__DataVerdict *m, int err);

/** Whether a path is a request file's, by its first bytes. */
bool bit_data_is_requests(const char *path);
/* The same of request files. */
int bit_data_requests_info(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_requests_verify(const struct bit_data_options *o, const struct bit_data_files *files);
int bit_data_requests_show(const struct bit_data_options *o, const char *path);

#endif
