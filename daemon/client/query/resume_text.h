/* Describes a resume: why the run had ended, where it continues, and how many steps are done again. */
#ifndef BIT_DAEMON_RESUME_TEXT_H
#define BIT_DAEMON_RESUME_TEXT_H

#include <stddef.h>

#include "daemon/run/run.h"

/** "failed: rank 1 was ended by signal 9; goes on from step-00000040, 5 steps are done again". Of run->resumed. */
void bit_resume_text(const struct bit_run *run, char *text, size_t room);

#endif
