#include "proto/data/sieve.h"

#include "tests/test.h"

#define N 200000

static uint32_t number[N];
static uint64_t perhaps[(N + 63) / 64];

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed ^ *seed >> 15;
}

static bool said(uint32_t k)
{
    return perhaps[k / 64] >> (k % 64) & 1;
}

/* Every number added gets "perhaps"; others get it only as often as the size of the field allows. */
static void check_size(unsigned bits, uint32_t added)
{
    struct bit_sieve s;
    uint32_t seed = bits, missed = 0, false_alarms = 0;

    EXPECT_EQ(bit_sieve_init(&s, bits), 0);
    for (uint32_t k = 0; k < N; k++)
        number[k] = draw(&seed);
    for (uint32_t k = 0; k < added; k++)
        bit_sieve_add(&s, number[k]);
    memset(perhaps, 0, sizeof perhaps);
    bit_sieve_ask(&s, number, N, perhaps);
    for (uint32_t k = 0; k < N; k++) {
        missed += k < added && !said(k);
        false_alarms += k >= added && said(k);
    }
    EXPECT_EQ(missed, 0);
    EXPECT((double)false_alarms <= 1.2 * added / (double)(1ull << bits) * N + 20);
    bit_sieve_clear(&s);
    memset(perhaps, 0, sizeof perhaps);
    bit_sieve_ask(&s, number, N, perhaps);
    for (uint32_t k = 0; k < N && EXPECT(!said(k)); k++) {
    }
    bit_sieve_finish(&s);
}

TEST(says_no_only_to_what_is_not_there)
{
    check_size(6, 0);
    check_size(6, 3);
    check_size(14, 1000);
    check_size(20, 50000);
    check_size(24, 100000);
}

/* All tests fall into one bin, which is answered whenever it is full. */
TEST(one_number_asked_for_a_million_times)
{
    struct bit_sieve s;
    uint32_t *same = malloc(BIT_SIEVE_ASK_MAX * sizeof *same);
    uint64_t *all = calloc(BIT_SIEVE_ASK_MAX / 64, sizeof *all);

    EXPECT_EQ(bit_sieve_init(&s, 25), 0);
    for (uint32_t k = 0; k < BIT_SIEVE_ASK_MAX; k++)
        same[k] = 12345;
    bit_sieve_add(&s, 12345);
    bit_sieve_ask(&s, same, BIT_SIEVE_ASK_MAX, all);
    for (uint32_t word = 0; word < BIT_SIEVE_ASK_MAX / 64 && EXPECT_EQ(all[word], UINT64_MAX); word++) {
    }
    bit_sieve_finish(&s);
    free(same);
    free(all);
}

/* Bits that the caller has set before stay set. */
TEST(adds_to_what_the_caller_knows)
{
    struct bit_sieve s;
    uint32_t few[] = {1, 2, 3};
    uint64_t word = 2;

    EXPECT_EQ(bit_sieve_init(&s, 20), 0);
    bit_sieve_add(&s, 1);
    bit_sieve_ask(&s, few, 3, &word);
    EXPECT_EQ(word, 3u);
    bit_sieve_finish(&s);
}

TEST_MAIN
