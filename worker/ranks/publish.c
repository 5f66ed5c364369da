#include "worker/ranks/publish.h"

#include <inttypes.h>
#include <stdlib.h>

#include "kernels/cast.h"
#include "kernels/pack_codes.h"
#include "kernels/ternarise.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/model/activations.h"

static int64_t packed_bytes(int64_t codes)
{
    return (codes + 3) / 4;
}

static const int64_t *linear_starts(const struct bit_publish *p)
{
    return bit_shard_clip(p->shard, p->shard->linear_begin, p->shard->linear_end);
}

/* This rank's linears: their first element in the flat vector. */
static int64_t own_linears(const struct bit_publish *p, int64_t *count)
{
    return bit_shard_part(p->shard, p->shard->linear_begin, p->shard->linear_end, count);
}

static size_t last_bytes(const struct bit_publish *p)
{
    int64_t own;

    own_linears(p, &own);
    return (size_t)packed_bytes(own);
}

/* Every rank's, where there is another to gather from. */
static size_t gathered_bytes(const struct bit_publish *p)
{
    return p->plan->size > 1 ? (size_t)p->packed_starts[p->plan->size] : 0;
}

static int allocate(struct bit_publish *p)
{
    struct bit_exec *exec = &p->model->exec;
    int err;

    p->packed_starts = calloc((size_t)p->plan->size + 1, sizeof *p->packed_starts);
    if (p->packed_starts == NULL)
        return bit_fail(-ENOMEM, "codes of %d ranks", p->plan->size);
    const int64_t *starts = linear_starts(p);
    for (int r = 0; r < p->plan->size; r++)
        p->packed_starts[r + 1] = p->packed_starts[r] + packed_bytes(starts[r + 1] - starts[r]);
    err = bit_exec_alloc(exec, last_bytes(p), (void **)&p->last);
    if (err >= 0 && gathered_bytes(p) > 0)
        err = bit_exec_alloc(exec, gathered_bytes(p), (void **)&p->packed);
    if (err >= 0)
        err = bit_exec_alloc(exec, BIT_COUNTED * sizeof *p->counted, (void **)&p->counted);
    return err < 0 ? bit_fail_within(err, "codes of %" PRId64 " weights", p->plan->linear_elements) : 0;
}

int bit_publish_init(struct bit_publish *p, const struct bit_worker_plan *plan, struct bit_shard *shard,
                     struct bit_fabric *fabric, struct bit_model *model)
{
    int err;

    *p = (struct bit_publish){.plan = plan, .shard = shard, .fabric = fabric, .model = model};
    err = bit_weight_scales_init(&p->scales, plan, shard, &model->exec);
    if (err >= 0)
        err = allocate(p);
    if (err < 0)
        bit_publish_finish(p);
    return err;
}

void bit_publish_finish(struct bit_publish *p)
{
    if (p->model == NULL)
        return;
    bit_weight_scales_finish(&p->scales);
    bit_exec_free(&p->model->exec, p->last, last_bytes(p));
    if (p->packed != NULL)
        bit_exec_free(&p->model->exec, p->packed, gathered_bytes(p));
    bit_exec_free(&p->model->exec, p->counted, BIT_COUNTED * sizeof *p->counted);
    free(p->packed_starts);
    *p = (struct bit_publish){0};
}

void bit_publish_stale(struct bit_publish *p)
{
    p->now.valid = false;
}

void bit_publish_forget_codes(struct bit_publish *p)
{
    p->has_last = false;
}

/* ---- 16-bit */

static void gather_weights(struct bit_publish *p, int64_t begin, int64_t end)
{
    bit_fabric_gather_ranges(p->fabric, p->model->weights, bit_dtype_bytes(p->plan->operands),
                             bit_shard_clip(p->shard, begin, end));
}

/* This rank's weights of the flat range [begin, end), rounded to the operands' type. */
static int cast_own(struct bit_publish *p, const float *master, int64_t begin, int64_t end)
{
    int64_t count, first = bit_shard_part(p->shard, begin, end, &count);
    const struct bit_cast_args args = {
        .count = count,
        .x = master + (first - p->shard->begin),
        .x_dtype = BIT_F32,
        .y = bit_model_weight(p->model, first),
        .y_dtype = p->plan->operands,
        .scale = 1,
    };

    return count > 0 ? bit_cast(&p->model->exec, &args) : 0;
}

static int publish_cast(struct bit_publish *p, const float *master, int64_t begin, int64_t end)
{
    int err = cast_own(p, master, begin, end);

    if (err >= 0)
        gather_weights(p, begin, end);
    return err;
}

/* ---- ternary */

/* Codes of this rank's part, to where the model multiplies with them; or below full strength, where they have been seen
 * already, the blends, to their own place. zeros may be NULL. */
static int ternarise_own(struct bit_publish *p, const float *master, double strength, uint64_t *zeros)
{
    int err = 0;

    for (int i = 0; i < p->scales.count && err >= 0; i++) {
        const struct bit_segment_range *range = &p->scales.ranges[i];
        int64_t count, first = bit_shard_part(p->shard, range->begin, range->end, &count);
        const struct bit_ternarise_args args = {
            .count = count,
            .w = master + (first - p->shard->begin),
            .scale = &p->model->scales[i],
            .strength = (float)strength,
            .codes = strength < 1 ? NULL : bit_model_codes(p->model, first),
            .out = strength < 1 ? bit_model_weight(p->model, first) : NULL,
            .out_dtype = p->plan->operands,
            .zeros = zeros,
        };
        err = count > 0 ? bit_ternarise(&p->model->exec, &args) : 0;
    }
    return err;
}

static int pack_own(struct bit_publish *p, uint8_t *packed, uint64_t *flips)
{
    int64_t count, first = own_linears(p, &count);
    const struct bit_pack_codes_args args = {
        .count = count, .codes = bit_model_codes(p->model, first), .packed = packed, .flips = flips};

    return count > 0 ? bit_pack_codes(&p->model->exec, &args) : 0;
}

/* What a training step is to know of its codes, whatever the strength: they stand in the model for the moment. */
static int count_codes(struct bit_publish *p, const float *master)
{
    int err = ternarise_own(p, master, 1, &p->counted[BIT_COUNTED_ZEROS]);

    return err < 0 ? err : pack_own(p, p->last, p->has_last ? &p->counted[BIT_COUNTED_FLIPS] : NULL);
}

static int unpack_from(struct bit_publish *p, int rank, int64_t first, int64_t count)
{
    const struct bit_unpack_codes_args args = {
        .count = count,
        .packed = p->packed + p->packed_starts[rank],
        .codes = bit_model_codes(p->model, first),
        .bad = &p->counted[BIT_COUNTED_BAD],
    };

    return bit_unpack_codes(&p->model->exec, &args);
}

/* Two bits a weight to every rank, then back to one byte in the model. p->last stays what the last step counted: an
 * evaluation packs its codes anew. */
static int gather_codes(struct bit_publish *p, bool for_training)
{
    const int rank = p->plan->rank;
    const int64_t *starts = linear_starts(p);
    int err;

    if (p->plan->size == 1)
        return 0;
    uint8_t *own = p->packed + p->packed_starts[rank];
    err = for_training ? bit_exec_copy(&p->model->exec, own, p->last, last_bytes(p)) : pack_own(p, own, NULL);
    if (err < 0)
        return err;
    bit_fabric_gather_ranges(p->fabric, p->packed, 1, p->packed_starts);
    for (int r = 0; r < p->plan->size && err >= 0; r++)
        err = r == rank ? 0 : unpack_from(p, r, starts[r], starts[r + 1] - starts[r]);
    return err;
}

static int publish_ternary(struct bit_publish *p, const float *master, double strength, bool for_training)
{
    const int64_t begin = p->shard->linear_begin, end = p->shard->linear_end;
    int err = bit_weight_scales_find(&p->scales, p->fabric, master, p->model->scales);

    if (err >= 0 && for_training)
        err = count_codes(p, master);
    if (err >= 0 && (strength < 1 || !for_training))
        err = ternarise_own(p, master, strength, NULL);
    if (err >= 0)
        err = publish_cast(p, master, 0, begin);
    if (err >= 0)
        err = publish_cast(p, master, end, p->plan->elements);
    if (err < 0)
        return err;
    if (strength == 1)
        return gather_codes(p, for_training);
    gather_weights(p, begin, end);
    return 0;
}

/* ---- a part of ternary */

/* What stands in the place of the weights and activations of the linears: of those that are blended the codes, or what
 * they are the codes of. */
struct part {
    struct bit_site_modes modes;
    bool weights, activations;
};

static struct part part_of(Bit__TernaryPart part)
{
    static const enum bit_mode all = BIT_MODE_BLENDED;
    struct part p = {.modes = {{BIT_MODE_16BIT, BIT_MODE_16BIT, BIT_MODE_16BIT, BIT_MODE_16BIT}}};

    p.weights = part != BIT__TERNARY_PART__NORMS && part != BIT__TERNARY_PART__ACTIVATIONS;
    p.activations = part != BIT__TERNARY_PART__NORMS && part != BIT__TERNARY_PART__WEIGHTS;
    switch (part) {
    case BIT__TERNARY_PART__QKV:
        p.modes.of[BIT_SITE_ATT_PROJ] = BIT_MODE_BLENDED;
        break;
    case BIT__TERNARY_PART__ATTENTION_OUT:
        p.modes.of[BIT_SITE_ATTN_OUT] = BIT_MODE_BLENDED;
        break;
    case BIT__TERNARY_PART__UP_GATE:
        p.modes.of[BIT_SITE_FF_PROJ] = BIT_MODE_BLENDED;
        break;
    case BIT__TERNARY_PART__DOWN:
        p.modes.of[BIT_SITE_FF_OUT] = BIT_MODE_BLENDED;
        break;
    default:
        p.modes = (struct bit_site_modes){{all, all, all, all}};
    }
    return p;
}

/* Of the linear that has the weight of this offset. */
static enum bit_site site_at(const struct bit_worker_plan *plan, int64_t offset)
{
    int i = 0;

    while (i + 1 < plan->linear_count && plan->linears[i + 1].offset <= offset)
        i++;
    return (enum bit_site)(i % BIT_SITES);
}

/* Over what was cast, of this rank. */
static int blend_own(struct bit_publish *p, const float *master, const struct part *part)
{
    int err = 0;

    for (int i = 0; i < p->scales.count && err >= 0; i++) {
        const struct bit_segment_range *range = &p->scales.ranges[i];
        if (part->modes.of[site_at(p->plan, range->begin)] == BIT_MODE_16BIT)
            continue;
        int64_t count, first = bit_shard_part(p->shard, range->begin, range->end, &count);
        const struct bit_ternarise_args args = {
            .count = count,
            .w = master + (first - p->shard->begin),
            .scale = &p->model->scales[i],
            .strength = part->weights ? 1 : 0,
            .out = bit_model_weight(p->model, first),
            .out_dtype = p->plan->operands,
        };
        err = count > 0 ? bit_ternarise(&p->model->exec, &args) : 0;
    }
    return err;
}

int bit_publish_evaluate_part(struct bit_publish *p, const float *master, Bit__TernaryPart which)
{
    const struct part part = part_of(which);
    int err = bit_weight_scales_find(&p->scales, p->fabric, master, p->model->scales);

    p->now.valid = false; /* nothing else is to find it published */
    if (err >= 0)
        err = cast_own(p, master, 0, p->plan->elements);
    if (err >= 0)
        err = blend_own(p, master, &part);
    if (err < 0)
        return err;
    gather_weights(p, 0, p->plan->elements);
    bit_model_set_part(p->model, &part.modes, part.activations);
    return 0;
}

/* ---- for whom */

static void set_published(struct bit_publish *p, Bit__Precision precision, double strength, bool for_training)
{
    p->now = (struct bit_published){
        .valid = true, .for_training = for_training, .precision = precision, .strength = strength};
    bit_model_set_phase(p->model, precision, strength);
}

int bit_publish_train(struct bit_publish *p, const float *master, Bit__Precision precision, double strength)
{
    const bool ternary = precision == BIT__PRECISION__TERNARY;
    int err;

    /* A step's codes are counted once: what an evaluation published does not stand for them. */
    if (p->now.valid && p->now.for_training && p->now.precision == precision && p->now.strength == strength)
        return 0;
    p->counts = (struct bit_publish_counts){.has_codes = ternary, .has_flips = ternary && p->has_last};
    err = bit_exec_zero(&p->model->exec, p->counted, BIT_COUNTED * sizeof *p->counted);
    if (err >= 0)
        err = ternary ? publish_ternary(p, master, strength, true) : publish_cast(p, master, 0, p->plan->elements);
    if (err < 0)
        return err;
    p->has_last = ternary;
    set_published(p, precision, strength, true);
    return 0;
}

int bit_publish_read_counts(struct bit_publish *p)
{
    uint64_t counted[BIT_COUNTED];
    int err = bit_exec_copy(&p->model->exec, counted, p->counted, sizeof counted);

    if (err >= 0)
        err = bit_exec_wait(&p->model->exec);
    if (err < 0)
        return err;
    p->counts.zeros = counted[BIT_COUNTED_ZEROS];
    p->counts.flips = counted[BIT_COUNTED_FLIPS];
    if (counted[BIT_COUNTED_BAD] > 0)
        return bit_fail(BIT_ECORRUPT, "%" PRIu64 " bytes of ternary codes from other ranks hold no code",
                        counted[BIT_COUNTED_BAD]);
    return 0;
}

int bit_publish_evaluate(struct bit_publish *p, const float *master, Bit__Precision precision)
{
    int err;

    if (p->now.valid && p->now.precision == precision && p->now.strength == 1)
        return 0;
    if (precision == BIT__PRECISION__TERNARY)
        err = publish_ternary(p, master, 1, false);
    else
        err = publish_cast(p, master, 0, p->plan->elements);
    if (err >= 0)
        set_published(p, precision, 1, false);
    return err;
}
