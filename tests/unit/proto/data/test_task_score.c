#include "proto/data/task_score.h"

#include <math.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

#define DOCUMENTS_MAX 512

/* A task of `count` documents, numbered 0, 10, 20, ..., each with the same two choices. */
struct task {
    struct bit_request_file file;
    struct bit_request_document document[DOCUMENTS_MAX];
    struct bit_request_item item[2 * DOCUMENTS_MAX];
    uint16_t ids[3];
    double sum[2 * DOCUMENTS_MAX];
};

static struct task *make(enum bit_task_metric metric, uint32_t count)
{
    struct task *t = calloc(1, sizeof *t);

    BIT_ASSERT(t != NULL && count <= DOCUMENTS_MAX);
    t->file = (struct bit_request_file){.task = "t",
                                        .metric = metric,
                                        .vocab = 10,
                                        .token_bytes = 2,
                                        .document = t->document,
                                        .item = t->item,
                                        .document_count = count,
                                        .item_count = 2 * count,
                                        .ids = t->ids,
                                        .id_count = 3};
    for (uint32_t d = 0; d < count; d++) {
        t->document[d] = (struct bit_request_document){.number = 10 * d, .choices = 2, .first_item = 2 * d};
        for (uint32_t c = 0; c < 2; c++)
            t->item[2 * d + c] = (struct bit_request_item){.document = d,
                                                           .choice = c,
                                                           .context_tokens = 1,
                                                           .continuation_tokens = 1,
                                                           .characters = 4 + c,
                                                           .bytes = 4 + c,
                                                           .continuation_at = 1 + c};
    }
    t->ids[1] = 5;
    t->ids[2] = 6;
    return t;
}

static void answer(struct task *t, uint32_t document, uint32_t label, double first, double second)
{
    t->document[document].label = label;
    t->sum[2 * document] = first;
    t->sum[2 * document + 1] = second;
}

TEST(the_likeliest_choice_and_the_first_of_equals)
{
    struct task *t = make(BIT_METRIC_ACC, 4);
    struct bit_task_score s;

    answer(t, 0, 0, -1, -2);
    answer(t, 1, 1, -3, -2.5);
    answer(t, 2, 1, -2, -2); /* equal: choice 0 */
    answer(t, 3, 0, -1e-9, -700);
    EXPECT_EQ(bit_task_score_predict(&t->file, 2, t->sum), 0);
    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), 0);
    EXPECT_EQ(s.documents, 4);
    EXPECT_EQ(s.correct, 3);
    EXPECT_NEAR(s.score, 0.75, 1e-15);
    EXPECT_NEAR(s.error, 0.25, 1e-15); /* sqrt(.75 .25 / 3) */
    EXPECT_EQ(s.predicted[0], 3);
    EXPECT_EQ(s.labels[1], 2);
    EXPECT_NEAR(s.constant, 0.5, 1e-15);
    EXPECT_EQ(s.best_choice, 0);
    EXPECT_NEAR(s.chance, 0.5, 1e-15);
    EXPECT(s.same_choices);
    bit_task_score_finish(&s);
    free(t);
}

TEST(sums_that_fp32_cannot_tell_apart_are_equal)
{
    struct task *t = make(BIT_METRIC_ACC, 1);

    answer(t, 0, 1, -100.0000001, -100);
    EXPECT_EQ(bit_task_score_predict(&t->file, 0, t->sum), 0);
    answer(t, 0, 1, -100.00001, -100);
    EXPECT_EQ(bit_task_score_predict(&t->file, 0, t->sum), 1);
    free(t);
}

TEST(len_norm_divides_by_characters)
{
    struct task *t = make(BIT_METRIC_LEN_NORM, 2);

    answer(t, 0, 1, -4, -4.9); /* -1 and -.98 */
    answer(t, 1, 1, -4, -5);   /* equal */
    EXPECT_EQ(bit_task_score_predict(&t->file, 0, t->sum), 1);
    EXPECT_EQ(bit_task_score_predict(&t->file, 1, t->sum), 0);
    t->file.metric = BIT_METRIC_ACC;
    EXPECT_EQ(bit_task_score_predict(&t->file, 0, t->sum), 0);
    free(t);
}

/* In MRPC the answer is yes in 279 of 408 documents: 2 279 / (279 + 408). */
TEST(the_constant_answer_of_mrpc)
{
    struct task *t = make(BIT_METRIC_F1, 408);
    struct bit_task_score s;

    for (uint32_t d = 0; d < 408; d++)
        answer(t, d, d < 279 ? 0 : 1, -1, -2);
    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), 0);
    EXPECT_NEAR(s.score, 0.812227, 5e-7);
    EXPECT_NEAR(s.constant, s.score, 1e-15);
    EXPECT_EQ(s.predicted[0], 408);
    EXPECT_EQ(s.predicted[1], 0);
    bit_task_score_finish(&s);
    free(t);
}

TEST(f1_counts_choice_0)
{
    struct task *t = make(BIT_METRIC_F1, 5);
    struct bit_task_score s;

    answer(t, 0, 0, -1, -2); /* true positive */
    answer(t, 1, 0, -2, -1); /* false negative */
    answer(t, 2, 1, -1, -2); /* false positive */
    answer(t, 3, 1, -2, -1); /* true negatives */
    answer(t, 4, 1, -2, -1);
    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), 0);
    EXPECT_NEAR(s.score, 0.5, 1e-15);
    EXPECT_NEAR(s.error, 2 * sqrt(6) / 16, 1e-15); /* TP 1, E 2 */
    EXPECT_NEAR(s.constant, 4.0 / 7, 1e-15);
    bit_task_score_finish(&s);
    for (uint32_t d = 0; d < 5; d++)
        answer(t, d, 1, -2, -1);
    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), 0);
    EXPECT_EQ(s.score, 0); /* no positive at all */
    EXPECT_EQ(s.error, 0);
    EXPECT_EQ(s.constant, 0);
    bit_task_score_finish(&s);
    free(t);
}

TEST(choices_that_differ_are_no_classes)
{
    struct task *t = make(BIT_METRIC_ACC, 3);
    struct bit_task_score s;

    t->item[5].continuation_at = 0;
    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), 0);
    EXPECT(!s.same_choices);
    bit_task_score_finish(&s);
    free(t);
}

TEST(one_document_has_no_error)
{
    struct task *t = make(BIT_METRIC_ACC, 1);
    struct bit_task_score s;

    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), 0);
    EXPECT(isnan(s.error));
    bit_task_score_finish(&s);
    free(t);
}

TEST(what_is_no_number_is_named)
{
    struct task *t = make(BIT_METRIC_ACC, 3);
    struct bit_task_score s = {.documents = 7};

    answer(t, 1, 0, -1, (double)NAN);
    answer(t, 2, 0, (double)-INFINITY, -1);
    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), BIT_ENUMERIC);
    EXPECT_CONTAINS(bit_fail_text(), "task 't', document 10, choice 1: the log-likelihood is NaN");
    EXPECT_CONTAINS(bit_fail_text(), "2 of 6");
    EXPECT_EQ(s.documents, 7);
    answer(t, 1, 0, -1, -1);
    EXPECT_EQ(bit_task_score_compute(&t->file, t->sum, &s), BIT_ENUMERIC);
    EXPECT_CONTAINS(bit_fail_text(), "document 20, choice 0: the log-likelihood is infinite");
    free(t);
}

TEST_MAIN
