/*
 * One portion of a stream to a client: read from a journal or a log, filtered, and packed into frames. It reads a
 * bounded amount, so that other streams have their turn (stream_queue.h). These functions block: they run on the pool,
 * never on the loop.
 */
#ifndef BIT_DAEMON_STREAM_PORTION_H
#define BIT_DAEMON_STREAM_PORTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/journal/journal.h"
#include "daemon/store/journal/journal_index.h"
#include "daemon/store/journal/journal_record.h"
#include "proto/limits.h"

#define BIT_STREAM_PORTION_BYTES   (BIT_JOURNAL_RECORD_MAX + BIT_JOURNAL_HEADER_BYTES) /* one read; any record fits */
#define BIT_STREAM_PORTION_PICKS   64                                                  /* records that lie apart */
#define BIT_STREAM_PORTION_SCANNED (4u << 20)                                          /* of a log, looking for lines */

struct bit_stream_portion {
    int fd;
    uint64_t offset; /* where to read, and afterwards where to continue */
    uint64_t end;    /* where to stop; UINT64_MAX: at the end of the file */

    /* Events: */
    uint64_t after;                                                  /* records up to this number are left out */
    bool steps;                                                      /* also steps without an anomaly: everything */
    bool items;                                                      /* also documents of tasks */
    struct bit_journal_index_entry picked[BIT_STREAM_PORTION_PICKS]; /* if not empty, only these records */
    size_t picked_count;

    /* Logs: */
    uint32_t attempt; /* the log's attempt */
    uint64_t lines;   /* line ends still to be found, backwards from `offset` */

    /* The result: */
    uint8_t *frames; /* heap, the caller's */
    size_t frame_bytes, frame_room;
    uint64_t bytes_read;
    char text[BIT_ERR_TEXT_MAX]; /* of an error */
};

/** 1: there may be more; 0: at the end, or the file is too short; < 0 with `text`: it cannot be read. */
int bit_stream_portion_events(struct bit_stream_portion *p);
int bit_stream_portion_log(struct bit_stream_portion *p);
/** 1: not found yet; 0: the last `lines` lines begin at `offset`. */
int bit_stream_portion_lines(struct bit_stream_portion *p);

#endif
