/*
 * Checks model.init_from: resolves its path (realpath, without symbolic links), and opens and compares its files.
 *
 * Permission to read them: bitd's own user and root may use any file. Another submitter must prove access by opening
 * the files, as for token files (daemon/client/submit/proof.h), unless they belong to a run of this bitd, below
 * STATE/runs, from which the submitter may start (daemon/client/connection/access.h).
 */
#ifndef BIT_PROTO_INIT_LOOK_H
#define BIT_PROTO_INIT_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/origin.h"
#include "proto/limits.h"
#include "proto/regular_file.h"
#include "proto/text/problems.h"

struct bit_init_from {
    struct bit_origin origin;                 /* its path has no symbolic links */
    Bit__InitFile file[BIT_WEIGHT_FILES_MAX]; /* origin.count of them */
    char run[BIT_RUN_ID_MAX];                 /* the run of the checkpoint, if access depends on it; else empty */
};

/**
 * Check the path and the files' headers of a normalised model's init_from, and add all problems; notes are those of
 * bit_init_tensors_check and bit_model_config_compare. Blocking.
 * shown       NULL, or (for a submitter who is not bitd's user) the BIT_SPEC_INIT_FILES files that init_from must
 *             consist of, unless it is below the folder `runs`; then out->run is the run
 * Errors      BIT_EAUTH, without a problem, and without anything from inside a file; BIT_EDATA for a file that is
 *             missing or not regular; BIT_ESPEC, BIT_ECORRUPT for a file of another model or an invalid one; -errno
 */
int bit_init_look(const Bit__ModelSpec *model, const struct bit_file_id *shown, const char *runs,
                  struct bit_problems *problems, struct bit_problems *notes, struct bit_init_from *out);

#endif
