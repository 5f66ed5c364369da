#include "daemon/store/runs/folders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/run/run.h"
#include "daemon/sys/files/fileio.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("folders");

/* The number of a run's folder: 7 for "r7", and 0 for every name that bitd does not write, such as "r07" or "r+7". */
static uint64_t number_of(const char *name)
{
    char again[BIT_RUN_ID_MAX];

    errno = 0;
    uint64_t number = name[0] == 'r' && isdigit((unsigned char)name[1]) ? strtoull(name + 1, NULL, 10) : 0;
    if (errno != 0 || number == UINT64_MAX) /* there must be a next number */
        return 0;
    snprintf(again, sizeof again, "r%" PRIu64, number);
    return strcmp(again, name) == 0 ? number : 0;
}

/* Whether a run's file exists and is not empty; true if that cannot be determined. */
static bool holds(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return true;
    return lstat(path, &st) < 0 ? errno != ENOENT : st.st_size > 0;
}

static int entries(const char *dir, const char *below)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", dir, below) >= (int)sizeof path)
        return -ENAMETOOLONG;
    return bit_dir_count(path);
}

/* spec.pb is written before the journal, and the journal before any launch: without all of them no client was told. */
static bool is_half_made(const char *dir)
{
    struct stat st;

    return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && !holds(dir, "spec.pb") && !holds(dir, "journal") &&
           entries(dir, "logs") == 0 && entries(dir, "checkpoints") == 0;
}

/* Removes an incomplete one. Returns whether it was incomplete. */
static bool clean(const char *dir, const char *name)
{
    if (!is_half_made(dir))
        return false;
    int err = bit_dir_remove(dir);
    if (err < 0)
        bit_error("half-made run not removed", "run=%s text=%s", name, bit_fail_text());
    else
        bit_warn("half-made run removed", "run=%s", name);
    return true;
}

static bool looks_like_a_run(const char *name)
{
    return name[0] == 'r' && name[1] != '\0' && strspn(name + 1, "0123456789") == strlen(name + 1);
}

static int take_entry(const char *runs, const char *name, uint64_t **numbers, size_t *count)
{
    char path[PATH_MAX];
    uint64_t number = number_of(name);

    if (number == 0 && looks_like_a_run(name))
        bit_warn("not a run", "name=%s text=a run's folder is named as bitd wrote it; a copy of one belongs elsewhere",
                 name);
    if (number == 0 || snprintf(path, sizeof path, "%s/%s", runs, name) >= (int)sizeof path || clean(path, name))
        return 0;
    uint64_t *grown = realloc(*numbers, (*count + 1) * sizeof **numbers);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "the runs of %s", runs);
    *numbers = grown;
    grown[(*count)++] = number;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

int bit_folders_list(const char *runs, uint64_t **out, size_t *count)
{
    uint64_t *numbers = NULL;
    size_t found = 0;
    int err = 0;
    DIR *dir = opendir(runs);

    if (dir == NULL)
        return bit_fail(-errno, "%s: %s", runs, strerror(errno));
    for (struct dirent *entry; err == 0 && (entry = readdir(dir)) != NULL;)
        err = take_entry(runs, entry->d_name, &numbers, &found);
    closedir(dir);
    if (err < 0) {
        free(numbers);
        return err;
    }
    if (found > 0)
        qsort(numbers, found, sizeof *numbers, by_number);
    *out = numbers;
    *count = found;
    return 0;
}
