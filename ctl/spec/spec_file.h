/* A specification as a verb is given it: from a file or a pipe, changed by --set, with every problem of it. */
#ifndef BIT_CTL_SPEC_FILE_H
#define BIT_CTL_SPEC_FILE_H

#include <stdbool.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

#define BIT_SPEC_FILE_SETS_MAX 64

struct bit_spec_file {
    const char *path; /* as it was given; - is standard input */
    const char *name; /* --name, or NULL */
    bool submits;     /* else it is only checked */
    const char *set[BIT_SPEC_FILE_SETS_MAX];
    int set_count;
    /* filled */
    char *directory;             /* that its relative paths are relative to */
    Bit__RunSpec *spec, *normal; /* as it is written, and with every field set */
    struct bit_problems problems;
};

/** One more --set. Errors: -ENOSPC above BIT_SPEC_FILE_SETS_MAX. */
int bit_spec_file_set(struct bit_spec_file *f, const char *assignment);
/**
 * Load, change and check it; where a rule is broken, look at the files that it names, too, so that everything is told
 * at once.
 * Returns     0, or the exit code after everything was said; bit_spec_file_finish is due in any case
 */
int bit_spec_file_read(struct bit_cli *cli, struct bit_spec_file *f);
/** The same of one that no file holds; it becomes f's. f->path is what it is called, its paths are relative to here. */
int bit_spec_file_take(struct bit_cli *cli, struct bit_spec_file *f, Bit__RunSpec *spec);
/** Say the problems, each with its line and column, or as JSON; returns err's exit code. */
int bit_spec_file_refuse(struct bit_cli *cli, struct bit_spec_file *f, int err);
/** The same with those that bitd found. */
int bit_spec_file_refused(struct bit_cli *cli, struct bit_spec_file *f, const Bit__ErrorReply *error);
/**
 * Look at everything that the normalised spec names; problems are added. rules_hold as bit_token_look has it.
 * Errors      as bit_token_look, bit_init_look
 */
struct bit_token_look;
int bit_spec_file_look(struct bit_spec_file *f, bool rules_hold, struct bit_token_look *tokens,
                       struct bit_problems *notes);
void bit_spec_file_finish(struct bit_spec_file *f);

#endif
