/* Checkpoints that are not loaded: set aside on the thread pool, and journalled on the loop. */
#ifndef BIT_DAEMON_BAD_CHECKPOINTS_H
#define BIT_DAEMON_BAD_CHECKPOINTS_H

#include <stddef.h>

#include "proto/limits.h"

struct bit_runner;

struct bit_bad_checkpoints {
    struct bit_bad_checkpoint {
        char name[64];
        char text[BIT_ERR_TEXT_MAX];
    } * item;
    size_t count;
};

void bit_bad_checkpoints_finish(struct bit_bad_checkpoints *b);
/**
 * Rename the folder `name` of `folder` to "AS.bad", replacing an earlier one, and note it with the thread's failure
 * text as the reason. A failed rename is logged.
 */
void bit_bad_checkpoints_set_aside(struct bit_bad_checkpoints *b, const char *folder, const char *name, const char *as);
/** Journal a CheckpointBad for each, and log it. */
void bit_bad_checkpoints_record(struct bit_runner *r, const struct bit_bad_checkpoints *b);
/** The same for one. */
void bit_bad_checkpoints_record_one(struct bit_runner *r, const char *name, const char *text);

#endif
