/*
 * The ledger of a folder of token files: what they are made from and how much is finished, so that interrupted work
 * continues where it stopped. A text file with one fact per line, each line after its CRC-32C:
 *
 *     5f1c0a3e format bitd-ledger-1
 *     ........ KEY VALUE                          the head: tokenizer, options, then an "input" line for each file
 *     ........ part 0 tokens=.. documents=.. crc=.. next=FILE:LINE counts=a,b,..
 *
 * The head is written atomically. A part's line is written after the part's files are on disk under their names, and
 * is on disk itself before bit_ledger_add returns: a part is finished if and only if it has a line. Only the last line
 * can be torn, by a crash; it is dropped.
 */
#ifndef BIT_CTL_LEDGER_H
#define BIT_CTL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_LEDGER_NAME   "tokenize.ledger"
#define BIT_LEDGER_COUNTS 6 /* counters that the caller carries from part to part */

/* A position in the input, and the counters up to there. */
struct bit_ledger_mark {
    uint64_t file; /* index in the inputs */
    uint64_t line; /* from 1; the next line to read */
    uint64_t counts[BIT_LEDGER_COUNTS];
};

struct bit_ledger_part {
    uint64_t tokens, documents;
    uint32_t crc; /* CRC-32C of the token file */
    struct bit_ledger_mark next;
};

/* A head while it is built: lines "KEY VALUE". A zeroed struct is empty. */
struct bit_ledger_head {
    char *text;
    size_t bytes, room;
};
/** Add a line; newlines and backslashes in it are escaped. -ENOMEM. */
int bit_ledger_say(struct bit_ledger_head *head, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bit_ledger_head_finish(struct bit_ledger_head *head);

struct bit_ledger;

/**
 * Open the ledger of a folder. If there is none, *out is NULL and 0 is returned. `folder` (its descriptor) and `name`
 * (its name in error messages) are borrowed until close.
 * Errors      -EEXIST if its head is not `head`: the note says which line differs; BIT_ECORRUPT for a damaged line
 *             that is not the last; -errno; -ENOMEM
 */
int bit_ledger_open(int folder, const char *name, const struct bit_ledger_head *head, struct bit_ledger **out);
/** Create a ledger, replacing an existing one. It is on disk when this returns. -errno; -ENOMEM. */
int bit_ledger_create(int folder, const char *name, const struct bit_ledger_head *head, struct bit_ledger **out);
/** The finished parts, in order; borrowed until the next add. */
const struct bit_ledger_part *bit_ledger_parts(const struct bit_ledger *ledger, size_t *count);
/** Add the next part; it is on disk when this returns. -errno; -ENOMEM. Do not call again after a failure. */
int bit_ledger_add(struct bit_ledger *ledger, const struct bit_ledger_part *part);
/** NULL is fine. */
void bit_ledger_close(struct bit_ledger *ledger);

#endif
