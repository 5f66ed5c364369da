#include "proto/data/task_score.h"

#include <math.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/data/token_file.h"
#include "proto/err.h"

static float value_of(const struct bit_request_file *f, uint32_t item, double sum)
{
    return bit_task_value(f->metric, (float)sum, f->item[item].characters);
}

/* sum: the sums of the document's items. */
static uint32_t predict(const struct bit_request_file *f, const struct bit_request_document *d, const double *sum)
{
    float most = value_of(f, d->first_item, sum[0]);
    uint32_t best = 0;

    for (uint32_t choice = 1; choice < d->choices; choice++) {
        float value = value_of(f, d->first_item + choice, sum[choice]);
        if (value > most) {
            most = value;
            best = choice;
        }
    }
    return best;
}

uint32_t bit_task_score_predict(const struct bit_request_file *f, uint32_t document, const double *sum)
{
    const struct bit_request_document *d = &f->document[document];

    return predict(f, d, sum + d->first_item);
}

static int check_sums(const struct bit_request_file *f, const double *sum)
{
    uint32_t first = 0, wrong = 0;
    char name[BIT_NAME_MAX + 64];

    for (uint32_t i = f->item_count; i-- > 0;) {
        if (!isfinite(sum[i])) {
            first = i;
            wrong++;
        }
    }
    if (wrong == 0)
        return 0;
    return bit_fail(BIT_ENUMERIC, "%s: the log-likelihood is %s, and those of %u of %u items are no numbers",
                    bit_request_item_name(f, first, name), isnan(sum[first]) ? "NaN" : "infinite", wrong,
                    f->item_count);
}

/* ---- counts */

static bool same_tokens(const struct bit_request_file *f, const struct bit_request_item *a,
                        const struct bit_request_item *b)
{
    if (a->continuation_tokens != b->continuation_tokens)
        return false;
    for (uint32_t k = 0; k < a->continuation_tokens; k++)
        if (bit_token_id(f->ids, a->continuation_at + k, f->token_bytes) !=
            bit_token_id(f->ids, b->continuation_at + k, f->token_bytes))
            return false;
    return true;
}

static bool has_same_choices(const struct bit_request_file *f)
{
    const uint32_t choices = f->document[0].choices;

    for (uint32_t d = 1; d < f->document_count; d++) {
        if (f->document[d].choices != choices)
            return false;
        for (uint32_t c = 0; c < choices; c++)
            if (!same_tokens(f, &f->item[c], &f->item[f->document[d].first_item + c]))
                return false;
    }
    return true;
}

int bit_task_score_begin(const struct bit_request_file *f, struct bit_task_score *out)
{
    struct bit_task_score s = {0};

    for (uint32_t d = 0; d < f->document_count; d++)
        s.choices = BIT_MAX(s.choices, f->document[d].choices);
    s.predicted = calloc(s.choices, sizeof *s.predicted);
    s.labels = calloc(s.choices, sizeof *s.labels);
    if (s.predicted == NULL || s.labels == NULL) {
        bit_task_score_finish(&s);
        return bit_fail(-ENOMEM, "the score of task '%s'", f->task);
    }
    *out = s;
    return 0;
}

void bit_task_score_add(const struct bit_request_file *f, uint32_t first, uint32_t count, const double *sum,
                        struct bit_task_score *s)
{
    for (uint32_t i = first; i < first + count; i++) {
        const struct bit_request_document *d = &f->document[i];
        const uint32_t predicted = predict(f, d, sum);
        s->predicted[predicted]++;
        s->labels[d->label]++;
        s->correct += predicted == d->label;
        sum += d->choices;
    }
    s->documents += count;
}

static double chance(const struct bit_request_file *f)
{
    double sum = 0;

    for (uint32_t d = 0; d < f->document_count; d++)
        sum += 1.0 / f->document[d].choices;
    return sum / f->document_count;
}

/* ---- scores */

static void score_share(struct bit_task_score *s)
{
    const double n = s->documents;

    s->score = s->correct / n;
    s->error = n > 1 ? sqrt(s->score * (1 - s->score) / (n - 1)) : (double)NAN;
    for (uint32_t c = 1; c < s->choices; c++)
        s->best_choice = s->labels[c] > s->labels[s->best_choice] ? c : s->best_choice;
    s->constant = s->labels[s->best_choice] / n;
}

static double f1(double true_positives, double wrong)
{
    return true_positives > 0 ? 2 * true_positives / (2 * true_positives + wrong) : 0;
}

/* With two choices, each wrong document is either a false positive or a false negative. */
static void score_f1(struct bit_task_score *s)
{
    const double wrong = s->documents - s->correct;
    const double true_positives = (s->predicted[0] + s->labels[0] - wrong) / 2; /* (TP + FP) + (TP + FN) - (FP + FN) */
    const double all = 2 * true_positives + wrong;

    s->score = f1(true_positives, wrong);
    s->error = all > 0 ? 2 * sqrt(true_positives * wrong * (true_positives + wrong)) / (all * all) : 0;
    s->constant = f1(s->labels[0], s->labels[1]);
    s->chance = f1(s->labels[0] / 2.0, s->documents / 2.0);
}

void bit_task_score_end(const struct bit_request_file *f, struct bit_task_score *s)
{
    s->same_choices = has_same_choices(f);
    s->chance = chance(f);
    if (f->metric == BIT_METRIC_F1)
        score_f1(s);
    else
        score_share(s);
}

int bit_task_score_compute(const struct bit_request_file *f, const double *sum, struct bit_task_score *out)
{
    struct bit_task_score s;
    int err = check_sums(f, sum);

    if (err == 0)
        err = bit_task_score_begin(f, &s);
    if (err < 0)
        return err;
    bit_task_score_add(f, 0, f->document_count, sum, &s);
    bit_task_score_end(f, &s);
    *out = s;
    return 0;
}

void bit_task_score_finish(struct bit_task_score *score)
{
    free(score->predicted);
    free(score->labels);
    *score = (struct bit_task_score){0};
}
