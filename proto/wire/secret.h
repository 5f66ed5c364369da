/* Secrets in memory: wiped when they are not needed any more, and in no core file. */
#ifndef BIT_PROTO_SECRET_H
#define BIT_PROTO_SECRET_H

#include <stddef.h>

/** Overwrite, in a way that no compiler leaves out. NULL with 0 bytes is fine. */
void bit_secret_wipe(void *secret, size_t bytes);
/** From now on neither this process nor what it starts writes a core file. Errors: -errno. */
int bit_secret_no_core(void);
/**
 * The kernel dumps this process for nobody, a program that takes cores by a pipe included, which the limit alone does
 * not stop. Nobody but root can attach to it either, or read what /proc has of its memory and descriptors; what it
 * executes is as before. Not for workers: MPI and NCCL read each other's memory by the same right. Errors: -errno.
 */
int bit_secret_no_dump(void);
/** Leave the pages of these bytes out of core files. Best effort: a kernel without MADV_DONTDUMP does nothing. */
void bit_secret_hide(void *secret, size_t bytes);

#endif
