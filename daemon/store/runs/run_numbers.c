#include "daemon/store/runs/run_numbers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sys/files/fileio.h"
#include "daemon/sys/settings/config.h"
#include "proto/err.h"

#define DIGITS_MAX 20

static int place(const char *state, char *out, size_t room)
{
    return snprintf(out, room, "%s/last_run", state) < (int)room ? 0 : bit_fail(-ENAMETOOLONG, "%s/last_run", state);
}

static int parse(const char *path, const uint8_t *text, size_t bytes, uint64_t *last)
{
    char digits[DIGITS_MAX + 2] = "", *end;

    if (bytes < sizeof digits)
        memcpy(digits, text, bytes);
    errno = 0;
    const uint64_t number = strtoull(digits, &end, 10);
    if (digits[0] < '0' || digits[0] > '9' || errno != 0 || strcmp(end, "\n") != 0 || number == UINT64_MAX)
        return bit_fail(BIT_ECORRUPT,
                        "%s: it must hold a number and a newline: write the highest number that any run ever had "
                        "into it, so that no number is used twice",
                        path);
    *last = number;
    return 0;
}

int bit_run_numbers_load(const char *state, uint64_t *last)
{
    char path[BIT_CONFIG_PATH_MAX + 16];
    uint8_t *text = NULL;
    size_t bytes = 0;
    int err = place(state, path, sizeof path);

    if (err == 0)
        err = bit_file_read(path, 4096, &text, &bytes);
    if (err == -ENOENT) {
        *last = 0;
        return 0;
    }
    if (err == 0)
        err = parse(path, text, bytes, last);
    free(text);
    return err;
}

int bit_run_numbers_keep(const char *state, uint64_t last)
{
    char path[BIT_CONFIG_PATH_MAX + 16], text[DIGITS_MAX + 2];
    int err = place(state, path, sizeof path);

    snprintf(text, sizeof text, "%" PRIu64 "\n", last);
    if (err == 0)
        err = bit_file_write(path, text, strlen(text));
    return err < 0 ? err : bit_dir_sync(state);
}
