/* What a verb is given to read: files, folders and globs become one list of files in a fixed order. */
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
        uint64_t bytes; /* on disk; 0 for what is no regular file */
        uint64_t mtime_ns;
        bool regular; /* else a pipe or a device: read once, and never the same again */
    } * files;
    size_t count, room;
};

/**
 * Expand the arguments in their order. A file stands for itself; a folder for the files below it whose names end in
 * .json or .jsonl, or either with .gz, .zst or .zstd, sorted by path; what exists under no such name is a glob, and its
 * matches are taken the same way. Two mentions of a path are two readings of it.
 * Errors      -ENOENT naming an argument that matches nothing; BIT_ELIMIT; -errno. *out is finished then.
 */
int bit_inputs_expand(char *const *args, size_t count, struct bit_inputs *out);
void bit_inputs_finish(struct bit_inputs *inputs);
/** Bytes on disk of all. */
uint64_t bit_inputs_bytes(const struct bit_inputs *inputs);

/** The time of the last change, as an input has it. */
uint64_t bit_inputs_mtime(const struct stat *st);

#endif
