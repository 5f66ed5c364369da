#include "daemon/store/board/board_folders.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sys/settings/config.h"
#include "proto/err.h"
#include "proto/log.h"

BIT_LOG_TOPIC("board_folders");

#define PATH_ROOM (BIT_CONFIG_PATH_MAX + 2 * BIT_NAME_MAX + 64)

/* The name first, so that the runs of a sweep sort together; the id distinguishes runs of the same name. */
static void link_path(const char *state, const struct bit_run *run, char out[PATH_ROOM])
{
    const char *name = run->spec->name, *id = run->id;
    const bool named = name != NULL && name[0] != '\0' && strcmp(name, id) != 0;

    snprintf(out, PATH_ROOM, "%s/tensorboard/%.*s%s%s", state, BIT_NAME_MAX, named ? name : "", named ? "-" : "", id);
}

static int make_link(const char *state, const struct bit_run *run)
{
    char path[PATH_ROOM], target[BIT_RUN_ID_MAX + 16], folder[PATH_ROOM];

    snprintf(folder, sizeof folder, "%s/tensorboard", state);
    if (mkdir(folder, 0700) < 0 && errno != EEXIST)
        return bit_fail(-errno, "%s: %s", folder, strerror(errno));
    link_path(state, run, path);
    snprintf(target, sizeof target, "../runs/%s", run->id); /* relative, so that the state folder can be moved */
    return symlink(target, path) < 0 && errno != EEXIST ? bit_fail(-errno, "%s: %s", path, strerror(errno)) : 0;
}

void bit_board_folders_add(const char *state, const struct bit_run *run)
{
    if (make_link(state, run) < 0)
        bit_warn("no name for TensorBoard", "run=%s text=%s", run->id, bit_fail_text());
}

void bit_board_folders_remove(const char *state, const struct bit_run *run)
{
    char path[PATH_ROOM];

    link_path(state, run, path);
    unlink(path);
}

static bool leads_nowhere(int folder, const char *name)
{
    char target[64];
    struct stat st;
    const ssize_t bytes = readlinkat(folder, name, target, sizeof target - 1);

    return bytes > 0 && strncmp(target, "../runs/r", strlen("../runs/r")) == 0 && fstatat(folder, name, &st, 0) < 0 &&
           errno == ENOENT;
}

void bit_board_folders_clean(const char *state)
{
    char path[PATH_ROOM];

    snprintf(path, sizeof path, "%s/tensorboard", state);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (leads_nowhere(dirfd(dir), entry->d_name))
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
}
