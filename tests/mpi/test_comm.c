/* Collectives, compared with the results of one process. */
#include "worker/ranks/comm.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "tests/mpi/mpi_test.h"

/* The header's order of summation: from the rank after the owner round to the owner. */
static float ring_sum(int owner, int64_t i)
{
    float sum = value_of((uint64_t)((owner + 1) % comm.size), i);

    for (int hop = 2; hop <= comm.size; hop++)
        sum += value_of((uint64_t)((owner + hop) % comm.size), i);
    return sum;
}

static void check_reduce(int64_t each)
{
    const int64_t count = each * comm.size;
    float *vector = malloc(((size_t)count + 1) * sizeof *vector);
    long wrong = 0;

    for (int64_t i = 0; i < count; i++)
        vector[i] = value_of((uint64_t)comm.rank, i);
    vector[count] = 7;
    bit_comm_reduce_scatter(&comm, vector, each, 2);
    for (int64_t i = 0; i < count; i++) {
        const bool mine = i / each == comm.rank;
        wrong += vector[i] != (mine ? ring_sum(comm.rank, i) : value_of((uint64_t)comm.rank, i));
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(vector[count], 7);
    free(vector);
}

TEST(a_reduction_adds_round_the_ring_and_touches_its_part_alone)
{
    check_reduce(1);
    check_reduce(1000);
    check_reduce(2 * BIT_COMM_PIECE + 12345); /* several pieces, the last one short */
}

/* All ranks get the same bits, near the exact sums. `bits` is a hash of the result, which all ranks compare. */
static void check_all_reduce(struct bit_comm *ranks, int64_t count)
{
    float *vector = calloc((size_t)count + 1, sizeof *vector);
    uint64_t bits = 0;
    double most = 0;

    for (int64_t i = 0; i < count; i++)
        vector[i] = value_of((uint64_t)ranks->rank, i);
    vector[count] = 7;
    bit_comm_all_reduce(ranks, vector, count, 2);
    for (int64_t i = 0; i < count; i++) {
        uint32_t value;
        double exact = 0;
        for (int r = 0; r < ranks->size; r++)
            exact += (double)value_of((uint64_t)r, i);
        most = fmax(most, fabs(exact - (double)vector[i]));
        memcpy(&value, &vector[i], sizeof value);
        bits = mix(bits ^ value);
    }
    EXPECT(most < 1e-6 * ranks->size);
    EXPECT(bit_comm_same(ranks, bits));
    EXPECT_EQ(vector[count], 7);
    free(vector);
}

TEST(an_all_reduce_has_the_same_bits_on_every_rank)
{
    const int64_t counts[] = {1, 2, 3, 7, 1000, 100003, BIT_COMM_PIECE * 9};

    for (int c = 0; c < 7; c++)
        check_all_reduce(&comm, counts[c]);
}

TEST(ranks_are_divided_into_neighbours_and_those_with_their_place)
{
    for (int size = 1; size <= comm.size; size++) {
        struct bit_comm ranks;
        if (comm.size % size != 0)
            continue;
        if (!EXPECT_EQ(bit_comm_init(&ranks, MPI_COMM_WORLD), 0) || !EXPECT_EQ(bit_comm_divide(&ranks, size), 0))
            return;
        EXPECT_EQ(bit_comm_group(&ranks)->size, size);
        EXPECT_EQ(bit_comm_group(&ranks)->rank, comm.rank % size);
        EXPECT_EQ(ranks.across->size, comm.size / size);
        EXPECT_EQ(ranks.across->rank, comm.rank / size);
        EXPECT(bit_comm_same(ranks.group, (uint64_t)(comm.rank / size)));
        EXPECT(bit_comm_same(ranks.across, (uint64_t)(comm.rank % size)));
        check_all_reduce(ranks.across, 12345);
        bit_comm_finish(&ranks);
    }
    EXPECT(bit_comm_group(&comm) == &comm);
}

TEST(parts_are_gathered_byte_for_byte)
{
    const int64_t each[] = {1, 63, 64, 70000};

    for (int c = 0; c < 4; c++) {
        const int64_t count = each[c] * comm.size;
        uint8_t *vector = calloc((size_t)count + 1, 1);
        long wrong = 0;
        for (int64_t i = 0; i < each[c]; i++)
            vector[comm.rank * each[c] + i] = (uint8_t)mix((uint64_t)(comm.rank * each[c] + i));
        bit_comm_all_gather(&comm, vector, each[c]);
        for (int64_t i = 0; i < count; i++)
            wrong += vector[i] != (uint8_t)mix((uint64_t)i);
        EXPECT_EQ(wrong, 0);
        EXPECT_EQ(vector[count], 0);
        free(vector);
    }
}

TEST(instances_go_round_the_ranks)
{
    enum { CONTEXT = 5 };

    for (int64_t instances = 0; instances < 3 * comm.size + 2; instances++) {
        uint16_t batch[64 * CONTEXT], mine[64 * CONTEXT];
        for (int64_t i = 0; i < instances * CONTEXT; i++)
            batch[i] = (uint16_t)(i + 1);
        int64_t count = bit_comm_scatter_instances(&comm, comm.rank == 0 ? (const uint8_t *)batch : NULL, instances,
                                                   CONTEXT * sizeof *batch, (uint8_t *)mine);
        int64_t expected = 0;
        for (int64_t i = comm.rank; i < instances; i += comm.size, expected++)
            for (int t = 0; t < CONTEXT; t++)
                EXPECT_EQ(mine[expected * CONTEXT + t], i * CONTEXT + t + 1);
        EXPECT_EQ(count, expected);
        EXPECT_EQ(bit_comm_share(instances, comm.rank, comm.size), expected);
    }
}

TEST(agreement_is_the_lowest_code_with_its_ranks_note)
{
    const int last = comm.size - 1;
    int mine = 0;

    EXPECT_EQ(bit_comm_agree(&comm, 0), 0);
    EXPECT_EQ(bit_comm_agree(&comm, 5), 0); /* positive is no error */
    if (comm.rank == last)
        mine = bit_fail(BIT_ECORRUPT, "chunk 9 of 'model'");
    EXPECT_EQ(bit_comm_agree(&comm, mine), BIT_ECORRUPT);
    EXPECT_EQ(comm.failed_rank, last);
    if (comm.rank == last) {
        EXPECT_STREQ(bit_fail_text(), "chunk 9 of 'model': corrupt data");
    } else {
        char expected[128];
        snprintf(expected, sizeof expected, "rank %d: chunk 9 of 'model': corrupt data", last);
        EXPECT_STREQ(bit_fail_text(), expected);
    }
}

TEST(sameness_needs_every_rank)
{
    EXPECT(bit_comm_same(&comm, 0));
    EXPECT(bit_comm_same(&comm, UINT64_MAX));
    EXPECT(bit_comm_same(&comm, 0x123456789abcdef0u));
    EXPECT_EQ(bit_comm_same(&comm, comm.rank == comm.size - 1 ? 1 : 2), comm.size == 1);
    EXPECT_EQ(bit_comm_same(&comm, comm.rank == 0 ? UINT64_MAX : 0), comm.size == 1);
}

TEST(small_things_reach_everybody)
{
    struct {
        char text[100];
    } said = {"as rank 0 says"}, *heard = comm.rank == 0 ? &said : calloc(1, sizeof *heard);
    uint64_t sums[2] = {1, (uint64_t)comm.rank};
    uint32_t small[2] = {0x80000000u, (uint32_t)comm.rank};
    double doubles[2] = {0.5, (double)comm.rank};
    int ranks[64];

    bit_comm_await(&comm, heard, sizeof *heard);
    EXPECT_STREQ(heard->text, said.text);
    bit_comm_sum_u64(&comm, sums, 2);
    EXPECT_EQ(sums[0], comm.size);
    EXPECT_EQ(sums[1], comm.size * (comm.size - 1) / 2);
    small[0] = comm.rank == 0 ? small[0] : 0;
    bit_comm_sum_u32(&comm, small, 2);
    EXPECT_EQ(small[0], 0x80000000u);
    EXPECT_EQ(small[1], comm.size * (comm.size - 1) / 2);
    bit_comm_sum_f64(&comm, doubles, 2);
    EXPECT_EQ(doubles[0], 0.5 * comm.size);
    EXPECT_EQ(doubles[1], comm.size * (comm.size - 1) / 2);
    bit_comm_gather(&comm, &comm.rank, sizeof comm.rank, ranks);
    for (int r = 0; r < comm.size; r++)
        EXPECT_EQ(ranks[r], r);
    bit_comm_barrier(&comm);
    if (heard != &said)
        free(heard);
}

MPI_TEST_MAIN
