/*
 * The journal of one run: append-only; everything else is rebuilt from it.
 *
 * seq counts 1, 2, 3, … without gaps. A replay drops a tail that was cut off in the middle of a write. Any other error
 * is corruption, and is not repaired.
 */
#ifndef BIT_DAEMON_JOURNAL_H
#define BIT_DAEMON_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/journal/journal_index.h"
#include "proto/bit.pb-c.h"

struct bit_journal {
    char *path;     /* owned */
    int fd;         /* -1 when closed or at rest */
    uint64_t bytes; /* whole records */
    uint64_t seq;   /* of the last record */
    bool unsynced;  /* something was appended since a sync began */

    /* What no sync has covered yet. A failed sync may have lost any of it, and the next sync would not report that,
     * because Linux marks the pages clean. So it is kept in memory and written again. */
    uint64_t synced; /* bytes covered by a sync */
    uint8_t *tail;   /* the `bytes - synced` bytes after those */
    size_t tail_room;
    bool torn;                      /* the file's content after `synced` is unreliable */
    struct bit_journal_index index; /* of all whole records */
    bool lost;                      /* the file was unlinked or moved: appended records would be lost */
};

/** Takes one record of a replay; a negative return ends the replay with that error. The record is freed afterwards. */
typedef int bit_journal_visit(void *arg, const Bit__JournalRecord *record);

/**
 * Open (or create, mode 0600) the journal at `path`, pass every record to visit, and cut a torn tail.
 * *cut is the number of bytes that were cut, 0 if none. If a tail cannot be cut now, out->torn is set and the failure
 * text says why; bit_journal_mend cuts it later.
 * Errors      BIT_ECORRUPT with path and byte offset; -errno; what visit returned
 */
int bit_journal_open(const char *path, bit_journal_visit *visit, void *arg, struct bit_journal *out, uint64_t *cut);
void bit_journal_close(struct bit_journal *j);
/** Pass the records in its first `bytes` bytes to visit, without changing it. From any thread. Errors: as above. */
int bit_journal_replay(const char *path, uint64_t bytes, bit_journal_visit *visit, void *arg);

/** Close the descriptor until the next append, if everything appended is durable. */
void bit_journal_rest(struct bit_journal *j);
/**
 * Open it again if it is at rest; it must exist and have the length that it had.
 * Errors      -ENOENT if it was removed; BIT_ECORRUPT if somebody wrote to it; -errno (-EMFILE names the limit)
 */
int bit_journal_wake(struct bit_journal *j);
/** Whether `path` is still the file that fd has open. From any thread. Errors: -ENOENT if it is not; -errno. */
int bit_journal_look(int fd, const char *path);

/**
 * Append an encoded record and count it. With `sync` it is durable on return, otherwise after the next sync. A record
 * that failed does not count, and the same bytes may be tried again. Errors: -errno (-ENOSPC, -EDQUOT, -EIO); -ENOMEM.
 */
int bit_journal_append(struct bit_journal *j, const uint8_t *record, size_t bytes, bool sync);
/** Repair a torn journal and make it durable: what follows `synced` is cut off and written again. Errors: -errno. */
int bit_journal_mend(struct bit_journal *j);
/** An fdatasync of fd that began when the journal had `bytes` bytes has ended, with err or 0. */
void bit_journal_synced(struct bit_journal *j, uint64_t bytes, int err);

#endif
