/* The token files that a specification names, looked at: all that is wrong with them at once. */
#ifndef BIT_PROTO_TOKEN_LOOK_H
#define BIT_PROTO_TOKEN_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/data/sidecar.h"
#include "proto/regular_file.h"
#include "proto/text/problems.h"

struct bit_token_look {
    uint64_t instances, epoch_steps;
    struct bit_sidecar_missing unknown; /* folders without dataset.json */
};

/* Which files a submitter showed, in the order of bit_spec_path; nothing is read of any other. */
struct bit_token_shown {
    const struct bit_file_id *files, *sidecars;
};

/**
 * Look at the token files of a normalised spec: at their sizes, their beginnings and the dataset.json beside them.
 * Each one that is missing or not what it should be is a problem of its field. Blocking.
 * shown           NULL: of any file
 * rules_hold      the spec has passed bit_spec_validate; otherwise nothing is counted, and *out stays as it was
 * Errors          BIT_EAUTH of a file that is another for us than for who showed it, and then nothing else is told; the
 *                 first problem's, which is BIT_EDATA for a file that is not there; -ENOMEM
 */
int bit_token_look(const Bit__RunSpec *spec, const struct bit_token_shown *shown, bool rules_hold,
                   struct bit_problems *problems, struct bit_token_look *out);

#endif
