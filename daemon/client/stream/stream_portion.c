#include "daemon/client/stream/stream_portion.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/journal/journal_record.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"

static int add_bytes(struct bit_stream_portion *p, const uint8_t *data, size_t bytes)
{
    if (p->frame_bytes + bytes > p->frame_room) {
        size_t room = 2 * (p->frame_bytes + bytes);
        uint8_t *grown = realloc(p->frames, room);
        if (grown == NULL)
            return bit_fail(-ENOMEM, "a portion of a stream");
        p->frames = grown;
        p->frame_room = room;
    }
    memcpy(p->frames + p->frame_bytes, data, bytes);
    p->frame_bytes += bytes;
    return 0;
}

static int add_frame(struct bit_stream_portion *p, uint16_t type, const void *msg)
{
    uint8_t *frame = NULL;
    size_t bytes = 0;
    int err = bit_msg_encode(type, 0, msg, &frame, &bytes);

    if (err == 0)
        err = add_bytes(p, frame, bytes);
    free(frame);
    return err;
}

static ssize_t read_at(struct bit_stream_portion *p, uint8_t *buf, size_t bytes, uint64_t offset)
{
    ssize_t n = pread(p->fd, buf, bytes, (off_t)offset);

    if (n < 0)
        return bit_fail(-errno, "reading at byte %" PRIu64 ": %s", offset, strerror(errno));
    p->bytes_read += (uint64_t)n;
    return n;
}

/* ---- events */

/* Plain steps, and documents of tasks without a result, only if asked for; steps with an anomaly always. */
static bool is_wanted(const struct bit_stream_portion *p, const Bit__JournalRecord *record)
{
    bool plain_step = record->what_case == BIT__JOURNAL_RECORD__WHAT_STEP && record->step->n_anomaly == 0;
    bool documents = record->what_case == BIT__JOURNAL_RECORD__WHAT_SCORED && record->scored->result == NULL;

    return record->seq > p->after && (p->steps || (!plain_step && (p->items || !documents)));
}

/* Adds the next record, if it is wanted. Returns what bit_journal_record_decode returns, or an error. */
static int64_t add_record(struct bit_stream_portion *p, const uint8_t *buf, size_t bytes)
{
    Bit__JournalRecord *record = NULL;
    int64_t took = bit_journal_record_decode(buf, bytes, &record);

    if (took <= 0)
        return took;
    int err = 0;
    if (is_wanted(p, record)) {
        Bit__EventReply m = BIT__EVENT_REPLY__INIT;
        m.record = record;
        err = add_frame(p, BIT_MSG_EVENT_REPLY, &m);
    }
    bit_msg_free(record);
    return err < 0 ? err : took;
}

/* Adds every record of one read. */
static int read_on(struct bit_stream_portion *p, uint8_t *buf)
{
    uint64_t left = p->end > p->offset ? p->end - p->offset : 0;
    ssize_t n = read_at(p, buf, (size_t)BIT_MIN(left, (uint64_t)BIT_STREAM_PORTION_BYTES), p->offset);
    int64_t took = 1;
    size_t done = 0;

    if (n <= 0)
        return (int)n;
    while (done < (size_t)n && (took = add_record(p, buf + done, (size_t)n - done)) > 0)
        done += (size_t)took;
    p->offset += done;
    return took < 0 && done == 0 ? (int)took : done > 0;
}

/* How many of the picked records, from the first on, fit into one read, and its size in *bytes. */
static size_t span(const struct bit_journal_index_entry *first, size_t count, size_t *bytes)
{
    size_t n = 0;

    for (*bytes = 0; n < count; n++) {
        uint64_t end = first[n].offset + first[n].bytes - first->offset;
        if (end > BIT_STREAM_PORTION_BYTES)
            break;
        *bytes = (size_t)end;
    }
    return n;
}

static int read_picked(struct bit_stream_portion *p, uint8_t *buf)
{
    size_t bytes;

    for (size_t i = 0, n; i < p->picked_count; i += n) {
        const struct bit_journal_index_entry *first = &p->picked[i];
        n = span(first, p->picked_count - i, &bytes);
        ssize_t got = read_at(p, buf, bytes, first->offset);
        if (got < 0)
            return (int)got;
        if (got < (ssize_t)bytes)
            return i > 0;
        for (size_t k = 0; k < n; k++) {
            int64_t took = add_record(p, buf + (first[k].offset - first->offset), first[k].bytes);
            if (took <= 0)
                return (int)took;
            p->offset = first[k].offset + first[k].bytes;
        }
    }
    return 1;
}

static int with_buffer(struct bit_stream_portion *p, int (*make)(struct bit_stream_portion *p, uint8_t *buf))
{
    uint8_t *buf = malloc(BIT_STREAM_PORTION_BYTES);
    int got = buf == NULL ? bit_fail(-ENOMEM, "a portion of a stream") : make(p, buf);

    free(buf);
    if (got < 0)
        bit_format(p->text, sizeof p->text, "%s", bit_fail_text());
    return got;
}

int bit_stream_portion_events(struct bit_stream_portion *p)
{
    return with_buffer(p, p->picked_count > 0 ? read_picked : read_on);
}

/* ---- logs */

static int read_text(struct bit_stream_portion *p, uint8_t *buf)
{
    ssize_t n = read_at(p, buf, BIT_STREAM_PORTION_BYTES, p->offset);

    if (n <= 0)
        return (int)n;
    Bit__LogReply m = BIT__LOG_REPLY__INIT;
    m.text = (ProtobufCBinaryData){.len = (size_t)n, .data = buf};
    p->offset += (uint64_t)n;
    m.has_attempt = m.has_offset = true;
    m.attempt = p->attempt;
    m.offset = p->offset;
    int err = add_frame(p, BIT_MSG_LOG_REPLY, &m);
    return err < 0 ? err : 1;
}

int bit_stream_portion_log(struct bit_stream_portion *p)
{
    return with_buffer(p, read_text);
}

/* Finds the newline before the last `lines` lines. A newline at the very end belongs to the last line. */
static bool find_line(struct bit_stream_portion *p, const uint8_t *buf, size_t bytes, uint64_t at)
{
    const uint8_t *newline;

    for (size_t left = bytes; left > 0 && (newline = memrchr(buf, '\n', left)) != NULL;) {
        left = (size_t)(newline - buf);
        if (at + left + 1 == p->end || --p->lines > 0)
            continue;
        p->offset = at + left + 1;
        return true;
    }
    return false;
}

static int scan_lines(struct bit_stream_portion *p, uint8_t *buf)
{
    for (uint64_t scanned = 0; p->offset > 0 && scanned < BIT_STREAM_PORTION_SCANNED;) {
        size_t bytes = (size_t)BIT_MIN(p->offset, (uint64_t)BIT_STREAM_PORTION_BYTES);
        uint64_t at = p->offset - bytes;
        ssize_t n = read_at(p, buf, bytes, at);
        if (n < 0)
            return (int)n;
        if (n == (ssize_t)bytes && find_line(p, buf, bytes, at))
            return 0;
        p->offset = n == (ssize_t)bytes ? at : 0; /* truncated meanwhile: send all that is left */
        scanned += bytes;
    }
    return p->offset > 0;
}

int bit_stream_portion_lines(struct bit_stream_portion *p)
{
    return with_buffer(p, scan_lines);
}
