#include "daemon/store/new_runs/fork_place.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/run/fork_peer.h"
#include "daemon/store/new_runs/fork_origin.h"
#include "daemon/store/runs/runner.h"
#include "daemon/sys/files/fileio.h"
#include "daemon/sys/files/message_file.h"
#include "proto/err.h"

#define DATA_BYTES_MAX (16u << 20)

static int link_file(const char *from, const char *to, const char *name)
{
    char old[PATH_MAX], new[PATH_MAX];

    if (snprintf(old, sizeof old, "%s/%s", from, name) >= (int)sizeof old ||
        snprintf(new, sizeof new, "%s/%s", to, name) >= (int)sizeof new)
        return bit_fail(-ENAMETOOLONG, "%s", from);
    if (link(old, new) == 0)
        return 0;
    return bit_fail(-errno, "%s: a fork shares its parent's files by hard links, and this one could not be made: %s",
                    old, strerror(errno));
}

static int link_all(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    int err = dir == NULL ? bit_fail(-errno, "%s: %s", from, strerror(errno)) : 0;

    for (struct dirent *entry; err == 0 && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            err = link_file(from, to, entry->d_name);
    if (dir != NULL)
        closedir(dir);
    return err;
}

static int share_checkpoint(const struct bit_fork_origin *o, const struct bit_runner *fork)
{
    char from[PATH_MAX], to[PATH_MAX];
    char *folder = bit_runner_path(fork, "checkpoints");

    if (folder == NULL)
        return bit_fail(-ENOMEM, "%s", fork->dir);
    int err = snprintf(from, sizeof from, "%s/%s", o->claim.folder, o->checkpoint) >= (int)sizeof from ||
                      snprintf(to, sizeof to, "%s/%s", folder, o->checkpoint) >= (int)sizeof to
                  ? bit_fail(-ENAMETOOLONG, "%s", folder)
                  : 0;
    if (err == 0 && mkdir(to, 0700) < 0)
        err = bit_fail(-errno, "%s: %s", to, strerror(errno));
    if (err == 0)
        err = link_all(from, to);
    if (err == 0)
        err = bit_dir_sync(to);
    if (err == 0)
        err = bit_dir_sync(folder);
    free(folder);
    return err;
}

static int keep_facts(const struct bit_fork_origin *o, const struct bit_runner *fork)
{
    char *path = bit_runner_path(fork, "fork.pb");
    int err = path == NULL ? bit_fail(-ENOMEM, "%s", fork->dir) : bit_message_file_write(path, &o->facts->base);

    free(path);
    return err;
}

int bit_fork_place(const struct bit_fork_origin *o, struct bit_runner *fork)
{
    if (o->m.has_weights_only && o->m.weights_only)
        return 0;
    int err = share_checkpoint(o, fork);
    if (err == 0)
        err = keep_facts(o, fork);
    if (err == 0 && o->same_data)
        err = bit_file_copy(o->dir, fork->dir, "data.pb", DATA_BYTES_MAX); /* missing if it has read nothing yet */
    return err == 0 ? bit_fork_peer_take(&fork->run, o->facts) : err;
}
