#include "daemon/store/journal/journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/journal/journal_record.h"
#include "daemon/sys/files/fileio.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

/*
 * Whether the rest of the file is what a crash in the middle of a write leaves. After an interrupted write no whole
 * record follows; if one does, the damage is in the middle of the file.
 */
static bool is_torn_tail(const uint8_t *rest, size_t bytes)
{
    if (bytes > 2 * (BIT_JOURNAL_RECORD_MAX + BIT_JOURNAL_HEADER_BYTES))
        return false;
    for (size_t at = 1; at < bytes; at++)
        if (bit_journal_record_size(rest + at, bytes - at) > 0)
            return false;
    return true;
}

static int replay_one(const uint8_t *buf, size_t bytes, uint64_t seq_expected, bit_journal_visit *visit, void *arg,
                      int64_t *took)
{
    Bit__JournalRecord *record = NULL;
    int64_t n = bit_journal_record_decode(buf, bytes, &record);

    if (n <= 0)
        return n < 0 ? (int)n : BIT_ECORRUPT;
    int err = 0;
    if (record->seq != seq_expected)
        err = bit_fail(BIT_ECORRUPT, "record %" PRIu64 " where %" PRIu64 " belongs", record->seq, seq_expected);
    if (err == 0)
        err = visit(arg, record);
    bit_msg_free(record);
    *took = n;
    return err;
}

/* Count one more whole record; the index has room for it. */
static void count_record(struct bit_journal *j, const uint8_t *record, size_t bytes)
{
    bool plain = bit_journal_index_is_plain(record + BIT_JOURNAL_HEADER_BYTES, bytes - BIT_JOURNAL_HEADER_BYTES);

    j->seq++;
    bit_journal_index_add(&j->index, j->seq, j->bytes, bytes, plain);
    j->bytes += bytes;
}

static int replay(const char *path, const uint8_t *map, size_t bytes, bit_journal_visit *visit, void *arg,
                  struct bit_journal *j)
{
    while (j->bytes < bytes) {
        const uint8_t *rest = map + j->bytes;
        size_t rest_bytes = bytes - j->bytes;
        if (bit_journal_record_size(rest, rest_bytes) <= 0) {
            if (is_torn_tail(rest, rest_bytes))
                return 0;
            return bit_fail(BIT_ECORRUPT, "%s: damaged at byte %" PRIu64 ", after record %" PRIu64, path, j->bytes,
                            j->seq);
        }
        int64_t took = 0;
        int err = bit_journal_index_reserve(&j->index);
        if (err < 0)
            return err;
        err = replay_one(rest, rest_bytes, j->seq + 1, visit, arg, &took);
        if (err < 0) {
            char why[BIT_ERR_TEXT_MAX];
            bit_format(why, sizeof why, "%s", bit_fail_text());
            return bit_fail(err == -ENOMEM ? err : BIT_ECORRUPT, "%s: byte %" PRIu64 ": %s", path, j->bytes, why);
        }
        count_record(j, rest, (size_t)took);
    }
    return 0;
}

static int replay_mapped(const char *path, int fd, size_t bytes, bit_journal_visit *visit, void *arg,
                         struct bit_journal *j)
{
    if (bytes == 0)
        return 0;
    void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    int err = replay(path, map, bytes, visit, arg, j);
    munmap(map, bytes);
    return err;
}

static int replay_file(const char *path, int fd, bit_journal_visit *visit, void *arg, struct bit_journal *j,
                       uint64_t *file_bytes)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    *file_bytes = (uint64_t)st.st_size;
    return replay_mapped(path, fd, (size_t)st.st_size, visit, arg, j);
}

int bit_journal_replay(const char *path, uint64_t bytes, bit_journal_visit *visit, void *arg)
{
    struct bit_journal j = {.fd = -1};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 || fstat(fd, &st) < 0 ? bit_file_fail(-errno, path) : 0;

    if (err == 0 && (uint64_t)st.st_size < bytes)
        err = bit_fail(BIT_ECORRUPT, "%s: has %jd bytes, and %" PRIu64 " when bitd last wrote to it", path,
                       (intmax_t)st.st_size, bytes);
    if (err == 0)
        err = replay_mapped(path, fd, (size_t)bytes, visit, arg, &j);
    bit_journal_index_finish(&j.index);
    if (fd >= 0)
        close(fd);
    return err;
}

/* An existing file is opened without O_CREAT, so that it needs no space. */
static int open_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_APPEND);

    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    return fd < 0 ? bit_file_fail(-errno, path) : fd;
}

/* Cut what an interrupted write left. If that fails, the journal is torn, and must be mended before the next append. */
static void cut_tail(struct bit_journal *j, int fd)
{
    j->torn = ftruncate(fd, (off_t)j->bytes) < 0 || fdatasync(fd) < 0;
    if (j->torn)
        bit_fail(-errno, "journal: cutting a torn record");
}

int bit_journal_open(const char *path, bit_journal_visit *visit, void *arg, struct bit_journal *out, uint64_t *cut)
{
    struct bit_journal j = {.fd = -1};
    uint64_t file_bytes = 0;
    int err = 0;
    int fd = open_file(path);

    if (fd < 0)
        return fd;
    j.path = strdup(path);
    err = j.path == NULL ? bit_fail(-ENOMEM, "%s", path) : 0;
    if (err == 0)
        err = replay_file(path, fd, visit, arg, &j, &file_bytes);
    if (err < 0)
        goto out;
    if (file_bytes > j.bytes)
        cut_tail(&j, fd);
    j.fd = fd;
    j.synced = j.bytes;
    j.unsynced = j.bytes > 0; /* the previous daemon may not have synced it */
    fd = -1;
    *out = j;
    j.path = NULL;
    j.index = (struct bit_journal_index){.entry = NULL};
    *cut = file_bytes - j.bytes;
out:
    free(j.path);
    bit_journal_index_finish(&j.index);
    if (fd >= 0)
        close(fd);
    return err;
}

void bit_journal_close(struct bit_journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
    free(j->tail);
    j->tail = NULL;
    j->tail_room = 0;
    free(j->path);
    j->path = NULL;
    bit_journal_index_finish(&j->index);
}

void bit_journal_rest(struct bit_journal *j)
{
    if (j->fd < 0 || j->torn || j->lost || j->bytes > j->synced)
        return;
    close(j->fd);
    j->fd = -1;
    free(j->tail);
    j->tail = NULL;
    j->tail_room = 0;
}

static int open_again(const char *path, uint64_t bytes)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? bit_fail(-ENOENT, "the journal was removed or moved away: %s", path)
                               : bit_file_fail(-errno, path);
    int err = fstat(fd, &st) < 0 ? bit_fail(-errno, "%s: %s", path, strerror(errno)) : 0;
    if (err == 0 && (uint64_t)st.st_size != bytes)
        err = bit_fail(BIT_ECORRUPT, "%s: has %jd bytes, and %" PRIu64 " when bitd last wrote to it", path,
                       (intmax_t)st.st_size, bytes);
    if (err < 0)
        close(fd);
    return err < 0 ? err : fd;
}

int bit_journal_wake(struct bit_journal *j)
{
    if (j->fd >= 0)
        return 0;
    int fd = open_again(j->path, j->bytes);
    if (fd < 0)
        return fd;
    j->fd = fd;
    return 0;
}

int bit_journal_look(int fd, const char *path)
{
    struct stat held, named;

    if (fstat(fd, &held) < 0)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    bool there = stat(path, &named) == 0;
    if (!there && errno != ENOENT && errno != ENOTDIR)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    if (!there || held.st_nlink == 0 || named.st_ino != held.st_ino || named.st_dev != held.st_dev)
        return bit_fail(-ENOENT, "the journal was removed or moved away: %s", path);
    return 0;
}

int bit_journal_mend(struct bit_journal *j)
{
    size_t tail = (size_t)(j->bytes - j->synced);

    if (ftruncate(j->fd, (off_t)j->synced) < 0)
        return bit_fail(-errno, "journal");
    ssize_t n = tail > 0 ? write(j->fd, j->tail, tail) : 0;
    if (n != (ssize_t)tail)
        return bit_fail(n < 0 ? -errno : -ENOSPC, "journal");
    if (fdatasync(j->fd) < 0)
        return bit_fail(-errno, "journal");
    j->synced = j->bytes;
    j->torn = j->unsynced = false;
    return 0;
}

void bit_journal_synced(struct bit_journal *j, uint64_t bytes, int err)
{
    if (err < 0) {
        j->torn = true;
        return;
    }
    if (bytes <= j->synced || j->torn) /* a later sync was faster, or what this one covered was cut off */
        return;
    memmove(j->tail, j->tail + (bytes - j->synced), (size_t)(j->bytes - bytes));
    j->synced = bytes;
}

/* Cut off a record that does not count, so that no replay sees it; if that fails, the journal is torn. */
static int take_back(struct bit_journal *j, int err, bool torn)
{
    if (ftruncate(j->fd, (off_t)j->bytes) < 0 || torn)
        j->torn = true;
    return bit_fail(err, "journal");
}

static int make_room(struct bit_journal *j, size_t bytes)
{
    size_t need = (size_t)(j->bytes - j->synced) + bytes;

    if (need <= j->tail_room)
        return 0;
    uint8_t *grown = realloc(j->tail, 2 * need);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "journal");
    j->tail = grown;
    j->tail_room = 2 * need;
    return 0;
}

int bit_journal_append(struct bit_journal *j, const uint8_t *record, size_t bytes, bool sync)
{
    int err = bit_journal_wake(j);

    if (err == 0 && j->torn)
        err = bit_journal_mend(j);
    if (err == 0)
        err = make_room(j, bytes);
    if (err == 0)
        err = bit_journal_index_reserve(&j->index);
    if (err < 0)
        return err;
    ssize_t n = write(j->fd, record, bytes);
    if (n != (ssize_t)bytes)
        return take_back(j, n < 0 ? -errno : -ENOSPC, false);
    if (sync && fdatasync(j->fd) < 0)
        return take_back(j, -errno, true);
    memcpy(j->tail + (j->bytes - j->synced), record, bytes);
    count_record(j, record, bytes);
    j->unsynced = !sync;
    j->synced = sync ? j->bytes : j->synced;
    return 0;
}
