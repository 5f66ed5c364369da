#include "proto/dryrun/dry_scaling.h"

#include "proto/check.h"
#include "proto/limits.h"
#include "proto/spec/schedule.h"
#include "proto/spec/spec_slurm.h"

#define NODE_GPUS   8 /* assumed GPUs of a node, if the launch does not give them */
#define LINEARS     4 /* of a layer */
#define PROJECTIONS 6 /* parts of them that may have a scale each: q, k, v, up and gate of two linears */

static void find_divisors(uint32_t instances, struct bit_dry_scaling *out)
{
    for (uint32_t n = 1; n <= instances && n <= BIT_RANKS_MAX && out->divisors < BIT_DRY_DIVISORS_MAX; n++)
        if (instances % n == 0)
            out->divisor[out->divisors++] = n;
}

static uint32_t ranks_per_node(const Bit__LaunchSpec *launch)
{
    const uint32_t said = bit_launch_ranks_per_node(launch);

    return BIT_MIN(said > 0 ? said : NODE_GPUS, launch->ranks);
}

static struct bit_scaling_load load_of(const Bit__RunSpec *spec, const struct bit_dryrun_size *size, uint32_t micro)
{
    const uint32_t share = spec->batch->instances / spec->launch->ranks;
    const double n = (double)size->parameters, width = spec->model->width, context = spec->model->context;

    return (struct bit_scaling_load){
        .ranks = spec->launch->ranks,
        .ranks_per_node = ranks_per_node(spec->launch),
        .shard_ranks = spec->launch->shard_ranks,
        .parameters = size->parameters,
        .linear_parameters = size->linear_parameters,
        .layers = spec->model->layers,
        .layer_scales = spec->quantizer->granularity == BIT__GRANULARITY__PROJECTION ? PROJECTIONS : LINEARS,
        .rest_buckets = spec->model->tied ? 1 : 2,
        .rank_tokens = (uint64_t)share * spec->model->context,
        .micro_batches = BIT_MAX(share / BIT_MAX(BIT_MIN(micro > 0 ? micro : BIT_DRY_MICRO_GUESS, share), 1u), 1u),
        .flop_per_token = 6 * n + 6 * spec->model->layers * width * context,
        .medians = spec->quantizer->weight_measure == BIT__MEASURE__MEDIAN,
    };
}

static void add_model(struct bit_dry_scaling *out, struct bit_scaling_load *load, Bit__Precision precision)
{
    Bit__ScalingModel *m = &out->model[out->count];
    struct bit_scaling s;

    load->ternary = precision == BIT__PRECISION__TERNARY;
    bit_scaling_model(load, BIT_SCALING_SHARED, &s);
    bit__scaling_model__init(m);
    m->precision = precision;
    m->has_ranks_per_node = true;
    m->ranks_per_node = load->ranks_per_node;
    m->compute_ms = s.compute_ms;
    m->efficiency_least = s.efficiency[1];
    m->efficiency_most = s.efficiency[0];
    for (size_t i = 0; i < s.count; i++) {
        Bit__CollectiveCost *c = &out->cost[out->count][i];
        bit__collective_cost__init(c);
        c->name = bit_lend(s.cost[i].name);
        c->calls = s.cost[i].calls;
        c->bytes = s.cost[i].bytes;
        c->ms_least = s.cost[i].ms[0];
        c->ms_most = s.cost[i].ms[1];
        c->exposed_ms_least = s.cost[i].exposed_ms[0];
        c->exposed_ms_most = s.cost[i].exposed_ms[1];
        out->costs[out->count][i] = c;
    }
    m->collective = out->costs[out->count];
    m->n_collective = s.count;
    out->list[out->count++] = m;
}

void bit_dry_scaling_make(const Bit__RunSpec *spec, const struct bit_dryrun_size *size, uint32_t micro_instances,
                          struct bit_dry_scaling *out)
{
    struct bit_switch_plan plan;
    struct bit_step_plan first, last;

    out->divisors = out->count = 0;
    find_divisors(spec->batch->instances, out);
    if (spec->launch->ranks < 2 || spec->schedule->steps == 0 || size->linear_parameters == 0 ||
        !bit_launch_is_on_gpus(spec->launch))
        return;
    struct bit_scaling_load load = load_of(spec, size, micro_instances);
    bit_switch_plan_init(&plan, spec);
    bit_schedule_at(spec, &plan, 1, &first);
    bit_schedule_at(spec, &plan, spec->schedule->steps, &last);
    add_model(out, &load, first.precision);
    if (last.precision != first.precision)
        add_model(out, &load, last.precision);
}
