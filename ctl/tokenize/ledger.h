/*
 * What a folder of token files is made from and how far that has come, so that work broken off at any moment goes on
 * where it was. A text file, one fact a line, its CRC-32C first:
 *
 *     5f1c0a3e format bitd-ledger-1
 *     ........ KEY VALUE                          the head: tokenizer, options, then an "input" line for each file
 *     ........ part 0 tokens=.. documents=.. crc=.. next=FILE:LINE counts=a,b,..
 *
 * The head appears whole or not at all. A part's line is written after its files are on disk under their names, and is
 * on disk itself before bit_ledger_add returns: a part that has a line is finished, any other is not there. Only the
 * last line can be torn, by a crash; it is dropped.
 */
#ifndef BIT_CTL_LEDGER_H
#define BIT_CTL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_LEDGER_NAME   "tokenize.ledger"
#define BIT_LEDGER_COUNTS 6 /* numbers that the caller carries from part to part */

/* A place in the input, and what was counted before it. */
struct bit_ledger_mark {
    uint64_t file; /* index in the inputs */
    uint64_t line; /* from 1; what comes next */
    uint64_t counts[BIT_LEDGER_COUNTS];
};

struct bit_ledger_part {
    uint64_t tokens, documents;
    uint32_t crc; /* CRC-32C of the token file */
    struct bit_ledger_mark next;
};

/* The head under way: lines "KEY VALUE". Zero is a good start. */
struct bit_ledger_head {
    char *text;
    size_t bytes, room;
};
/** Add a line; a newline or backslash in it is escaped. -ENOMEM. */
int bit_ledger_say(struct bit_ledger_head *head, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bit_ledger_head_finish(struct bit_ledger_head *head);

struct bit_ledger;

/**
 * Open the ledger of a folder. NULL in *out, and 0, if there is none. `folder` (its descriptor) and `name` (what errors
 * call it) are borrowed until close.
 * Errors      -EEXIST if its head is not `head`: the note says which line differs; BIT_ECORRUPT for a damaged line that
 *             is not the last; -errno; -ENOMEM
 */
int bit_ledger_open(int folder, const char *name, const struct bit_ledger_head *head, struct bit_ledger **out);
/** Begin one, in place of any that is there. It is on disk when this returns. -errno; -ENOMEM. */
int bit_ledger_create(int folder, const char *name, const struct bit_ledger_head *head, struct bit_ledger **out);
/** The parts that are finished, in order; borrowed until the next add. */
const struct bit_ledger_part *bit_ledger_parts(const struct bit_ledger *ledger, size_t *count);
/** Add the next part; on disk when this returns. -errno; -ENOMEM. Call no more after a failure. */
int bit_ledger_add(struct bit_ledger *ledger, const struct bit_ledger_part *part);
/** NULL is fine. */
void bit_ledger_close(struct bit_ledger *ledger);

#endif
