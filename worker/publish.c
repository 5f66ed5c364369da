#include "worker/publish.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cast.h"
#include "proto/check.h"
#include "proto/err.h"

#define CODES_AT_ONCE 65536 /* one thread's; a multiple of 4, so that no two share a byte */

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

static int allocate(struct bit_publish *p)
{
    int64_t own;

    own_linears(p, &own);
    p->packed_starts = calloc((size_t)p->plan->size + 1, sizeof *p->packed_starts);
    p->codes = malloc((size_t)BIT_MAX(own, 1));
    if (p->packed_starts == NULL || p->codes == NULL)
        return bit_fail(-ENOMEM, "codes of %lld weights", (long long)own);
    const int64_t *starts = linear_starts(p);
    for (int r = 0; r < p->plan->size; r++)
        p->packed_starts[r + 1] = p->packed_starts[r] + packed_bytes(starts[r + 1] - starts[r]);
    p->packed = malloc((size_t)p->packed_starts[p->plan->size]);
    if (p->packed == NULL)
        return bit_fail(-ENOMEM, "packed codes of %lld weights", (long long)p->plan->linear_elements);
    return 0;
}

int bit_publish_init(struct bit_publish *p, const struct bit_plan *plan, struct bit_shard *shard,
                     struct bit_model *model)
{
    int err;

    *p = (struct bit_publish){.plan = plan, .shard = shard, .model = model};
    err = bit_measure_init(&p->measure, plan, shard);
    if (err >= 0)
        err = allocate(p);
    if (err < 0)
        bit_publish_finish(p);
    return err;
}

void bit_publish_finish(struct bit_publish *p)
{
    bit_measure_finish(&p->measure);
    free(p->codes);
    free(p->packed);
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

static void gather_weights(struct bit_publish *p, struct bit_comm *comm, int64_t begin, int64_t end)
{
    bit_comm_gather_ranges(comm, p->model->weights, bit_dtype_bytes(p->plan->operands),
                           bit_shard_clip(p->shard, begin, end));
}

/* Weights of the flat range [begin, end), rounded to the operands' type. */
static int publish_cast(struct bit_publish *p, struct bit_comm *comm, const float *master, int64_t begin, int64_t end)
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
        gather_weights(p, comm, begin, end);
    return err;
}

/* ---------------------------------------------------------------- ternary */

/* Where a segment's codes and weights go on this rank. */
struct target {
    int8_t *codes;          /* of this rank's first linear element on */
    const int8_t *previous; /* likewise, or NULL */
    float strength;
};

static int ternarise_own(struct bit_publish *p, const float *master, const struct target *to,
                         struct bit_publish_counts *counts)
{
    int64_t own, own_begin = own_linears(p, &own);

    for (int i = 0; i < p->measure.count; i++) {
        const struct bit_segment_range *range = &p->measure.ranges[i];
        uint64_t zeros = 0, flips = 0;
        int64_t count, first = bit_shard_part(p->shard, range->begin, range->end, &count);
        int64_t at = first - own_begin;
        const struct bit_ternarise_args args = {
            .count = count,
            .w = master + (first - p->shard->begin),
            .scale = p->model->scales[i],
            .strength = to->strength,
            .codes = to->codes + at,
            .previous = to->previous == NULL ? NULL : to->previous + at,
            .out = to->strength < 1 ? weight_at(p, first) : NULL,
            .out_dtype = p->plan->operands,
            .zeros = &zeros,
            .flips = &flips,
        };
        int err = count > 0 ? bit_ternarise(&p->model->exec, &args) : 0;
        if (err < 0)
            return err;
        counts->zeros += zeros;
        counts->flips += flips;
    }
    return 0;
}

static void pack_own(struct bit_publish *p, int rank, const int8_t *codes, int64_t count)
{
    uint8_t *packed = p->packed + p->packed_starts[rank];

#pragma omp parallel for num_threads(p->model->exec.threads) schedule(static)
    for (int64_t at = 0; at < count; at += CODES_AT_ONCE)
        bit_ternary_pack(codes + at, BIT_MIN(CODES_AT_ONCE, count - at), packed + at / 4);
}

static int unpack_from(struct bit_publish *p, int rank, int8_t *codes, int64_t count)
{
    const uint8_t *packed = p->packed + p->packed_starts[rank];
    int failed = 0;

#pragma omp parallel for num_threads(p->model->exec.threads) schedule(static) reduction(min : failed)
    for (int64_t at = 0; at < count; at += CODES_AT_ONCE) {
        int err = bit_ternary_unpack(packed + at / 4, BIT_MIN(CODES_AT_ONCE, count - at), codes + at);
        failed = BIT_MIN(failed, err);
    }
    return failed < 0 ? bit_fail(failed, "ternary codes from rank %d", rank) : 0;
}

/* Two bits a weight to every rank, then back to one byte in the model. */
static int gather_codes(struct bit_publish *p, struct bit_comm *comm, const int8_t *codes)
{
    const int64_t *starts = linear_starts(p);
    int64_t count = starts[comm->rank + 1] - starts[comm->rank];
    int8_t *own = p->model->codes + starts[comm->rank];

    if (own != codes)
        memcpy(own, codes, (size_t)count);
    if (comm->size == 1)
        return 0;
    pack_own(p, comm->rank, codes, count);
    bit_comm_gather_ranges(comm, p->packed, 1, p->packed_starts);
    for (int r = 0; r < comm->size; r++) {
        int err = r == comm->rank ? 0 : unpack_from(p, r, p->model->codes + starts[r], starts[r + 1] - starts[r]);
        if (err < 0)
            return err;
    }
    return 0;
}

static int publish_ternary(struct bit_publish *p, struct bit_comm *comm, const float *master, const struct target *to,
                           struct bit_publish_counts *counts)
{
    const int64_t begin = p->shard->linear_begin, end = p->shard->linear_end;
    int err = bit_measure_segments(&p->measure, comm, &p->model->exec, master, p->model->scales);

    if (err >= 0)
        err = ternarise_own(p, master, to, counts);
    if (err >= 0)
        err = publish_cast(p, comm, master, 0, begin);
    if (err >= 0)
        err = publish_cast(p, comm, master, end, p->plan->elements);
    if (err < 0)
        return err;
    if (to->strength == 1)
        return gather_codes(p, comm, to->codes);
    gather_weights(p, comm, begin, end);
    return 0;
}

/* ---------------------------------------------------------------- for whom */

static void set_published(struct bit_publish *p, Bit__Precision precision, double strength, bool for_training)
{
    p->now = (struct bit_published){
        .valid = true, .for_training = for_training, .precision = precision, .strength = strength};
    bit_model_set_phase(p->model, precision, strength);
}

int bit_publish_train(struct bit_publish *p, struct bit_comm *comm, const float *master, Bit__Precision precision,
                      double strength)
{
    const bool ternary = precision == BIT__PRECISION__TERNARY;
    const struct target to = {
        .codes = p->codes, .previous = p->has_codes ? p->codes : NULL, .strength = (float)strength};
    int err;

    /* A step's codes are counted once: what an evaluation published does not stand for them. */
    if (p->now.valid && p->now.for_training && p->now.precision == precision && p->now.strength == strength)
        return 0;
    p->counts = (struct bit_publish_counts){.has_codes = ternary, .has_flips = ternary && p->has_codes};
    if (ternary)
        err = publish_ternary(p, comm, master, &to, &p->counts);
    else
        err = publish_cast(p, comm, master, 0, p->plan->elements);
    if (err < 0)
        return err;
    p->has_codes = ternary;
    set_published(p, precision, strength, true);
    return 0;
}

int bit_publish_evaluate(struct bit_publish *p, struct bit_comm *comm, const float *master, Bit__Precision precision)
{
    struct bit_publish_counts unused = {0};
    int64_t count;
    const struct target to = {.codes = p->model->codes + own_linears(p, &count), .strength = 1};
    int err;

    if (p->now.valid && p->now.precision == precision && p->now.strength == 1)
        return 0;
    if (precision == BIT__PRECISION__TERNARY)
        err = publish_ternary(p, comm, master, &to, &unused);
    else
        err = publish_cast(p, comm, master, 0, p->plan->elements);
    if (err >= 0)
        set_published(p, precision, 1, false);
    return err;
}
