/*
 * Run the model once and write everything it computed to files, for parity.py to compare.
 *     model_dump SPEC.txtpb DIR PRECISION STRENGTH BACKEND
 *     model_dump isa      only prints the processor level (kernels/exec/exec.h) that the fast kernels would use
 * DIR holds weights.f32 (the flat vector) and tokens.u32 (instances x context); PRECISION is 16 or ternary, BACKEND ref
 * or cpu. Writes loss.f64 (sum over targets / (instances x context)), logits.f32 and grad.f32 (flat), and at strength 1
 * codes.i8, the activations' codes of each linear in order: (micro-batches, layers, sites, rows, columns).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "tests/train/codes.h"
#include "tests/train/single.h"

static int open_in(const char *dir, const char *name, const char *mode, FILE **out)
{
    char path[BIT_PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    *out = fopen(path, mode);
    return *out == NULL ? bit_fail(-errno, "open '%s'", path) : 0;
}

static int read_file(const char *dir, const char *name, void *data, size_t bytes)
{
    FILE *f;
    int err = open_in(dir, name, "rb", &f);

    if (err < 0)
        return err;
    if (fread(data, 1, bytes, f) != bytes)
        err = bit_fail(-EIO, "'%s' is shorter than %zu bytes", name, bytes);
    fclose(f);
    return err;
}

static int write_file(const char *dir, const char *name, const void *data, size_t bytes)
{
    FILE *f;
    int err = open_in(dir, name, "wb", &f);

    if (err < 0)
        return err;
    if (fwrite(data, 1, bytes, f) != bytes)
        err = bit_fail(-EIO, "write '%s'", name);
    if (fclose(f) != 0 && err >= 0)
        err = bit_fail(-errno, "close '%s'", name);
    return err;
}

static int read_text(const char *path, char *text, size_t bytes)
{
    FILE *f = fopen(path, "rb");
    size_t length;

    if (f == NULL)
        return bit_fail(-errno, "open '%s'", path);
    length = fread(text, 1, bytes - 1, f);
    text[length] = '\0';
    fclose(f);
    return 0;
}

/* Computes the logits in separate forward passes; the codes written are those of these passes. */
static int forward(struct single *s, const char *dir, const uint32_t *tokens, float *logits)
{
    FILE *codes;
    int err = open_in(dir, "codes.i8", "wb", &codes);

    if (err < 0)
        return err;
    codes_to = codes;
    for (int64_t i = 0; err >= 0 && i < s->plan.instances; i += s->plan.micro_instances)
        err = bit_model_logits(s->model, tokens + i * s->plan.context, s->plan.micro_instances,
                               logits + i * s->plan.context * s->plan.vocab_padded);
    codes_to = NULL;
    if (fclose(codes) != 0 && err >= 0)
        err = bit_fail(-errno, "close 'codes.i8'");
    return err;
}

static int dump(struct single *s, const char *dir, const uint32_t *tokens, float *logits)
{
    const int64_t positions = s->plan.instances * s->plan.context;
    double loss = 0;
    int err = forward(s, dir, tokens, logits);

    for (int64_t i = 0; err >= 0 && i < s->plan.instances; i += s->plan.micro_instances)
        err = bit_model_accumulate(s->model, tokens + i * s->plan.context, s->plan.micro_instances,
                                   1.0 / (double)positions);
    if (err >= 0)
        err = bit_model_read_loss(s->model, &loss);
    loss /= (double)positions;
    if (err >= 0)
        err = write_file(dir, "loss.f64", &loss, sizeof loss);
    if (err >= 0)
        err = write_file(dir, "logits.f32", logits, (size_t)(positions * s->plan.vocab_padded) * 4);
    if (err >= 0)
        err = write_file(dir, "grad.f32", s->model->grad, (size_t)s->plan.elements * 4);
    return err;
}

static int run(struct single *s, char **argv)
{
    const int64_t positions = s->plan.instances * s->plan.context;
    const bool ternary = strcmp(argv[3], "ternary") == 0;
    uint32_t *tokens = calloc((size_t)positions, sizeof *tokens);
    float *logits = calloc((size_t)(positions * s->plan.vocab_padded), sizeof *logits);
    int err;

    if (tokens == NULL || logits == NULL) {
        err = bit_fail(-ENOMEM, "tokens and logits");
        goto out;
    }
    err = read_file(argv[2], "weights.f32", s->master, (size_t)s->plan.elements * 4);
    if (err >= 0)
        err = read_file(argv[2], "tokens.u32", tokens, (size_t)positions * sizeof *tokens);
    if (err >= 0)
        err = single_publish(s, ternary ? BIT__PRECISION__TERNARY : BIT__PRECISION__SIXTEEN_BIT, strtod(argv[4], NULL));
    if (err >= 0)
        err = dump(s, argv[2], tokens, logits);
out:
    free(tokens);
    free(logits);
    return err;
}

int main(int argc, char **argv)
{
    static char text[1 << 16];
    struct single s;
    int err;

    if (argc == 2 && strcmp(argv[1], "isa") == 0) {
        puts(bit_isa_name(bit_isa_best()));
        return 0;
    }
    if (argc != 6) {
        fprintf(stderr, "usage: model_dump SPEC DIR 16|ternary STRENGTH ref|cpu, or: model_dump isa\n");
        return BIT_EXIT_USAGE;
    }
    err = read_text(argv[1], text, sizeof text);
    if (err >= 0)
        err = single_init(&s, text, 2, strcmp(argv[5], "ref") == 0 ? BIT_BACKEND_REF : BIT_BACKEND_CPU);
    if (err >= 0) {
        err = run(&s, argv);
        single_finish(&s);
    }
    if (err < 0)
        fprintf(stderr, "model_dump: %s: %s\n", bit_strerror(err), bit_fail_text());
    return bit_exit_code(err);
}
