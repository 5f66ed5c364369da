#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/attention.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/wire/msg.h"
#include "worker/model/init.h"
#include "worker/phase.h"
#include "worker/product_use.h"
#include "worker/resources.h"

/* This rank's index and number of ranks on its machine. */
static void find_locals(const struct bit_comm *comm, int *rank, int *size)
{
    MPI_Comm local;

    *rank = 0;
    *size = 1;
    if (MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &local) == MPI_SUCCESS) {
        MPI_Comm_rank(local, rank);
        MPI_Comm_size(local, size);
        MPI_Comm_free(&local);
    }
}

static int64_t least(struct bit_comm *comm, int64_t value)
{
    int64_t *all = calloc((size_t)comm->size, sizeof *all), low = value;

    if (bit_comm_agree(comm, all == NULL ? -ENOMEM : 0) >= 0) {
        bit_comm_gather(comm, &value, sizeof value, all);
        for (int r = 0; r < comm->size; r++)
            low = BIT_MIN(low, all[r]);
    }
    free(all);
    return low;
}

/*
 * The size of a micro-batch decides the order of additions, so a restored run keeps the one it had, and all ranks plan
 * with the same memory.
 */
static void settle_micro_instances(struct bit_worker *w)
{
    Bit__BatchSpec *batch = w->welcome->spec->batch;
    Bit__Manifest *manifest = NULL;

    if (batch->micro_instances != 0 || w->welcome->restore == NULL ||
        bit_manifest_read(w->welcome->restore, &manifest) < 0)
        return; /* a bad manifest is reported when it is restored */
    if (manifest->ranks == (uint32_t)w->comm->size && manifest->spec->batch != NULL)
        batch->micro_instances = manifest->spec->batch->micro_instances;
    bit_msg_free(manifest);
}

/* One backend for all ranks; it is written to the specification, and so to the copies in checkpoints. */
static int settle_backend(struct bit_worker *w, int local_rank, int local_ranks)
{
    Bit__LaunchSpec *launch = w->welcome->spec->launch;
    enum bit_backend backend = BIT_BACKEND_CPU;
    int err = bit_comm_agree(w->comm, bit_resources_backend(launch, local_rank, local_ranks, &backend));

    if (err >= 0 && !bit_comm_same(w->comm, backend))
        err = bit_fail(-ENODEV, "some machines of this run have GPUs and others do not: set launch.backend");
    launch->has_backend = true;
    launch->backend = backend == BIT_BACKEND_CUDA ? BIT__BACKEND__CUDA : BIT__BACKEND__CPU;
    w->backend = backend;
    return err;
}

static int make_plan(struct bit_worker *w)
{
    int64_t available = 0;
    int local_rank, local_ranks, err;

    find_locals(w->comm, &local_rank, &local_ranks);
    err = settle_backend(w, local_rank, local_ranks);
    if (err >= 0)
        err = bit_comm_agree(w->comm, bit_resources_memory(w->backend, &available));
    if (err < 0)
        return err;
    available = least(w->comm, available);
    settle_micro_instances(w);
    err = bit_plan_init(&w->plan, w->spec, w->comm->rank, w->comm->size, local_ranks,
                        bit_resources_threads(w->spec->launch, local_ranks), available);
    if (err >= 0)
        w->welcome->spec->batch->micro_instances = (uint32_t)w->plan.micro_instances; /* for the manifests */
    return err;
}

static int allocate(struct bit_worker *w)
{
    int err = bit_model_create(&w->plan, w->backend, &w->model);

    if (err >= 0)
        err = bit_shard_init(&w->shard, &w->plan);
    if (err >= 0)
        err = bit_optim_init(&w->optim, &w->shard, &w->model->exec, w->spec);
    if (err >= 0)
        err = bit_publish_init(&w->publish, &w->plan, &w->shard, &w->fabric, w->model);
    if (err >= 0)
        err = bit_sections_attach(w->sections, &w->model->exec);
    if (err >= 0)
        err = bit_instances_init(&w->instances, w->comm, &w->plan, &w->model->exec);
    w->gathered = calloc((size_t)w->comm->size, BIT_WORKER_GATHER_BYTES);
    w->rank_us = calloc((size_t)w->comm->size, BIT_SECTION_SPLIT * sizeof *w->rank_us);
    if (err >= 0 && (w->gathered == NULL || w->rank_us == NULL))
        err = bit_fail(-ENOMEM, "what %d ranks report", w->comm->size);
    if (err >= 0)
        err = bit_ranks_told_init(&w->ranks_told, (uint32_t)w->comm->size);
    return err;
}

/* Choose attention's implementation before the first step, because this may take seconds. */
static int choose(struct bit_worker *w)
{
    const struct bit_worker_plan *plan = &w->plan;
    struct bit_attention_choice attention;
    int err;

    w->model->exec.deterministic = w->spec->launch->deterministic;
    w->model->exec.replays = w->spec->launch->graphs && w->backend == BIT_BACKEND_CUDA;
    bit_fusion_choose(&w->model->exec, plan, w->model->fused);
    if (w->backend != BIT_BACKEND_CUDA)
        return 0;
    bit_fusion_describe(&w->model->exec, plan, w->fused);
    err = bit_attention_choose(&w->model->exec, plan->micro_instances, plan->context, plan->heads, plan->head_dim,
                               plan->operands, &attention);
    if (err < 0)
        return err;
    if (strcmp(attention.forward, attention.backward) == 0)
        bit_format(w->choices, sizeof w->choices, "%s", attention.forward);
    else
        bit_format(w->choices, sizeof w->choices, "%.115s forward, %.115s backward", attention.forward,
                   attention.backward);
    return 0;
}

static int initialise_run(struct bit_worker *w, const struct bit_shard_run *run)
{
    int err = 0;

    for (int64_t at = 0; at < run->count && err >= 0; at += BIT_HOST_VIEW_ELEMENTS) {
        const int64_t count = BIT_MIN(BIT_HOST_VIEW_ELEMENTS, run->count - at);
        float *master = w->optim.master + run->at + at;
        float *to = bit_host_view_write(&w->optim.view, master, (size_t)count * sizeof *master);

        bit_init_range(&w->plan, run->begin + at, run->begin + at + count, to);
        err = bit_host_view_commit(&w->optim.view, master, (size_t)count * sizeof *master);
    }
    return err;
}

static int initialise(struct bit_worker *w)
{
    int err = 0;

    for (int i = 0; i < w->shard.run_count && err >= 0; i++)
        err = initialise_run(w, &w->shard.runs[i]);
    return err;
}

/* The files that bitd examined; if the welcome does not have them, the ones that are there. */
static int find_origin(const Bit__InitFacts *init, const char *from, struct bit_origin *out)
{
    if (init != NULL)
        return bit_origin_take(init, out);
    bit_format(out->path, sizeof out->path, "%s", from);
    return bit_origin_find(out);
}

/* Loads from exactly the files that bitd examined. */
static int load_origin(struct bit_worker *w, const char *from)
{
    const Bit__InitFacts *init = w->welcome->init;
    struct bit_origin *origin = calloc(1, sizeof *origin);
    int err = origin == NULL ? bit_fail(-ENOMEM, "model.init_from") : find_origin(init, from, origin);

    err = bit_comm_agree(w->comm, err);
    if (err >= 0 && origin->kind == BIT_ORIGIN_CHECKPOINT)
        err = bit_ckpt_restore_weights(w, origin->path, init);
    else if (err >= 0)
        err = bit_ckpt_import(w, origin, init);
    free(origin);
    /* Another launch would fail in the same way. */
    return err == BIT_ECORRUPT ? bit_fail_within(BIT_EDATA, "model.init_from") : err;
}

/* A fork may begin with zero moments and Adam's count at zero. */
static int restore(struct bit_worker *w)
{
    const bool fresh = w->welcome->has_fresh_moments && w->welcome->fresh_moments;
    int err = bit_ckpt_restore(w, w->welcome->restore);

    if (err < 0 || !fresh)
        return err;
    w->phase.optimizer_step = 0;
    return bit_comm_agree(w->comm, bit_optim_reset(&w->optim));
}

static int load(struct bit_worker *w)
{
    const char *from = w->spec->model->init_from;

    if (w->welcome->restore != NULL && w->welcome->restore[0] != '\0')
        return restore(w);
    if (from == NULL || from[0] == '\0') {
        return bit_comm_agree(w->comm, initialise(w));
    }
    return load_origin(w, from);
}

int bit_worker_init(struct bit_worker *w, struct bit_comm *comm, const Bit__Welcome *welcome, const char *run,
                    struct bit_sections *sections)
{
    int err;

    *w = (struct bit_worker){.comm = comm, .welcome = welcome, .sections = sections, .spec = welcome->spec};
    snprintf(w->run, sizeof w->run, "%s", run);
    bit_phase_init(&w->phase, w->spec->optimizer);
    err = bit_comm_agree(comm, make_plan(w));
    if (err >= 0 && w->plan.layout.size < comm->size)
        err = bit_comm_divide(comm, w->plan.layout.size);
    if (err >= 0)
        err = bit_comm_agree(comm, allocate(w));
    if (err >= 0)
        err = bit_comm_agree(comm, choose(w));
    if (err >= 0)
        err = bit_fabric_init(&w->fabric, comm, &w->model->exec, &w->plan.layout, w->plan.threads);
    return err < 0 ? err : load(w);
}

void bit_worker_finish(struct bit_worker *w)
{
    if (w->comm == NULL)
        return;
    bit_sections_detach(w->sections);
    bit_instances_finish(&w->instances);
    bit_publish_finish(&w->publish); /* waits for weights that are still arriving */
    bit_fabric_finish(&w->fabric);
    bit_optim_finish(&w->optim);
    bit_shard_finish(&w->shard);
    bit_model_destroy(w->model);
    bit_plan_finish(&w->plan);
    free(w->gathered);
    free(w->rank_us);
    bit_ranks_told_finish(&w->ranks_told);
    bit_product_set_finish(&w->products);
    bit_product_use_finish(w);
    *w = (struct bit_worker){0};
}

void bit_worker_ready(struct bit_worker *w, const struct bit_ckpt *ckpt, Bit__WorkerReady *ready,
                      char backend[BIT_WORKER_BACKEND_BYTES])
{
    const struct bit_product_count found = bit_product_use_count(w);
    const int size = w->comm->size;
    char products[64] = "", ranks[24] = "";

    if (found.products > 0)
        snprintf(products, sizeof products, ", products timed (%u of %u not the first)", found.not_first,
                 found.products);
    bit__worker_ready__init(ready);
    ready->step = w->step;
    ready->phase = &w->phase;
    ready->parameters = (uint64_t)w->plan.elements;
    ready->micro_instances = (uint32_t)w->plan.micro_instances;
    ready->memory = &w->plan.memory;
    ready->weights_digest = bit_optim_weights_digest(&w->optim, w->comm, w->plan.threads);
    ready->has_moments_digest = ready->has_ranks = true;
    ready->moments_digest = bit_optim_moments_digest(&w->optim, w->comm, w->plan.threads);
    ready->ranks = (uint32_t)size;
    if (size > 1)
        snprintf(ranks, sizeof ranks, "%d ranks, ", size);
    bit_format(backend, BIT_WORKER_BACKEND_BYTES, "%s%s, %s%s%s%s%s%s%s%s, operands %s%s%s%s%s",
               w->model->exec.description, w->model->exec.deterministic ? " deterministic" : "", ranks,
               w->fabric.description, w->choices[0] != '\0' ? ", attention by " : "", w->choices,
               w->model->exec.replays           ? ", graphs"
               : w->backend == BIT_BACKEND_CUDA ? ", no graphs"
                                                : "",
               products, w->fused[0] != '\0' ? ", fused products: " : "", w->fused,
               w->plan.recompute ? "made again" : "kept",
               w->plan.residual == BIT_BF16 ? ", a 16-bit residual stream in bf16" : "",
               w->plan.quantizer.int8_data_gradient ? ", ternary data gradients in int8" : "",
               w->plan.moments == BIT_BF16 ? ", Adam's moments in bf16" : "",
               !w->plan.trains ? ""
               : ckpt->beside  ? ", checkpoints beside training"
                               : ", checkpoints hold training up");
    ready->backend = backend;
    ready->fused_products = w->fused[0] != '\0' ? w->fused : NULL;
    bit_product_use_fill(w, ready);
}
