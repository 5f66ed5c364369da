/* Collectives against what one process computes by itself. */
#include "worker/ranks/comm.h"

#include "proto/err.h"
#include "tests/mpi/mpi_test.h"

/* Ranges of unequal length, some empty, of `count` elements. */
static void make_starts(int64_t count, int64_t *starts)
{
    for (int r = 0; r <= comm.size; r++)
        starts[r] = r == comm.size ? count : r == 0 ? 0 : count * (r * r + (r & 1)) / (comm.size * comm.size + 1);
}

static void check_reduce(int64_t count)
{
    int64_t *starts = malloc(((size_t)comm.size + 1) * sizeof *starts);
    float *vector = malloc(((size_t)count + 1) * sizeof *vector);

    make_starts(count, starts);
    for (int64_t i = 0; i < count; i++)
        vector[i] = value_of((uint64_t)comm.rank, i);
    vector[count] = 7;
    bit_comm_reduce_ranges(&comm, vector, starts, 2);
    long wrong = 0;
    for (int64_t i = 0; i < count; i++) {
        float sum = value_of(0, i);
        for (int r = 1; r < comm.size; r++)
            sum += value_of((uint64_t)r, i);
        bool mine = i >= starts[comm.rank] && i < starts[comm.rank + 1];
        wrong += vector[i] != (mine ? sum : value_of((uint64_t)comm.rank, i));
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(vector[count], 7);
    free(vector);
    free(starts);
}

TEST(reduction_adds_in_rank_order_and_touches_its_range_alone)
{
    check_reduce(1);
    check_reduce(1000);
    check_reduce(3 * BIT_COMM_PIECE + 12345); /* several pieces for some rank, fewer for others */
}

TEST(ranges_are_gathered_byte_for_byte)
{
    const int64_t counts[] = {1, 999, 70000};

    for (int c = 0; c < 3; c++) {
        int64_t starts[64], count = counts[c];
        uint16_t *vector = calloc((size_t)count + 1, sizeof *vector);
        make_starts(count, starts);
        for (int64_t i = starts[comm.rank]; i < starts[comm.rank + 1]; i++)
            vector[i] = (uint16_t)mix((uint64_t)i);
        bit_comm_gather_ranges(&comm, vector, sizeof *vector, starts);
        long wrong = 0;
        for (int64_t i = 0; i < count; i++)
            wrong += vector[i] != (uint16_t)mix((uint64_t)i);
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
    EXPECT_EQ(bit_comm_agree(&comm, 5), 0); /* positive is fine too */
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
    int ranks[64];

    bit_comm_await(&comm, heard, sizeof *heard);
    EXPECT_STREQ(heard->text, said.text);
    bit_comm_sum_u64(&comm, sums, 2);
    EXPECT_EQ(sums[0], comm.size);
    EXPECT_EQ(sums[1], comm.size * (comm.size - 1) / 2);
    bit_comm_gather(&comm, &comm.rank, sizeof comm.rank, ranks);
    for (int r = 0; r < comm.size; r++)
        EXPECT_EQ(ranks[r], r);
    bit_comm_barrier(&comm);
    if (heard != &said)
        free(heard);
}

MPI_TEST_MAIN
