/* What is said of a resume: what the run had ended of, from where it goes on, and how much is done again. */
#ifndef BIT_DAEMON_RESUME_TEXT_H
#define BIT_DAEMON_RESUME_TEXT_H

#include <stddef.h>

#include "daemon/run/run.h"

/** "failed: rank 1 was ended by signal 9; goes on from step-00000040, 5 steps are done again". Of run->resumed. */
void bit_resume_text(const struct bit_run *run, char *text, size_t room);

#endif
