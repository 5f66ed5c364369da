/* Expands what a verb is given to read (files, folders and globs) into one list of files in a fixed order. */
#ifndef BIT_CTL_INPUTS_H
#define BIT_CTL_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define BIT_INPUTS_MAX (1u << 20) /* files */

struct bit_inputs {
    struct bit_input_file {
        char *path;
        uint64_t bytes; /* on disk; 0 if not a regular file */
        uint64_t mtime_ns;
        bool regular; /* false: a pipe or a device, which can be read once only */
    } * files;
    size_t count, room;
};

/**
 * Expand the arguments in their order. A file stands for itself. A folder stands for the files below it whose names
 * end in .json or .jsonl, or either with .gz, .zst or .zstd, sorted by path. An argument that is no existing path is
 * taken as a glob, and its matches are expanded in the same way. A path that is given twice is read twice.
 * Errors      -ENOENT naming an argument that matches nothing; BIT_ELIMIT; -errno. *out is finished then.
 */
int bit_inputs_expand(char *const *args, size_t count, struct bit_inputs *out);
void bit_inputs_finish(struct bit_inputs *inputs);
/** Bytes on disk of all files. */
uint64_t bit_inputs_bytes(const struct bit_inputs *inputs);

/** Modification time in ns, as in bit_input_file.mtime_ns. */
uint64_t bit_inputs_mtime(const struct stat *st);

#endif
