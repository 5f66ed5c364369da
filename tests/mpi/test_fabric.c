/*
 * The collectives over tensors, on vectors divided as by a layout, compared with the results of one process. With
 * BIT_TEST_BACKEND=cuda the vectors are on GPUs, and NCCL transfers them.
 */
#include "worker/ranks/fabric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/mpi/mpi_test.h"

#define BLOCK BIT_LAYOUT_BLOCK

/* Borders of buckets: at borders of blocks and elsewhere; with fewer blocks than ranks, and with many. */
static const int64_t cuts[][5] = {
    {0, 24 * BLOCK, 48 * BLOCK, 72 * BLOCK, 96 * BLOCK},
    {0, 18216, 18216 + 42336, 18216 + 2 * 42336, 18216 + 2 * 42336 + 18216},
    {0, 5 * BLOCK - 1, 30 * BLOCK + 1, 40 * BLOCK, 41 * BLOCK + 7},
    {0, 100, 200, 300, 400},
};
#define CUTS (int)(sizeof cuts / sizeof *cuts)

struct fixture {
    struct bit_comm ranks; /* divided into groups */
    struct bit_exec exec;
    struct bit_layout layout;
    struct bit_fabric fabric;
    int64_t elements;
    int *owner; /* (blocks): the rank in its group that owns the block */
    int place;  /* this rank's number in its group */
};

static enum bit_backend backend(void)
{
    const char *name = getenv("BIT_TEST_BACKEND");

    return name != NULL && strcmp(name, "cuda") == 0 ? BIT_BACKEND_CUDA : BIT_BACKEND_CPU;
}

static void find_owners(struct fixture *f)
{
    struct bit_block_run *runs = calloc((size_t)bit_layout_runs_max(&f->layout) + 1, sizeof *runs);

    f->owner = calloc((size_t)f->layout.blocks, sizeof *f->owner);
    for (int r = 0; r < f->layout.size; r++) {
        const int count = bit_layout_runs(&f->layout, r, runs);
        for (int i = 0; i < count; i++)
            for (int64_t b = 0; b < runs[i].blocks; b++)
                f->owner[runs[i].first + b] = r;
    }
    free(runs);
}

/* Ranks in a group; 0: all. */
static const int groups[] = {0, 1, 2, 4};
#define GROUPS (int)(sizeof groups / sizeof *groups)

static bool can_divide(int group)
{
    return group == 0 || (comm.size > group && comm.size % group == 0);
}

static bool fixture_open(struct fixture *f, const int64_t *borders, int group)
{
    *f = (struct fixture){.elements = borders[4]};
    if (!EXPECT_EQ(bit_comm_init(&f->ranks, MPI_COMM_WORLD), 0) ||
        (group > 0 && !EXPECT_EQ(bit_comm_divide(&f->ranks, group), 0)))
        return false;
    f->place = bit_comm_group(&f->ranks)->rank;
    int devices = 0;
    if (backend() == BIT_BACKEND_CUDA && EXPECT(bit_exec_count_devices(&devices) >= 0 && devices > 0))
        bit_exec_use_device(comm.rank % devices);
    if (!EXPECT_EQ(bit_exec_init(&f->exec, backend(), 2, 1 << 20), 0) ||
        !EXPECT_EQ(bit_layout_init(&f->layout, borders, 4, bit_comm_group(&f->ranks)->size), 0) ||
        !EXPECT_EQ(bit_fabric_init(&f->fabric, &f->ranks, &f->exec, &f->layout, 2), 0))
        return false;
    find_owners(f);
    return true;
}

static void fixture_close(struct fixture *f)
{
    bit_fabric_finish(&f->fabric);
    bit_layout_finish(&f->layout);
    bit_exec_finish(&f->exec);
    bit_comm_finish(&f->ranks);
    free(f->owner);
}

/* A copy in the backend's memory. */
static void *upload(struct fixture *f, const void *from, size_t bytes)
{
    void *memory = NULL;

    EXPECT_EQ(bit_exec_alloc(&f->exec, bytes, &memory), 0);
    EXPECT_EQ(bit_exec_copy(&f->exec, memory, from, bytes), 0);
    return memory;
}

static void download(struct fixture *f, void *to, void *memory, size_t bytes)
{
    EXPECT_EQ(bit_exec_copy(&f->exec, to, memory, bytes), 0);
    EXPECT_EQ(bit_exec_wait(&f->exec), 0);
    bit_exec_free(&f->exec, memory, bytes);
}

/* ---- gathers */

static void gather(struct fixture *f, const struct bit_gathered *what)
{
    bit_fabric_gather_begin(&f->fabric, what, 1);
    bit_fabric_gather_end(&f->fabric);
}

/* Gathers elements [from, to) of the layout, in a vector of uint16_t that starts at the layout's block `first`. */
static void check_gather(struct fixture *f, int64_t from, int64_t to)
{
    const int64_t first = from / BLOCK;
    const size_t bytes = (size_t)f->elements * sizeof(uint16_t);
    uint16_t *vector = calloc((size_t)f->elements, sizeof *vector);
    long wrong = 0;

    for (int64_t i = 0; i < f->elements; i++)
        vector[i] = f->owner[i / BLOCK] == f->place ? (uint16_t)mix((uint64_t)i) : 1;
    void *memory = upload(f, vector, bytes);
    const struct bit_gathered what = {
        .memory = (uint16_t *)memory + first * BLOCK,
        .block_bytes = BLOCK * sizeof(uint16_t),
        .first_block = first,
        .from = (size_t)(from - first * BLOCK) * sizeof(uint16_t),
        .to = (size_t)(to - first * BLOCK) * sizeof(uint16_t),
    };
    gather(f, &what);
    download(f, vector, memory, bytes);
    for (int64_t i = 0; i < f->elements; i++) {
        const bool known = (i >= from && i < to) || f->owner[i / BLOCK] == f->place;
        wrong += vector[i] != (known ? (uint16_t)mix((uint64_t)i) : 1);
    }
    EXPECT_EQ(wrong, 0);
    free(vector);
}

TEST(a_vector_is_gathered_whole_or_between_borders_and_nothing_else_is_written)
{
    for (int c = 0; c < CUTS * GROUPS; c++) {
        struct fixture f;
        if (!can_divide(groups[c / CUTS]))
            continue;
        if (!fixture_open(&f, cuts[c % CUTS], groups[c / CUTS]))
            return;
        for (int from = 0; from < 4; from++)
            for (int to = from + 1; to <= 4; to++)
                check_gather(&f, cuts[c % CUTS][from], cuts[c % CUTS][to]);
        fixture_close(&f);
    }
}

TEST(a_table_with_an_entry_a_block_is_gathered)
{
    for (int c = 0; c < CUTS * GROUPS; c++) {
        struct fixture f;
        if (!can_divide(groups[c / CUTS]))
            continue;
        if (!fixture_open(&f, cuts[c % CUTS], groups[c / CUTS]))
            return;
        const size_t bytes = (size_t)f.layout.blocks * sizeof(double);
        double *table = calloc((size_t)f.layout.blocks, sizeof *table);
        for (int64_t b = 0; b < f.layout.blocks; b++)
            table[b] = f.owner[b] == f.place ? (double)b + 0.5 : -1;
        void *memory = upload(&f, table, bytes);
        const struct bit_gathered what = {.memory = memory, .block_bytes = sizeof *table, .to = bytes};
        gather(&f, &what);
        download(&f, table, memory, bytes);
        for (int64_t b = 0; b < f.layout.blocks; b++)
            if (table[b] != (double)b + 0.5)
                EXPECT_EQ(b, -1);
        free(table);
        fixture_close(&f);
    }
}

/* ---- gathers in the background */

/* Two vectors, as the weights and codes of a step: `wide` has two bytes per element and holds buckets 0 and 1, `narrow`
 * has a quarter of a byte per element and holds buckets 2 and 3. */
struct two {
    const int64_t *borders;
    void *wide, *narrow; /* in the backend's memory */
    size_t wide_bytes, narrow_bytes;
    int64_t first; /* the first block of `narrow` */
};

static uint8_t byte_of(int64_t quarter)
{
    return (uint8_t)mix((uint64_t)quarter + 99);
}

static void two_open(struct two *t, struct fixture *f, const int64_t *borders)
{
    *t = (struct two){.borders = borders, .first = borders[2] / BLOCK};
    t->wide_bytes = (size_t)f->elements * sizeof(uint16_t);
    t->narrow_bytes = (size_t)(f->layout.blocks * BLOCK / 4);
    uint16_t *wide = calloc(1, t->wide_bytes);
    uint8_t *narrow = calloc(1, t->narrow_bytes);
    for (int64_t i = 0; i < f->elements; i++)
        if (f->owner[i / BLOCK] == f->place) {
            wide[i] = (uint16_t)mix((uint64_t)i);
            narrow[i / 4] = byte_of(i / 4);
        }
    t->wide = upload(f, wide, t->wide_bytes);
    t->narrow = upload(f, narrow, t->narrow_bytes);
    EXPECT_EQ(bit_exec_wait(&f->exec), 0);
    free(wide);
    free(narrow);
}

static void two_begin(struct two *t, struct fixture *f)
{
    const int64_t *borders = t->borders;
    const struct bit_gathered what[] = {
        {.memory = t->wide, .block_bytes = BLOCK * sizeof(uint16_t), .to = (size_t)borders[2] * sizeof(uint16_t)},
        {.memory = t->wide, .block_bytes = BLOCK * sizeof(uint16_t)}, /* an empty range */
        {.memory = (uint8_t *)t->narrow + t->first * BLOCK / 4,
         .block_bytes = BLOCK / 4,
         .first_block = t->first,
         .from = (size_t)(borders[2] - t->first * BLOCK) / 4,
         .to = (size_t)(borders[4] - t->first * BLOCK + 3) / 4},
    };

    bit_fabric_gather_begin(&f->fabric, what, 3);
}

/* The elements below `end` are right. */
static void two_check(struct two *t, struct fixture *f, int64_t end)
{
    uint16_t *wide = calloc(1, t->wide_bytes);
    uint8_t *narrow = calloc(1, t->narrow_bytes);
    long wrong = 0;

    EXPECT_EQ(bit_exec_copy(&f->exec, wide, t->wide, t->wide_bytes), 0);
    EXPECT_EQ(bit_exec_copy(&f->exec, narrow, t->narrow, t->narrow_bytes), 0);
    EXPECT_EQ(bit_exec_wait(&f->exec), 0);
    for (int64_t i = 0; i < end && i < t->borders[2]; i++)
        wrong += wide[i] != (uint16_t)mix((uint64_t)i);
    for (int64_t q = (t->borders[2] + 3) / 4; q < end / 4; q++)
        wrong += narrow[q] != byte_of(q);
    EXPECT_EQ(wrong, 0);
    free(wide);
    free(narrow);
}

static void two_close(struct two *t, struct fixture *f)
{
    bit_exec_free(&f->exec, t->wide, t->wide_bytes);
    bit_exec_free(&f->exec, t->narrow, t->narrow_bytes);
}

/* Each rank waits for other buckets, and all use another collective meanwhile. */
static void check_beside(struct fixture *f, const int64_t *borders)
{
    struct two t;

    two_open(&t, f, borders);
    two_begin(&t, f);
    for (int b = 1; b <= 4; b++) {
        uint64_t ranks = 1;
        bit_comm_sum_u64(&comm, &ranks, 1);
        EXPECT_EQ(ranks, comm.size);
        if (b % (comm.rank + 1) != 0)
            continue;
        bit_fabric_gather_await(&f->fabric, (borders[b] + BLOCK - 1) / BLOCK);
        two_check(&t, f, borders[b]);
    }
    bit_fabric_gather_end(&f->fabric);
    two_check(&t, f, borders[4]);
    two_close(&t, f);
}

TEST(a_gather_beside_comes_bucket_by_bucket_in_whatever_order_ranks_wait)
{
    for (int c = 0; c < CUTS * GROUPS; c++) {
        struct fixture f;
        if (!can_divide(groups[c / CUTS]))
            continue;
        if (!fixture_open(&f, cuts[c % CUTS], groups[c / CUTS]))
            return;
        check_beside(&f, cuts[c % CUTS]);
        check_beside(&f, cuts[c % CUTS]);
        fixture_close(&f);
    }
}

/* A run that fails may finish the fabric without having waited for the gather. */
TEST(a_gather_beside_that_nobody_waits_for_ends_with_the_fabric)
{
    struct fixture f;
    struct two t;

    if (!fixture_open(&f, cuts[0], 0))
        return;
    two_open(&t, &f, cuts[0]);
    two_begin(&t, &f);
    bit_fabric_finish(&f.fabric);
    two_check(&t, &f, cuts[0][4]);
    two_close(&t, &f);
    fixture_close(&f);
}

/* ---- reductions */

/* Small integers: their sums are exact in any order. */
static float gradient_of(int rank, int64_t i)
{
    return (float)(mix((uint64_t)i * 64 + (uint64_t)rank) % 1000);
}

static void check_reduce(struct fixture *f, const int64_t *borders, bool in_parts)
{
    const size_t bytes = (size_t)f->elements * sizeof(float);
    float *grad = calloc((size_t)f->elements, sizeof *grad);
    long wrong = 0;

    for (int64_t i = 0; i < f->elements; i++)
        grad[i] = gradient_of(comm.rank, i);
    float *memory = upload(f, grad, bytes);
    bit_fabric_reduce_begin(&f->fabric, memory);
    for (int b = 3; b > 0 && in_parts; b--)
        bit_fabric_reduce_part(&f->fabric, borders[b], borders[b + 1]);
    bit_fabric_reduce_end(&f->fabric);
    download(f, grad, memory, bytes);
    for (int64_t i = 0; i < f->elements; i++) {
        float expected = 0;
        for (int r = 0; r < comm.size; r++)
            expected += gradient_of(r, i);
        wrong += grad[i] != (f->owner[i / BLOCK] == f->place ? expected : gradient_of(comm.rank, i));
    }
    EXPECT_EQ(wrong, 0);
    free(grad);
}

TEST(every_rank_has_the_sum_of_what_is_its_own_and_the_rest_is_left)
{
    for (int c = 0; c < CUTS * GROUPS; c++)
        for (int in_parts = 0; in_parts < 2; in_parts++) {
            struct fixture f;
            if (!can_divide(groups[c / CUTS]))
                continue;
            if (!fixture_open(&f, cuts[c % CUTS], groups[c / CUTS]))
                return;
            check_reduce(&f, cuts[c % CUTS], in_parts);
            check_reduce(&f, cuts[c % CUTS], in_parts);
            fixture_close(&f);
        }
}

/* All groups get the same bits of a part, for any gradients. */
static void check_same_across(struct fixture *f, const int64_t *borders)
{
    const size_t bytes = (size_t)f->elements * sizeof(float);
    float *grad = calloc((size_t)f->elements, sizeof *grad);
    double sum = 0, most = 0;

    for (int64_t i = 0; i < f->elements; i++)
        grad[i] = value_of((uint64_t)f->ranks.rank + 1, i);
    float *memory = upload(f, grad, bytes);
    bit_fabric_reduce_begin(&f->fabric, memory);
    bit_fabric_reduce_part(&f->fabric, borders[3], borders[4]);
    bit_fabric_reduce_end(&f->fabric);
    download(f, grad, memory, bytes);
    for (int64_t i = 0; i < f->elements; i++) {
        uint32_t bits;
        if (f->owner[i / BLOCK] != f->place)
            continue;
        memcpy(&bits, &grad[i], sizeof bits);
        sum += (double)mix((uint64_t)i ^ (uint64_t)bits << 32) * 0x1p-64;
        double exact = 0;
        for (int r = 0; r < comm.size; r++)
            exact += (double)value_of((uint64_t)r + 1, i);
        most = fmax(most, fabs(exact - (double)grad[i]));
    }
    EXPECT(most < 1e-6 * comm.size);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    EXPECT(f->ranks.across == NULL || bit_comm_same(f->ranks.across, bits));
    free(grad);
}

TEST(groups_have_the_same_bits)
{
    for (int c = 0; c < CUTS * GROUPS; c++) {
        struct fixture f;
        if (!can_divide(groups[c / CUTS]))
            continue;
        if (!fixture_open(&f, cuts[c % CUTS], groups[c / CUTS]))
            return;
        check_same_across(&f, cuts[c % CUTS]);
        fixture_close(&f);
    }
}

/* ---- sums */

TEST(sums_are_the_ranks_sums)
{
    struct fixture f;
    uint32_t u32[3] = {comm.rank == comm.size - 1 ? 0xfffffff0u : 0, 1, 2};
    double f64[3] = {0.25, comm.rank, -1};

    if (!fixture_open(&f, cuts[0], 0))
        return;
    void *b = upload(&f, u32, sizeof u32), *c = upload(&f, f64, sizeof f64);
    bit_fabric_sum_u32(&f.fabric, b, 3);
    bit_fabric_sum_f64(&f.fabric, c, 3);
    download(&f, u32, b, sizeof u32);
    download(&f, f64, c, sizeof f64);
    EXPECT_EQ(u32[0], 0xfffffff0u);
    EXPECT_EQ(u32[1], comm.size);
    EXPECT_EQ(f64[0], 0.25 * comm.size);
    EXPECT_EQ(f64[2], -comm.size);
    fixture_close(&f);
}

MPI_TEST_MAIN
