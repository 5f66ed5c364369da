/*
 * Offsets of a journal's records, so that one can be found without reading those before it: of each record that is more
 * than a plain step (state changes, checkpoints, steps with an anomaly), and of every 1024th of all. A month of steps
 * has millions of plain records and some thousand others.
 */
#ifndef BIT_DAEMON_JOURNAL_INDEX_H
#define BIT_DAEMON_JOURNAL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_JOURNAL_INDEX_STRIDE 1024

struct bit_journal_index {
    struct bit_journal_index_entry {
        uint64_t seq, offset;
        uint32_t bytes;
    } * entry;
    size_t count, room;
    uint64_t *mark; /* offset of record 1, 1025, 2049, … */
    size_t mark_count, mark_room;
};

/** Whether an encoded JournalRecord is a step without an anomaly. */
bool bit_journal_index_is_plain(const uint8_t *body, size_t bytes);
/** Make sure that the next record can be added. Errors: -ENOMEM. */
int bit_journal_index_reserve(struct bit_journal_index *x);
/** Add the next record: seq counts from 1 without gaps. */
void bit_journal_index_add(struct bit_journal_index *x, uint64_t seq, uint64_t offset, size_t bytes, bool plain);
/** The first entry after record `after`; `count` if there is none. */
size_t bit_journal_index_find(const struct bit_journal_index *x, uint64_t after);
/** An offset at which a record begins: not after record `after` + 1, and less than a stride before it. */
uint64_t bit_journal_index_offset(const struct bit_journal_index *x, uint64_t after);
void bit_journal_index_finish(struct bit_journal_index *x);

#endif
