/* A file that a model begins from, known again when the model does. */
#ifndef BIT_PROTO_INIT_FILE_H
#define BIT_PROTO_INIT_FILE_H

#include <sys/stat.h>

#include "proto/bit.pb-c.h"

/** What the open file is. */
void bit_init_file_note(const struct stat *st, Bit__InitFile *out);
/**
 * The open file is the one that bitd looked at when the run was submitted. The device is not compared: every node has
 * numbers of its own.
 * Errors      BIT_EDATA
 */
int bit_init_file_check_same(const char *path, const struct stat *st, const Bit__InitFile *then);

#endif
