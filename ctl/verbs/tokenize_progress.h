/* What `bitctl tokenize` prints while it works: a line of progress, lines that it skips, where it continues. */
#ifndef BIT_CTL_TOKENIZE_PROGRESS_H
#define BIT_CTL_TOKENIZE_PROGRESS_H

#include <stdint.h>
#include <time.h>

#include "ctl/cli/verb.h"
#include "ctl/show/progress_line.h"
#include "ctl/tokenize/tokenize.h"

struct bit_tokenize_progress {
    const struct bit_cli *cli;
    uint64_t input_bytes; /* of all files */
    /* kept here */
    const char *output; /* borrowed */
    struct bit_progress_line line;
    struct timespec begin, last; /* when it began, and when the line was drawn last */
    double part_before;          /* share of the input that earlier calls did; < 0 while it is not known */
    uint64_t faults_shown;
};

/** Before bit_tokenize: sets the callbacks of o, whose folder is set. p, with cli and input_bytes, outlives it. */
void bit_tokenize_progress_begin(struct bit_tokenize_progress *p, struct bit_tokenize_options *o);
/** After it. Returns the seconds that it took. */
double bit_tokenize_progress_end(struct bit_tokenize_progress *p);

#endif
