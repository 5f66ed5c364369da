/*
 * Turns a file of requests (JSON lines) into a request file, FOLDER/TASK.requests. Context and continuation are
 * tokenized separately, nothing is added to either and nothing is cut, as OLMo's classes do it. Equal contexts of a
 * document are tokenized and stored once.
 */
#ifndef BIT_CTL_REQUESTS_H
#define BIT_CTL_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/tokenize/tokenizer.h"
#include "proto/data/request_cut.h"

/* The tasks of the calls so far, each of which may have one file only. A zeroed struct is empty. */
struct bit_requests_taken {
    struct bit_requests_task {
        char name[BIT_NAME_MAX + 1];
        const char *input; /* borrowed */
    } * task;
    size_t count;
};
void bit_requests_taken_finish(struct bit_requests_taken *taken);

struct bit_requests_options {
    const struct bit_tokenizer *tokenizer;
    const char *folder; /* created if missing */
    uint32_t context;   /* items must fit it; 0: any length */
    bool force;         /* replace a file that has other contents */
};

struct bit_requests_summary {
    char task[BIT_NAME_MAX + 1];
    enum bit_task_metric metric;
    uint32_t documents, items;
    uint64_t ids;
    struct bit_request_extent extent; /* at that context length, or uncut */
    bool unchanged;                   /* the file existed already with these contents */
};

/**
 * Make the request file of one input; its task is added to *taken, with `input` borrowed.
 * Errors      those of request_lines.h, request_cut.h and whole_file.h; BIT_EDATA for a text that has no tokens, and
 *             for a task that an earlier input had
 */
int bit_requests_make(const char *input, const struct bit_requests_options *options, struct bit_requests_taken *taken,
                      struct bit_requests_summary *out);

#endif
