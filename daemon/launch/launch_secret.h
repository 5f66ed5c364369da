/* The secret of a launch, by which a worker proves that it belongs to it: in a file that only bitd's user may read. */
#ifndef BIT_DAEMON_LAUNCH_SECRET_H
#define BIT_DAEMON_LAUNCH_SECRET_H

#include <stdint.h>

/** Draw BIT_SECRET_BYTES random bytes into the file at `path` (0600) and into out. Errors: -errno. */
int bit_launch_secret_create(const char *path, uint8_t *out);
/** Errors: -errno; BIT_ECORRUPT if the file holds no secret. */
int bit_launch_secret_read(const char *path, uint8_t *out);

#endif
