/*
 * Requests that change a run. Each is journalled before it is answered, and carries the client's own id: the same id
 * again is answered again and not applied twice.
 */
#ifndef BIT_DAEMON_MUTATE_H
#define BIT_DAEMON_MUTATE_H

#include "daemon/client/connection/access.h"
#include "daemon/client/connection/client.h"
#include "daemon/store/runner.h"

/** Who asked for what; request_id and verb are borrowed. */
Bit__Mutation bit_mutate_mutation(const struct bit_client *c, const char *verb, char *request_id);
/** It is journalled that the run goes on, in record `event`: start it if a slot is free, and answer when it trains, or
 * at once if it is queued. */
void bit_mutate_resumed(struct bit_client *c, struct bit_runner *r, bool no_wait, uint64_t event);

/** The run to be changed, or NULL with the client refused: there is none, it is damaged, or he may not. */
struct bit_runner *bit_mutate_begin(struct bit_client *c, const char *which, const char *request_id,
                                    enum bit_verb verb);
/** Answer: what was asked for holds from this step on, by this record. */
void bit_mutate_done(struct bit_client *c, const struct bit_runner *r, uint64_t step, uint64_t event, const char *text);

/** What these do to a run in a state in which they can, recorded with who asked. Errors: as bit_runner_try_record. */
int bit_mutate_pause_run(struct bit_runner *r, char *request_id, uint32_t uid);
int bit_mutate_resume_run(struct bit_runner *r, char *request_id, uint32_t uid);
int bit_mutate_cancel_run(struct bit_runner *r, char *request_id, uint32_t uid, bool now);

void bit_mutate_checkpoint(struct bit_client *c, const Bit__CheckpointRequest *m);
void bit_mutate_pause(struct bit_client *c, const Bit__PauseRequest *m);
void bit_mutate_cancel(struct bit_client *c, const Bit__CancelRequest *m);
void bit_mutate_switch(struct bit_client *c, const Bit__SwitchRequest *m);

#endif
