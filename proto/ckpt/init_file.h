/* Records the identity of a file of model.init_from at submission, and compares it when the model is loaded. */
#ifndef BIT_PROTO_INIT_FILE_H
#define BIT_PROTO_INIT_FILE_H

#include <sys/stat.h>

#include "proto/bit.pb-c.h"

/** Record an open file's identity. */
void bit_init_file_note(const struct stat *st, Bit__InitFile *out);
/**
 * Check that the open file is the one that bitd recorded when the run was submitted. The device is not compared,
 * because its number differs between nodes.
 * Errors      BIT_EDATA
 */
int bit_init_file_check_same(const char *path, const struct stat *st, const Bit__InitFile *then);

#endif
