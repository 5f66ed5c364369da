/* scores FILE.requests: prints the score of the items' sums on stdin (f64, in the file's order) as key=value pairs, for
 * comparison with other metrics. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/data/task_score.h"
#include "proto/err.h"

static void print_counts(const char *key, const uint32_t *count, uint32_t choices)
{
    printf("%s=", key);
    for (uint32_t i = 0; i < choices; i++)
        printf("%s%u", i > 0 ? "," : "", count[i]);
    printf("\n");
}

static int print_score(const struct bit_request_file *f)
{
    double *sum = calloc(f->item_count, sizeof *sum);
    struct bit_task_score s;
    int err = sum == NULL ? bit_fail(-ENOMEM, "sums") : 0;

    if (err == 0 && fread(sum, sizeof *sum, f->item_count, stdin) != f->item_count)
        err = bit_fail(BIT_EDATA, "fewer than %u sums", f->item_count);
    if (err == 0)
        err = bit_task_score_compute(f, sum, &s);
    free(sum);
    if (err < 0)
        return err;
    printf("score=%.17g\nerror=%.17g\nconstant=%.17g\nchance=%.17g\n", s.score, s.error, s.constant, s.chance);
    printf("documents=%u\ncorrect=%u\nbest_choice=%u\nsame_choices=%d\n", s.documents, s.correct, s.best_choice,
           s.same_choices);
    print_counts("predicted", s.predicted, s.choices);
    print_counts("labels", s.labels, s.choices);
    bit_task_score_finish(&s);
    return 0;
}

int main(int argc, char **argv)
{
    struct bit_request_file f;

    if (argc != 2)
        return BIT_EXIT_USAGE;
    int err = bit_request_file_open(argv[1], NULL, &f);
    if (err == 0) {
        err = print_score(&f);
        bit_request_file_finish(&f);
    }
    if (err < 0)
        bit_fail_print("scores");
    return bit_exit_code(err);
}
