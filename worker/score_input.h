/* Requests from a file: JSON lines, {"context": [ids], "continuation": [ids]}, or a request file of a task. */
#ifndef BIT_WORKER_SCORE_INPUT_H
#define BIT_WORKER_SCORE_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "worker/model/plan.h"

struct bit_score_lines {
    int64_t count, ids_count;
    uint32_t *tokens, *continuation, *ids; /* as in struct bit_requests; owned */
    int64_t room, ids_room;
};

/**
 * Append the items of a request file (proto/data/request_file.h), by document and choice, or the lines of any other
 * file. "-" is standard input, JSON lines. What does not fit into the model's context is cut from the left, as OLMo
 * does: of the context and the continuation without its last token, the last `context` tokens stay. finish takes a
 * zeroed struct too.
 * Errors      BIT_EDATA with the line's number; bit_request_file_open's; -errno; -ENOMEM
 */
int bit_score_file_read(struct bit_score_lines *lines, const char *path, const struct bit_worker_plan *plan);
void bit_score_lines_finish(struct bit_score_lines *lines);

#endif
