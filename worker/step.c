#include "worker/step.h"

#include <math.h>
#include <string.h>

#include "kernels/adamw.h"
#include "proto/check.h"
#include "proto/err.h"

/* What each rank says: before the update, and when the step is done. */
struct before_update {
    double loss_sum;
    int err;
};
struct after_update {
    double ms[BIT_SECTION_SPLIT];
    uint64_t zeros, flips;
};
struct evaluated {
    double loss_sum;
    uint64_t targets;
    int err;
};
_Static_assert(sizeof(struct before_update) <= BIT_WORKER_GATHER_BYTES &&
                   sizeof(struct evaluated) <= BIT_WORKER_GATHER_BYTES &&
                   sizeof(struct after_update) <= BIT_WORKER_GATHER_BYTES,
               "gathered fits");

/* A failure between collectives that the other ranks know nothing of. */
static void must(struct bit_worker *w, int err)
{
    if (err < 0)
        bit_comm_abort(w->comm, err);
}

static int accumulate(struct bit_worker *w, int64_t mine, double grad_scale, double *loss_sum)
{
    const int64_t micro = w->plan.micro_instances;
    double all = 0;

    bit_section_enter(w->sections, BIT_SECTION_BACKWARD);
    for (int64_t at = 0; at < mine; at += micro) {
        struct bit_model_times times = {0};
        double sum = 0;
        int err = bit_model_accumulate(w->model, w->tokens + at * w->plan.context, BIT_MIN(micro, mine - at),
                                       grad_scale, &sum, &times);
        if (err < 0)
            return err;
        all += sum;
        bit_section_move(w->sections, BIT_SECTION_BACKWARD, BIT_SECTION_FORWARD, times.forward_ms);
    }
    *loss_sum = all;
    return 0;
}

/* One exchange tells both whether all could and what they got; a loss that is no number names its rank. */
static int gather_loss(struct bit_worker *w, const struct bit_command *command, int err, double loss_sum, double *loss)
{
    const struct before_update mine = {.loss_sum = loss_sum, .err = err};
    const struct before_update *all = w->gathered;
    double sum = 0;

    bit_comm_gather(w->comm, &mine, sizeof mine, w->gathered);
    for (int r = 0; r < w->comm->size; r++)
        if (all[r].err < 0)
            return bit_comm_agree(w->comm, err);
    for (int r = 0; r < w->comm->size; r++) {
        if (!isfinite(all[r].loss_sum)) {
            w->comm->failed_rank = r;
            return bit_fail(BIT_ENUMERIC, "loss %g of rank %d in step %llu", all[r].loss_sum, r,
                            (unsigned long long)command->step);
        }
        sum += all[r].loss_sum;
    }
    *loss = sum / ((double)command->instances * (double)w->plan.context);
    return 0;
}

static bool range_is_finite(const struct bit_worker *w, int64_t begin, int64_t end)
{
    double sum = 0;
    const struct bit_sumsq_args args = {.count = end - begin, .g = w->model->grad + begin, .sum = &sum};

    return end == begin || (bit_sumsq(&w->model->exec, &args) >= 0 && isfinite(sum));
}

/* Only this rank's own range was replaced by the sum: the rest still is what it computed itself. */
static int blame(struct bit_worker *w, double norm, uint64_t step)
{
    const struct bit_shard *shard = &w->shard;
    const uint64_t mine = !range_is_finite(w, 0, shard->begin) ||
                          !range_is_finite(w, shard->begin + shard->count, w->plan.elements);
    const uint64_t *all = w->gathered;
    int rank = 0;

    bit_comm_gather(w->comm, &mine, sizeof mine, w->gathered);
    while (rank < w->comm->size && !all[rank])
        rank++;
    if (rank == w->comm->size) {
        w->comm->failed_rank = 0;
        return bit_fail(BIT_ENUMERIC, "gradient norm %g in step %llu", norm, (unsigned long long)step);
    }
    w->comm->failed_rank = rank;
    return bit_fail(BIT_ENUMERIC, "gradient norm %g in step %llu, from rank %d", norm, (unsigned long long)step, rank);
}

static int reduce(struct bit_worker *w, uint64_t step, double *norm)
{
    bit_comm_reduce_ranges(w->comm, w->model->grad, w->shard.starts, w->plan.threads);
    bit_section_enter(w->sections, BIT_SECTION_OPTIMIZER);
    must(w, bit_optim_norm(&w->optim, w->comm, &w->model->exec, w->model->grad, norm));
    return isfinite(*norm) ? 0 : blame(w, *norm, step);
}

static void update(struct bit_worker *w, const struct bit_command *command, double norm)
{
    const struct bit_optim_args args = {
        .lr = command->lr,
        .weight_decay = command->weight_decay,
        .beta1 = w->phase.beta1,
        .beta2 = w->phase.beta2,
        .grad_scale = bit_optim_clip(&w->optim, norm),
        .t = w->phase.optimizer_step + 1,
    };

    must(w, bit_optim_update(&w->optim, &w->model->exec, w->model->grad, &args));
    w->phase.optimizer_step++;
    w->step = command->step;
    bit_publish_stale(&w->publish);
}

/* The slowest is the one that worked longest: the others' waiting for it is in their communication. */
static double own_work(const double ms[BIT_SECTION_SPLIT])
{
    return ms[BIT_SECTION_FORWARD] + ms[BIT_SECTION_BACKWARD] + ms[BIT_SECTION_OPTIMIZER] + ms[BIT_SECTION_OTHER];
}

static void gather_result(struct bit_worker *w, struct bit_step_result *result)
{
    struct after_update mine = {.zeros = w->publish.counts.zeros, .flips = w->publish.counts.flips};
    const struct after_update *all = w->gathered;

    bit_section_enter(w->sections, BIT_SECTION_OTHER);
    memcpy(mine.ms, w->sections->ms, sizeof mine.ms);
    bit_comm_gather(w->comm, &mine, sizeof mine, w->gathered);
    result->counts = w->publish.counts;
    result->counts.zeros = result->counts.flips = 0;
    result->slowest_rank = 0;
    for (int r = 0; r < w->comm->size; r++) {
        result->counts.zeros += all[r].zeros;
        result->counts.flips += all[r].flips;
        if (own_work(all[r].ms) > own_work(all[result->slowest_rank].ms))
            result->slowest_rank = r;
    }
    memcpy(result->ms, all[result->slowest_rank].ms, sizeof result->ms);
}

int bit_step_train(struct bit_worker *w, const struct bit_command *command, const uint8_t *batch,
                   struct bit_step_result *result)
{
    const double grad_scale = 1.0 / ((double)command->instances * (double)w->plan.context);
    double loss_sum = 0;
    int64_t mine;
    int err = bit_command_check(command, w->step, &w->phase);

    must(w, err); /* rank 0 has checked it: a rank that disagrees is in another phase */
    bit_section_enter(w->sections, BIT_SECTION_OPTIMIZER);
    must(w, bit_publish_train(&w->publish, w->comm, w->optim.master, command->precision, command->strength));
    bit_section_enter(w->sections, BIT_SECTION_OTHER);
    memset(w->model->grad, 0, (size_t)w->plan.elements * sizeof *w->model->grad);
    mine = bit_worker_take_tokens(w, batch, command->instances);
    if (mine < 0)
        return (int)mine;
    err = accumulate(w, mine, grad_scale, &loss_sum);
    err = gather_loss(w, command, err, loss_sum, &result->loss);
    if (err >= 0)
        err = reduce(w, command->step, &result->grad_norm);
    if (err < 0)
        return err;
    update(w, command, result->grad_norm);
    if (command->digest)
        result->weights_digest = bit_optim_weights_digest(&w->optim, w->comm, w->plan.threads);
    gather_result(w, result);
    return 0;
}

/* Sums in rank order. */
static int gather_evaluated(struct bit_worker *w, const struct bit_command *command, const struct evaluated *mine,
                            double *loss, uint64_t *targets)
{
    const struct evaluated *all = w->gathered;
    double sum = 0;
    uint64_t count = 0;

    bit_comm_gather(w->comm, mine, sizeof *mine, w->gathered);
    for (int r = 0; r < w->comm->size; r++) {
        if (all[r].err < 0)
            return bit_comm_agree(w->comm, mine->err);
        sum += all[r].loss_sum;
        count += all[r].targets;
    }
    if (!isfinite(sum) || count == 0)
        return bit_fail(BIT_ENUMERIC, "loss %g over %llu targets of set '%s'", sum, (unsigned long long)count,
                        command->name);
    *loss = sum / (double)count;
    *targets = count;
    return 0;
}

int bit_step_evaluate(struct bit_worker *w, const struct bit_command *command, const uint8_t *batch, double *loss,
                      uint64_t *targets)
{
    struct evaluated mine = {0};
    int64_t instances;

    must(w, bit_publish_evaluate(&w->publish, w->comm, w->optim.master, command->precision));
    instances = bit_worker_take_tokens(w, batch, command->instances);
    if (instances < 0)
        return (int)instances;
    if (instances > 0)
        mine.err = bit_model_evaluate(w->model, w->tokens, instances, &mine.loss_sum, &mine.targets);
    return gather_evaluated(w, command, &mine, loss, targets);
}
