/*
 * Requests that change a run. Each is journalled before it is answered, and carries an id that the client chose: a
 * repeated id is answered again, but not applied twice.
 */
#ifndef BIT_DAEMON_MUTATE_H
#define BIT_DAEMON_MUTATE_H

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/client.h"
#include "daemon/store/runs/runner.h"

/** Who asked for what; request_id and verb are borrowed. */
Bit__Mutation bit_mutate_mutation(const struct bit_client *c, const char *verb, char *request_id);
/** After a resume was journalled as record `event`: start the run if a slot is free, and answer when it trains, or at
 * once if it is queued or with no_wait. */
void bit_mutate_resumed(struct bit_client *c, struct bit_runner *r, bool no_wait, uint64_t event);

/** The run to change, or NULL with the client refused: there is none, it is damaged, or the user has no right to. */
struct bit_runner *bit_mutate_begin(struct bit_client *c, const char *which, const char *request_id,
                                    enum bit_verb verb);
/** Answer that the change holds from `step` on, by record `event`. */
void bit_mutate_done(struct bit_client *c, const struct bit_runner *r, uint64_t step, uint64_t event, const char *text);

/** Pause, resume or cancel a run whose state was checked, with a record of who asked. Errors: as
 * bit_runner_try_record. */
int bit_mutate_pause_run(struct bit_runner *r, char *request_id, uint32_t uid);
int bit_mutate_resume_run(struct bit_runner *r, char *request_id, uint32_t uid);
int bit_mutate_cancel_run(struct bit_runner *r, char *request_id, uint32_t uid, bool now);

void bit_mutate_checkpoint(struct bit_client *c, const Bit__CheckpointRequest *m);
void bit_mutate_pause(struct bit_client *c, const Bit__PauseRequest *m);
void bit_mutate_cancel(struct bit_client *c, const Bit__CancelRequest *m);
void bit_mutate_switch(struct bit_client *c, const Bit__SwitchRequest *m);

#endif
