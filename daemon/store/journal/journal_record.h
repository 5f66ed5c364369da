/*
 * One record as a journal's file has it:
 *
 *     u32 bytes of the message (little-endian), u32 CRC-32C of those four bytes and the message, JournalRecord
 */
#ifndef BIT_DAEMON_JOURNAL_RECORD_H
#define BIT_DAEMON_JOURNAL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

#define BIT_JOURNAL_HEADER_BYTES 8

/**
 * Encode a record as it is stored. *out is heap, the caller's. Nothing is written that a replay would refuse: texts
 * that are not UTF-8 are repaired (bit_strict_repair), and any other fault is an error.
 * Errors      BIT_ELIMIT above BIT_JOURNAL_RECORD_MAX; BIT_EMESSAGE for NaN and its like; -ENOMEM
 */
int bit_journal_record_encode(const Bit__JournalRecord *record, uint8_t **out, size_t *bytes);
/**
 * Decode the record at the start of buf. Returns its bytes, with *out (bit_msg_free); 0 if it is incomplete;
 * BIT_ECORRUPT if it is invalid. Its texts are UTF-8, repaired if they were not.
 */
int64_t bit_journal_record_decode(const uint8_t *buf, size_t bytes, Bit__JournalRecord **out);
/** The bytes of the record at buf if its length and checksum are right; 0 if it is incomplete, -1 if it is wrong. */
int64_t bit_journal_record_size(const uint8_t *buf, size_t bytes);

#endif
