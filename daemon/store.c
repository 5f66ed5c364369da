#include "daemon/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/check.h"
#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/msg.h"

static uint32_t get_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* Bytes of the record at buf if its length and checksum are right, 0 if it is cut short, -1 if it is wrong. */
static int64_t check_record(const uint8_t *buf, size_t bytes)
{
    if (bytes < BIT_JOURNAL_HEADER_BYTES)
        return 0;
    uint32_t body = get_u32(buf);
    if (body == 0 || body > BIT_JOURNAL_RECORD_MAX)
        return -1;
    if (bytes - BIT_JOURNAL_HEADER_BYTES < body)
        return 0;
    uint32_t crc = bit_crc32c(bit_crc32c(0, buf, 4), buf + BIT_JOURNAL_HEADER_BYTES, body);
    return crc == get_u32(buf + 4) ? (int64_t)body + BIT_JOURNAL_HEADER_BYTES : -1;
}

int64_t bit_journal_decode(const uint8_t *buf, size_t bytes, Bit__JournalRecord **out)
{
    int64_t took = check_record(buf, bytes);
    if (took == 0)
        return 0;
    if (took < 0)
        return bit_fail(BIT_ECORRUPT, "a journal record with a wrong length or checksum");
    ProtobufCMessage *msg;
    int err = bit_msg_decode_as(&bit__journal_record__descriptor, buf + BIT_JOURNAL_HEADER_BYTES,
                                (size_t)took - BIT_JOURNAL_HEADER_BYTES, BIT_DECODE_BUDGET_MAX, &msg);
    if (err < 0)
        return err;
    *out = (Bit__JournalRecord *)msg;
    return took;
}

/*
 * Is the rest of the file only what a crash in the middle of a write leaves? A write that was cut leaves nothing whole
 * behind it, so if any record further on checks, something in the middle was damaged instead.
 */
static bool is_torn_tail(const uint8_t *rest, size_t bytes)
{
    if (bytes > 2 * (BIT_JOURNAL_RECORD_MAX + BIT_JOURNAL_HEADER_BYTES))
        return false;
    for (size_t at = 1; at < bytes; at++)
        if (check_record(rest + at, bytes - at) > 0)
            return false;
    return true;
}

static int replay_one(const uint8_t *buf, size_t bytes, uint64_t seq_expected, bit_journal_visit *visit, void *arg,
                      int64_t *took)
{
    Bit__JournalRecord *record = NULL;
    int64_t n = bit_journal_decode(buf, bytes, &record);
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

static int replay(const char *path, const uint8_t *map, size_t bytes, bit_journal_visit *visit, void *arg,
                  struct bit_journal *j)
{
    while (j->bytes < bytes) {
        const uint8_t *rest = map + j->bytes;
        size_t rest_bytes = bytes - j->bytes;
        if (check_record(rest, rest_bytes) <= 0) {
            if (is_torn_tail(rest, rest_bytes))
                return 0;
            return bit_fail(BIT_ECORRUPT, "%s: damaged at byte %" PRIu64 ", behind record %" PRIu64, path, j->bytes,
                            j->seq);
        }
        int64_t took = 0;
        int err = replay_one(rest, rest_bytes, j->seq + 1, visit, arg, &took);
        if (err < 0) {
            char why[BIT_ERR_TEXT_MAX];
            snprintf(why, sizeof why, "%s", bit_fail_text());
            return bit_fail(BIT_ECORRUPT, "%s: byte %" PRIu64 ": %s", path, j->bytes, why);
        }
        j->bytes += (uint64_t)took;
        j->seq++;
    }
    return 0;
}

static int replay_file(const char *path, int fd, bit_journal_visit *visit, void *arg, struct bit_journal *j,
                       uint64_t *file_bytes)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    *file_bytes = (uint64_t)st.st_size;
    if (st.st_size == 0)
        return 0;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    int err = replay(path, map, (size_t)st.st_size, visit, arg, j);
    munmap(map, (size_t)st.st_size);
    return err;
}

int bit_journal_open(const char *path, bit_journal_visit *visit, void *arg, struct bit_journal *out, uint64_t *cut)
{
    struct bit_journal j = {.fd = -1};
    uint64_t file_bytes = 0;
    int err = 0;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    if (fd < 0)
        return bit_fail(-errno, "%s: %s", path, strerror(errno));
    err = replay_file(path, fd, visit, arg, &j, &file_bytes);
    if (err < 0)
        goto out;
    if (file_bytes > j.bytes && (ftruncate(fd, (off_t)j.bytes) < 0 || fdatasync(fd) < 0)) {
        err = bit_fail(-errno, "%s: cutting a torn record: %s", path, strerror(errno));
        goto out;
    }
    j.fd = fd;
    fd = -1;
    *out = j;
    *cut = file_bytes - j.bytes;
out:
    if (fd >= 0)
        close(fd);
    return err;
}

void bit_journal_close(struct bit_journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
}

int bit_journal_encode(const Bit__JournalRecord *record, uint8_t **out, size_t *bytes)
{
    size_t body = bit__journal_record__get_packed_size(record);
    if (body > BIT_JOURNAL_RECORD_MAX)
        return bit_fail(BIT_ELIMIT, "a journal record of %zu bytes", body);
    uint8_t *buf = malloc(body + BIT_JOURNAL_HEADER_BYTES);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "a journal record");
    put_u32(buf, (uint32_t)body);
    bit__journal_record__pack(record, buf + BIT_JOURNAL_HEADER_BYTES);
    put_u32(buf + 4, bit_crc32c(bit_crc32c(0, buf, 4), buf + BIT_JOURNAL_HEADER_BYTES, body));
    *out = buf;
    *bytes = body + BIT_JOURNAL_HEADER_BYTES;
    return 0;
}

/* What was written, or written and not made durable, is taken back: its bytes are written anew the next time, because
 * a second fdatasync would not see the pages that the first one failed to write. */
static int take_back(struct bit_journal *j, int err)
{
    if (ftruncate(j->fd, (off_t)j->bytes) < 0)
        err = -errno;
    return bit_fail(err, "journal: %s", strerror(-err));
}

int bit_journal_append(struct bit_journal *j, const uint8_t *record, size_t bytes, bool sync)
{
    BIT_ASSERT(j->fd >= 0);
    ssize_t n = write(j->fd, record, bytes);
    if (n != (ssize_t)bytes)
        return take_back(j, n < 0 ? -errno : -ENOSPC);
    if (sync && fdatasync(j->fd) < 0)
        return take_back(j, -errno);
    j->bytes += bytes;
    j->seq++;
    j->unsynced = !sync;
    return 0;
}
