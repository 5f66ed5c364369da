/* Checks the token files that a specification names, and reports all problems at once. */
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

/* The files that a submitter opened for bitd, in the order of bit_spec_path; no other file is read. */
struct bit_token_shown {
    const struct bit_file_id *files, *sidecars;
};

/**
 * Check the token files of a normalised spec: their sizes, their first bytes and the dataset.json beside them. A
 * missing or invalid file is a problem of its field. Blocking.
 * shown           NULL: any file may be read
 * rules_hold      the spec has passed bit_spec_validate; otherwise instances are not counted, and *out is not changed
 * Errors          BIT_EAUTH if a path names another file for this process than for the submitter, which ends the check;
 *                 else the first problem's error, BIT_EDATA for a missing file; -ENOMEM
 */
int bit_token_look(const Bit__RunSpec *spec, const struct bit_token_shown *shown, bool rules_hold,
                   struct bit_problems *problems, struct bit_token_look *out);

#endif
