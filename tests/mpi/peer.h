/* bitd's side of the link, played by hand: starts ranks, welcomes them, gives orders, and reads what comes back. */
#ifndef BIT_TESTS_MPI_PEER_H
#define BIT_TESTS_MPI_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/bit.pb-c.h"
#include "proto/wire/frame.h"
#include "proto/wire/msg.h"

#define PEER_IDENTITY  "00112233445566778899aabbccddeeff" /* of the run, for its manifests */
#define PEER_INSTANCES 8
#define PEER_CONTEXT   32
#define PEER_VOCAB     250
#define PEER_LR        3e-3
#define PEER_SET_MAX   4

struct peer {
    char dir[64]; /* of its own, removed at the end */
    char socket[96], secret[96], checkpoints[96];
    const char *set[PEER_SET_MAX]; /* "quantizer.preset=b158": onto the common specification */
    const char *retry_s;
    Bit__InitFacts *init; /* what model.init_from was when it was submitted; NULL: no word of it */
    uint32_t beat_ms;     /* not 0: the other ranks come too, on links of their own */
    const char *worker;   /* the program; NULL: $BITWORKER */
    int listener, fd;
    pid_t pid;
    uint64_t epoch;
    struct bit_frame_reader reader;
    ProtobufCMessage *held; /* the last message handed out */
    double deadline_ms;     /* of what is being waited for: a worker that hangs fails the test */
};

/* Folder, socket, secret. false, and a failed expectation, if the machine does not let us. */
bool peer_open(struct peer *p);
void peer_close(struct peer *p);

/* Start `ranks` ranks of $BITWORKER; one is started by itself, more by $MPIRUN. */
bool peer_start(struct peer *p, int ranks);
/* The next connection's hello, borrowed until the next message; NULL if none comes. */
const Bit__WorkerHello *peer_accept(struct peer *p);
/* Answer it. restore may be NULL. */
void peer_welcome(struct peer *p, uint64_t last_step, const char *restore);
/* Start, accept, welcome, and the WorkerReady; NULL if it failed. */
const Bit__WorkerReady *peer_begin(struct peer *p, int ranks, const char *restore);
void peer_drop(struct peer *p);
/* The exit code of what was started, 128 + the signal that ended it, or -1 after 30 s. */
int peer_wait(struct peer *p);

/* SIGKILL for what was started, and wait until rank 0's end of the link is closed: nobody outlives the launcher. */
void peer_kill(struct peer *p);

void peer_send(struct peer *p, uint16_t type, const void *msg);
void peer_send_epoch(struct peer *p, uint64_t epoch, uint16_t type, const void *msg);
void peer_write(struct peer *p, const void *bytes, size_t count);
/* The next message that is no heartbeat, which must be of this type: borrowed until the next; NULL otherwise. */
const void *peer_next(struct peer *p, uint16_t type);

/* The tokens of a step: the same for everybody who asks. */
void peer_tokens(uint64_t step, uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT]);
void peer_step_of(uint64_t step, Bit__Precision precision, double strength, const uint16_t *tokens,
                  Bit__StepOrder *order);
/* An order with its payload. */
void peer_step(struct peer *p, uint64_t step, Bit__Precision precision, double strength);
void peer_payload(struct peer *p, const void *tokens, size_t bytes);
void peer_evaluate(struct peer *p, uint64_t after_step, Bit__Precision precision, uint32_t instances);
/* Requests of different lengths, some with one context: PEER_REQUESTS of them. bad: the last one's last id is beyond the
 * vocabulary. */
#define PEER_REQUESTS 60
void peer_score(struct peer *p, uint64_t after_step, Bit__Precision precision, uint64_t tag, bool bad);
void peer_switch(struct peer *p, uint64_t after_step, Bit__OptimizerAtSwitch optimizer);
void peer_checkpoint(struct peer *p, uint64_t after_step, const char *name);
void peer_stop(struct peer *p);
/* Every rank said that it is done: they may go. */
void peer_leave(struct peer *p);

#endif
