/* A sweep as it is written: a file of its own (*.sweep), or a specification that --vary varies. */
#ifndef BIT_CTL_SWEEP_FILE_H
#define BIT_CTL_SWEEP_FILE_H

#include <stdbool.h>

#include "ctl/spec/sweep_expand.h"
#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/* Problems are kept by the file that they are in. */
struct bit_sweep_file {
    const char *path;                  /* as on the command line; - is standard input */
    Bit__SweepSpec *sweep;             /* without its `run`; empty if path is a specification */
    char *base_path;                   /* the specification's file; NULL: it is in the sweep's file */
    char *directory;                   /* where paths of specification and branches start: the specification's folder */
    Bit__RunSpec *base;                /* as written, then changed by --set */
    struct bit_problems problems;      /* of the sweep's file, with its positions */
    struct bit_problems base_problems; /* of the specification's file; empty if base_path is NULL */
    bool is_sweep;                     /* path is a sweep's file */
};

/**
 * Read both. A name that ends in .sweep is a sweep's, any other a specification's.
 * Errors      BIT_ESPEC with problems; -errno of a file; -ENOMEM. Call bit_sweep_file_finish in any case
 */
int bit_sweep_file_read(struct bit_sweep_file *f);
/** Apply --set to the specification. Errors: BIT_ESPEC with problems. */
int bit_sweep_file_set(struct bit_sweep_file *f, const char *assignment);
/** Add a problem of the specification, at the place of `field` in the file that has it. */
void bit_sweep_file_blame(struct bit_sweep_file *f, const char *field, const char *text);
/** The sweep's default name: the file's. Into BIT_NAME_MAX + 1 bytes. */
void bit_sweep_file_name(const struct bit_sweep_file *f, char *out);
void bit_sweep_file_finish(struct bit_sweep_file *f);

#endif
