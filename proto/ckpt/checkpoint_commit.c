/* Renames a checkpoint's folder to its final name. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

/* Checks that the folder has a valid manifest of this run, step and launch. */
static int check(const char *dir, const char *name, const char *run, uint64_t epoch)
{
    Bit__Manifest *manifest = NULL;
    int err = bit_manifest_read(dir, &manifest);

    if (err >= 0 && (strcmp(manifest->run, run) != 0 || (int64_t)manifest->step != bit_checkpoint_step(name)))
        err = bit_fail(BIT_ECORRUPT, "'%s' says it is step %" PRIu64 " of run %.32s", dir, manifest->step,
                       manifest->run);
    else if (err >= 0 && manifest->epoch != epoch)
        err = bit_fail(BIT_EEPOCH, "'%s' was written by launch %" PRIu64 ", and this is %" PRIu64, dir, manifest->epoch,
                       epoch);
    bit_msg_free(manifest);
    return err < 0 ? err : 0;
}

static int sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int err = 0;

    if (fd < 0)
        return bit_fail(-errno, "'%s'", dir);
    if (fsync(fd) < 0)
        err = bit_fail(-errno, "syncing '%s'", dir);
    close(fd);
    return err;
}

int bit_checkpoint_partial(const char *dir, const char *name, uint64_t epoch, char *out, size_t room)
{
    int length = snprintf(out, room, "%s/%s.partial-%" PRIu64, dir, name, epoch);

    return length >= 0 && (size_t)length < room ? 0 : bit_fail(-ENAMETOOLONG, "'%s/%s'", dir, name);
}

int bit_checkpoint_commit(const char *dir, const char *name, const char *run, uint64_t epoch)
{
    char partial[BIT_PATH_MAX], whole[BIT_PATH_MAX];
    int err = bit_checkpoint_partial(dir, name, epoch, partial, sizeof partial);

    if (err < 0)
        return err;
    snprintf(whole, sizeof whole, "%s/%s", dir, name); /* shorter than partial */
    err = check(partial, name, run, epoch);
    if (err == -ENOENT && check(whole, name, run, epoch) == 0)
        return sync_folder(dir); /* renamed already, by a bitd that died before it journalled that */
    if (err < 0)
        return err;
    if (rename(partial, whole) < 0) {
        if (errno != ENOTEMPTY && errno != EEXIST)
            return bit_fail(-errno, "renaming '%s'", partial);
        if (renameat2(AT_FDCWD, partial, AT_FDCWD, whole, RENAME_EXCHANGE) < 0)
            return bit_fail(-errno, "replacing '%s'", whole);
    }
    return sync_folder(dir);
}
