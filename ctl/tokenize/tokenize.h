/*
 * From files of documents to a folder of token files, on all cores, in bounded memory.
 *
 *     reader thread            worker threads                       the caller's thread
 *     files -> blocks of  ->   lines -> documents -> ids      ->    token files, in the order of the input
 *     whole lines              (any order)
 *
 * A ring of blocks, twice as many as workers and two more, joins the three; who is ahead waits. So memory is about 1
 * MiB a block plus 4 MiB a worker, and what comes out does not depend on the number of threads.
 *
 * Work that was broken off, however, goes on after the last finished file when it is called again with the same
 * inputs, tokenizer and options, and ends with the bytes of one undisturbed call.
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

/* Of all calls that made the dataset, but for what is said. */
struct bit_tokenize_summary {
    uint64_t documents, tokens; /* written; end-of-text tokens count */
    uint64_t tokens_before;     /* of them, by earlier calls */
    uint64_t text_bytes;        /* of those documents */
    uint64_t empty;             /* documents of white space alone, left out as dolma does */
    uint64_t faults[BIT_DOCUMENT_FAULTS];
    uint64_t input_bytes; /* read from disk so far */
    size_t files;         /* begun so far */
};

/* A line that is no document. */
struct bit_tokenize_fault {
    enum bit_document_fault fault;
    const char *path;
    uint64_t line, column; /* both from 1; column in bytes */
};

/* What is finished, and where in the input it ends: path is NULL at the end of all. */
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
    bool strict;                       /* the first fault ends it with BIT_ECORRUPT */
    bool keep_space;                   /* do not strip white space from the ends of a text */
    bool force;                        /* begin anew, whatever the folder has */
    const volatile sig_atomic_t *stop; /* ends it with -EINTR when it is not 0; may be NULL */
    /* All on the caller's thread, in the order of the input; any may be NULL. */
    void (*on_resume)(void *arg, const struct bit_tokenize_kept *kept); /* earlier work is gone on with */
    void (*on_fault)(void *arg, const struct bit_tokenize_fault *fault);
    void (*on_progress)(void *arg, const struct bit_tokenize_summary *so_far);
    void (*on_broken)(void *arg, const struct bit_tokenize_kept *kept); /* it failed; this much is finished */
    void *arg;
};

/**
 * Tokenize every document of inputs into options->folder. White space at the ends of a text is left out and a document
 * of nothing else is skipped; end_of_text follows each document unless it ends with that token already. All three are
 * what `dolma tokens` does. A folder that is complete is left as it is, and counts as done.
 * Errors      those of lines.h and dataset.h; BIT_ECORRUPT for a fault when strict; -ENODATA when there is no document
 *             at all; BIT_EDATA for an input that changed meanwhile; -EINTR; -ENOMEM. Finished files stay, others go.
 */
int bit_tokenize(const struct bit_inputs *inputs, const struct bit_tokenize_options *options,
                 struct bit_tokenize_summary *out);

#endif
