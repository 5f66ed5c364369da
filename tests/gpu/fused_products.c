/*
 * The fused products of a block beside the library's product and the operator after it, on one GPU:
 *
 *     fused_products [TOKENS...]        4096, 16384 and 32768, if none are given
 *
 * For each width of OLMo's models and each number of tokens, the three ways take turns: the library's product alone,
 * the same with the operator after it, and the fused kernel. Printed are medians in microseconds, and whether
 * launch.fused_products: AUTO fuses the product. At the first number of tokens every element of every output of the
 * fused kernel is compared with the library's way, and two of its calls with each other. Exit code 1 if they differ by
 * more than rounding explains.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/exec/product_search.h"
#include "kernels/fused_product.h"
#include "kernels/matmul.h"
#include "kernels/matmul_rope.h"
#include "kernels/matmul_swiglu.h"
#include "kernels/rope.h"
#include "kernels/swiglu.h"
#include "proto/check.h"
#include "proto/err.h"

#define CONTEXT    2048
#define HEAD_DIM   128 /* the widest: the table of angles has room for it */
#define ROUNDS     7
#define CALLS      3 /* of one way in a round */
#define WARM_MS    60
#define TOKENS_MAX (1 << 16)

static const struct model {
    int64_t width, head_dim; /* the hidden width is four times as large */
} models[] = {{512, 64}, {768, 64}, {1024, 64}, {2048, 128}, {4096, 128}};

enum work { SWIGLU, BACKWARD, ROPE, WORKS };
static const char *const work_names[] = {"SwiGLU", "its gradient", "rotation"};
static const enum bit_fused_kind kinds[] = {BIT_FUSED_SWIGLU, BIT_FUSED_SWIGLU_BACKWARD, BIT_FUSED_ROPE};

enum way { ALONE, APART, FUSED, WAYS };

struct buffer {
    void *at;
    size_t bytes;
};

struct bench {
    struct bit_exec exec;
    int64_t tokens, width, hidden, head_dim; /* of the shape in turn */
    struct buffer x, w, ug, dug, y, dn;      /* for the largest shape */
    struct buffer cos_sin;                   /* (CONTEXT, head_dim / 2, 2) of the shape in turn */
};

static void must(int err, const char *what)
{
    if (err >= 0)
        return;
    fprintf(stderr, "fused_products: %s: %s\n", what, bit_fail_text());
    exit(1);
}

/* ---- memory */

#define CHUNK (1 << 22) /* elements after which values repeat: their number is odd, so that no two tiles are alike */

static uint64_t random_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Nearly normal values: constants would draw less power than a training run, and run at higher clocks. */
static void fill(struct bench *b, const struct buffer *to, double scale, uint64_t seed)
{
    const size_t chunk_bytes = (CHUNK - 7) * sizeof(bit_bf16);
    bit_bf16 *chunk = malloc(CHUNK * sizeof *chunk);

    if (chunk == NULL)
        exit(1);
    for (int i = 0; i < CHUNK; i++) {
        const uint64_t r = random_bits(&seed);
        const double sum = (double)(r & 0xffff) + (double)(r >> 16 & 0xffff) + (double)(r >> 32 & 0xffff) +
                           (double)(r >> 48);
        chunk[i] = bit_f32_to_bf16((float)((sum / 65535 - 2) * 1.732 * scale));
    }
    for (size_t at = 0; at < to->bytes; at += chunk_bytes)
        must(bit_exec_copy(&b->exec, (char *)to->at + at, chunk, BIT_MIN(chunk_bytes, to->bytes - at)), "filling");
    must(bit_exec_wait(&b->exec), "filling");
    free(chunk);
}

static struct buffer allocate(struct bench *b, int64_t bytes, const char *what)
{
    struct buffer buffer = {NULL, (size_t)bytes};

    must(bit_exec_alloc(&b->exec, buffer.bytes, &buffer.at), what);
    return buffer;
}

static void allocate_all(struct bench *b, int64_t tokens)
{
    const int64_t width = models[BIT_COUNT(models) - 1].width, hidden = 4 * width;

    b->x = allocate(b, tokens * width * 2, "x");
    b->w = allocate(b, 2 * hidden * width * 2, "w");
    b->ug = allocate(b, tokens * 2 * hidden * 2, "ug");
    b->dug = allocate(b, tokens * 2 * hidden * 2, "dug");
    b->y = allocate(b, tokens * hidden * 2, "y");
    b->dn = allocate(b, tokens * hidden * 2, "dn");
    b->cos_sin = allocate(b, (int64_t)CONTEXT * HEAD_DIM * 4, "the angles");
    fill(b, &b->x, 1, 11);
    fill(b, &b->w, 2 / sqrt((double)width), 12);
    fill(b, &b->ug, 2, 13);
}

static void free_all(struct bench *b)
{
    const struct buffer all[] = {b->x, b->w, b->ug, b->dug, b->y, b->dn, b->cos_sin};

    for (size_t i = 0; i < BIT_COUNT(all); i++)
        bit_exec_free(&b->exec, all[i].at, all[i].bytes);
}

static void set_shape(struct bench *b, int64_t tokens, const struct model *model)
{
    float *table = malloc((size_t)(CONTEXT * model->head_dim) * sizeof *table);

    if (table == NULL)
        exit(1);
    b->tokens = tokens;
    b->width = model->width;
    b->hidden = 4 * model->width;
    b->head_dim = model->head_dim;
    bit_rope_table(CONTEXT, model->head_dim, 10000, table);
    must(bit_exec_copy(&b->exec, b->cos_sin.at, table, (size_t)(CONTEXT * model->head_dim) * sizeof *table), "angles");
    must(bit_exec_wait(&b->exec), "angles");
    free(table);
}

/* ---- the two operators */

/* Columns of the library's product. */
static int64_t columns_of(const struct bench *b, enum work work)
{
    return work == SWIGLU ? 2 * b->hidden : work == ROPE ? 3 * b->width : b->hidden;
}

static int run_product(const struct bench *b, enum work work)
{
    const bool backward = work == BACKWARD;
    const struct bit_matmul_args args = {
        .form = backward ? BIT_MATMUL_NN : BIT_MATMUL_NT,
        .m = b->tokens,
        .n = columns_of(b, work),
        .k = b->width,
        .a = b->x.at,
        .b = b->w.at,
        .ab_dtype = BIT_BF16,
        .c = backward ? b->dn.at : b->dug.at,
        .c_dtype = BIT_BF16,
    };

    return bit_matmul(&b->exec, &args);
}

static int run_after(const struct bench *b, enum work work)
{
    const struct bit_swiglu_args swiglu = {
        .rows = b->tokens,
        .cols = b->hidden,
        .ug = b->dug.at,
        .y = b->y.at,
        .dtype = BIT_BF16,
    };
    const struct bit_swiglu_backward_args backward = {
        .rows = b->tokens,
        .cols = b->hidden,
        .ug = b->ug.at,
        .dy = b->dn.at,
        .dy_dtype = BIT_BF16,
        .dug = b->dug.at,
        .dtype = BIT_BF16,
    };
    const struct bit_rope_args rope = {
        .batch = b->tokens / CONTEXT,
        .time = CONTEXT,
        .heads = b->width / b->head_dim,
        .head_dim = b->head_dim,
        .cos_sin = b->cos_sin.at,
        .qkv = b->dug.at,
        .dtype = BIT_BF16,
    };

    return work == SWIGLU ? bit_swiglu(&b->exec, &swiglu)
           : work == ROPE ? bit_rope(&b->exec, &rope)
                          : bit_swiglu_backward(&b->exec, &backward);
}

/* ---- fused */

static int run_fused(const struct bench *b, enum work work)
{
    const struct bit_matmul_swiglu_args swiglu = {
        .m = b->tokens,
        .n = b->hidden,
        .k = b->width,
        .x = b->x.at,
        .w = b->w.at,
        .ug = b->dug.at,
        .y = b->y.at,
    };
    const struct bit_matmul_swiglu_backward_args backward = {
        .m = b->tokens,
        .n = b->hidden,
        .k = b->width,
        .dy = b->x.at,
        .w = b->w.at,
        .ug = b->ug.at,
        .dug = b->dug.at,
    };
    const struct bit_matmul_rope_args rope = {
        .batch = b->tokens / CONTEXT,
        .time = CONTEXT,
        .heads = b->width / b->head_dim,
        .head_dim = b->head_dim,
        .k = b->width,
        .x = b->x.at,
        .w = b->w.at,
        .cos_sin = b->cos_sin.at,
        .qkv = b->dug.at,
    };

    return work == SWIGLU ? bit_matmul_swiglu(&b->exec, &swiglu)
           : work == ROPE ? bit_matmul_rope(&b->exec, &rope)
                          : bit_matmul_swiglu_backward(&b->exec, &backward);
}

static void run(const struct bench *b, enum work work, enum way way)
{
    int err = way == FUSED ? run_fused(b, work) : run_product(b, work);

    if (err >= 0 && way == APART)
        err = run_after(b, work);
    must(err, work_names[work]);
}

/* NULL, or why launch.fused_products: AUTO does not fuse it. */
static const char *refused(const struct bench *b, enum work work)
{
    const struct bit_fused_product product = {
        .kind = kinds[work],
        .m = b->tokens,
        .n = work == ROPE ? 3 * b->width : b->hidden,
        .k = b->width,
        .head_dim = b->head_dim,
        .dtype = BIT_BF16,
    };

    return bit_fused_product_refused(&b->exec, &product);
}

/* ---- comparing */

struct outputs {
    bit_bf16 *dug, *y;
    size_t dug_bytes, y_bytes;
};

static struct outputs read_outputs(struct bench *b, enum work work, enum way way)
{
    struct outputs out = {.dug_bytes = (size_t)(b->tokens * (work == ROPE ? 3 * b->width : 2 * b->hidden) * 2),
                          .y_bytes = (size_t)(b->tokens * b->hidden * 2)};

    must(bit_exec_alloc_host(&b->exec, out.dug_bytes, (void **)&out.dug), "outputs");
    must(bit_exec_alloc_host(&b->exec, out.y_bytes, (void **)&out.y), "outputs");
    must(bit_exec_zero(&b->exec, b->dug.at, out.dug_bytes), "clearing");
    must(bit_exec_zero(&b->exec, b->y.at, out.y_bytes), "clearing");
    run(b, work, way);
    must(bit_exec_copy(&b->exec, out.dug, b->dug.at, out.dug_bytes), "reading");
    must(bit_exec_copy(&b->exec, out.y, b->y.at, out.y_bytes), "reading");
    must(bit_exec_wait(&b->exec), work_names[work]);
    return out;
}

static void free_outputs(struct bench *b, struct outputs *out)
{
    bit_exec_free_host(&b->exec, out->dug, out->dug_bytes);
    bit_exec_free_host(&b->exec, out->y, out->y_bytes);
}

/* Elements whose difference rounding does not explain. Both ways round sums to bf16; a sum near the middle of two
 * values may go to either, and the outputs follow. */
static int64_t count_far(const bit_bf16 *want, const bit_bf16 *got, size_t bytes)
{
    const int64_t count = (int64_t)(bytes / sizeof *want);
    int64_t far = 0;

#pragma omp parallel for reduction(+ : far)
    for (int64_t i = 0; i < count; i++) {
        const float w = bit_bf16_to_f32(want[i]), g = bit_bf16_to_f32(got[i]);
        far += want[i] != got[i] && !(fabsf(w - g) <= 0x1p-5f * fabsf(w) + 0.05f);
    }
    return far;
}

static bool is_right(struct bench *b, enum work work)
{
    struct outputs want = read_outputs(b, work, APART), got = read_outputs(b, work, FUSED),
                   again = read_outputs(b, work, FUSED);
    const int64_t far = count_far(want.dug, got.dug, got.dug_bytes) + count_far(want.y, got.y, got.y_bytes);
    const bool same = memcmp(got.dug, again.dug, got.dug_bytes) == 0 && memcmp(got.y, again.y, got.y_bytes) == 0;

    if (far > 0)
        printf("WRONG: %lld elements\n", (long long)far);
    if (!same)
        printf("NOT THE SAME TWICE\n");
    free_outputs(b, &want);
    free_outputs(b, &got);
    free_outputs(b, &again);
    return same && far == 0;
}

/* ---- timing */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double time_calls(struct bench *b, enum work work, enum way way)
{
    struct bit_mark begins, ends;
    double ms;

    must(bit_mark_init(&begins, &b->exec), "a mark");
    must(bit_mark_init(&ends, &b->exec), "a mark");
    must(bit_mark_set(&begins, &b->exec), "a mark");
    for (int i = 0; i < CALLS; i++)
        run(b, work, way);
    must(bit_mark_set(&ends, &b->exec), "a mark");
    must(bit_exec_wait(&b->exec), work_names[work]);
    ms = bit_mark_ms(&begins, &ends);
    bit_mark_finish(&begins);
    bit_mark_finish(&ends);
    return ms * 1e3 / CALLS;
}

static void time_ways(struct bench *b, enum work work, double us[WAYS])
{
    double round[WAYS][ROUNDS];

    for (double spent = 0; spent < WARM_MS * 1e3;)
        spent += time_calls(b, work, APART) * CALLS;
    for (int i = 0; i < ROUNDS; i++)
        for (int way = 0; way < WAYS; way++)
            round[way][i] = time_calls(b, work, (enum way)way);
    for (int way = 0; way < WAYS; way++) {
        qsort(round[way], ROUNDS, sizeof round[way][0], by_size);
        us[way] = round[way][ROUNDS / 2];
    }
}

static void print_row(struct bench *b, enum work work)
{
    const char *why = refused(b, work);
    double us[WAYS];

    time_ways(b, work, us);
    printf("%6lld  %5lld  %-20s  %9.1f  %9.1f  %9.1f  %8.1f  %+5.1f%%  %s\n", (long long)b->tokens, (long long)b->width,
           work_names[work], us[ALONE], us[APART], us[FUSED], us[APART] - us[FUSED], (us[APART] / us[FUSED] - 1) * 100,
           why == NULL ? "fused" : why);
    fflush(stdout);
}

static bool bench_shape(struct bench *b, bool checks)
{
    bool right = true;

    for (int work = 0; work < WORKS; work++) {
        if (work == ROPE && b->head_dim != HEAD_DIM)
            continue; /* the kernel is for heads of 128 */
        if (checks)
            right = is_right(b, (enum work)work) && right;
        print_row(b, (enum work)work);
    }
    return right;
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"4096", "16384", "32768"};
    const char *const *sizes = argc > 1 ? (const char *const *)argv + 1 : usual;
    const int count = argc > 1 ? argc - 1 : (int)BIT_COUNT(usual);
    struct bench b = {0};
    int64_t tokens_max = 0;
    bool right = true;

    for (int i = 0; i < count; i++) {
        const long tokens = atol(sizes[i]);
        if (tokens < 1 || tokens > TOKENS_MAX || tokens % CONTEXT != 0) {
            fprintf(stderr, "fused_products: '%s': TOKENS is a multiple of %d, at most %d\n", sizes[i], CONTEXT,
                    TOKENS_MAX);
            return 64;
        }
        tokens_max = BIT_MAX(tokens_max, tokens);
    }
    must(bit_exec_init(&b.exec, BIT_BACKEND_CUDA, 1, bit_matmul_workspace(BIT_BACKEND_CUDA, 1)), "the GPU");
    must(bit_products_search(&b.exec, true), "the search");
    allocate_all(&b, tokens_max);
    printf("%s\n\ntokens  width  product, then          library  + the next      fused      gain         AUTO\n",
           b.exec.description);
    for (int i = 0; i < count; i++) {
        for (size_t model = 0; model < BIT_COUNT(models); model++) {
            set_shape(&b, atol(sizes[i]), &models[model]);
            right = bench_shape(&b, i == 0) && right;
        }
    }
    free_all(&b);
    bit_exec_finish(&b.exec);
    printf("%s\n", right ? "all outputs right" : "SOME OUTPUTS ARE WRONG");
    return right ? 0 : 1;
}
