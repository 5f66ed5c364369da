/* Makes the answer of a dry run, for bitd, and for bitctl when it does not ask bitd. */
#ifndef BIT_PROTO_DRY_REPLY_H
#define BIT_PROTO_DRY_REPLY_H

#include "proto/bit.pb-c.h"
#include "proto/dryrun/dry_scaling.h"
#include "proto/dryrun/dryrun.h"
#include "proto/dryrun/plan_answer.h"
#include "proto/dryrun/token_look.h"
#include "proto/dryrun/warnings.h"

/* Facts about a specification, found before the reply is made. */
struct bit_dry_facts {
    const struct bit_token_look *tokens;
    const struct bit_problems *notes; /* on model.init_from, to be shown as warnings; or NULL */
    const struct bit_plan_answer *plan;
    const char *state; /* bitd's state folder, which holds the checkpoints */
};

struct bit_dry_reply {
    Bit__DryRunReply m; /* borrows from the rest, from the spec and from the facts */
    struct bit_dryrun_points points;
    struct bit_dry_scaling scaling;
    struct bit_warnings warnings;
    Bit__MemoryPlan no_memory;
};

/** From a normalised and validated spec. Errors: as bit_dryrun_size. */
int bit_dry_reply_make(struct bit_dry_reply *out, Bit__RunSpec *spec, const struct bit_dry_facts *facts);
/** Add a warning; text is copied. */
void bit_dry_reply_warn(struct bit_dry_reply *out, const char *field, const char *text);

#endif
