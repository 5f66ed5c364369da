/* The packed matrix product: its division into blocks, and of the blocks among threads. */
#include "kernels/cpu/gemm.h"

#include <omp.h>

#include "kernels/cpu/gemm_pack.h"
#include "kernels/cpu/gemm_store.h"
#include "kernels/cpu/gemm_tile.h"
#include "kernels/cpu/isa.h"
#include "proto/check.h"
#include "proto/err.h"

#define BLOCK_WORDS  (BIT_GEMM_BLOCK_BYTES / 4)
#define SLAB_WORDS   (BIT_GEMM_SLAB_BYTES / 4)
#define RUN_WORDS    512                                                      /* of k in a run with partial sums */
#define WHOLE_WORDS  BIT_MIN(SLAB_WORDS / PACK_ROWS, BLOCK_WORDS / TILE_COLS) /* of k that slab and block can hold */
#define ACROSS_WORDS 8                                                        /* of k that are packed at a time */
#define ROWS_AIM     192 /* rows of A that fit in a core's cache with a panel of B */

struct plan {
    const struct bit_gemm_args *args;
    enum bit_dtype math;
    int64_t run;   /* k of a block */
    int64_t cols;  /* of a block, whole panels */
    int64_t rows;  /* of A in a thread's unit of work, whole tiles */
    int64_t chunk; /* rows of C for each packing of B: all, or as many as `sums` holds */
    int a_in_place;
    int keep;        /* partial sums are kept in scratch, because C cannot hold them */
    uint32_t *block; /* of B */
    float *sums;     /* (chunk, cols), if `keep` */
    uint32_t *slab;  /* of A: the first thread's */
};

/* One block: k from p0, columns from j0, rows from i0. */
struct block {
    int64_t i0, rows, j0, cols, p0, count, words;
    int first, last;
    float factor;
};

static int a_in_place(const struct plan *plan)
{
    const struct bit_gemm_operand *a = &plan->args->a;
    const int each = word_elements(plan->math);

    if (a->dtype != plan->math || a->step != 1)
        return 0;
    /* every run of k must have whole words, so that the tile does not read past the row */
    if (plan->args->k_segments != NULL)
        for (int s = 0; s < plan->args->k_segments->count; s++)
            if (plan->args->k_segments->rows[s] % each != 0)
                return 0;
    return plan->args->k % each == 0;
}

/* An f32 C accumulates the sums of each run; any other C needs complete sums, in one run if a block can hold it. */
static void plan_runs(struct plan *plan)
{
    const struct bit_gemm_args *args = plan->args;
    const int each = word_elements(plan->math);
    const int whole = args->c_dtype != BIT_F32 || args->row_scale != NULL;
    const int64_t words_all = (args->k + each - 1) / each;
    const int segments = args->k_segments == NULL ? 1 : args->k_segments->count;
    const int64_t words_max = whole && segments == 1 && words_all <= WHOLE_WORDS ? WHOLE_WORDS : RUN_WORDS;
    const int64_t words = BIT_MAX(BIT_MIN(words_all, words_max), 1);

    plan->run = words * each;
    plan->keep = whole && (words_all > words_max || segments > 1);
    plan->cols = BLOCK_WORDS / words / TILE_COLS * TILE_COLS;
    plan->cols = BIT_MIN(plan->cols, bit_round_up(args->n, TILE_COLS));
    plan->chunk = plan->keep ? BIT_GEMM_SUMS_BYTES / 4 / plan->cols : args->m;
}

/* Blocks of about ROWS_AIM rows, the same number for every thread. */
static void plan_rows(struct plan *plan, int threads)
{
    const int64_t words = plan->run / word_elements(plan->math);
    const int64_t chunk = BIT_MIN(plan->chunk, plan->args->m);
    const int64_t rounds = (chunk + threads * ROWS_AIM - 1) / (threads * ROWS_AIM);
    int64_t rows = bit_round_up((chunk + rounds * threads - 1) / (rounds * threads), TILE_ROWS);

    if (!plan->a_in_place)
        rows = BIT_MIN(rows, SLAB_WORDS / words / PACK_ROWS * PACK_ROWS / TILE_ROWS * TILE_ROWS);
    plan->rows = BIT_MAX(rows, TILE_ROWS);
}

static void make_plan(struct plan *plan, const struct bit_exec *exec, const struct bit_gemm_args *args)
{
    char *scratch = exec->workspace;

    *plan = (struct plan){.args = args, .math = TILE_DOTS ? args->math : BIT_F32};
    plan->block = (uint32_t *)scratch;
    plan->sums = (float *)(scratch + BIT_GEMM_BLOCK_BYTES);
    plan->slab = (uint32_t *)(scratch + BIT_GEMM_BLOCK_BYTES + BIT_GEMM_SUMS_BYTES);
    plan->a_in_place = a_in_place(plan);
    plan_runs(plan);
    plan_rows(plan, exec->threads);
}

/* The run of k that starts at p0: it ends at the end of a segment at the latest, and has the segment's factor. */
static void take_run(const struct plan *plan, int64_t p0, struct block *b)
{
    const struct bit_segments *s = plan->args->k_segments;
    const int each = word_elements(plan->math);
    int64_t end = plan->args->k;

    b->factor = 1;
    if (s != NULL) {
        int i = 0;
        for (end = s->rows[0]; end <= p0 && i + 1 < s->count; end += s->rows[i])
            i++;
        b->factor = 1 / s->scale[i];
    }
    b->p0 = p0;
    b->count = BIT_MIN(end - p0, plan->run);
    b->words = (b->count + each - 1) / each;
    b->first = p0 == 0;
    b->last = p0 + b->count >= plan->args->k;
}

static int b_across(const struct plan *plan)
{
    return plan->args->b.row == 1 && plan->math != BIT_I8;
}

/* Packs `words` words of a panel of B, starting at word g0. */
static void pack_panel(const struct plan *plan, const struct block *b, int64_t panel, int64_t g0, int64_t words)
{
    const struct bit_gemm_args *args = plan->args;
    const int64_t skipped = g0 * word_elements(plan->math);
    const struct pack_run run = {
        .x = &args->b,
        .math = plan->math,
        .codes = plan->math == BIT_I8,
        .r0 = b->j0 + panel * TILE_COLS,
        .rows = BIT_MIN(b->cols - panel * TILE_COLS, TILE_COLS),
        .p0 = b->p0 + skipped,
        .count = BIT_MIN(b->count - skipped, words * word_elements(plan->math)),
        .words = words,
    };
    uint32_t *out = plan->block + (panel * b->words + g0) * TILE_COLS;

    if (b_across(plan))
        pack_across(&run, out, TILE_COLS);
    else
        pack_turned(&run, out, TILE_COLS);
}

/* All threads pack a block of B, in the order of its memory: panel by panel if k is contiguous, otherwise a few words
 * of k of every panel at a time. */
static void pack_block(const struct plan *plan, const struct block *b)
{
    const int64_t panels = (b->cols + TILE_COLS - 1) / TILE_COLS;
    const int64_t depth = b_across(plan) ? ACROSS_WORDS : BIT_MAX(b->words, 1);
    const int64_t depths = (b->words + depth - 1) / depth;

#pragma omp for schedule(static)
    for (int64_t part = 0; part < depths * panels; part++) {
        const int64_t g0 = part / panels * depth;
        pack_panel(plan, b, part % panels, g0, BIT_MIN(b->words - g0, depth));
    }
}

/* Some rows of A as words: in place, or packed into this thread's slab. */
struct a_rows {
    const char *data;
    int64_t row, step;          /* bytes */
    int32_t code_sum[ROWS_AIM]; /* of each row, for int8 products */
};

#if TILE_DOTS
static void sum_codes(struct a_rows *a, int64_t rows, int64_t words)
{
    for (int64_t r = 0; r < rows; r++) {
        const char *q = a->data + r * a->row;
        __m512i sum = _mm512_setzero_si512();
        for (int64_t g = 0; g < words; g += 16)
            sum = _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1),
                                      _mm512_maskz_loadu_epi32(first_lanes(words - g), q + 4 * g));
        a->code_sum[r] = _mm512_reduce_add_epi32(sum);
    }
}
#else
static void sum_codes(struct a_rows *a, int64_t rows, int64_t words)
{
}
#endif

static void take_rows(const struct plan *plan, const struct block *b, int64_t i0, int64_t rows, uint32_t *slab,
                      struct a_rows *out)
{
    const struct bit_gemm_operand *a = &plan->args->a;
    const int64_t size = (int64_t)bit_dtype_bytes(a->dtype), width = bit_round_up(rows, PACK_ROWS);
    const struct pack_run run = {
        .x = a,
        .math = plan->math,
        .r0 = i0,
        .rows = rows,
        .p0 = b->p0,
        .count = b->count,
        .words = b->words,
    };

    out->data = (const char *)slab;
    out->row = b->words * 4;
    out->step = 4;
    if (plan->a_in_place) {
        out->data = (const char *)a->data + (i0 * a->row + b->p0) * size;
        out->row = a->row * size;
    } else if (a->row == 1 && plan->math != BIT_I8) {
        pack_across(&run, slab, width);
        out->row = 4;
        out->step = width * 4;
    } else {
        pack_along(&run, slab);
    }
    if (plan->math == BIT_I8)
        sum_codes(out, rows, b->words);
}

/* An incomplete last tile repeats its last row; the surplus sums are not stored. */
static void point_rows(const struct a_rows *a, int64_t i, int rows, struct tile_rows *tile)
{
    for (int r = 0; r < TILE_ROWS; r++)
        tile->row[r] = a->data + (i + BIT_MIN(r, rows - 1)) * a->row;
    tile->step = a->step;
}

static void sum_tile(const struct plan *plan, int64_t words, const struct tile_rows *a, const uint32_t *b,
                     const int32_t *code_sum, float *out)
{
#if TILE_DOTS
    if (plan->math == BIT_I8) {
        tile_i8_sum(words, a, b, code_sum, out);
        return;
    }
    if (plan->math == BIT_BF16) {
        tile_bf16_sum(words, a, b, out);
        return;
    }
#endif
    tile_f32_sum(words, a, b, out);
}

/* The scale of each of a panel's columns. */
static void column_scales(const struct bit_segments *s, struct tile_place *place, float *out)
{
    int64_t j = place->j;
    int segment = 0;

    while (j >= s->rows[segment])
        j -= s->rows[segment++];
    place->one_scale = j + place->cols <= s->rows[segment];
    for (int c = 0; c < place->cols; c++, j++) {
        for (; j == s->rows[segment]; segment++)
            j = 0;
        out[c] = s->scale[segment];
    }
    place->col_scale = out;
}

/* Multiplies one panel of B with this thread's rows: the panel stays in the L1 cache, the rows in L2. */
static void multiply_panel(const struct plan *plan, const struct block *b, const struct a_rows *a, int64_t i0,
                           int64_t rows, int64_t panel)
{
    _Alignas(64) float sums[TILE_ROWS * TILE_COLS];
    float col_scale[TILE_COLS];
    struct tile_place place = {
        .j = b->j0 + panel * TILE_COLS,
        .cols = (int)BIT_MIN(b->cols - panel * TILE_COLS, TILE_COLS),
        .factor = b->factor,
        .first = b->first,
        .last = b->last,
        .kept_stride = plan->cols,
    };

    if (plan->args->n_segments != NULL)
        column_scales(plan->args->n_segments, &place, col_scale);
    for (int64_t i = 0; i < rows; i += TILE_ROWS) {
        struct tile_rows tile;
        place.i = i0 + i;
        place.rows = (int)BIT_MIN(rows - i, TILE_ROWS);
        if (plan->keep)
            place.kept = plan->sums + (place.i - b->i0) * plan->cols + panel * TILE_COLS;
        point_rows(a, i, place.rows, &tile);
        fetch_tile(plan->args, &place);
        sum_tile(plan, b->words, &tile, plan->block + panel * TILE_COLS * b->words, a->code_sum + i, sums);
        store_tile(plan->args, &place, sums);
    }
}

/* All threads of a team pack the block together, then divide its rows among themselves. */
static void multiply_block(const struct plan *plan, const struct block *b, uint32_t *slab)
{
    const int64_t panels = (b->cols + TILE_COLS - 1) / TILE_COLS;

    pack_block(plan, b);
#pragma omp for schedule(dynamic)
    for (int64_t i = 0; i < b->rows; i += plan->rows) {
        const int64_t rows = BIT_MIN(b->rows - i, plan->rows);
        struct a_rows a;
        take_rows(plan, b, b->i0 + i, rows, slab, &a);
        for (int64_t panel = 0; panel < panels; panel++)
            multiply_panel(plan, b, &a, b->i0 + i, rows, panel);
    }
}

static void multiply(const struct plan *plan, uint32_t *slab)
{
    const struct bit_gemm_args *args = plan->args;
    struct block b;

    for (b.i0 = 0; b.i0 < args->m; b.i0 += plan->chunk) {
        b.rows = BIT_MIN(args->m - b.i0, plan->chunk);
        for (b.j0 = 0; b.j0 < args->n; b.j0 += plan->cols) {
            b.cols = BIT_MIN(args->n - b.j0, plan->cols);
            for (int64_t p0 = 0; p0 == 0 || p0 < args->k; p0 += b.count) {
                take_run(plan, p0, &b);
                multiply_block(plan, &b, slab);
                if (args->k == 0)
                    break;
            }
        }
    }
}

int BIT_ISA(gemm)(const struct bit_exec *exec, const struct bit_gemm_args *args)
{
    struct plan plan;

    if (exec->workspace_bytes < bit_gemm_workspace(exec->threads))
        return bit_fail(-ENOMEM, "a matrix product needs %zu bytes of workspace, and has %zu",
                        bit_gemm_workspace(exec->threads), exec->workspace_bytes);
    if (args->m == 0 || args->n == 0)
        return 0;
    make_plan(&plan, exec, args);
#pragma omp parallel num_threads(exec->threads)
    multiply(&plan, plan.slab + omp_get_thread_num() * SLAB_WORDS);
    return 0;
}
