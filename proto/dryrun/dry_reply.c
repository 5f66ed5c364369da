#include "proto/dryrun/dry_reply.h"

#include "proto/text/problems.h"

static void fill_sizes(Bit__DryRunReply *m, const struct bit_dryrun_size *size, const struct bit_token_look *tokens)
{
    const Bit__RunSpec *spec = m->spec;

    m->parameters = size->parameters;
    m->linear_parameters = size->linear_parameters;
    m->checkpoint_bytes = size->checkpoint_bytes;
    m->instances = tokens->instances;
    m->step_tokens = (uint64_t)spec->batch->instances * spec->model->context;
    m->total_tokens = m->step_tokens * spec->schedule->steps;
    m->epochs = (double)spec->schedule->steps / (double)tokens->epoch_steps;
}

static void fill_memory(struct bit_dry_reply *r, const Bit__RunSpec *spec, const struct bit_plan_answer *plan)
{
    bit__memory_plan__init(&r->no_memory);
    r->m.memory_available = bit_dryrun_memory_available(spec->launch);
    r->m.memory = plan->ready != NULL ? plan->ready->memory : &r->no_memory;
    r->m.micro_instances = plan->ready != NULL ? plan->ready->micro_instances : spec->batch->micro_instances;
    r->m.fused_products = plan->ready != NULL ? plan->ready->fused_products : NULL;
    if (plan->ready == NULL)
        bit_warnings_add(&r->warnings, NULL, "memory is not known: %s", plan->text);
}

static void fill_scaling(struct bit_dry_reply *r, const Bit__RunSpec *spec, const struct bit_dryrun_size *size)
{
    bit_dry_scaling_make(spec, size, r->m.micro_instances, &r->scaling);
    r->m.ranks_possible = r->scaling.divisor;
    r->m.n_ranks_possible = r->scaling.divisors;
    r->m.has_rank_step_tokens = true;
    r->m.rank_step_tokens = r->m.step_tokens / spec->launch->ranks;
    r->m.scaling = r->scaling.list;
    r->m.n_scaling = r->scaling.count;
    if (r->m.micro_instances == 0 && r->scaling.count > 0)
        bit_warnings_add(&r->warnings, NULL,
                         "the scaling model assumes micro-batches of up to %u instances, because the number that fits "
                         "is not known",
                         BIT_DRY_MICRO_GUESS);
}

static void lend_warnings(struct bit_dry_reply *r)
{
    r->m.warning = r->warnings.list;
    r->m.n_warning = r->warnings.count;
}

int bit_dry_reply_make(struct bit_dry_reply *out, Bit__RunSpec *spec, const struct bit_dry_facts *facts)
{
    struct bit_dryrun_size size;
    int err = bit_dryrun_size(spec, &size);

    if (err < 0)
        return err;
    bit__dry_run_reply__init(&out->m);
    out->warnings.count = 0;
    out->m.spec = spec;
    fill_sizes(&out->m, &size, facts->tokens);
    bit_dryrun_points(spec, &out->points);
    out->m.point = out->points.list;
    out->m.n_point = out->points.count;
    fill_memory(out, spec, facts->plan);
    fill_scaling(out, spec, &size);
    for (int i = 0; facts->notes != NULL && i < bit_problems_kept(facts->notes); i++)
        bit_warnings_add(&out->warnings, facts->notes->item[i].field, "%s", facts->notes->item[i].text);
    const struct bit_warnings_facts known = {
        .state = facts->state,
        .epochs = out->m.epochs,
        .checkpoint_bytes = size.checkpoint_bytes,
        .folders_unknown = facts->tokens->unknown.folders,
        .first_unknown = facts->tokens->unknown.first,
    };
    bit_warnings_judge(&out->warnings, spec, &known);
    lend_warnings(out);
    return 0;
}

void bit_dry_reply_warn(struct bit_dry_reply *out, const char *field, const char *text)
{
    bit_warnings_add(&out->warnings, field, "%s", text);
    lend_warnings(out);
}
