/*
 * One portion of a stream to a client: read from a journal or a log, chosen, and packed as frames. Bounded in what it
 * reads, so that others have their turn (stream_queue.h), and blocking: it is made on the pool, never on
 * the loop.
 */
#ifndef BIT_DAEMON_STREAM_PORTION_H
#define BIT_DAEMON_STREAM_PORTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/journal.h"
#include "daemon/store/journal_index.h"
#include "proto/limits.h"

#define BIT_STREAM_PORTION_BYTES   (BIT_JOURNAL_RECORD_MAX + BIT_JOURNAL_HEADER_BYTES) /* one read; any record fits */
#define BIT_STREAM_PORTION_PICKS   64                                                  /* records that lie apart */
#define BIT_STREAM_PORTION_SCANNED (4u << 20)                                          /* of a log, looking for lines */

struct bit_stream_portion {
    int fd;
    uint64_t offset; /* where to read, and afterwards where to go on */
    uint64_t end;    /* where to stop; UINT64_MAX: at the end of the file */

    /* of events */
    uint64_t after;                                                  /* those up to this one are left out */
    bool steps;                                                      /* everything: steps without an anomaly, too */
    bool items;                                                      /* documents of tasks, too */
    struct bit_journal_index_entry picked[BIT_STREAM_PORTION_PICKS]; /* if there are any: only these */
    size_t picked_count;

    uint32_t attempt; /* whose log it is */
    uint64_t lines;   /* line ends that are still to be found, backwards from `offset` */

    /* The result: */
    uint8_t *frames; /* heap, the caller's */
    size_t frame_bytes, frame_room;
    uint64_t bytes_read;
    char text[BIT_ERR_TEXT_MAX]; /* of an error */
};

/** 1: there is more; 0: at the end, or what should be there is not; < 0 with `text`: it cannot be read. */
int bit_stream_portion_events(struct bit_stream_portion *p);
int bit_stream_portion_log(struct bit_stream_portion *p);
/** 1: not found yet; 0: the last `lines` lines begin at `offset`. */
int bit_stream_portion_lines(struct bit_stream_portion *p);

#endif
