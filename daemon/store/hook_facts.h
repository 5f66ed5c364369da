/* Which records of a run call a hook (daemon/sys/hooks.h), and what it is told of them. */
#ifndef BIT_DAEMON_HOOK_FACTS_H
#define BIT_DAEMON_HOOK_FACTS_H

#include "daemon/store/runner.h"

/** After a record was applied: run the hook that the settings have for it, if any. Never fails. */
void bit_hook_facts_note(struct bit_runner *r, const Bit__JournalRecord *record);

#endif
