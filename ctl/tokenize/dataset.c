#include "ctl/tokenize/dataset.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/tokenize/whole_file.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

struct bit_dataset {
    struct bit_dataset_options options;
    int folder; /* its descriptor, locked */
    struct bit_ledger *ledger;
    struct bit_part *part;
    bool complete;
};

static int fail_file(const struct bit_dataset *d, const char *name)
{
    return bit_fail(-errno, "'%s/%s'", d->options.folder, name);
}

static int sync_folder(const struct bit_dataset *d)
{
    return fsync(d->folder) < 0 ? bit_fail(-errno, "folder '%s'", d->options.folder) : 0;
}

/* ---- what is in the folder */

static bool has(const struct bit_dataset *d, const char *name)
{
    return faccessat(d->folder, name, F_OK, 0) == 0;
}

/* Whether this is the name of one of our files that is not finished. */
static bool is_left_over(const char *name, size_t finished)
{
    static const char *const ends[] = {"npy", "csv.gz", "npy.partial", "csv.gz.partial"};
    char ours[BIT_PART_NAME_MAX];
    size_t number;

    if (strcmp(name, BIT_DATASET_META ".partial") == 0 || strcmp(name, BIT_LEDGER_NAME ".partial") == 0)
        return true;
    if (sscanf(name, "part-0-%zu.", &number) != 1)
        return false;
    for (size_t i = 0; i < BIT_COUNT(ends); i++) {
        bit_part_name(ours, number, ends[i]);
        if (strcmp(name, ours) == 0)
            return i >= 2 || number >= finished;
    }
    return false;
}

/* Remove files that have no line in the ledger: half-written ones, and those renamed just before a crash. */
static int remove_left_over(const struct bit_dataset *d, size_t finished)
{
    int copy = fcntl(d->folder, F_DUPFD_CLOEXEC, 0), err = 0;
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);

    if (dir == NULL) {
        err = bit_fail(-errno, "folder '%s'", d->options.folder);
        if (copy >= 0)
            close(copy);
        return err;
    }
    rewinddir(dir); /* the duplicated descriptor shares its position with the original */
    for (const struct dirent *entry; err == 0 && (entry = readdir(dir)) != NULL;) {
        if (is_left_over(entry->d_name, finished) && unlinkat(d->folder, entry->d_name, 0) < 0)
            err = fail_file(d, entry->d_name);
    }
    closedir(dir);
    return err;
}

/* ---- begin or continue */

static int remove_file(const struct bit_dataset *d, const char *name)
{
    return unlinkat(d->folder, name, 0) < 0 && errno != ENOENT ? fail_file(d, name) : 0;
}

/* The ledger is removed before the files that it lists. */
static int begin_anew(struct bit_dataset *d)
{
    int err = remove_file(d, BIT_DATASET_META);

    if (err == 0)
        err = remove_file(d, BIT_LEDGER_NAME);
    if (err == 0)
        err = sync_folder(d);
    if (err == 0)
        err = remove_left_over(d, 0);
    return err < 0 ? err : bit_ledger_create(d->folder, d->options.folder, d->options.head, &d->ledger);
}

static int check_part(const struct bit_dataset *d, size_t number, const struct bit_ledger_part *part)
{
    char name[BIT_PART_NAME_MAX];
    struct stat st;

    bit_part_name(name, number, "csv.gz");
    if (!has(d, name))
        return bit_fail(BIT_ECORRUPT, "'%s/%s' was finished and is missing", d->options.folder, name);
    bit_part_name(name, number, "npy");
    if (fstatat(d->folder, name, &st, 0) < 0)
        return bit_fail(BIT_ECORRUPT, "'%s/%s' was finished and is missing", d->options.folder, name);
    if ((uint64_t)st.st_size != part->tokens * d->options.token_bytes)
        return bit_fail(BIT_ECORRUPT, "'%s/%s' was finished with %" PRIu64 " tokens and has %" PRIu64 " bytes",
                        d->options.folder, name, part->tokens, (uint64_t)st.st_size);
    return 0;
}

static int go_on(struct bit_dataset *d)
{
    size_t count;
    const struct bit_ledger_part *parts = bit_ledger_parts(d->ledger, &count);
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++)
        err = check_part(d, i, &parts[i]);
    d->complete = has(d, BIT_DATASET_META);
    return err < 0 ? err : remove_left_over(d, count);
}

static int claim(struct bit_dataset *d)
{
    char first[BIT_PART_NAME_MAX];
    int err;

    if (flock(d->folder, LOCK_EX | LOCK_NB) < 0)
        return bit_fail(errno == EWOULDBLOCK ? BIT_EBUSY : -errno, "'%s' is being written by another process",
                        d->options.folder);
    if (d->options.force)
        return begin_anew(d);
    err = bit_ledger_open(d->folder, d->options.folder, d->options.head, &d->ledger);
    if (err < 0)
        return err;
    if (d->ledger != NULL)
        return go_on(d);
    bit_part_name(first, 0, "npy");
    if (has(d, BIT_DATASET_META) || has(d, first))
        return bit_fail(-EEXIST, "'%s' has token files already", d->options.folder);
    return begin_anew(d);
}

int bit_dataset_create(const struct bit_dataset_options *options, struct bit_dataset **out)
{
    int err = bit_whole_file_folders(options->folder);

    if (err < 0)
        return bit_err_output(err);
    BIT_ASSERT(options->token_bytes == 2 || options->token_bytes == 4);
    struct bit_dataset *d = calloc(1, sizeof *d);
    if (d == NULL)
        return bit_fail(-ENOMEM, "dataset '%s'", options->folder);
    d->options = *options;
    d->folder = open(options->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    err = d->folder < 0 ? bit_fail(-errno, "folder '%s'", options->folder) : claim(d);
    if (err == 0)
        err = bit_part_create(d->folder, options->folder, options->token_bytes, &d->part);
    if (err < 0) {
        bit_dataset_destroy(d);
        return bit_err_output(err);
    }
    *out = d;
    return 0;
}

struct bit_ledger_mark bit_dataset_mark(const struct bit_dataset *d)
{
    size_t count;
    const struct bit_ledger_part *parts = bit_ledger_parts(d->ledger, &count);

    return count == 0 ? (struct bit_ledger_mark){0} : parts[count - 1].next;
}

size_t bit_dataset_finished(const struct bit_dataset *d, uint64_t *tokens, uint64_t *documents)
{
    size_t count;
    const struct bit_ledger_part *parts = bit_ledger_parts(d->ledger, &count);

    *tokens = *documents = 0;
    for (size_t i = 0; i < count; i++) {
        *tokens += parts[i].tokens;
        *documents += parts[i].documents;
    }
    return count;
}

bool bit_dataset_complete(const struct bit_dataset *d)
{
    return d->complete;
}

/* ---- documents */

bool bit_dataset_full(const struct bit_dataset *d, size_t count)
{
    return bit_part_is_open(d->part) && bit_part_tokens(d->part) > 0 &&
           bit_part_tokens(d->part) + count >= d->options.file_tokens;
}

int bit_dataset_end_file(struct bit_dataset *d, const struct bit_ledger_mark *next)
{
    struct bit_ledger_part part = {.next = *next};

    part.tokens = bit_part_tokens(d->part);
    part.documents = bit_part_documents(d->part);
    int err = bit_part_end(d->part, &part.crc);
    return err < 0 ? err : bit_ledger_add(d->ledger, &part);
}

int bit_dataset_add(struct bit_dataset *d, const uint8_t *tokens, size_t count, const struct bit_part_row *row)
{
    size_t finished;
    int err = 0;

    if (!bit_part_is_open(d->part)) {
        bit_ledger_parts(d->ledger, &finished);
        err = bit_part_begin(d->part, finished);
    }
    return err < 0 ? err : bit_part_add(d->part, tokens, count, row);
}

/* ---- end */

static json_t *describe_files(const struct bit_dataset *d)
{
    size_t count;
    const struct bit_ledger_part *parts = bit_ledger_parts(d->ledger, &count);
    json_t *files = json_array();

    for (size_t i = 0; i < count; i++) {
        char name[BIT_PART_NAME_MAX], crc[16];
        bit_part_name(name, i, "npy");
        snprintf(crc, sizeof crc, "%08" PRIx32, parts[i].crc);
        json_array_append_new(files,
                              json_pack("{s:s, s:I, s:I, s:s}", "name", name, "tokens", (json_int_t)parts[i].tokens,
                                        "documents", (json_int_t)parts[i].documents, "crc32c", crc));
    }
    return files;
}

static char *describe(const struct bit_dataset *d, json_t *meta)
{
    uint64_t tokens, documents;

    bit_dataset_finished(d, &tokens, &documents);
    if (json_object_set_new(meta, "dtype", json_string(d->options.token_bytes == 2 ? "uint16" : "uint32")) != 0 ||
        json_object_set_new(meta, "documents", json_integer((json_int_t)documents)) != 0 ||
        json_object_set_new(meta, "tokens", json_integer((json_int_t)tokens)) != 0 ||
        json_object_set_new(meta, "files", describe_files(d)) != 0)
        return NULL;
    return json_dumps(meta, JSON_INDENT(2));
}

static int write_meta(struct bit_dataset *d, json_t *meta)
{
    char *text = describe(d, meta);
    int err = 0, fd = -1;

    if (text == NULL)
        return bit_fail(-ENOMEM, "'%s/%s'", d->options.folder, BIT_DATASET_META);
    fd = openat(d->folder, BIT_DATASET_META ".partial", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || fsync(fd) < 0 ||
        renameat(d->folder, BIT_DATASET_META ".partial", d->folder, BIT_DATASET_META) < 0)
        err = fail_file(d, BIT_DATASET_META);
    if (fd >= 0)
        close(fd);
    free(text);
    return err < 0 ? err : sync_folder(d);
}

int bit_dataset_finish(struct bit_dataset *d, const struct bit_ledger_mark *end, json_t *meta)
{
    int err = bit_part_is_open(d->part) ? bit_dataset_end_file(d, end) : 0;

    if (err == 0)
        err = write_meta(d, meta);
    d->complete = err == 0;
    return err;
}

/* Best effort: files that remain are removed by the call that continues. */
static void leave_finished(struct bit_dataset *d)
{
    size_t count;

    bit_ledger_parts(d->ledger, &count);
    remove_left_over(d, count);
    if (count == 0)
        unlinkat(d->folder, BIT_LEDGER_NAME, 0);
}

void bit_dataset_destroy(struct bit_dataset *d)
{
    if (d == NULL)
        return;
    bit_part_destroy(d->part);
    if (d->ledger != NULL && !d->complete)
        leave_finished(d);
    bit_ledger_close(d->ledger);
    if (d->folder >= 0)
        close(d->folder);
    free(d);
}
