/* The dry run that needs no daemon. */
#ifndef BIT_CTL_LOCAL_CHECK_H
#define BIT_CTL_LOCAL_CHECK_H

#include "ctl/cli/verb.h"
#include "ctl/spec/spec_file.h"

/**
 * Everything that bitd's dry run says of a specification that bit_spec_file_read has taken: its files, memory, schedule
 * and warnings; and what only a bitd could have checked. Printed as a dry run is.
 * Returns     the exit code, the same as the dry run's
 */
int bit_local_check(struct bit_cli *cli, struct bit_spec_file *f);

#endif
