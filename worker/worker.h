/* One rank of a run: its part of the model's state, and what it does with an order. */
#ifndef BIT_WORKER_WORKER_H
#define BIT_WORKER_WORKER_H

#include <stdint.h>

#include "worker/ckpt/ckpt.h"
#include "worker/command.h"
#include "worker/model/model.h"
#include "worker/model/plan.h"
#include "worker/phase.h"
#include "worker/process/sections.h"
#include "worker/ranks/comm.h"
#include "worker/ranks/fabric.h"
#include "worker/ranks/optim.h"
#include "worker/ranks/publish.h"
#include "worker/ranks/shard.h"
#include "worker/ranks/tokens.h"

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

    struct bit_tokens tokens;
    /* If set: called once in each step, when all its work is enqueued and before its results are waited for. */
    void (*meanwhile)(void *arg);
    void *meanwhile_arg;
    void *gathered;    /* size x BIT_WORKER_GATHER_BYTES: what each rank says about a step */
    uint32_t *rank_us; /* size x BIT_SECTION_SPLIT: where each rank's time went in the last step */
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

#endif
