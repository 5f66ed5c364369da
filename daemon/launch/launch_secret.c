#include "daemon/launch/launch_secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/sys/files/fileio.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/secret.h"

int bit_launch_secret_create(const char *path, uint8_t *out)
{
    uint8_t secret[BIT_SECRET_BYTES];

    if (getrandom(secret, sizeof secret, 0) != sizeof secret)
        return bit_fail(-EIO, "%s: no random bytes", path);
    int err = bit_file_write(path, secret, sizeof secret);
    if (err == 0)
        memcpy(out, secret, sizeof secret);
    bit_secret_wipe(secret, sizeof secret);
    return err;
}

int bit_launch_secret_read(const char *path, uint8_t *out)
{
    uint8_t *buf = NULL;
    size_t bytes = 0;
    int err = bit_file_read(path, BIT_SECRET_BYTES, &buf, &bytes);

    if (err == 0 && bytes != BIT_SECRET_BYTES)
        err = bit_fail(BIT_ECORRUPT, "%s: %zu bytes, and a secret has %d", path, bytes, BIT_SECRET_BYTES);
    if (err == 0)
        memcpy(out, buf, BIT_SECRET_BYTES);
    bit_secret_wipe(buf, bytes);
    free(buf);
    return err;
}
