/* The state of one rank of a run: its part of the model's state, and what it shares with the other ranks. */
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
    const Bit__Welcome *welcome; /* the launch's first welcome, on every rank */
    struct bit_sections *sections;
    const Bit__RunSpec *spec; /* the welcome's */
    char run[BIT_RUN_ID_MAX];

    enum bit_backend backend;
    char choices[256];               /* the backend's choices, for people: "cuDNN 91400"; "" if there were none */
    char fused[BIT_FUSION_TEXT_MAX]; /* the fused products, for people; "" on a processor */
    struct bit_worker_plan plan;
    struct bit_shard shard;
    struct bit_model *model;
    struct bit_fabric fabric;
    struct bit_optim optim;
    struct bit_publish publish;

    struct bit_product_set products; /* algorithms of all the run's cards; the checkpoint's until they are found */
    Bit__ProductsUsed **product_use; /* rank 0's: their sources, card by card (worker/product_use.h) */
    size_t product_use_count;

    Bit__PhaseState phase;
    uint64_t step; /* of the weights in memory */

    struct bit_instances instances;
    struct bit_power_watch *power; /* of this rank's GPU (worker/power_watch.h); borrowed; NULL: not watched */
    double told_gpu_ms;            /* when a report last included GPU load */

    /* The checkpoint under way (ckpt.h): */
    atomic_bool part_written; /* its writing thread has written this rank's part, or failed */
    bool all_written;         /* every rank's part is written, as of the last step: bit_step_train */

    /* If set: called once in each step, after all its work is enqueued and before its results are waited for. */
    void (*meanwhile)(void *arg);
    void *meanwhile_arg;
    void *gathered;                   /* size x BIT_WORKER_GATHER_BYTES: each rank's values of a step */
    uint32_t *rank_us;                /* size x BIT_SECTION_SPLIT: where each rank's time went in the last step */
    struct bit_ranks_told ranks_told; /* the part of it that goes into a report */
};
#define BIT_WORKER_GATHER_BYTES  128
#define BIT_WORKER_BACKEND_BYTES 640

#endif
