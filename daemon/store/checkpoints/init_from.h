/*
 * model.init_from as it was when the run was submitted (proto/dryrun/init_look.h): init.pb beside the journal has its
 * real path and the identity of its files. A launch from it, here or on another node, opens that path and these files
 * only.
 */
#ifndef BIT_DAEMON_INIT_FROM_H
#define BIT_DAEMON_INIT_FROM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/dryrun/init_look.h"

/** Write it to `path`. Errors: -errno. */
int bit_init_from_keep(struct bit_init_from *o, const char *path);
/** Read it back. Errors: -ENOENT; BIT_ECORRUPT; -errno. */
int bit_init_from_load(const char *path, struct bit_init_from *out);
/**
 * Before a launch, blocking: whether it still is what `path` describes. If nothing was kept, and `own`, it is examined
 * now.
 * Errors      BIT_EDATA with what differs
 */
int bit_init_from_check(const Bit__ModelSpec *model, const char *path, bool own);
/* The arrays that a message's lists point to. */
struct bit_init_lists {
    Bit__InitFile *file[BIT_WEIGHT_FILES_MAX];
    char *name[BIT_WEIGHT_FILES_MAX];
};
/** Fill the message of a welcome; it borrows from o and from lists, which are filled for it. */
void bit_init_from_tell(struct bit_init_from *o, struct bit_init_lists *lists, Bit__InitFacts *out);

#endif
