/*
 * Prints what bitd feeds, for comparison:
 *     batches order SEED EPOCH COUNT WINDOW [FROM TO]     an order or a part of it, uint32, read in pieces from windows
 *                                                         of that size
 *     batches tokens SPEC FROM TO               the tokens of steps FROM to TO of a specification, uint16
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/data/batches.h"
#include "proto/data/shards.h"
#include "proto/data/shuffle.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/wire/msg.h"

#define PIECE 5003

static int print_order(char **arg, bool part)
{
    static uint32_t piece[PIECE];
    uint64_t count = strtoull(arg[2], NULL, 10), epoch = strtoull(arg[1], NULL, 10);
    struct bit_shuffle *s = NULL;
    int err = bit_shuffle_create_windowed(strtoull(arg[0], NULL, 10), count, (uint32_t)strtoul(arg[3], NULL, 10), &s);

    uint64_t from = part ? strtoull(arg[4], NULL, 10) : 0, to = part ? strtoull(arg[5], NULL, 10) : count;

    for (uint64_t at = from; at < to && err == 0; at += PIECE) {
        size_t n = (size_t)BIT_MIN(to - at, (uint64_t)PIECE);
        err = bit_shuffle_read(s, epoch, at, n, piece);
        if (err == 0 && fwrite(piece, sizeof *piece, n, stdout) != n)
            err = bit_fail(-errno, "stdout");
    }
    bit_shuffle_destroy(s);
    return err;
}

static int print_step(struct bit_batches *b, const Bit__RunSpec *spec, uint64_t step)
{
    uint32_t batch = spec->batch->instances, context = spec->model->context;
    struct bit_batch_row *rows = calloc(batch, sizeof *rows);
    uint16_t *tokens = calloc(context, sizeof *tokens);
    int err = bit_batches_step(b, step, rows);

    for (uint32_t i = 0; i < batch && err == 0; i++) {
        err = bit_shards_read(bit_batches_shards(b, rows[i].source), rows[i].instance, tokens);
        if (err == 0 && fwrite(tokens, sizeof *tokens, context, stdout) != context)
            err = bit_fail(-errno, "stdout");
    }
    free(tokens);
    free(rows);
    return err;
}

static int print_tokens(char **arg)
{
    static struct bit_problems problems;
    struct bit_batches *b = NULL;
    Bit__RunSpec *spec = NULL;
    int err = bit_spec_load(arg[0], &spec, &problems);

    if (err == 0)
        err = bit_spec_normalise(spec, "/", &problems);
    if (err == 0)
        err = bit_spec_validate(spec, &problems);
    if (err == 0)
        err = bit_batches_create(spec, &b);
    for (uint64_t step = strtoull(arg[1], NULL, 10); step <= strtoull(arg[2], NULL, 10) && err == 0; step++)
        err = print_step(b, spec, step);
    bit_batches_destroy(b);
    bit_msg_free(spec);
    if (problems.count > 0)
        bit_fail(err, "%s: %s", problems.item[0].field, problems.item[0].text);
    return err;
}

int main(int argc, char **argv)
{
    int err = BIT_EUSAGE;

    if ((argc == 6 || argc == 8) && strcmp(argv[1], "order") == 0)
        err = print_order(argv + 2, argc == 8);
    else if (argc == 5 && strcmp(argv[1], "tokens") == 0)
        err = print_tokens(argv + 2);
    if (err < 0)
        fprintf(stderr, "batches: %s\n",
                err == BIT_EUSAGE ? "order SEED EPOCH COUNT WINDOW [FROM TO] | tokens SPEC FROM TO" : bit_fail_text());
    return err < 0;
}
