/* The specification of a verb's command line: from a file or a pipe, changed by --set, with all its problems. */
#ifndef BIT_CTL_SPEC_FILE_H
#define BIT_CTL_SPEC_FILE_H

#include <stdbool.h>

#include "ctl/cli/verb.h"
#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

struct bit_spec_file {
    const char *path;       /* as on the command line; - is standard input */
    const char *name;       /* --name, or NULL */
    bool submits;           /* false: it is only checked */
    const char *const *set; /* --set */
    size_t set_count;
    /* NULL, or whether what it was made from has changed: bitd's refusal is not printed then, and the caller makes it
     * again. */
    bool (*outdated)(void *arg);
    void *arg; /* of outdated */
    /* outputs */
    char *directory;             /* where its relative paths start */
    Bit__RunSpec *spec, *normal; /* as written, and with every field set */
    struct bit_problems problems;
};

/**
 * Load, change and check it. If a rule is broken, the files that it names are checked, too, so that all problems are
 * reported at once.
 * Returns     0, or the exit code after the problems were printed; call bit_spec_file_finish in any case
 */
int bit_spec_file_read(struct bit_cli *cli, struct bit_spec_file *f);
/**
 * The same for a specification that is in no file; f owns it. f->path is a name for messages; relative paths start at
 * the current folder.
 */
int bit_spec_file_take(struct bit_cli *cli, struct bit_spec_file *f, Bit__RunSpec *spec);
/** Print the problems with line and column, or as JSON; returns err's exit code. */
int bit_spec_file_refuse(struct bit_cli *cli, struct bit_spec_file *f, int err);
/** The same with the problems that bitd found. */
int bit_spec_file_refused(struct bit_cli *cli, struct bit_spec_file *f, const Bit__ErrorReply *error);
/**
 * Check all files that the normalised spec names; problems are added. rules_hold: see bit_token_look.
 * Errors      as bit_token_look, bit_init_look
 */
struct bit_token_look;
int bit_spec_file_look(struct bit_spec_file *f, bool rules_hold, struct bit_token_look *tokens,
                       struct bit_problems *notes);
void bit_spec_file_finish(struct bit_spec_file *f);

#endif
