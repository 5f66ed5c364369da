/* One rank of a run: its part of the model's state, and what it shares with the other ranks. */
#ifndef BIT_WORKER_WORKER_STATE_H
#define BIT_WORKER_WORKER_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/ckpt/product_set.h"
#include "proto/limits.h"
#include "worker/model/model.h"
#include "worker/ranks/comm.h"
#include "worker/ranks/fabric.h"
#include "worker/ranks/instances.h"
#include "worker/ranks/optim.h"
#include "worker/ranks/publish.h"
#include "worker/ranks/ranks_told.h"
#include "worker/ranks/shard.h"

struct bit_power_watch;

struct bit_worker {
    struct bit_comm *comm;       /* borrowed, with the next two */
    const Bit__Welcome *welcome; /* the first one, on every rank */
    struct bit_sections *sections;
    const Bit__RunSpec *spec; /* the welcome's */
    char run[BIT_RUN_ID_MAX];

    enum bit_backend backend;
    char choices[256]; /* what the backend chose where it had a choice, for people: "cuDNN 91400"; "" where it had none
                        */
    struct bit_worker_plan plan;
    struct bit_shard shard;
    struct bit_model *model;
    struct bit_fabric fabric;
    struct bit_optim optim;
    struct bit_publish publish;

    struct bit_product_set products; /* algorithms of all the run's cards; until they are found, the checkpoint's */
    Bit__ProductsUsed **product_use; /* where rank 0 has them from, card by card (worker/product_use.h) */
    size_t product_use_count;

    Bit__PhaseState phase;
    uint64_t step; /* of the weights in memory */

    struct bit_instances instances;
    struct bit_power_watch *power; /* of this rank's GPU (worker/power_watch.h); borrowed; NULL: not looked at */
    double told_gpu_ms;            /* when a report last told of GPUs */

    /* Of the checkpoint under way (ckpt.h): */
    atomic_bool part_written; /* this rank's part is, or it failed; its writing thread says so */
    bool all_written;         /* every rank's, as of the last step: bit_step_train */

    /* If set: called once in each step, when all its work is enqueued and before its results are waited for. */
    void (*meanwhile)(void *arg);
    void *meanwhile_arg;
    void *gathered;                   /* size x BIT_WORKER_GATHER_BYTES: what each rank says about a step */
    uint32_t *rank_us;                /* size x BIT_SECTION_SPLIT: where each rank's time went in the last step */
    struct bit_ranks_told ranks_told; /* and what of it a report has */
};
#define BIT_WORKER_GATHER_BYTES  128
#define BIT_WORKER_BACKEND_BYTES 640

#endif
