/*
 * The journal of one run: append-only, the truth that everything else is rebuilt from.
 *
 *     record   u32 bytes of the message (little-endian), u32 CRC-32C of those four bytes and the message, JournalRecord
 *
 * seq counts 1, 2, 3, … without a hole. A tail that was cut off in the middle of a write is dropped at replay; anything
 * else that does not check is corruption, and nothing is guessed over it.
 */
#ifndef BIT_DAEMON_JOURNAL_H
#define BIT_DAEMON_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/journal_index.h"
#include "proto/bit.pb-c.h"

#define BIT_JOURNAL_HEADER_BYTES 8

struct bit_journal {
    char *path;     /* owned */
    int fd;         /* -1 when it is not open, or rests */
    uint64_t bytes; /* whole records */
    uint64_t seq;   /* of the last record */
    bool unsynced;  /* something was appended since a sync began */

    /* What no sync has covered yet. A sync that fails may have lost any of it, and the next one would not tell: Linux
     * marks the pages clean. So it is kept, and written anew. */
    uint64_t synced; /* bytes that a sync has covered */
    uint8_t *tail;   /* bytes - synced of them */
    size_t tail_room;
    bool torn;                      /* the file after `synced` is not to be trusted */
    struct bit_journal_index index; /* of all whole records */
    bool lost;                      /* the file has no name any more: what is appended would be kept by nobody */
};

/** Takes one record during a replay; a negative return ends it with that error. The record is freed afterwards. */
typedef int bit_journal_visit(void *arg, const Bit__JournalRecord *record);

/**
 * Open (or create, mode 0600) the journal at `path`, hand every record to visit, cut a torn tail.
 * *cut is the number of bytes that were cut, 0 if none. A tail that cannot be cut now leaves out->torn, with a note
 * why: bit_journal_mend cuts it when that works.
 * Errors      BIT_ECORRUPT with path and byte offset; -errno; what visit returned
 */
int bit_journal_open(const char *path, bit_journal_visit *visit, void *arg, struct bit_journal *out, uint64_t *cut);
void bit_journal_close(struct bit_journal *j);
/** Hand the records of its first `bytes` bytes to visit, and leave it as it is. From any thread. Errors: as above. */
int bit_journal_replay(const char *path, uint64_t bytes, bit_journal_visit *visit, void *arg);

/** Close the descriptor until the next append, if everything appended is durable. */
void bit_journal_rest(struct bit_journal *j);
/**
 * Open it again if it rests: it must be there, as long as it was left.
 * Errors      -ENOENT if it was removed; BIT_ECORRUPT if somebody wrote to it; -errno (-EMFILE names the limit)
 */
int bit_journal_wake(struct bit_journal *j);
/** Whether `path` still is the file that fd has open. From any thread. Errors: -ENOENT if it is not; -errno. */
int bit_journal_look(int fd, const char *path);

/**
 * Encode a record as it lies on disk. *out is heap, the caller's. Nothing is written that a replay would refuse: texts
 * that are not UTF-8 are repaired (bit_strict_repair), and what else is wrong is an error.
 * Errors      BIT_ELIMIT above BIT_JOURNAL_RECORD_MAX; BIT_EMESSAGE for NaN and its like; -ENOMEM
 */
int bit_journal_encode(const Bit__JournalRecord *record, uint8_t **out, size_t *bytes);
/**
 * Append an encoded record and count it; `sync` makes it durable, otherwise it is so at the next sync. On failure it
 * does not count, and the same bytes may be tried again. Errors: -errno (-ENOSPC, -EDQUOT, -EIO); -ENOMEM.
 */
int bit_journal_append(struct bit_journal *j, const uint8_t *record, size_t bytes, bool sync);
/** A torn journal as it was before, and durable: what lies after `synced` is cut off and written again. Errors:
 * -errno. */
int bit_journal_mend(struct bit_journal *j);
/** An fdatasync of fd that was begun when the journal had so many bytes came to an end, with err or 0. */
void bit_journal_synced(struct bit_journal *j, uint64_t bytes, int err);

/**
 * Decode the record at the start of buf. Returns the bytes it took with *out (bit_msg_free), 0 if there are not enough
 * yet, BIT_ECORRUPT if it does not check. Its texts are UTF-8, repaired where they were not.
 */
int64_t bit_journal_decode(const uint8_t *buf, size_t bytes, Bit__JournalRecord **out);

#endif
