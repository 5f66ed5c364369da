/* The secret of a launch, by which its worker proves to be its own: in a file that only bitd's user may read. */
#ifndef BIT_DAEMON_LAUNCH_SECRET_H
#define BIT_DAEMON_LAUNCH_SECRET_H

#include <stdint.h>

/** New random bytes, BIT_SECRET_BYTES, in the file at `path` (0600), and in out. Errors: -errno. */
int bit_launch_secret_create(const char *path, uint8_t *out);
/** Errors: -errno; BIT_ECORRUPT if it is not one. */
int bit_launch_secret_read(const char *path, uint8_t *out);

#endif
