#include "worker/ranks/publish.h"

#include <inttypes.h>
#include <stdlib.h>

#include "kernels/cast.h"
#include "kernels/pack_codes.h"
#include "kernels/ternarise.h"
#include "proto/check.h"
#include "proto/err.h"
#include "worker/model/activations.h"
#include "worker/model/linear.h"

#define PACKED_BLOCK_BYTES (BIT_LAYOUT_BLOCK / 4)

static int64_t packed_bytes(int64_t codes)
{
    return (codes + 3) / 4;
}

/* The linears' first block, which may begin in the embedding. */
static int64_t first_block(const struct bit_publish *p)
{
    return p->shard->linear_begin / BIT_LAYOUT_BLOCK;
}

/* Byte offset in p->packed of the codes from this element on. The codes of the first linear start on a byte of their
 * own, as if the number of elements before it in its block were a multiple of four. */
static int64_t packed_at(const struct bit_publish *p, int64_t element)
{
    return (element - first_block(p) * BIT_LAYOUT_BLOCK) / 4;
}

/* The start of the first block that lies in the linears entirely. */
static int64_t whole_begin(const struct bit_publish *p)
{
    return BIT_MIN(bit_round_up(p->shard->linear_begin, BIT_LAYOUT_BLOCK), p->shard->linear_end);
}

/* Iterates over this rank's parts of the linears. In p->last they follow each other, and each part's codes start on a
 * byte of their own. Zeroed before the first call. */
struct coded {
    struct bit_shard_part part;
    bool whole;       /* the part is in the blocks from whole_begin on */
    int64_t at, next; /* byte offsets in p->last */
};

static bool next_part(const struct bit_publish *p, struct coded *c)
{
    const struct bit_shard *shard = p->shard;

    if (!c->whole && bit_shard_next(shard, shard->linear_begin, whole_begin(p), &c->part))
        return true;
    if (!c->whole)
        c->part = (struct bit_shard_part){0};
    c->whole = true;
    return bit_shard_next(shard, whole_begin(p), shard->linear_end, &c->part);
}

static bool next_coded(const struct bit_publish *p, struct coded *c)
{
    if (!next_part(p, c))
        return false;
    c->at = c->next;
    c->next += packed_bytes(c->part.count);
    return true;
}

static size_t last_bytes(const struct bit_publish *p)
{
    struct coded c = {0};

    while (next_coded(p, &c))
        ;
    return (size_t)c.next;
}

/* Bytes of all ranks' codes; 0 if there is no other rank to gather from. */
static size_t gathered_bytes(const struct bit_publish *p)
{
    const int64_t end = (p->shard->linear_end + BIT_LAYOUT_BLOCK - 1) / BIT_LAYOUT_BLOCK;

    return p->plan->layout.size > 1 ? (size_t)((end - first_block(p)) * PACKED_BLOCK_BYTES) : 0;
}

static int allocate(struct bit_publish *p)
{
    struct bit_exec *exec = &p->model->exec;
    int err = bit_exec_alloc(exec, last_bytes(p), (void **)&p->last);

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

    *p = (struct bit_publish){.plan = plan, .shard = shard, .fabric = fabric, .model = model, .come = plan->elements};
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
    bit_fabric_gather_end(p->fabric);
    bit_weight_scales_finish(&p->scales);
    bit_exec_free(&p->model->exec, p->last, last_bytes(p));
    if (p->packed != NULL)
        bit_exec_free(&p->model->exec, p->packed, gathered_bytes(p));
    bit_exec_free(&p->model->exec, p->counted, BIT_COUNTED * sizeof *p->counted);
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

static struct bit_gathered weights_of(const struct bit_publish *p, int64_t begin, int64_t end)
{
    const size_t element = bit_dtype_bytes(p->plan->operands);
    const int64_t first = begin / BIT_LAYOUT_BLOCK;

    return (struct bit_gathered){
        .memory = bit_model_weight(p->model, first * BIT_LAYOUT_BLOCK),
        .block_bytes = BIT_LAYOUT_BLOCK * element,
        .first_block = first,
        .from = (size_t)(begin - first * BIT_LAYOUT_BLOCK) * element,
        .to = (size_t)(end - first * BIT_LAYOUT_BLOCK) * element,
    };
}

/* Begins to gather the whole flat vector. */
static void gather_weights(struct bit_publish *p)
{
    const struct bit_gathered weights = weights_of(p, 0, p->plan->elements);

    bit_fabric_gather_begin(p->fabric, &weights, 1);
    p->come = p->plan->layout.size > 1 ? 0 : p->plan->elements;
    p->codes_come = p->codes_turn = false;
}

/* Rounds this rank's weights of the flat range [begin, end) to the operands' type. */
static int cast_own(struct bit_publish *p, const float *master, int64_t begin, int64_t end)
{
    struct bit_shard_part part = {0};
    int err = 0;

    while (err >= 0 && bit_shard_next(p->shard, begin, end, &part)) {
        const struct bit_cast_args args = {
            .count = part.count,
            .x = master + part.at,
            .x_dtype = BIT_F32,
            .y = bit_model_weight(p->model, part.begin),
            .y_dtype = p->plan->operands,
            .scale = 1,
        };
        err = bit_cast(&p->model->exec, &args);
    }
    return err;
}

static int publish_cast(struct bit_publish *p, const float *master)
{
    int err = cast_own(p, master, 0, p->plan->elements);

    if (err >= 0)
        gather_weights(p);
    return err;
}

/* ---- ternary */

/* Ternarises this rank's weights of one segment with the whole segment's scale. `args` has what all parts share. */
static int ternarise_segment(struct bit_publish *p, const float *master, int i, bool codes,
                             struct bit_ternarise_args args)
{
    const struct bit_segment_range *range = &p->scales.ranges[i];
    struct bit_shard_part part = {0};
    int err = 0;

    args.scale = &p->model->scales[i];
    args.out_dtype = p->plan->operands;
    while (err >= 0 && bit_shard_next(p->shard, range->begin, range->end, &part)) {
        args.count = part.count;
        args.w = master + part.at;
        args.codes = codes ? bit_model_codes(p->model, part.begin) : NULL;
        args.out = codes ? NULL : bit_model_weight(p->model, part.begin);
        err = bit_ternarise(&p->model->exec, &args);
    }
    return err;
}

/* At full strength writes this rank's codes to the model; below it writes the blends to their own place, over the
 * codes, which have been counted already. zeros may be NULL. */
static int ternarise_own(struct bit_publish *p, const float *master, double strength, uint64_t *zeros)
{
    const struct bit_ternarise_args args = {.strength = (float)strength, .zeros = zeros};
    int err = 0;

    for (int i = 0; i < p->scales.count && err >= 0; i++)
        err = ternarise_segment(p, master, i, strength == 1, args);
    return err;
}

static int pack_last(struct bit_publish *p, uint64_t *flips)
{
    struct coded c = {0};
    int err = 0;

    while (err >= 0 && next_coded(p, &c)) {
        const struct bit_pack_codes_args args = {.count = c.part.count,
                                                 .codes = bit_model_codes(p->model, c.part.begin),
                                                 .packed = p->last + c.at,
                                                 .flips = flips};
        err = bit_pack_codes(&p->model->exec, &args);
    }
    return err;
}

/* Counts a training step's codes at any strength; for this the codes are put into the model temporarily. */
static int count_codes(struct bit_publish *p, const float *master)
{
    int err = ternarise_own(p, master, 1, &p->counted[BIT_COUNTED_ZEROS]);

    return err < 0 ? err : pack_last(p, p->has_last ? &p->counted[BIT_COUNTED_FLIPS] : NULL);
}

/* Packs this rank's codes into p->packed; those of training are packed already. */
static int pack_own(struct bit_publish *p, bool for_training)
{
    struct coded c = {0};
    int err = 0;

    while (err >= 0 && next_coded(p, &c)) {
        uint8_t *packed = p->packed + packed_at(p, c.part.begin);
        const struct bit_pack_codes_args args = {
            .count = c.part.count, .codes = bit_model_codes(p->model, c.part.begin), .packed = packed};
        err = for_training ? bit_exec_copy(&p->model->exec, packed, p->last + c.at, (size_t)(c.next - c.at))
                           : bit_pack_codes(&p->model->exec, &args);
    }
    return err;
}

static struct bit_gathered codes_of(const struct bit_publish *p)
{
    return (struct bit_gathered){
        .memory = p->packed,
        .block_bytes = PACKED_BLOCK_BYTES,
        .first_block = first_block(p),
        .from = (size_t)packed_at(p, p->shard->linear_begin),
        .to = (size_t)packed_at(p, p->shard->linear_end + 3),
    };
}

/* Gathers the linears' codes, two bits each, and the other weights in the operands' type. p->last keeps the codes that
 * the last step counted: an evaluation packs its codes anew. */
static int gather_codes(struct bit_publish *p, bool for_training)
{
    const int64_t begin = p->shard->linear_begin, end = p->shard->linear_end;
    const struct bit_gathered what[] = {weights_of(p, 0, begin), codes_of(p), weights_of(p, end, p->plan->elements)};
    int err;

    if (p->plan->layout.size == 1)
        return for_training ? bit_model_turn_codes(p->model, begin, end) : 0;
    err = pack_own(p, for_training);
    if (err < 0)
        return err;
    bit_fabric_gather_begin(p->fabric, what, BIT_COUNT(what));
    p->come = 0;
    p->codes_come = true;
    p->codes_turn = for_training;
    return 0;
}

static int publish_ternary(struct bit_publish *p, const float *master, double strength, bool for_training)
{
    int err = bit_weight_scales_find(&p->scales, p->fabric, master, p->model->scales);

    if (err >= 0 && for_training)
        err = count_codes(p, master);
    if (err >= 0 && (strength < 1 || !for_training))
        err = ternarise_own(p, master, strength, NULL);
    if (err >= 0)
        err = cast_own(p, master, 0, p->shard->linear_begin);
    if (err >= 0)
        err = cast_own(p, master, p->shard->linear_end, p->plan->elements);
    if (err < 0)
        return err;
    if (strength == 1)
        return gather_codes(p, for_training);
    gather_weights(p);
    return 0;
}

/* ---- weights that are still arriving */

static int unpack(struct bit_publish *p, int64_t begin, int64_t end)
{
    const struct bit_unpack_codes_args args = {
        .count = end - begin,
        .packed = p->packed + packed_at(p, begin),
        .codes = bit_model_codes(p->model, begin),
        .bad = &p->counted[BIT_COUNTED_BAD],
    };

    return begin < end ? bit_unpack_codes(&p->model->exec, &args) : 0;
}

/* Unpacks the codes of [begin, end). A byte shared with the range before is unpacked again. */
static int unpack_codes(struct bit_publish *p, int64_t begin, int64_t end)
{
    const int64_t first = p->shard->linear_begin, whole = whole_begin(p), rest = BIT_MAX(begin, whole);
    int err = unpack(p, begin - (begin - first) % 4, BIT_MIN(end, whole));

    return err < 0 ? err : unpack(p, rest - rest % 4, end);
}

/* Unpacks the codes of [begin, end) that arrived: from two bits to one byte each. */
static int take_codes(struct bit_publish *p, int64_t begin, int64_t end)
{
    int err;

    begin = BIT_MAX(begin, p->shard->linear_begin);
    end = BIT_MIN(end, p->shard->linear_end);
    if (!p->codes_come || begin >= end)
        return 0;
    err = unpack_codes(p, begin, end);
    return err < 0 || !p->codes_turn ? err : bit_model_turn_codes(p->model, begin, end);
}

bool bit_publish_is_coming(const struct bit_publish *p)
{
    return p->come < p->plan->elements;
}

int bit_publish_await(struct bit_publish *p, int64_t end)
{
    const int64_t begin = p->come;

    if (end <= begin)
        return 0;
    p->come = end;
    bit_fabric_gather_await(p->fabric, (end + BIT_LAYOUT_BLOCK - 1) / BIT_LAYOUT_BLOCK);
    return take_codes(p, begin, end);
}

int bit_publish_await_all(struct bit_publish *p)
{
    return bit_publish_await(p, p->plan->elements);
}

/* ---- one part of the ternary phase */

/* How weights and activations of the linears are replaced: the blended linears multiply codes, or the numbers that the
 * codes approximate. */
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

/* The site of the linear that contains the weight at this offset. */
static enum bit_site site_at(const struct bit_worker_plan *plan, int64_t offset)
{
    int i = 0;

    while (i + 1 < plan->linear_count && plan->linears[i + 1].offset <= offset)
        i++;
    return (enum bit_site)(i % BIT_SITES);
}

/* Overwrites this rank's cast weights of the blended linears. */
static int blend_own(struct bit_publish *p, const float *master, const struct part *part)
{
    const struct bit_ternarise_args args = {.strength = part->weights ? 1 : 0};
    int err = 0;

    for (int i = 0; i < p->scales.count && err >= 0; i++)
        if (part->modes.of[site_at(p->plan, p->scales.ranges[i].begin)] != BIT_MODE_16BIT)
            err = ternarise_segment(p, master, i, false, args);
    return err;
}

int bit_publish_evaluate_part(struct bit_publish *p, const float *master, Bit__TernaryPart which)
{
    const struct part part = part_of(which);
    int err = bit_publish_await_all(p);

    p->now.valid = false; /* this must not count as published for anything else */
    if (err >= 0)
        err = bit_weight_scales_find(&p->scales, p->fabric, master, p->model->scales);
    if (err >= 0)
        err = cast_own(p, master, 0, p->plan->elements);
    if (err >= 0)
        err = blend_own(p, master, &part);
    if (err < 0)
        return err;
    gather_weights(p);
    err = bit_publish_await_all(p);
    if (err < 0)
        return err;
    bit_model_set_part(p->model, &part.modes, part.activations);
    return 0;
}

/* ---- for training and for evaluation */

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

    /* Counts are needed, which an evaluation does not make: only what was published for training is reused. */
    if (p->now.valid && p->now.for_training && p->now.precision == precision && p->now.strength == strength)
        return 0;
    p->counts = (struct bit_publish_counts){.has_codes = ternary, .has_flips = ternary && p->has_last};
    err = bit_publish_await_all(p);
    if (err >= 0)
        err = bit_exec_zero(&p->model->exec, p->counted, BIT_COUNTED * sizeof *p->counted);
    if (err >= 0)
        err = ternary ? publish_ternary(p, master, strength, true) : publish_cast(p, master);
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
    int err = bit_publish_await_all(p);

    if (err < 0 || (p->now.valid && p->now.precision == precision && p->now.strength == 1))
        return err;
    if (precision == BIT__PRECISION__TERNARY)
        err = publish_ternary(p, master, 1, false);
    else
        err = publish_cast(p, master);
    if (err >= 0)
        err = bit_publish_await_all(p);
    if (err >= 0)
        set_published(p, precision, 1, false);
    return err;
}
