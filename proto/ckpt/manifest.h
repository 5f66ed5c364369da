/*
 * MANIFEST, the file that makes a folder a checkpoint: it describes what was saved, with checksums of all bytes.
 *
 *     offset  bytes  little-endian
 *          0      8  "BITMAN01"
 *          8      4  bytes of the message
 *         12      4  CRC-32C of the message
 *         16         a Manifest
 */
#ifndef BIT_PROTO_MANIFEST_H
#define BIT_PROTO_MANIFEST_H

#include "proto/bit.pb-c.h"

#define BIT_MANIFEST_VERSION 2 /* version 1 lists only the three files of training state; it can still be read */
/* The version of the arithmetic of a step. A run that resumes from a checkpoint of an older version uses the present
 * arithmetic, and reports that. The changes of each version: worker/model/arithmetic.c. */
#define BIT_ARITHMETIC 4

/**
 * Write MANIFEST into an open folder (fd), replacing what is there, and sync both. The caller has synced the data
 * files before, and renames the folder after. A MANIFEST that could not be written whole is removed.
 * Errors      -errno; BIT_ECORRUPT if the manifest is inconsistent; BIT_EVERSION if it is not of BIT_MANIFEST_VERSION
 */
int bit_manifest_write(int dir_fd, const Bit__Manifest *manifest);

/**
 * Read and check the MANIFEST of a folder: its own checksum, and that it lists a checkpoint's files with a checksum for
 * each chunk. *out is the caller's (bit_msg_free).
 * Errors      BIT_ECORRUPT names file and offset; BIT_EVERSION; -errno (-ENOENT: no checkpoint)
 */
int bit_manifest_read(const char *dir, Bit__Manifest **out);

/** The same for an open MANIFEST. path is for the error's text. */
int bit_manifest_read_open(int fd, const char *path, Bit__Manifest **out);

/** The same from the bytes of the file. path is for the error's text. */
int bit_manifest_parse(const uint8_t *buf, size_t bytes, const char *path, Bit__Manifest **out);

#endif
