/*
 * model.init_from, looked at: its path made real (no symbolic link is left in it), and its files through descriptors.
 *
 * Whose right it is to read them: bitd's own user and root have theirs; anybody else shows the files as he shows token
 * files (daemon/client/submit/proof.h), or they are of a run of this bitd, below STATE/runs, that he may start from
 * (daemon/client/connection/access.h).
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
    struct bit_origin origin;                 /* its path is real */
    Bit__InitFile file[BIT_WEIGHT_FILES_MAX]; /* origin.count of them */
    char run[BIT_RUN_ID_MAX];                 /* whose checkpoint it is, where only that lets it be read; else empty */
};

/**
 * Look at what a normalised model's init_from names, and into its headers: whatever is wrong is a problem, all of it at
 * once; notes are as bit_init_tensors_check and bit_model_config_compare have them. Blocking. With `shown`
 * (BIT_SPEC_INIT_FILES, of a submitter who is not bitd's user) it must be those files; or be below runs, a folder's
 * path, and then *out says which run's.
 * Errors      BIT_EAUTH, with nothing of what is in a file, and no problem; BIT_EDATA for what is missing or no regular
 * file; BIT_ESPEC, BIT_ECORRUPT for one of another model or none at all; -errno
 */
int bit_init_look(const Bit__ModelSpec *model, const struct bit_file_id *shown, const char *runs,
                  struct bit_problems *problems, struct bit_problems *notes, struct bit_init_from *out);

#endif
