/*
 * Computes a task's score from the log-likelihoods of its items, as OLMo's ICLMetric does. Of each document the choice
 * with the highest value is predicted, the first of equals. The value is the sum of the log-probabilities of the
 * continuation's tokens, divided by its characters for len_norm, in fp32.
 *
 *     acc, len_norm   share of documents whose predicted choice is the label
 *     f1              2 TP / (2 TP + FP + FN), choice 0 being positive; 0 if there is no positive at all
 *
 * Source      allenai/OLMo olmo/eval/downstream.py, ICLMetric; scikit-learn's f1_score(pos_label=0)
 */
#ifndef BIT_PROTO_TASK_SCORE_H
#define BIT_PROTO_TASK_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/data/request_file.h"

struct bit_task_score {
    double score;
    /* Its standard error, over samples of documents. acc, len_norm: sqrt(p (1 - p) / (n - 1)), NaN for one document.
     * f1: 2 sqrt(TP E (TP + E)) / (2 TP + E)^2 with E = FP + FN, by the delta method. */
    double error;
    uint32_t documents, correct;
    uint32_t choices;     /* most choices of a document; the length of both arrays */
    uint32_t *predicted;  /* documents by predicted choice */
    uint32_t *labels;     /* documents by label */
    bool same_choices;    /* every document has the same continuations, as " yes" and " no": choices are classes */
    double constant;      /* the best score of predicting one choice for every document ... */
    uint32_t best_choice; /* ... this one, the first of equals. Without same_choices only the labels' order matters */
    double chance;        /* the score of choices drawn uniformly; f1: from their expected counts */
};

/** The value by which choices are compared. Rounded as in OLMo, so that the same choices tie. */
static inline float bit_task_value(enum bit_task_metric metric, float sum, uint32_t characters)
{
    return metric == BIT_METRIC_LEN_NORM ? sum / (float)characters : sum;
}

/** The predicted choice of a document. sum: of all items of the file, finite. */
uint32_t bit_task_score_predict(const struct bit_request_file *f, uint32_t document, const double *sum);
/**
 * Count documents a few at a time, as their sums arrive. begin sets all counts to 0; add counts the documents `first`
 * to `first` + `count` - 1; end computes the score of the counted documents. After begin *out is the caller's (finish).
 * Errors: -ENOMEM.
 */
int bit_task_score_begin(const struct bit_request_file *f, struct bit_task_score *out);
void bit_task_score_add(const struct bit_request_file *f, uint32_t first, uint32_t count, const double *sum,
                        struct bit_task_score *s);
void bit_task_score_end(const struct bit_request_file *f, struct bit_task_score *s);
/**
 * The score of all items. sum (item_count): natural logarithms of the continuations' probabilities. *out is the
 * caller's (finish), untouched on failure.
 * Errors      BIT_ENUMERIC naming the first item whose sum is NaN or infinite, and how many are; -ENOMEM
 */
int bit_task_score_compute(const struct bit_request_file *f, const double *sum, struct bit_task_score *out);
void bit_task_score_finish(struct bit_task_score *score);

#endif
