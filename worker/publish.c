#include "worker/publish.h"

#include <stdlib.h>

#include "kernels/cast.h"
#include "kernels/ternarise.h"
#include "proto/check.h"
#include "proto/err.h"

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

static size_t own_bytes(const struct bit_publish *p)
{
    int64_t own;

    own_linears(p, &own);
    return (size_t)own;
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
    err = bit_exec_alloc(exec, own_bytes(p), (void **)&p->codes);
    if (err >= 0)
        err = bit_exec_alloc(exec, (size_t)p->packed_starts[p->plan->size], (void **)&p->packed);
    if (err >= 0)
        err = bit_exec_alloc(exec, BIT_TALLY * sizeof *p->tally, (void **)&p->tally);
    return err < 0 ? bit_fail_within(err, "codes of %lld weights", (long long)p->plan->linear_elements) : 0;
}

int bit_publish_init(struct bit_publish *p, const struct bit_plan *plan, struct bit_shard *shard,
                     struct bit_fabric *fabric, struct bit_model *model)
{
    int err;

    *p = (struct bit_publish){.plan = plan, .shard = shard, .fabric = fabric, .model = model};
    err = bit_measure_init(&p->measure, plan, shard, &model->exec);
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
    bit_measure_finish(&p->measure);
    bit_exec_free(&p->model->exec, p->codes, own_bytes(p));
    if (p->packed != NULL)
        bit_exec_free(&p->model->exec, p->packed, (size_t)p->packed_starts[p->plan->size]);
    bit_exec_free(&p->model->exec, p->tally, BIT_TALLY * sizeof *p->tally);
    free(p->packed_starts);
    *p = (struct bit_publish){0};
}

void bit_publish_stale(struct bit_publish *p)
{
    p->now.valid = false;
}

void bit_publish_forget_codes(struct bit_publish *p)
{
    p->has_codes = false;
}

/* ---------------------------------------------------------------- 16-bit */

static char *weight_at(const struct bit_publish *p, int64_t element)
{
    return (char *)p->model->weights + (size_t)element * bit_dtype_bytes(p->plan->operands);
}

static void gather_weights(struct bit_publish *p, int64_t begin, int64_t end)
{
    bit_fabric_gather_ranges(p->fabric, p->model->weights, bit_dtype_bytes(p->plan->operands),
                             bit_shard_clip(p->shard, begin, end));
}

/* Weights of the flat range [begin, end), rounded to the operands' type. */
static int publish_cast(struct bit_publish *p, const float *master, int64_t begin, int64_t end)
{
    int64_t count, first = bit_shard_part(p->shard, begin, end, &count);
    const struct bit_cast_args args = {
        .count = count,
        .x = master + (first - p->shard->begin),
        .x_dtype = BIT_F32,
        .y = weight_at(p, first),
        .y_dtype = p->plan->operands,
        .scale = 1,
    };
    int err = count > 0 ? bit_cast(&p->model->exec, &args) : 0;

    if (err >= 0)
        gather_weights(p, begin, end);
    return err;
}

/* ---------------------------------------------------------------- ternary */

/* Where a segment's codes and weights go on this rank. */
struct target {
    int8_t *codes;          /* of this rank's first linear element on */
    const int8_t *previous; /* likewise, or NULL */
    float strength;
    uint64_t *tally; /* NULL: nothing is counted */
};

/* At full strength the operands beside the codes are the codes again, for products that have no int8. */
static int ternarise_own(struct bit_publish *p, const float *master, const struct target *to)
{
    int64_t own, own_begin = own_linears(p, &own);
    int err = 0;

    for (int i = 0; i < p->measure.count && err >= 0; i++) {
        const struct bit_segment_range *range = &p->measure.ranges[i];
        int64_t count, first = bit_shard_part(p->shard, range->begin, range->end, &count);
        int64_t at = first - own_begin;
        const struct bit_ternarise_args args = {
            .count = count,
            .w = master + (first - p->shard->begin),
            .scale = &p->model->scales[i],
            .strength = to->strength,
            .codes = to->codes + at,
            .previous = to->previous == NULL ? NULL : to->previous + at,
            .out = to->strength < 1 || bit_model_wants_operand_codes(p->model) ? weight_at(p, first) : NULL,
            .out_dtype = p->plan->operands,
            .zeros = to->tally == NULL ? NULL : &to->tally[BIT_TALLY_ZEROS],
            .flips = to->tally == NULL ? NULL : &to->tally[BIT_TALLY_FLIPS],
        };
        err = count > 0 ? bit_ternarise(&p->model->exec, &args) : 0;
    }
    return err;
}

static int unpack_from(struct bit_publish *p, int rank, int64_t first, int64_t count)
{
    const struct bit_unpack_codes_args args = {
        .count = count,
        .packed = p->packed + p->packed_starts[rank],
        .codes = p->model->codes + first,
        .out = bit_model_wants_operand_codes(p->model) ? weight_at(p, first) : NULL,
        .out_dtype = p->plan->operands,
        .bad = &p->tally[BIT_TALLY_BAD],
    };

    return bit_unpack_codes(&p->model->exec, &args);
}

/* Two bits a weight to every rank, then back to one byte in the model. */
static int gather_codes(struct bit_publish *p, const int8_t *codes)
{
    const int rank = p->plan->rank;
    const int64_t *starts = linear_starts(p);
    const struct bit_pack_codes_args pack = {
        .count = starts[rank + 1] - starts[rank], .codes = codes, .packed = p->packed + p->packed_starts[rank]};
    int8_t *own = p->model->codes + starts[rank];
    int err = own == codes ? 0 : bit_exec_copy(&p->model->exec, own, codes, (size_t)pack.count);

    if (err < 0 || p->plan->size == 1)
        return err;
    err = bit_pack_codes(&p->model->exec, &pack);
    if (err < 0)
        return err;
    bit_fabric_gather_ranges(p->fabric, p->packed, 1, p->packed_starts);
    for (int r = 0; r < p->plan->size && err >= 0; r++)
        err = r == rank ? 0 : unpack_from(p, r, starts[r], starts[r + 1] - starts[r]);
    return err;
}

static int publish_ternary(struct bit_publish *p, const float *master, const struct target *to)
{
    const int64_t begin = p->shard->linear_begin, end = p->shard->linear_end;
    int err = bit_measure_segments(&p->measure, p->fabric, master, p->model->scales);

    if (err >= 0)
        err = ternarise_own(p, master, to);
    if (err >= 0)
        err = publish_cast(p, master, 0, begin);
    if (err >= 0)
        err = publish_cast(p, master, end, p->plan->elements);
    if (err < 0)
        return err;
    if (to->strength == 1)
        return gather_codes(p, to->codes);
    gather_weights(p, begin, end);
    return 0;
}

/* ---------------------------------------------------------------- for whom */

static void set_published(struct bit_publish *p, Bit__Precision precision, double strength, bool for_training)
{
    p->now = (struct bit_published){
        .valid = true, .for_training = for_training, .precision = precision, .strength = strength};
    bit_model_set_phase(p->model, precision, strength);
}

int bit_publish_train(struct bit_publish *p, const float *master, Bit__Precision precision, double strength)
{
    const bool ternary = precision == BIT__PRECISION__TERNARY;
    const struct target to = {
        .codes = p->codes, .previous = p->has_codes ? p->codes : NULL, .strength = (float)strength, .tally = p->tally};
    int err;

    /* A step's codes are counted once: what an evaluation published does not stand for them. */
    if (p->now.valid && p->now.for_training && p->now.precision == precision && p->now.strength == strength)
        return 0;
    p->counts = (struct bit_publish_counts){.has_codes = ternary, .has_flips = ternary && p->has_codes};
    err = bit_exec_zero(&p->model->exec, p->tally, BIT_TALLY * sizeof *p->tally);
    if (err >= 0)
        err = ternary ? publish_ternary(p, master, &to) : publish_cast(p, master, 0, p->plan->elements);
    if (err < 0)
        return err;
    p->has_codes = ternary;
    set_published(p, precision, strength, true);
    return 0;
}

int bit_publish_read_counts(struct bit_publish *p)
{
    uint64_t tally[BIT_TALLY];
    int err = bit_exec_copy(&p->model->exec, tally, p->tally, sizeof tally);

    if (err >= 0)
        err = bit_exec_wait(&p->model->exec);
    if (err < 0)
        return err;
    p->counts.zeros = tally[BIT_TALLY_ZEROS];
    p->counts.flips = tally[BIT_TALLY_FLIPS];
    if (tally[BIT_TALLY_BAD] > 0)
        return bit_fail(BIT_ECORRUPT, "%llu bytes of ternary codes from other ranks hold no code",
                        (unsigned long long)tally[BIT_TALLY_BAD]);
    return 0;
}

int bit_publish_evaluate(struct bit_publish *p, const float *master, Bit__Precision precision)
{
    int64_t count;
    const struct target to = {.codes = p->model->codes + own_linears(p, &count), .strength = 1};
    int err;

    if (p->now.valid && p->now.precision == precision && p->now.strength == 1)
        return 0;
    if (precision == BIT__PRECISION__TERNARY)
        err = publish_ternary(p, master, &to);
    else
        err = publish_cast(p, master, 0, p->plan->elements);
    if (err >= 0)
        set_published(p, precision, 1, false);
    return err;
}
