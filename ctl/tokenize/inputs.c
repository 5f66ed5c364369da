#include "ctl/tokenize/inputs.h"

#include <dirent.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

#define DEPTH_MAX 64 /* nesting depth of folders */

static int add_file(struct bit_inputs *inputs, const char *path, const struct stat *st)
{
    if (inputs->count == BIT_INPUTS_MAX)
        return bit_fail(BIT_ELIMIT, "more than %u input files", BIT_INPUTS_MAX);
    if (inputs->count == inputs->room) {
        size_t room = inputs->room * 2 + 16;
        struct bit_input_file *files = realloc(inputs->files, room * sizeof *files);
        if (files == NULL)
            return bit_fail(-ENOMEM, "input files");
        inputs->files = files;
        inputs->room = room;
    }
    char *copy = strdup(path);
    if (copy == NULL)
        return bit_fail(-ENOMEM, "input files");
    bool regular = S_ISREG(st->st_mode);
    inputs->files[inputs->count++] = (struct bit_input_file){
        .path = copy,
        .bytes = regular ? (uint64_t)st->st_size : 0,
        .mtime_ns = bit_inputs_mtime(st),
        .regular = regular,
    };
    return 0;
}

static bool ends_with(const char *name, size_t length, const char *end)
{
    size_t n = strlen(end);

    return length >= n && strncmp(name + length - n, end, n) == 0;
}

/* Whether this is the name of a file of documents. */
static bool is_document_name(const char *name)
{
    static const char *const packed[] = {".gz", ".zst", ".zstd"};
    size_t length = strlen(name);

    for (size_t i = 0; i < BIT_COUNT(packed); i++) {
        if (ends_with(name, length, packed[i])) {
            length -= strlen(packed[i]);
            break;
        }
    }
    return name[0] != '.' && (ends_with(name, length, ".json") || ends_with(name, length, ".jsonl"));
}

static int add_folder(struct bit_inputs *inputs, const char *folder, int depth);

static int add_entry(struct bit_inputs *inputs, const char *folder, const char *name, int depth)
{
    char path[BIT_PATH_MAX];
    struct stat st;
    bool slash = folder[strlen(folder) - 1] == '/';

    if (name[0] == '.')
        return 0;
    if ((size_t)snprintf(path, sizeof path, "%s%s%s", folder, slash ? "" : "/", name) >= sizeof path)
        return bit_fail(-ENAMETOOLONG, "'%s/%s'", folder, name);
    if (stat(path, &st) < 0)
        return bit_fail(-errno, "'%s'", path);
    if (S_ISDIR(st.st_mode))
        return add_folder(inputs, path, depth + 1);
    if (S_ISREG(st.st_mode) && is_document_name(name))
        return add_file(inputs, path, &st);
    return 0;
}

/* Byte order, in any locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct bit_inputs *inputs, const char *folder, int depth)
{
    struct dirent **entries;
    int err = 0;

    if (depth > DEPTH_MAX)
        return bit_fail(-ELOOP, "'%s' is more than %d folders deep", folder, DEPTH_MAX);
    int count = scandir(folder, &entries, NULL, by_name);
    if (count < 0)
        return bit_fail(-errno, "folder '%s'", folder);
    for (int i = 0; i < count; i++) {
        if (err == 0)
            err = add_entry(inputs, folder, entries[i]->d_name, depth);
        free(entries[i]);
    }
    free(entries);
    return err;
}

/* Add a path that exists. */
static int add_path(struct bit_inputs *inputs, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return bit_fail(-errno, "'%s'", path);
    if (!S_ISDIR(st.st_mode))
        return add_file(inputs, path, &st);
    size_t before = inputs->count;
    int err = add_folder(inputs, path, 0);
    if (err == 0 && inputs->count == before)
        return bit_fail(-ENOENT, "no .json or .jsonl file (or one with .gz, .zst or .zstd) in folder '%s'", path);
    return err;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_glob(struct bit_inputs *inputs, const char *pattern)
{
    glob_t found = {0};
    int err = 0, code = glob(pattern, GLOB_NOSORT, NULL, &found);

    if (code == GLOB_NOMATCH)
        err = bit_fail(-ENOENT, "'%s': neither a file nor a glob that matches one", pattern);
    else if (code != 0)
        err = bit_fail(code == GLOB_NOSPACE ? -ENOMEM : -EIO, "'%s': cannot be expanded", pattern);
    if (err == 0)
        qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, by_path);
    for (size_t i = 0; err == 0 && i < found.gl_pathc; i++)
        err = add_path(inputs, found.gl_pathv[i]);
    globfree(&found);
    return err;
}

int bit_inputs_expand(char *const *args, size_t count, struct bit_inputs *out)
{
    struct stat st;
    int err = 0;

    *out = (struct bit_inputs){0};
    for (size_t i = 0; i < count && err == 0; i++) {
        if (args[i][0] == '\0')
            err = bit_fail(-ENOENT, "an empty input name");
        else
            err = stat(args[i], &st) == 0 ? add_path(out, args[i]) : add_glob(out, args[i]);
    }
    if (err < 0)
        bit_inputs_finish(out);
    return err;
}

void bit_inputs_finish(struct bit_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        free(inputs->files[i].path);
    free(inputs->files);
    *inputs = (struct bit_inputs){0};
}

uint64_t bit_inputs_bytes(const struct bit_inputs *inputs)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < inputs->count; i++)
        bytes += inputs->files[i].bytes;
    return bytes;
}

uint64_t bit_inputs_mtime(const struct stat *st)
{
    return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}
