/* A sweep as it is written: a file of its own (*.sweep), or the specification that --vary goes over. */
#ifndef BIT_CTL_SWEEP_FILE_H
#define BIT_CTL_SWEEP_FILE_H

#include <stdbool.h>

#include "ctl/spec/sweep_expand.h"
#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/* What is wrong is kept beside the file that it is wrong in. */
struct bit_sweep_file {
    const char *path;             /* as it was given; - is standard input */
    Bit__SweepSpec *sweep;        /* without its `run`; empty where path is a specification */
    char *base_path;              /* of the specification; NULL: it stands in the sweep's file */
    char *directory;              /* that the paths of specification and branches are relative to: base_path's folder */
    Bit__RunSpec *base;           /* as it is written, and changed by --set */
    struct bit_problems problems; /* of the sweep's file, with the positions in it */
    struct bit_problems base_problems; /* of the specification's; empty where base_path is NULL */
    bool is_sweep;                     /* path is a sweep's file */
};

/**
 * Read both. A name that ends in .sweep is a sweep's, any other a specification's.
 * Errors      BIT_ESPEC with problems; -errno of a file; -ENOMEM. bit_sweep_file_finish is due in any case
 */
int bit_sweep_file_read(struct bit_sweep_file *f);
/** Apply --set to the specification. Errors: BIT_ESPEC with problems. */
int bit_sweep_file_set(struct bit_sweep_file *f, const char *assignment);
/** Add a problem of the specification where `field` stands in whichever file it is in. */
void bit_sweep_file_blame(struct bit_sweep_file *f, const char *field, const char *text);
/** The sweep's name where nothing else gives one: the file's. Into BIT_NAME_MAX + 1 bytes. */
void bit_sweep_file_name(const struct bit_sweep_file *f, char *out);
void bit_sweep_file_finish(struct bit_sweep_file *f);

#endif
