/*
 * Reads requests, the questions of a task before they are tokenized: JSON lines, one task per file. A line is
 *
 *     {"task": "copa", "document": 0, "choice": 1, "context": "It rained because", "continuation": " of the clouds.",
 *      "label": 0, "metric": "acc"}
 *
 * The choices of a document are 0, 1, 2, ... without a gap, at least two, and its label is one of them; lines may be
 * in any order. Other keys are ignored. `deploy/tasks` writes such files; users write their own tasks in the same
 * format.
 */
#ifndef BIT_CTL_REQUEST_LINES_H
#define BIT_CTL_REQUEST_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "proto/data/request_file.h"

struct bit_request_lines {
    char task[BIT_NAME_MAX + 1];
    enum bit_task_metric metric;
    /* Heap, sorted by document and choice. Texts are UTF-8 with a NUL after them, and may contain further NULs. */
    struct bit_request_line {
        uint64_t line; /* in the file, from 1 */
        uint64_t document;
        uint32_t choice, label;
        char *context, *continuation;
        size_t context_bytes, continuation_bytes;
    } * line;
    size_t count, room;
};

/**
 * Read a file, plain, gzip or zstd, and check all of it. *out is the caller's (finish), untouched on failure.
 * Errors      BIT_EDATA naming file, line and what is wrong: broken JSON, invalid UTF-8, a key that is missing or has
 *             the wrong type, an invalid task or metric, a task or metric that differs from that of the lines before,
 *             an empty context or continuation, a choice given twice or missing, labels of one document that differ or
 *             are none of its choices, no request at all; those of line_blocks.h; BIT_ELIMIT; -ENOMEM
 */
int bit_request_lines_read(const char *path, struct bit_request_lines *out);
void bit_request_lines_finish(struct bit_request_lines *lines);

/** Measure a continuation without its leading space. */
void bit_request_line_measure(const struct bit_request_line *line, uint32_t *characters, uint32_t *bytes);

#endif
