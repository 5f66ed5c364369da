/* bitd's side of the link, for tests of bitworker: starts ranks, welcomes them, sends orders and reads the reports. */
#ifndef BIT_TESTS_MPI_PEER_H
#define BIT_TESTS_MPI_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/launch/leftovers.h"
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
    char dir[64]; /* its own folder, removed by peer_close */
    char socket[96], secret[96], checkpoints[96];
    const char *set[PEER_SET_MAX]; /* changes to the common specification, as "quantizer.preset=b158" */
    const char *retry_s;
    Bit__InitFacts *init; /* the welcome's facts about model.init_from at submission; NULL: none */
    uint32_t beat_ms;     /* if not 0, the other ranks connect too, on their own links */
    const char *worker;   /* the program; NULL: $BITWORKER */
    int listener, fd;
    struct bit_leftovers leftovers; /* Open MPI's files, which a killed mpirun leaves */
    uint32_t ranks;
    pid_t pid, rank; /* of the process that was started, and of the rank that connected last */
    uint64_t epoch;
    struct bit_frame_reader reader;
    ProtobufCMessage *held; /* the last message handed out */
    double deadline_ms;     /* of the current wait, so that a hanging worker fails the test */
};

/* Make folder, socket and secret. false, and a failed expectation, if that fails. */
bool peer_open(struct peer *p);
void peer_close(struct peer *p);

/* Start `ranks` ranks of the worker; one is started directly, more by $MPIRUN. */
bool peer_start(struct peer *p, int ranks);
/* Accept the next connection. Returns its hello, valid until the next message; NULL if none comes. */
const Bit__WorkerHello *peer_accept(struct peer *p);
/* Answer it. restore may be NULL. */
void peer_welcome(struct peer *p, uint64_t last_step, const char *restore);
/* Start, accept and welcome. Returns the WorkerReady, valid until the next message; NULL if it failed. */
const Bit__WorkerReady *peer_begin(struct peer *p, int ranks, const char *restore);
void peer_drop(struct peer *p);
/* The exit code of the started process, 128 + the signal that ended it, or -1 after 30 s. */
int peer_wait(struct peer *p);

/* Kill the started process, and wait until rank 0 has closed its link, too: no rank outlives the launcher. */
void peer_kill(struct peer *p);

void peer_send(struct peer *p, uint16_t type, const void *msg);
void peer_send_epoch(struct peer *p, uint64_t epoch, uint16_t type, const void *msg);
void peer_write(struct peer *p, const void *bytes, size_t count);
/* The next message that is no heartbeat; it must be of this type. Valid until the next message. NULL on failure. */
const void *peer_next(struct peer *p, uint16_t type);

/* The tokens of a step; always the same. */
void peer_tokens(uint64_t step, uint16_t tokens[PEER_INSTANCES * PEER_CONTEXT]);
void peer_step_of(uint64_t step, Bit__Precision precision, double strength, const uint16_t *tokens,
                  Bit__StepOrder *order);
/* Send a step order and its payload. */
void peer_step(struct peer *p, uint64_t step, Bit__Precision precision, double strength);
void peer_payload(struct peer *p, const void *tokens, size_t bytes);
void peer_evaluate(struct peer *p, uint64_t after_step, Bit__Precision precision, uint32_t instances);
/* Send PEER_REQUESTS requests of different lengths, some with the same context. bad: the last id of the last request is
 * not in the vocabulary. */
#define PEER_REQUESTS 60
void peer_score(struct peer *p, uint64_t after_step, Bit__Precision precision, uint64_t tag, bool bad);
void peer_switch(struct peer *p, uint64_t after_step, Bit__OptimizerAtSwitch optimizer);
void peer_checkpoint(struct peer *p, uint64_t after_step, const char *name);
void peer_stop(struct peer *p);
/* Tell the ranks that all of them have reported WorkerDone and may exit. */
void peer_leave(struct peer *p);

#endif
