#include "daemon/run/plans/sweep_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/run/plans/spec_differences.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/schedule.h"

/* How far two specifications train alike if they differ in a field. A field that is not listed: not at all. */
enum reach {
    THROUGHOUT, /* neither a step's result nor anything measured depends on it */
    TO_SWITCH,  /* up to the earlier switch */
    TO_RATE,    /* up to the first step with another learning rate or weight decay */
    TO_EVAL,    /* up to the first boundary that only one of them evaluates */
    TO_TASK,
};

/* The first rule whose path begins the field's path, up to a dot, applies. */
static const struct rule {
    const char *path;
    enum reach reach;
} rules[] = {
    {"name", THROUGHOUT},       {"shared", THROUGHOUT}, {"checkpoint", THROUGHOUT}, {"launch.max_restarts", THROUGHOUT},
    {"schedule", TO_RATE},      {"phases", TO_SWITCH},  {"quantizer", TO_SWITCH},   {"eval.at", TO_EVAL},
    {"eval.tasks_at", TO_TASK},
};

struct pair {
    const Bit__RunSpec *a, *b;
    uint64_t common;
    bool rate_differs;
    size_t others; /* differing fields other than the name */
};

static const struct rule *find_rule(const char *path)
{
    for (size_t i = 0; i < BIT_COUNT(rules); i++)
        if (bit_spec_differences_is_within(path, rules[i].path))
            return &rules[i];
    return NULL;
}

/* ---- how far */

static uint64_t switch_step(const Bit__RunSpec *spec)
{
    return spec->phases->switch_ != NULL ? spec->phases->switch_->at_step : UINT64_MAX;
}

static bool has_step(const uint64_t *at, size_t count, uint64_t step)
{
    for (size_t i = 0; i < count; i++)
        if (at[i] == step)
            return true;
    return false;
}

/* The first step that is in only one of the lists. */
static uint64_t first_unshared(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < a_count; i++)
        if (!has_step(b, b_count, a[i]))
            first = BIT_MIN(first, a[i]);
    for (size_t i = 0; i < b_count; i++)
        if (!has_step(a, a_count, b[i]))
            first = BIT_MIN(first, b[i]);
    return first;
}

static uint64_t reach_of(const struct pair *p, enum reach reach)
{
    const Bit__EvalSpec *a = p->a->eval, *b = p->b->eval;

    switch (reach) {
    case TO_SWITCH:
        return BIT_MIN(switch_step(p->a), switch_step(p->b));
    case TO_EVAL:
        return first_unshared(a->at, a->n_at, b->at, b->n_at);
    case TO_TASK:
        return first_unshared(a->tasks_at, a->n_tasks_at, b->tasks_at, b->n_tasks_at);
    default:
        return UINT64_MAX;
    }
}

static void judge(void *arg, const char *path)
{
    struct pair *p = arg;
    const struct rule *rule = find_rule(path);

    p->others += strcmp(path, "name") != 0;
    p->common = BIT_MIN(p->common, rule != NULL ? reach_of(p, rule->reach) : 0);
    p->rate_differs |= rule != NULL && rule->reach == TO_RATE;
}

/* Curves that differ may begin alike: in the warm-up, or until one of them decays. */
static uint64_t common_rate(const struct pair *p)
{
    struct bit_switch_plan a, b;

    bit_switch_plan_init(&a, p->a);
    bit_switch_plan_init(&b, p->b);
    for (uint64_t step = 1; step <= p->common; step++) {
        struct bit_step_plan x, y;
        bit_schedule_at(p->a, &a, step, &x);
        bit_schedule_at(p->b, &b, step, &y);
        if (x.lr != y.lr || x.weight_decay != y.weight_decay)
            return step - 1;
    }
    return p->common;
}

/* A fork must have at least one step of its own. */
static uint64_t most_steps(const Bit__RunSpec *first, const Bit__RunSpec *later)
{
    const uint64_t a = first->schedule->steps, b = later->schedule->steps;

    return a < b ? a : b > 0 ? b - 1 : 0;
}

uint64_t bit_sweep_plan_common(const Bit__RunSpec *first, const Bit__RunSpec *later)
{
    struct pair p = {.a = first, .b = later, .common = most_steps(first, later)};

    bit_spec_differences_find(first, later, judge, &p);
    return p.rate_differs ? common_rate(&p) : p.common;
}

bool bit_sweep_plan_is_same(const Bit__RunSpec *a, const Bit__RunSpec *b)
{
    struct pair p = {.a = a, .b = b};

    bit_spec_differences_find(a, b, judge, &p);
    return p.others == 0;
}

/* ---- the tree */

static unsigned depth_of(const struct bit_sweep_place *place, size_t i)
{
    unsigned depth = 0;

    for (; place[i].parent != i; i = place[i].parent)
        depth++;
    return depth;
}

/* Whether the parent's list of checkpoints has room for one after this step, beside those for the branches before. */
static bool has_room(const Bit__RunSpec *const *spec, const struct bit_sweep_place *place, size_t parent, size_t count,
                     uint64_t step)
{
    uint64_t at[BIT_AT_MAX];
    size_t n = 0;

    for (; n < spec[parent]->checkpoint->n_at && n < BIT_AT_MAX; n++)
        at[n] = spec[parent]->checkpoint->at[n];
    for (size_t i = parent + 1; i < count && n < BIT_AT_MAX; i++)
        if (place[i].parent == parent && !has_step(at, n, place[i].from_step))
            at[n++] = place[i].from_step;
    return n < BIT_AT_MAX || has_step(at, n, step);
}

void bit_sweep_plan_make(const Bit__RunSpec *const *spec, size_t count, struct bit_sweep_place *out)
{
    for (size_t i = 0; i < count; i++) {
        struct bit_sweep_place best = {.parent = i};
        unsigned depth = 0;
        for (size_t j = 0; j < i; j++) { /* only steps of j's own: for earlier ones its parent has as much in common */
            const uint64_t common = bit_sweep_plan_common(spec[j], spec[i]);
            const unsigned of_j = depth_of(out, j);
            if (common == 0 || common < out[j].from_step || common < best.from_step ||
                (common == best.from_step && of_j >= depth) || !has_room(spec, out, j, i, common))
                continue;
            best = (struct bit_sweep_place){j, common};
            depth = of_j;
        }
        out[i] = best;
    }
}

uint64_t bit_sweep_plan_steps(const Bit__RunSpec *const *spec, size_t count, const struct bit_sweep_place *place,
                              uint64_t *alone)
{
    uint64_t steps = 0, saved = 0;

    for (size_t i = 0; i < count; i++) {
        steps += spec[i]->schedule->steps;
        saved += place[i].from_step;
    }
    *alone = steps;
    return steps - saved;
}

int bit_sweep_plan_add_checkpoint(Bit__RunSpec *spec, uint64_t step)
{
    Bit__CheckpointSpec *c = spec->checkpoint;

    if (has_step(c->at, c->n_at, step))
        return 0;
    uint64_t *grown = realloc(c->at, (c->n_at + 1) * sizeof *grown);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "a checkpoint after a step");
    c->at = grown;
    c->at[c->n_at++] = step;
    return 0;
}
