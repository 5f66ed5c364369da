/* The answer of a dry run: put together here by bitd, and by bitctl where no bitd is asked. */
#ifndef BIT_PROTO_DRY_REPLY_H
#define BIT_PROTO_DRY_REPLY_H

#include "proto/bit.pb-c.h"
#include "proto/dryrun/dry_scaling.h"
#include "proto/dryrun/dryrun.h"
#include "proto/dryrun/plan_answer.h"
#include "proto/dryrun/token_look.h"
#include "proto/dryrun/warnings.h"

/* What was found out of a specification. */
struct bit_dry_facts {
    const struct bit_token_look *tokens;
    const struct bit_problems *notes; /* of what the model begins from: no problems; or NULL */
    const struct bit_plan_answer *plan;
    const char *state; /* bitd's folder, where checkpoints go */
};

struct bit_dry_reply {
    Bit__DryRunReply m; /* borrows from the rest, from the spec and from the facts */
    struct bit_dryrun_points points;
    struct bit_dry_scaling scaling;
    struct bit_warnings warnings;
    Bit__MemoryPlan no_memory;
};

/** Of a normalised and checked spec. Errors: as bit_dryrun_size. */
int bit_dry_reply_make(struct bit_dry_reply *out, Bit__RunSpec *spec, const struct bit_dry_facts *facts);
/** One more warning; text is copied. */
void bit_dry_reply_warn(struct bit_dry_reply *out, const char *field, const char *text);

#endif
