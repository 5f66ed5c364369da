/* Wipes secrets from memory and keeps them out of core files. */
#ifndef BIT_PROTO_SECRET_H
#define BIT_PROTO_SECRET_H

#include <stddef.h>

/** Overwrite in a way that a compiler cannot optimise away. NULL with 0 bytes is allowed. */
void bit_secret_wipe(void *secret, size_t bytes);
/** From now on neither this process nor its children write core files. Errors: -errno. */
int bit_secret_no_core(void);
/**
 * Make this process undumpable: the kernel also gives no core to a program that takes them by a pipe, which the limit
 * alone does not prevent. Only root can attach to the process, or read its memory and descriptors in /proc. Programs
 * that it executes are dumpable again. Not for workers: MPI and NCCL need the same right to read each other's memory.
 * Errors: -errno.
 */
int bit_secret_no_dump(void);
/** Exclude the pages of these bytes from core files. Best effort: a kernel without MADV_DONTDUMP does nothing. */
void bit_secret_hide(void *secret, size_t bytes);

#endif
