#include "proto/chain.h"

#include <math.h>
#include <string.h>

#include "tests/test.h"

static const struct bit_fact step = {
    .loss = 3.25, .grad_norm = 0.5, .lr = 1e-3, .strength = 1, .position = 7, .token_crc = 0xabcd, .precision = 1};

TEST(every_fact_is_in_the_link)
{
    struct bit_fact other;
    const uint64_t link = bit_chain_next(1, 7, &step);

    EXPECT_EQ(bit_chain_next(1, 7, &step), link);
    EXPECT_NE(bit_chain_next(2, 7, &step), link);
    EXPECT_NE(bit_chain_next(1, 8, &step), link);
#define WITH(field, value)                                                                                             \
    other = step;                                                                                                      \
    other.field = (value);                                                                                             \
    EXPECT_NE(bit_chain_next(1, 7, &other), link)
    WITH(loss, nextafter(3.25, 4));
    WITH(grad_norm, nextafter(0.5, 1));
    WITH(lr, nextafter(1e-3, 1));
    WITH(strength, nextafter(1, 2));
    WITH(position, 8);
    WITH(token_crc, 0xabce);
    WITH(precision, 2);
    WITH(skipped, true);
#undef WITH
    other = step;
    other.machine = 3; /* the machine is not part of the chain */
    EXPECT_EQ(bit_chain_next(1, 7, &other), link);
}

/* A link depends on all links before it: chains that differ once never agree again. */
TEST(a_chain_remembers)
{
    uint64_t a = bit_chain_begin(5), b = bit_chain_begin(6);

    EXPECT_NE(a, b);
    for (uint64_t s = 1; s <= 100; s++) {
        a = bit_chain_next(a, s, &step);
        b = bit_chain_next(b, s, &step);
        EXPECT_NE(a, b);
    }
}

/* Journals outlive the program that wrote them. */
TEST(links_are_the_same_on_every_machine)
{
    EXPECT_EQ(bit_chain_begin(0x0123456789abcdefull), 0xb78df414284277a6ull);
    EXPECT_EQ(bit_chain_next(1, 7, &step), 0x76c1e4f08b1c9adeull);
}

static const char *first_difference(const struct bit_fact *is, bool arithmetic, struct bit_difference *out)
{
    const bool equal = bit_fact_equal(&step, is, arithmetic, out);

    EXPECT_EQ(equal, out->field == NULL);
    return out->field;
}

TEST(the_first_difference_is_named_with_its_bits)
{
    struct bit_fact is = step;
    struct bit_difference d;

    EXPECT(first_difference(&is, true, &d) == NULL);
    is.grad_norm = nextafter(0.5, 1);
    EXPECT_STREQ(first_difference(&is, true, &d), "gradient norm");
    EXPECT_STREQ(d.was, "0x3fe0000000000000 (0.5)");
    EXPECT_STREQ(d.is, "0x3fe0000000000001 (0.50000000000000011)");
    EXPECT(first_difference(&is, false, &d) == NULL); /* other ranks add in another order */
    is.loss = -3.25;
    EXPECT_STREQ(first_difference(&is, true, &d), "loss");
    is.lr = 2e-3;
    EXPECT_STREQ(first_difference(&is, false, &d), "learning rate");
    is.strength = 0.5;
    EXPECT_STREQ(first_difference(&is, false, &d), "strength");
    is.precision = 2;
    EXPECT_STREQ(first_difference(&is, false, &d), "phase");
    EXPECT_STREQ(d.is, "2 (1.58-bit)");
    is.token_crc++;
    EXPECT_STREQ(first_difference(&is, false, &d), "tokens");
    is.position = 10;
    EXPECT_STREQ(first_difference(&is, false, &d), "data position");
    EXPECT_STREQ(d.was, "0x0000000000000007 (7)");
    EXPECT_STREQ(d.is, "0x000000000000000a (10)");
}

/* Equal as numbers is not equal as bits. */
TEST(minus_zero_is_not_zero)
{
    struct bit_fact was = step, is = step;
    struct bit_difference d;

    was.loss = 0.0;
    is.loss = -0.0;
    EXPECT(!bit_fact_equal(&was, &is, true, &d));
    was.loss = is.loss = NAN;
    EXPECT(bit_fact_equal(&was, &is, true, &d));
}

TEST(other_algorithms_of_products_are_not_comparable_where_both_are_known)
{
    Bit__ProductsUsed used[2] = {BIT__PRODUCTS_USED__INIT, BIT__PRODUCTS_USED__INIT}, *list[2] = {&used[0], &used[1]};
    Bit__WorkerReady ready = BIT__WORKER_READY__INIT;
    struct bit_machine before, one, other;
    char text[256];

    ready.backend = (char[]){"cuda 0 NVIDIA H200"};
    bit_machine_from_ready(&before, &ready, 2); /* from a worker that did not report its products */
    ready.product = list;
    ready.n_product = 2;
    used[0].card = (char[]){"NVIDIA H200, CUDA 13.0, cuBLASLt 13.1.0"};
    used[1].card = (char[]){"NVIDIA H100, CUDA 13.0, cuBLASLt 13.1.0"};
    bit_machine_from_ready(&one, &ready, 2);
    EXPECT(bit_machine_equal(&before, &one, text, sizeof text));
    EXPECT(bit_machine_equal(&one, &one, text, sizeof text));
    ready.n_product = 1;
    bit_machine_from_ready(&other, &ready, 2);
    EXPECT(!bit_machine_equal(&one, &other, text, sizeof text));
    EXPECT_STREQ(text, "products by 'NVIDIA H200, CUDA 13.0, cuBLASLt 13.1.0; NVIDIA H100, CUDA 13.0, cuBLASLt 13.1.0' "
                       "-> 'NVIDIA H200, CUDA 13.0, cuBLASLt 13.1.0'");
}

TEST(machines_say_what_is_not_comparable)
{
    const struct bit_machine two = {.ranks = 2, .micro_instances = 4, .backend = "cpu avx512, 2 ranks"};
    struct bit_machine other = two;
    char text[256];

    EXPECT(bit_machine_equal(&two, &other, text, sizeof text));
    strcpy(other.backend, "cpu avx2, 2 ranks");
    EXPECT(!bit_machine_equal(&two, &other, text, sizeof text));
    EXPECT_STREQ(text, "'cpu avx512, 2 ranks' -> 'cpu avx2, 2 ranks'");
    other.micro_instances = 2;
    EXPECT(!bit_machine_equal(&two, &other, text, sizeof text));
    EXPECT_STREQ(text, "micro-batch 4 -> 2");
    other.ranks = 4;
    EXPECT(!bit_machine_equal(&two, &other, text, sizeof text));
    EXPECT_STREQ(text, "ranks 2 -> 4");
}

TEST_MAIN
