/* Sends a checked specification to bitd, to submit it or for its dry run. */
#ifndef BIT_CTL_SPEC_SUBMIT_H
#define BIT_CTL_SPEC_SUBMIT_H

#include "ctl/cli/submit_options.h"
#include "ctl/spec/spec_file.h"

/* Returned instead of an exit code if bitd refused a specification that is outdated (bit_spec_file). */
#define BIT_SPEC_OUTDATED (-1)

/**
 * Submit a specification that bit_spec_file_read or _take has checked. *reply is the caller's.
 * Returns     0, the exit code after bitd's refusal was printed, or BIT_SPEC_OUTDATED
 */
int bit_spec_submit(struct bit_cli *cli, struct bit_spec_file *f, const struct bit_submit_options *how,
                    Bit__SubmitReply **reply);
/** Print the dry run; if no daemon answers, as far as it is possible without one. Returns the exit code or
 * BIT_SPEC_OUTDATED. */
int bit_spec_submit_dry_run(struct bit_cli *cli, struct bit_spec_file *f);

#endif
