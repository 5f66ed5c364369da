/* The dry run without a daemon. */
#ifndef BIT_CTL_LOCAL_CHECK_H
#define BIT_CTL_LOCAL_CHECK_H

#include "ctl/cli/verb.h"
#include "ctl/spec/spec_file.h"

/**
 * Print what bitd's dry run would print of a specification that bit_spec_file_read has taken: files, memory, schedule,
 * warnings; and list what only a bitd could check.
 * Returns     the exit code, the same as bitd's dry run
 */
int bit_local_check(struct bit_cli *cli, struct bit_spec_file *f);

#endif
