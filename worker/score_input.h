/* Requests as a file of JSON lines: {"context": [ids], "continuation": [ids]}. */
#ifndef BIT_WORKER_SCORE_INPUT_H
#define BIT_WORKER_SCORE_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "worker/model/plan.h"

struct bit_score_lines {
    int64_t count, ids_count;
    uint32_t *tokens, *continuation, *ids; /* as struct bit_requests has them; owned */
    int64_t room, ids_room;
};

/**
 * All lines of `from`, which `name` is. What does not fit into the model's context is cut from the left, as OLMo does:
 * of context and continuation but its last token, as many of the last ones stay as fit. finish takes a zeroed one too.
 * Errors      BIT_EDATA with the line's number; -errno; -ENOMEM
 */
int bit_score_lines_read(struct bit_score_lines *lines, FILE *from, const char *name,
                         const struct bit_worker_plan *plan);
void bit_score_lines_finish(struct bit_score_lines *lines);

#endif
