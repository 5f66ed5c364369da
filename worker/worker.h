/* One rank of a run: its part of the model's state, and what it does with an order. */
#ifndef BIT_WORKER_WORKER_H
#define BIT_WORKER_WORKER_H

#include <stdint.h>

#include "worker/ckpt.h"
#include "worker/comm.h"
#include "worker/command.h"
#include "worker/fabric.h"
#include "worker/model.h"
#include "worker/optim.h"
#include "worker/phase.h"
#include "worker/plan.h"
#include "worker/publish.h"
#include "worker/sections.h"
#include "worker/shard.h"

struct bit_worker {
    struct bit_comm *comm;       /* borrowed, with the next two */
    const Bit__Welcome *welcome; /* the first one, on every rank */
    struct bit_sections *sections;
    const Bit__RunSpec *spec; /* the welcome's */
    char run[BIT_RUN_ID_MAX];

    enum bit_backend backend;
    char choices[256]; /* what the backend chose where it had a choice, for people: "cuDNN 91400"; "" where it had none
                        */
    struct bit_plan plan;
    struct bit_shard shard;
    struct bit_model *model;
    struct bit_fabric fabric;
    struct bit_optim optim;
    struct bit_publish publish;
    struct bit_ckpt ckpt;

    Bit__PhaseState phase;
    uint64_t step; /* of the weights in memory */

    uint16_t *tokens; /* this rank's instances, in the host's memory; grows to the largest order */
    int64_t tokens_capacity;
    void *gathered;                   /* size x BIT_WORKER_GATHER_BYTES: what each rank says about a step */
    uint32_t *rank_us;                /* size x BIT_SECTION_SPLIT: where each rank's time went in the last step */
};
#define BIT_WORKER_GATHER_BYTES  128
#define BIT_WORKER_BACKEND_BYTES 640

/**
 * Plan, allocate, and either restore welcome->restore or initialise (model.init_from, or random).
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_EMEMORY, BIT_ECORRUPT, BIT_ESPEC, -errno, ...
 */
int bit_worker_init(struct bit_worker *worker, struct bit_comm *comm, const Bit__Welcome *welcome, const char *run,
                    struct bit_sections *sections);
/** A zeroed worker is fine. */
void bit_worker_finish(struct bit_worker *worker);

/** What a daemon is told when it welcomes us. Texts are borrowed from the worker. Collective. */
void bit_worker_ready(struct bit_worker *worker, Bit__WorkerReady *ready, char backend[BIT_WORKER_BACKEND_BYTES]);

/** This rank's instances of a batch that rank 0 has (NULL on the others) into worker->tokens. Returns how many; -ENOMEM
 * is every rank's. Collective. */
int64_t bit_worker_take_tokens(struct bit_worker *worker, const uint8_t *batch, int64_t instances);

#endif
