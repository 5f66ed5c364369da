/* The settings that the daemon gives its workers through the environment. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/wire/secret.h"
#include "worker/link/link.h"

#define RETRY_S     300
#define RETRY_S_MAX (7 * 24 * 3600)

static int text_from_env(const char *name, char *out, size_t bytes)
{
    const char *value = getenv(name);

    if (value == NULL || value[0] == '\0')
        return bit_fail(BIT_EUSAGE, "$%s is not set; bitworker is started by bitd", name);
    if (strlen(value) >= bytes)
        return bit_fail(BIT_EUSAGE, "$%s has %zu bytes, at most %zu fit", name, strlen(value), bytes - 1);
    memcpy(out, value, strlen(value) + 1);
    return 0;
}

static int number_from_env(const char *name, uint64_t most, uint64_t *out)
{
    char text[32], *end;
    unsigned long long value;
    int err = text_from_env(name, text, sizeof text);

    if (err < 0)
        return err;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value > most)
        return bit_fail(BIT_EUSAGE, "$%s is '%s', not a number of at most %" PRIu64, name, text, most);
    *out = value;
    return 0;
}

/* A file that others can read is no secret any more. A pipe (/dev/stdin, if a launcher passes the secret on) is known
 * only to the process at its other end. */
static int check_secret_file(int fd, const char *path)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "the run's secret in '%s'", path);
    if (S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return bit_fail(BIT_EUSAGE, "'%s' has mode %04o: others than its owner may use the run's secret", path,
                        (unsigned)st.st_mode & 07777);
    return 0;
}

static int read_secret(const char *path, struct bit_link_config *config)
{
    uint8_t buf[BIT_SECRET_BYTES + 1];
    ssize_t got = 0, more = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? bit_fail(-errno, "the run's secret in '%s'", path) : check_secret_file(fd, path);

    while (err == 0 && got < (ssize_t)sizeof buf && (more = read(fd, buf + got, sizeof buf - (size_t)got)) > 0)
        got += more;
    if (err == 0 && more < 0)
        err = bit_fail(-errno, "the run's secret in '%s'", path);
    if (err == 0 && got != BIT_SECRET_BYTES)
        err = bit_fail(BIT_EUSAGE, "'%s' must hold %d bytes", path, BIT_SECRET_BYTES);
    if (err == 0)
        memcpy(config->secret, buf, sizeof config->secret);
    bit_secret_wipe(buf, sizeof buf);
    if (fd >= 0)
        close(fd);
    return err;
}

int bit_link_config_from_env(struct bit_link_config *config)
{
    char secret[BIT_PATH_MAX];
    uint64_t retry_s = RETRY_S;
    int err;

    *config = (struct bit_link_config){0};
    err = text_from_env("BITD_LINK", config->where, sizeof config->where);
    if (err >= 0)
        err = text_from_env("BITD_RUN", config->run, sizeof config->run);
    if (err >= 0)
        err = number_from_env("BITD_EPOCH", UINT64_MAX, &config->epoch);
    if (err >= 0)
        err = text_from_env("BITD_SECRET_FILE", secret, sizeof secret);
    if (err >= 0)
        err = read_secret(secret, config);
    if (err >= 0 && getenv("BITD_RETRY_S") != NULL)
        err = number_from_env("BITD_RETRY_S", RETRY_S_MAX, &retry_s);
    config->retry_ms = (int64_t)retry_s * 1000;
    return err;
}
