#include "worker/step.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "kernels/clip.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/power_watch.h"
#include "worker/replica.h"

/* The values that each rank sends when a step or an evaluation is done. */
struct after_update {
    double ms[BIT_SECTION_SPLIT];
    uint64_t zeros, flips;
    bool written;   /* its part of the checkpoint under way is written */
    bool has_power; /* `power` is valid: */
    struct bit_power_load power;
};
struct evaluated {
    double loss_sum;
    uint64_t targets;
    int err;
};
_Static_assert(sizeof(struct evaluated) <= BIT_WORKER_GATHER_BYTES &&
                   sizeof(struct after_update) <= BIT_WORKER_GATHER_BYTES,
               "gathered fits");

/* Aborts on a failure between collectives that the other ranks cannot see. */
static void must(struct bit_worker *w, int err)
{
    if (err < 0)
        bit_comm_abort(w->comm, err);
}

/* Gradients become final from the end of the vector on, as the last micro-batch goes back through the layers. */
static void reduce_part(void *arg, int64_t begin, int64_t end)
{
    struct bit_worker *w = arg;

    bit_fabric_reduce_part(&w->fabric, begin, end);
}

/* Published weights arrive while the layers before them are computed. */
static int need_weights(void *arg, int64_t end)
{
    struct bit_worker *w = arg;

    return bit_publish_await(&w->publish, end);
}

static void enter_part(void *arg, enum bit_model_part part)
{
    struct bit_worker *w = arg;

    bit_section_enter(w->sections, part == BIT_MODEL_FORWARD ? BIT_SECTION_FORWARD : BIT_SECTION_BACKWARD);
}

/* The first micro-batch waits for weights, and the last one announces gradients; those in between do neither. After the
 * last one may have started to reduce gradients, a failure is one that the other ranks cannot see. */
static int accumulate(struct bit_worker *w, int64_t mine, double grad_scale)
{
    const int64_t micro = w->plan.micro_instances;
    int err = bit_instances_check(&w->instances, mine);

    w->model->entered = enter_part;
    w->model->entered_arg = w->model->grad_ready_arg = w->model->need_weights_arg = w;
    bit_fabric_reduce_begin(&w->fabric, w->model->grad);
    for (int64_t at = 0; at < mine && err >= 0; at += micro) {
        const bool last = at + micro >= mine;

        w->model->need_weights = at == 0 && bit_publish_is_coming(&w->publish) ? need_weights : NULL;
        w->model->grad_ready = last && w->fabric.nccl != NULL ? reduce_part : NULL;
        err = bit_model_accumulate(w->model, bit_instances_at(&w->instances, at), BIT_MIN(micro, mine - at),
                                   grad_scale);
        if (last && w->fabric.nccl != NULL)
            must(w, err);
    }
    w->model->need_weights = NULL;
    w->model->grad_ready = NULL;
    return err < 0 ? err : bit_publish_await_all(&w->publish); /* in case this rank has no instance */
}

/* The mean loss over the global batch; a NaN or infinite loss sets the failed rank. */
static int gather_loss(struct bit_worker *w, const struct bit_action *action, double loss_sum, double *loss)
{
    const double *all = w->gathered;
    double sum = 0;

    bit_comm_gather(w->comm, &loss_sum, sizeof loss_sum, w->gathered);
    for (int r = 0; r < w->comm->size; r++) {
        if (!isfinite(all[r])) {
            w->comm->failed_rank = r;
            return bit_fail(BIT_ENUMERIC, "loss %g of rank %d in step %" PRIu64, all[r], r, action->step);
        }
        sum += all[r];
    }
    *loss = sum / ((double)action->instances * (double)w->plan.context);
    return 0;
}

/* Computes the gradients of this rank's instances and reduces them to their owners. */
static int gradients(struct bit_worker *w, const struct bit_action *action, int64_t mine)
{
    const double grad_scale = 1.0 / ((double)action->instances * (double)w->plan.context);
    int err;

    bit_section_enter(w->sections, BIT_SECTION_OTHER);
    must(w, bit_model_clear(w->model));
    err = bit_comm_agree(w->comm, accumulate(w, mine, grad_scale));
    if (err < 0)
        return err;
    bit_section_enter(w->sections, BIT_SECTION_COMM);
    bit_fabric_reduce_end(&w->fabric);
    return 0;
}

/*
 * If the ranks' copies of the weights differed and have been made equal, computes the gradients once more with the
 * right ones. Copies that differ again count as not healed: memory that fails twice cannot be trusted with the step.
 */
static int gradients_of_one_model(struct bit_worker *w, const struct bit_action *action, int64_t mine,
                                  struct bit_inspection *seen)
{
    bool again = true;
    int err = 0;

    for (int tries = 0; again && tries < 2 && err >= 0; tries++) {
        again = false;
        err = gradients(w, action, mine);
        if (err >= 0 && action->replica)
            must(w, bit_replica_compare(w, action, &again, seen));
    }
    if (again)
        seen->item[seen->count - 1].healed = false;
    return err;
}

/* Enqueued after the gradients; has no effect if the norm is not finite. */
static void update(struct bit_worker *w, const struct bit_action *action)
{
    const struct bit_optim_args args = {
        .lr = action->lr,
        .weight_decay = action->weight_decay,
        .beta1 = w->phase.beta1,
        .beta2 = w->phase.beta2,
        .t = w->phase.optimizer_step + 1,
    };

    bit_section_enter(w->sections, BIT_SECTION_OPTIMIZER);
    must(w, bit_optim_update(&w->optim, w->model->grad, &args));
    bit_publish_stale(&w->publish);
    bit_section_enter(w->sections, BIT_SECTION_OTHER);
}

/* The only place in a step where the host waits for the work. */
static int read_results(struct bit_worker *w, const struct bit_action *action, struct bit_step_result *result,
                        bool *has_loss)
{
    double loss_sum = 0;
    int err;

    must(w, bit_model_read_loss(w->model, &loss_sum));
    must(w, bit_optim_read_norm(&w->optim, &result->grad_norm));
    must(w, bit_publish_read_counts(&w->publish));
    err = gather_loss(w, action, loss_sum, &result->loss);
    *has_loss = err >= 0;
    if (err >= 0 && !isfinite(result->grad_norm))
        err = bit_inspect_norm(w, result->grad_norm, action->step);
    return err;
}

/* ---- skipped updates */

static bool trained_with_wrong_weights(const struct bit_inspection *seen)
{
    for (int i = 0; i < seen->count; i++)
        if (seen->item[i].kind == BIT__ANOMALY_KIND__REPLICA && !seen->item[i].healed)
            return true;
    return false;
}

/*
 * Updates or skips the update, and reads the step's results. If the results may forbid the update, it waits for them;
 * otherwise it is enqueued before they are read, and a NaN or infinite norm takes away its effect.
 */
static int finish(struct bit_worker *w, const struct bit_action *action, struct bit_step_result *result)
{
    const bool wrong = trained_with_wrong_weights(&result->seen);
    const bool waits = wrong || isfinite(action->loss_most) || isfinite(action->norm_most);
    bool has_loss;
    int err;

    bit_section_enter(w->sections, BIT_SECTION_OPTIMIZER);
    must(w, bit_optim_clip(&w->optim, &w->fabric, w->model->grad));
    if (!waits)
        update(w, action);
    if (w->meanwhile != NULL)
        w->meanwhile(w->meanwhile_arg);
    err = read_results(w, action, result, &has_loss);
    if (err == BIT_ENUMERIC && action->skip_nan && (waits || !isfinite(result->grad_norm))) {
        result->skipped = true;
        return bit_inspect_number(w, !has_loss, &result->seen);
    }
    if (err < 0)
        return err;
    result->skipped = wrong || (waits && bit_inspect_bounds(result->loss, action->loss_most, result->grad_norm,
                                                            action->norm_most, &result->seen));
    if (waits && !result->skipped)
        update(w, action);
    return 0;
}

/* The slowest rank is the one that worked longest: the others' waiting for it counts as their communication. */
static double own_work(const double ms[BIT_SECTION_SPLIT])
{
    return ms[BIT_SECTION_FORWARD] + ms[BIT_SECTION_BACKWARD] + ms[BIT_SECTION_OPTIMIZER] + ms[BIT_SECTION_OTHER];
}

static void add_load(const struct bit_power_load *from, struct bit_step_result *result)
{
    struct bit_power_load *to = &result->load;

    if (result->gpus++ == 0) {
        *to = *from;
        return;
    }
    if (from->clock_mhz >= 0)
        to->clock_mhz = to->clock_mhz >= 0 ? fmin(to->clock_mhz, from->clock_mhz) : from->clock_mhz;
    if (from->power_w >= 0)
        to->power_w = fmax(to->power_w, 0) + from->power_w;
    to->celsius = fmax(to->celsius, from->celsius);
    to->capped = fmax(to->capped, from->capped);
}

static void gather_result(struct bit_worker *w, struct bit_step_result *result)
{
    struct after_update mine = {
        .zeros = w->publish.counts.zeros, .flips = w->publish.counts.flips, .written = atomic_load(&w->part_written)};
    const struct after_update *all = w->gathered;

    bit_sections_settle(w->sections);
    memcpy(mine.ms, w->sections->ms, sizeof mine.ms);
    mine.has_power = bit_power_watch_get(w->power, &mine.power);
    bit_comm_gather(w->comm, &mine, sizeof mine, w->gathered);
    result->counts = w->publish.counts;
    result->counts.zeros = result->counts.flips = 0;
    result->slowest_rank = 0;
    w->all_written = true;
    for (int r = 0; r < w->comm->size; r++) {
        if (r < w->plan.layout.size) { /* the other groups have the same codes */
            result->counts.zeros += all[r].zeros;
            result->counts.flips += all[r].flips;
        }
        w->all_written &= all[r].written;
        if (all[r].has_power)
            add_load(&all[r].power, result);
        for (int i = 0; i < BIT_SECTION_SPLIT; i++)
            w->rank_us[r * BIT_SECTION_SPLIT + i] = (uint32_t)fmin(fmax(1000 * all[r].ms[i], 0), UINT32_MAX);
        if (own_work(all[r].ms) > own_work(all[result->slowest_rank].ms))
            result->slowest_rank = r;
    }
    memcpy(result->ms, all[result->slowest_rank].ms, sizeof result->ms);
}

int bit_step_train(struct bit_worker *w, const struct bit_action *action, const uint8_t *batch,
                   struct bit_step_result *result)
{
    int64_t mine;
    int err = bit_action_check(action, w->step, &w->phase);

    must(w, err); /* rank 0 has checked it: a rank that disagrees is in another phase */
    bit_section_enter(w->sections, BIT_SECTION_OPTIMIZER);
    must(w, bit_publish_train(&w->publish, w->optim.master, action->precision, action->strength));
    bit_section_enter(w->sections, BIT_SECTION_OTHER);
    mine = bit_instances_take(&w->instances, batch, action->instances, action->tokens_ahead);
    if (mine < 0)
        return (int)mine;
    err = gradients_of_one_model(w, action, mine, &result->seen);
    if (err >= 0)
        err = finish(w, action, result);
    if (err < 0)
        return err;
    w->step = action->step;
    w->phase.optimizer_step += !result->skipped;
    if (result->skipped) {
        result->grad_norm = isfinite(result->grad_norm) ? result->grad_norm : 0;
        bit_publish_stale(&w->publish); /* so that the next step counts its codes anew: none have flipped */
    }
    if (action->digest)
        result->weights_digest = bit_optim_weights_digest(&w->optim, w->comm, w->plan.threads);
    gather_result(w, result);
    return 0;
}

/* Sums in rank order. */
static int gather_evaluated(struct bit_worker *w, const struct bit_action *action, const struct evaluated *mine,
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
        return bit_fail(BIT_ENUMERIC, "loss %g over %" PRIu64 " targets of set '%s'", sum, count, action->name);
    *loss = sum / (double)count;
    *targets = count;
    return 0;
}

int bit_step_evaluate(struct bit_worker *w, const struct bit_action *action, const uint8_t *batch, double *loss,
                      uint64_t *targets)
{
    struct evaluated mine = {0};
    int64_t instances;

    if (action->part != 0)
        must(w, bit_publish_evaluate_part(&w->publish, w->optim.master, (Bit__TernaryPart)action->part));
    else
        must(w, bit_publish_evaluate(&w->publish, w->optim.master, action->precision));
    instances = bit_instances_take(&w->instances, batch, action->instances, false);
    if (instances < 0)
        return (int)instances;
    mine.err = bit_instances_check(&w->instances, instances);
    if (instances > 0 && mine.err >= 0)
        mine.err = bit_model_evaluate(w->model, bit_instances_at(&w->instances, 0), instances, &mine.loss_sum,
                                      &mine.targets);
    return gather_evaluated(w, action, &mine, loss, targets);
}
