/* What a client waits for, when its wait is over, and what it is then told. */
#ifndef BIT_DAEMON_WAIT_H
#define BIT_DAEMON_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"

struct bit_client;
struct bit_runner;

/* The first condition that holds ends a wait. */
enum bit_wait_kind {
    BIT_WAIT_NONE,
    BIT_WAIT_REQUESTED,  /* what a WaitRequest says */
    BIT_WAIT_CHECKPOINT, /* a durable one at `step` or later */
    BIT_WAIT_PAUSED,
    BIT_WAIT_TRAINING,
    BIT_WAIT_ENDED,
};

struct bit_wait {
    enum bit_wait_kind kind;
    struct bit_runner *runner;
    bool has_state, has_step, has_precision, has_checkpoint;
    Bit__RunState state;
    Bit__Precision precision;
    uint64_t step, checkpoint;
    uint64_t event; /* of the DoneReply */
};

/** A WaitRequest. */
void bit_wait_requested(struct bit_client *c, const Bit__WaitRequest *m);
/** Wait; answered at once if it holds already. */
void bit_wait_begin(struct bit_client *c, const struct bit_wait *wait);
/** Answer without waiting: what is so now. */
void bit_wait_answer(struct bit_client *c, const struct bit_wait *w);
/** Look at a client's wait, and answer it if it is over. */
void bit_wait_look(struct bit_client *c);

#endif
