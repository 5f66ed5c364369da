#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/data/data.h"
#include "proto/data/request_file.h"
#include "proto/err.h"
#include "proto/limits.h"

static int add(struct bit_data_files *files, const char *folder, const char *name)
{
    char **grown = realloc(files->path, (files->count + 1) * sizeof *grown), *path = NULL;

    if (grown != NULL)
        files->path = grown;
    if (grown == NULL || asprintf(&path, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name) < 0)
        return bit_fail(-ENOMEM, "list of token files");
    files->path[files->count++] = path;
    return 0;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), end_length = strlen(end);

    return length > end_length && strcmp(name + length - end_length, end) == 0;
}

static int is_data_file(const struct dirent *entry)
{
    return ends_with(entry->d_name, ".npy") || ends_with(entry->d_name, BIT_REQUEST_FILE_ENDING);
}

static int add_folder(struct bit_data_files *files, const char *folder)
{
    struct dirent **entry = NULL;
    int count = scandir(folder, &entry, is_data_file, alphasort), err = 0;

    if (count < 0)
        return bit_fail(-errno, "folder '%s'", folder);
    if (count == 0)
        err = bit_fail(-ENOENT, "folder '%s' has no .npy and no .requests file", folder);
    for (int i = 0; i < count; i++) {
        if (err == 0)
            err = add(files, folder, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return err;
}

int bit_data_files_find(char *const *args, size_t count, struct bit_data_files *out)
{
    struct bit_data_files files = {0};
    struct stat st;
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        size_t len = strlen(args[i]);
        while (len > 1 && args[i][len - 1] == '/')
            args[i][--len] = '\0';
        if (stat(args[i], &st) < 0)
            err = bit_fail(-errno, "'%s'", args[i]);
        else
            err = S_ISDIR(st.st_mode) ? add_folder(&files, args[i]) : add(&files, "", args[i]);
    }
    if (err < 0)
        bit_data_files_finish(&files);
    else
        *out = files;
    return err;
}

void bit_data_files_finish(struct bit_data_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->path[i]);
    free(files->path);
    *files = (struct bit_data_files){0};
}

int bit_data_describe(const char *path, struct bit_sidecar *sidecar, unsigned *token_bytes)
{
    *sidecar = (struct bit_sidecar){0};
    int err = bit_sidecar_read(path, sidecar);
    if (err < 0)
        return err;
    *token_bytes = err > 0 ? sidecar->token_bytes : 2;
    return 0;
}
