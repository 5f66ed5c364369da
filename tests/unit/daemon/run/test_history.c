/* The latest steps exactly, and a thinned curve of all. */
#include "daemon/run/history.h"

#include "tests/test.h"

static int put(struct bit_history *h, uint64_t step, double loss, double grad_norm)
{
    const struct bit_fact fact = {.loss = loss, .grad_norm = grad_norm};

    return bit_history_put(h, step, &fact);
}

TEST(history_keeps_the_latest_and_a_thinned_curve)
{
    struct bit_history h;

    bit_history_init(&h);
    for (uint64_t s = 1; s <= 200000; s++)
        EXPECT_EQ(put(&h, s, (double)s, 2.0 * (double)s), 0);
    EXPECT(bit_history_get(&h, 200000 - BIT_HISTORY_EXACT_MAX) == NULL);
    for (uint64_t s = 200001 - BIT_HISTORY_EXACT_MAX; s <= 200000; s += 999)
        EXPECT_EQ(bit_history_get(&h, s)->grad_norm, 2.0 * (double)s);
    EXPECT(h.curve_count > BIT_HISTORY_CURVE_MAX / 4 && h.curve_count <= BIT_HISTORY_CURVE_MAX);
    for (size_t i = 1; i < h.curve_count; i++)
        EXPECT_EQ(h.curve[i].step - h.curve[i - 1].step, h.curve_every);
    EXPECT_EQ(put(&h, 199990, -1, 0), 0); /* the step again after a restart: the curve is cut */
    EXPECT_EQ(bit_history_get(&h, 199990)->loss, -1);
    EXPECT(h.curve[h.curve_count - 1].step <= 199990);
    EXPECT_EQ(bit_history_get(&h, 200000)->loss, 200000);
    bit_history_cut(&h, 190000);
    EXPECT(bit_history_get(&h, 190001) == NULL && bit_history_get(&h, 190000) != NULL);
    EXPECT(h.curve[h.curve_count - 1].step <= 190000);
    EXPECT_EQ(put(&h, 190001, 5, 0), 0); /* and goes on from there */
    EXPECT_EQ(bit_history_get(&h, 190000)->loss, 190000);
    EXPECT_EQ(bit_history_get(&h, 190001)->loss, 5);
    bit_history_cut(&h, 3); /* before everything it has: empty */
    EXPECT(bit_history_get(&h, 3) == NULL && h.first > h.last && h.curve_count == 0);
    EXPECT_EQ(put(&h, 4, 6, 0), 0);
    EXPECT_EQ(bit_history_get(&h, 4)->loss, 6);
    bit_history_finish(&h);
}

TEST_MAIN
