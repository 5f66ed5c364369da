#include "worker/plan_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/escape.h"
#include "proto/format.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/spec/spec_slurm.h"
#include "proto/wire/msg.h"
#include "worker/model/plan.h"
#include "worker/phase.h"
#include "worker/resources.h"
#include "worker/worker.h"

static void print_problems(const struct bit_problems *problems)
{
    for (int i = 0; i < bit_problems_kept(problems); i++) {
        const struct bit_problem *p = &problems->item[i];
        if (p->line > 0)
            fprintf(stderr, "%d:%d: ", p->line, p->column);
        fprintf(stderr, "%s%s", p->field, p->field[0] != '\0' ? ": " : "");
        bit_escape_print(stderr, p->text);
        fputc('\n', stderr);
    }
}

static int load_spec(const char *path, int ranks, Bit__RunSpec **out)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    int err = problems == NULL ? bit_fail(-ENOMEM, "the problems of '%s'", path) : bit_spec_load(path, out, problems);

    if (err >= 0)
        err = bit_spec_normalise(*out, NULL, problems);
    if (err >= 0 && ranks > 0)
        (*out)->launch->ranks = (uint32_t)ranks;
    if (err >= 0)
        err = bit_spec_validate(*out, problems);
    if (err == BIT_ESPEC) {
        print_problems(problems);
        bit_fail(err, "'%s'", path);
    }
    free(problems);
    return err;
}

/* The number of ranks that share a machine. */
static int local_ranks(const Bit__LaunchSpec *launch)
{
    const uint32_t said = bit_launch_ranks_per_node(launch);

    return (int)(said > 0 ? said : launch->ranks);
}

/* Somebody who plans elsewhere for a cluster forgets the launcher first. */
static int name_launchers(int err)
{
    char why[BIT_ERR_TEXT_MAX];

    bit_format(why, sizeof why, "%s", bit_fail_text());
    return bit_fail(err, "%s; for GPUs of other machines set launch.launcher to SRUN or SBATCH", why);
}

/* The machine that prints the plan may have no GPU itself: the plan can be for other machines. */
static int find_backend(const Bit__LaunchSpec *launch, int local, enum bit_backend *out)
{
    const bool elsewhere = launch->launcher != BIT__LAUNCHER__MPIRUN && bit_launch_is_on_gpus(launch);
    int err = bit_resources_backend(launch, 0, local, out);

    if (elsewhere && (err < 0 || *out != BIT_BACKEND_CUDA))
        return bit_fail(BIT_PLAN_NOT_HERE, "cannot plan for the nodes' GPUs: this machine has no GPU");
    return err < 0 && launch->launcher == BIT__LAUNCHER__MPIRUN ? name_launchers(err) : err;
}

/* For people. */
struct texts {
    char backend[BIT_WORKER_BACKEND_BYTES], fused[BIT_FUSION_TEXT_MAX]; /* fused: "" on a processor */
};

static int describe(const Bit__RunSpec *spec, struct bit_worker_plan *plan, struct texts *texts)
{
    const int ranks = (int)spec->launch->ranks, local = local_ranks(spec->launch);
    const int threads = bit_resources_threads(spec->launch, local);
    struct bit_exec exec = {0};
    enum bit_backend backend;
    int64_t available = 0;
    int err = find_backend(spec->launch, local, &backend);

    if (err >= 0)
        err = bit_resources_memory(backend, &available);
    if (err >= 0) {
        spec->launch->backend = backend == BIT_BACKEND_CUDA ? BIT__BACKEND__CUDA : BIT__BACKEND__CPU;
        err = bit_plan_init(plan, spec, 0, ranks, local, threads, available);
    }
    if (err >= 0)
        err = bit_exec_init(&exec, backend, threads, 0);
    if (err >= 0)
        bit_format(texts->backend, sizeof texts->backend, "%s, %d %s", exec.description, ranks,
                   ranks == 1 ? "rank" : "ranks");
    if (err >= 0 && backend == BIT_BACKEND_CUDA)
        bit_fusion_describe(&exec, plan, texts->fused);
    bit_exec_finish(&exec);
    return err;
}

static int write_frame(const struct bit_worker_plan *plan, const Bit__RunSpec *spec, struct texts *texts, FILE *to)
{
    Bit__WorkerReady ready = BIT__WORKER_READY__INIT;
    Bit__PhaseState phase;
    Bit__MemoryPlan memory = plan->memory;
    uint8_t *frame;
    size_t bytes;
    int err;

    bit_phase_init(&phase, spec->optimizer);
    ready.phase = &phase;
    ready.parameters = (uint64_t)plan->elements;
    ready.micro_instances = (uint32_t)plan->micro_instances;
    ready.memory = &memory;
    ready.backend = texts->backend;
    ready.fused_products = texts->fused[0] != '\0' ? texts->fused : NULL;
    err = bit_msg_encode(BIT_MSG_WORKER_READY, 0, &ready, &frame, &bytes);
    if (err < 0)
        return err;
    if (fwrite(frame, 1, bytes, to) != bytes || fflush(to) != 0)
        err = bit_fail(errno == 0 ? -EIO : -errno, "writing the plan");
    free(frame);
    return err;
}

int bit_plan_print(const char *path, int ranks, FILE *to)
{
    struct bit_worker_plan plan = {0};
    Bit__RunSpec *spec = NULL;
    struct texts texts = {0};
    int err = load_spec(path, ranks, &spec);

    if (err >= 0)
        err = describe(spec, &plan, &texts);
    if (err >= 0)
        err = write_frame(&plan, spec, &texts, to);
    bit_plan_finish(&plan);
    bit_msg_free(spec);
    return err;
}
