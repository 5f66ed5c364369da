/*
 * Tokenizes files of documents into a folder of token files, on all cores, in bounded memory.
 *
 *     reader thread            worker threads                       the caller's thread
 *     files -> blocks of  ->   lines -> documents -> ids      ->    token files, in the order of the input
 *     whole lines              (any order)
 *
 * A ring of blocks connects the three: two blocks for each worker and two more. A thread that finds no block waits. So
 * memory is about 1 MiB a block plus 4 MiB a worker, and the output does not depend on the number of threads.
 *
 * Work that was interrupted in any way continues after the last finished file when it is called again with the same
 * inputs, tokenizer and options. The output has the same bytes as that of one uninterrupted call.
 */
#ifndef BIT_CTL_TOKENIZE_H
#define BIT_CTL_TOKENIZE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/tokenize/documents.h"
#include "ctl/tokenize/inputs.h"
#include "ctl/tokenize/tokenizer.h"

#define BIT_TOKENIZE_THREADS_MAX 1024

/* Over all calls that made the dataset, unless stated otherwise. */
struct bit_tokenize_summary {
    uint64_t documents, tokens; /* written; end-of-text tokens count */
    uint64_t tokens_before;     /* how many of these tokens earlier calls wrote */
    uint64_t text_bytes;        /* of the documents written */
    uint64_t empty;             /* documents of white space only, left out as dolma does */
    uint64_t faults[BIT_DOCUMENT_FAULTS];
    uint64_t input_bytes; /* read from disk so far */
    size_t files;         /* started so far */
};

/* A line that is not a document. */
struct bit_tokenize_fault {
    enum bit_document_fault fault;
    const char *path;
    uint64_t line, column; /* both from 1; column in bytes */
};

/* What is finished, and where in the input it ends: path is NULL if all input is finished. */
struct bit_tokenize_kept {
    size_t files;
    uint64_t tokens;
    const char *path;
    uint64_t line;
};

struct bit_tokenize_options {
    const struct bit_tokenizer *tokenizer;
    const char *folder;
    uint32_t end_of_text;
    uint64_t file_tokens; /* BIT_DATASET_FILE_TOKENS_MAX */
    int threads;
    bool strict;                       /* the first fault ends the work with BIT_ECORRUPT */
    bool keep_space;                   /* do not strip white space from the ends of a text */
    bool force;                        /* start again, whatever the folder contains */
    const volatile sig_atomic_t *stop; /* ends the work with -EINTR when it is not 0; may be NULL */
    /* All are called on the caller's thread, in the order of the input; any may be NULL. */
    void (*on_resume)(void *arg, const struct bit_tokenize_kept *kept); /* earlier work is continued */
    void (*on_fault)(void *arg, const struct bit_tokenize_fault *fault);
    void (*on_progress)(void *arg, const struct bit_tokenize_summary *so_far);
    void (*on_broken)(void *arg, const struct bit_tokenize_kept *kept); /* the work failed; this much is finished */
    void *arg;
};

/**
 * Tokenize every document of inputs into options->folder. White space at both ends of a text is stripped, a document
 * of nothing else is skipped, and end_of_text follows each document unless it ends with that token already. All three
 * are what `dolma tokens` does. A folder that is complete is left unchanged; that is a success.
 * Errors      those of line_blocks.h and dataset.h; BIT_ECORRUPT for a fault if strict; -ENODATA if there is no
 *             document at all; BIT_EDATA for an input that changed meanwhile; -EINTR; -ENOMEM. Finished files stay,
 *             others are removed.
 */
int bit_tokenize(const struct bit_inputs *inputs, const struct bit_tokenize_options *options,
                 struct bit_tokenize_summary *out);

#endif
