/*
 * model.init_from as it was when the run was submitted. Its path then is made real (no symbolic link is left in it),
 * its files are looked at through descriptors, and which they are lies in init.pb beside the journal. What is launched
 * from it, here or on another node, opens the real path and no other file.
 *
 * Whose right it is to read them: bitd's own user and root have theirs; anybody else shows the files as he shows token
 * files (daemon/client/proof.h), or they are of a run of this bitd, below STATE/runs, that he may start from
 * (daemon/client/access.h).
 */
#ifndef BIT_DAEMON_INIT_FROM_H
#define BIT_DAEMON_INIT_FROM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"
#include "proto/regular_file.h"

#define BIT_INIT_FROM_FILES 2

struct bit_init_from {
    char path[BIT_PATH_MAX]; /* real */
    bool folder;
    size_t count;
    Bit__InitFile file[BIT_INIT_FROM_FILES]; /* the file; or MANIFEST and model.safetensors */
    char run[BIT_RUN_ID_MAX];                /* whose checkpoint it is, where only that lets it be read; else empty */
};

/**
 * Look at what init_from names, and into its headers. Blocking. With `shown` (BIT_SPEC_INIT_FILES, of a submitter who
 * is not bitd's user) it must be those files; or be below runs, a folder's path, and then *out says which run's. Errors
 * BIT_EAUTH, with nothing of what is in a file; BIT_EDATA for what is no regular file; BIT_ESPEC, BIT_ECORRUPT for one
 * of another model or none at all; -errno
 */
int bit_init_from_examine(const Bit__ModelSpec *model, const struct bit_file_id *shown, const char *runs,
                          struct bit_init_from *out);
/** Keep it at `path`. Errors: -errno. */
int bit_init_from_keep(const struct bit_init_from *o, const char *path);
/** Read it back. Errors: -ENOENT; BIT_ECORRUPT; -errno. */
int bit_init_from_load(const char *path, struct bit_init_from *out);
/**
 * Before a launch, blocking: it is still what `path` tells of. Where nothing was kept, `own` lets it be looked at now.
 * Errors      BIT_EDATA with what differs
 */
int bit_init_from_check(const Bit__ModelSpec *model, const char *path, bool own);
/** As a welcome has it; borrows from o, and list (BIT_INIT_FROM_FILES) is filled for it. */
void bit_init_from_tell(struct bit_init_from *o, Bit__InitFile *list[BIT_INIT_FROM_FILES], Bit__InitFacts *out);

#endif
