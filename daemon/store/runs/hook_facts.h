/* Which records of a run call a hook (daemon/sys/processes/hooks.h), and what the hook is given. */
#ifndef BIT_DAEMON_HOOK_FACTS_H
#define BIT_DAEMON_HOOK_FACTS_H

#include "daemon/store/runs/runner.h"

/** After applying a record: run the hook that the settings have for it, if any. Never fails. */
void bit_hook_facts_note(struct bit_runner *r, const Bit__JournalRecord *record);

#endif
