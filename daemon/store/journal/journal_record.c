#include "daemon/store/journal/journal_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/crc32c.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"
#include "proto/wire/strict.h"

static uint32_t get_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

int bit_journal_record_encode(const Bit__JournalRecord *record, uint8_t **out, size_t *bytes)
{
    size_t body = bit__journal_record__get_packed_size(record);

    if (body > BIT_JOURNAL_RECORD_MAX)
        return bit_fail(BIT_ELIMIT, "a journal record of %zu bytes", body);
    uint8_t *buf = malloc(body + BIT_JOURNAL_HEADER_BYTES);
    if (buf == NULL)
        return bit_fail(-ENOMEM, "a journal record");
    put_u32(buf, (uint32_t)body);
    bit__journal_record__pack(record, buf + BIT_JOURNAL_HEADER_BYTES);
    int err = bit_strict_repair(&bit__journal_record__descriptor, buf + BIT_JOURNAL_HEADER_BYTES, body);
    if (err < 0) {
        free(buf);
        return err;
    }
    put_u32(buf + 4, bit_crc32c(bit_crc32c(0, buf, 4), buf + BIT_JOURNAL_HEADER_BYTES, body));
    *out = buf;
    *bytes = body + BIT_JOURNAL_HEADER_BYTES;
    return 0;
}

int64_t bit_journal_record_size(const uint8_t *buf, size_t bytes)
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

static int decode_body(const uint8_t *body, size_t bytes, ProtobufCMessage **out)
{
    return bit_msg_decode_as(&bit__journal_record__descriptor, body, bytes, BIT_DECODE_BUDGET_MAX, out);
}

/* Repair invalid texts, which earlier versions wrote: the text is lost, but not the run. */
static int decode_repaired(const uint8_t *body, size_t bytes, ProtobufCMessage **out)
{
    uint8_t *copy = malloc(bytes);

    if (copy == NULL)
        return bit_fail(-ENOMEM, "a journal record");
    memcpy(copy, body, bytes);
    int err = bit_strict_repair(&bit__journal_record__descriptor, copy, bytes);
    if (err == 0)
        err = decode_body(copy, bytes, out);
    free(copy);
    return err;
}

int64_t bit_journal_record_decode(const uint8_t *buf, size_t bytes, Bit__JournalRecord **out)
{
    int64_t took = bit_journal_record_size(buf, bytes);

    if (took == 0)
        return 0;
    if (took < 0)
        return bit_fail(BIT_ECORRUPT, "a journal record with a wrong length or checksum");
    const uint8_t *body = buf + BIT_JOURNAL_HEADER_BYTES;
    size_t body_bytes = (size_t)took - BIT_JOURNAL_HEADER_BYTES;
    ProtobufCMessage *msg;
    int err = decode_body(body, body_bytes, &msg);
    if (err == BIT_EMESSAGE)
        err = decode_repaired(body, body_bytes, &msg);
    if (err < 0)
        return err;
    *out = (Bit__JournalRecord *)msg;
    return took;
}
