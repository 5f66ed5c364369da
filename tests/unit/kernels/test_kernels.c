/* What kcheck does not check: refusals, and that every variant propagates NaN. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "kernels/adamw.h"
#include "kernels/attention.h"
#include "kernels/bitlinear.h"
#include "kernels/cast.h"
#include "kernels/exec/lane.h"
#include "kernels/exec/replay.h"
#include "kernels/norm.h"
#include "kernels/product_plan.h"
#include "kernels/swiglu.h"
#include "kernels/swiglu_quantise.h"
#include "kernels/xent.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

static struct bit_exec exec_at(enum bit_isa isa, size_t workspace_bytes)
{
    struct bit_exec exec = {0};

    EXPECT_EQ(bit_exec_init(&exec, BIT_BACKEND_CPU, 2, workspace_bytes), 0);
    exec.isa = isa;
    return exec;
}

TEST(init_refuses_what_it_lacks)
{
    struct bit_exec exec = {.threads = 7};

    EXPECT_EQ(bit_exec_init(&exec, (enum bit_backend)77, 1, 0), -ENOTSUP);
    bit_exec_use_device(1000);
    EXPECT_EQ(bit_exec_init(&exec, BIT_BACKEND_CUDA, 1, 0), BIT_HAVE_CUDA ? -ENODEV : -ENOTSUP);
    bit_exec_use_device(0);
    EXPECT_EQ(bit_exec_init(&exec, BIT_BACKEND_CPU, -1, 0), -EINVAL);
    EXPECT_EQ(exec.threads, 7);
    EXPECT_EQ(bit_exec_init(&exec, BIT_BACKEND_CPU, 0, 100), 0);
    EXPECT(exec.threads >= 1);
    EXPECT(exec.workspace_bytes >= 100);
    EXPECT_EQ((uintptr_t)exec.workspace % 64, 0u);
    EXPECT_CONTAINS(exec.description, bit_isa_name(exec.isa));
    bit_exec_finish(&exec);
    bit_exec_finish(&exec);
}

static int count_run(void *arg)
{
    return ++*(int *)arg < 4 ? 0 : -EINVAL;
}

/* Only a GPU records sequences. On a CPU bit_replay calls the function each time and returns its error. */
TEST(a_sequence_is_run_each_time_where_there_is_no_gpu)
{
    struct bit_exec exec = exec_at(bit_isa_best(), 0);
    struct bit_replay replay = {0};
    int runs = 0;

    exec.replays = true;
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(bit_replay(&replay, &exec, &i, sizeof i, count_run, &runs), 0);
    EXPECT_EQ(bit_replay(&replay, &exec, &runs, sizeof runs, count_run, &runs), -EINVAL);
    EXPECT_EQ(runs, 4);
    EXPECT(!replay.refused);
    bit_replay_finish(&replay);
    bit_exec_finish(&exec);
}

TEST(a_lane_copies_every_byte)
{
    const size_t bytes = ((size_t)9 << 20) + 5; /* pieces of several threads, the last one short */
    struct bit_exec exec = exec_at(bit_isa_best(), 0);
    struct bit_lane lane = {0};
    uint8_t *from = malloc(bytes), *to = calloc(bytes + 1, 1);

    for (size_t i = 0; i < bytes; i++)
        from[i] = (uint8_t)(i * 2654435761u >> 13);
    bit_lane_finish(&lane);
    EXPECT_EQ(bit_lane_init(&lane, &exec), 0);
    EXPECT_EQ(bit_lane_follow(&lane), 0);
    EXPECT_EQ(bit_lane_copy(&lane, to, from, bytes), 0);
    EXPECT_EQ(bit_lane_lead(&lane), 0);
    EXPECT_EQ(bit_lane_wait(&lane), 0);
    EXPECT_EQ(memcmp(to, from, bytes), 0);
    EXPECT_EQ(to[bytes], 0);
    bit_lane_finish(&lane);
    bit_exec_finish(&exec);
    free(from);
    free(to);
}

TEST(attention_says_how_much_scratch_it_lacks)
{
    float qkv[3 * 4] = {0}, out[4], lse[1];
    const size_t need = bit_attention_workspace(2, 1, 1, 1, 4);
    struct bit_exec exec = exec_at(bit_isa_best(), need);
    struct bit_attention_args args = {1, 1, 1, 4, qkv, out, lse, BIT_F32};

    EXPECT_EQ(bit_attention(&exec, &args), 0);
    exec.workspace_bytes = need - 1;
    EXPECT_EQ(bit_attention(&exec, &args), -ENOMEM);
    EXPECT_CONTAINS(bit_fail_text(), "workspace");
    exec.workspace_bytes = need;
    args.head_dim = 3;
    EXPECT_EQ(bit_attention(&exec, &args), -EINVAL);
    bit_exec_finish(&exec);
}

TEST(pieces_fit_their_scratch)
{
    static const int64_t sides[] = {1, 3, 64, 2048, 16384, 50304, 65536};
    const size_t room = 1 << 20;

    for (size_t i = 0; i < BIT_COUNT(sides); i++)
        for (size_t j = 0; j < BIT_COUNT(sides); j++) {
            const size_t wide = (size_t)sides[j] * 4, narrow = (size_t)sides[j] * 2;
            const int64_t rows = bit_piece_rows(sides[i], wide, room), more = bit_piece_rows(sides[i], narrow, room);
            EXPECT(rows >= 1 && rows <= sides[i]);
            EXPECT((size_t)rows * wide <= bit_piece_bytes(sides[i], wide, room));
            EXPECT((size_t)more * narrow <= bit_piece_bytes(sides[i], wide, room)); /* planned for f32, used in bf16 */
            EXPECT(bit_bitlinear_workspace(BIT_BACKEND_CUDA, 1, sides[i], sides[j], 256) <=
                   bit_bitlinear_workspace(BIT_BACKEND_CUDA, 1, sides[i] + 1, sides[j], 256));
        }
}

TEST(arguments_that_make_no_sense_are_refused)
{
    float x[8] = {0};
    int32_t beyond[1] = {8};
    struct bit_exec exec = exec_at(bit_isa_best(), 0);
    const struct bit_norm_args norm = {.rows = 1, .cols = 0, .kind = BIT_NORM_LAYER, .x = x, .y = x};
    const struct bit_norm_args kind = {.rows = 1, .cols = 8, .kind = BIT_NORM_NONE, .x = x, .y = x};
    const struct bit_cast_args sum = {8, x, BIT_F32, x, BIT_BF16, 1, 1};
    const struct bit_adamw_args update = {.count = 1, .p = x, .m = x, .v = x, .g = x, .t = 0};
    const struct bit_xent_args target = {1, 8, x, BIT_F32, beyond, x, NULL, BIT_F32, 1};

    EXPECT_EQ(bit_norm(&exec, &norm), -EINVAL);
    EXPECT_EQ(bit_norm(&exec, &kind), -EINVAL);
    EXPECT_EQ(bit_cast(&exec, &sum), -EINVAL);
    EXPECT_EQ(bit_adamw(&exec, &update), -EINVAL);
    EXPECT_EQ(bit_xent(&exec, &target), -EINVAL);
    bit_exec_finish(&exec);
}

/* One NaN among 37 values, at each place, through each operator. */
static void nan_through(const struct bit_exec *exec, int place)
{
    float x[74], y[74], loss;
    bit_bf16 half[37];
    const int32_t target = (place + 1) % 37;
    const struct bit_norm_args norm = {.rows = 1, .cols = 37, .kind = BIT_NORM_RMS, .eps = 1e-5f, .x = x, .y = y};
    const struct bit_xent_args xent = {1, 37, x, BIT_F32, &target, &loss, y, BIT_F32, 1};
    const struct bit_swiglu_args swiglu = {1, 37, x, y, BIT_F32};
    const struct bit_cast_args cast = {37, x, BIT_F32, half, BIT_BF16, 1, 0};

    for (int i = 0; i < 74; i++)
        x[i] = (float)i / 74;
    x[place] = NAN;
    EXPECT_EQ(bit_norm(exec, &norm), 0);
    EXPECT(isnan(y[0]) && isnan(y[36]));
    EXPECT_EQ(bit_xent(exec, &xent), 0);
    EXPECT(isnan(loss));
    EXPECT(isnan(y[place]));
    EXPECT_EQ(bit_swiglu(exec, &swiglu), 0);
    EXPECT(isnan(y[place]));
    EXPECT_EQ(bit_cast(exec, &cast), 0);
    EXPECT(isnan(bit_bf16_to_f32(half[place])));
}

TEST(nan_is_not_lost)
{
    for (int isa = BIT_ISA_BASE; isa <= (int)bit_isa_best(); isa++) {
        struct bit_exec exec = exec_at((enum bit_isa)isa, 0);
        for (int place = 0; place < 37; place++)
            nan_through(&exec, place);
        bit_exec_finish(&exec);
    }
}

/* NaNs of several payloads and both signs: a product in bf16 rounds its f32 operand when it packs it. */
TEST(nan_of_any_payload_is_not_lost_in_a_product)
{
    static const uint32_t nans[] = {0x7fc00000u, 0x7fffffffu, 0xffffffffu, 0x7f800001u, 0xff800001u, 0x7fff8000u};
    const bit_bf16 dy[2] = {bit_f32_to_bf16(1), bit_f32_to_bf16(1)};
    const float scale = 1;
    float w[2 * 37], dn[37];

    for (int isa = BIT_ISA_BASE; isa <= (int)bit_isa_best(); isa++)
        for (int at = 0; at < 2 * 37 * (int)BIT_COUNT(nans); at++) {
            struct bit_exec exec = exec_at((enum bit_isa)isa, bit_bitlinear_workspace(BIT_BACKEND_CPU, 2, 1, 2, 37));
            const struct bit_bitlinear_backward_data_args args = {
                1, 2, 37, dy, BIT_BF16, w, BIT_F32, {1, {2}, &scale}, dn, BIT_F32};
            const int place = at / (int)BIT_COUNT(nans);

            memset(w, 0, sizeof w);
            memcpy(&w[place], &nans[at % (int)BIT_COUNT(nans)], sizeof *w);
            EXPECT_EQ(bit_bitlinear_backward_data(&exec, &args), 0);
            for (int i = 0; i < 37; i++)
                EXPECT_EQ(!!isnan(dn[i]), i == place % 37);
            bit_exec_finish(&exec);
        }
}

/* Gates far from zero on either side: silu is the gate or 0, and never infinity times zero. */
TEST(swiglu_at_the_ends)
{
    float ug[2 * 4] = {1, 1, 1, 1, 1e4f, -1e4f, 200, -200}, y[4], dy[4] = {1, 1, 1, 1}, dug[8];

    for (int isa = BIT_ISA_BASE; isa <= (int)bit_isa_best(); isa++) {
        struct bit_exec exec = exec_at((enum bit_isa)isa, 0);
        const struct bit_swiglu_args forward = {1, 4, ug, y, BIT_F32};
        const struct bit_swiglu_backward_args backward = {1, 4, ug, dy, BIT_F32, dug, BIT_F32, NULL};

        EXPECT_EQ(bit_swiglu(&exec, &forward), 0);
        EXPECT_NEAR(y[0], 1e4, 1e-2);
        EXPECT_NEAR(y[1], 0, 1e-30);
        EXPECT_NEAR(y[3], 0, 1e-30);
        EXPECT_EQ(bit_swiglu_backward(&exec, &backward), 0);
        EXPECT_NEAR(dug[4], 1, 1e-6);
        EXPECT_NEAR(dug[5], 0, 1e-30);
        bit_exec_finish(&exec);
    }
}

/* A row through LayerNorm and then a second norm, forward and backward: by two operators, and by one. The epsilons are
 * large, so that their effect is visible. */
#define TWICE_COLS 37
#define BLOCK_EPS  0.25f
#define INNER_EPS  0.5f

struct twice {
    float x[TWICE_COLS], dy[TWICE_COLS];
    float y[TWICE_COLS], dx[TWICE_COLS]; /* the results */
};

static void norm_twice(const struct bit_exec *exec, enum bit_norm_kind inner, struct twice *t)
{
    float n[TWICE_COLS], dn[TWICE_COLS], mean[2], rstd[2];
    const struct bit_norm_args norm[2] = {
        {1, TWICE_COLS, BIT_NORM_LAYER, BLOCK_EPS, t->x, BIT_F32, n, BIT_F32, &mean[0], &rstd[0]},
        {1, TWICE_COLS, inner, INNER_EPS, n, BIT_F32, t->y, BIT_F32, &mean[1], &rstd[1]},
    };
    struct bit_norm_backward_args back = {.rows = 1, .cols = TWICE_COLS, .var_factor = 1};

    EXPECT_EQ(bit_norm(exec, &norm[0]), 0);
    EXPECT_EQ(bit_norm(exec, &norm[1]), 0);
    for (int i = 1; i >= 0; i--) {
        back.kind = norm[i].kind;
        back.x = norm[i].x;
        back.mean = &mean[i];
        back.rstd = &rstd[i];
        back.dy = i == 1 ? t->dy : dn;
        back.dx = i == 1 ? dn : t->dx;
        EXPECT_EQ(bit_norm_backward(exec, &back), 0);
    }
}

/* Both norms by bit_quantise, which at strength 0 returns the normed values in units of codes, not rounded. */
static void norm_once(const struct bit_exec *exec, struct twice *t)
{
    float mean, rstd, scale;
    const struct bit_quantise_args quantise = {
        .rows = 1,
        .cols = TWICE_COLS,
        .kind = BIT_NORM_LAYER,
        .var_factor = 1 + INNER_EPS,
        .norm_eps = BLOCK_EPS * INNER_EPS,
        .levels = 128,
        .eps = 1e-5f,
        .x = t->x,
        .q = t->y,
        .scale = &scale,
        .mean = &mean,
        .rstd = &rstd,
    };
    const struct bit_norm_backward_args back = {
        .rows = 1,
        .cols = TWICE_COLS,
        .kind = BIT_NORM_LAYER,
        .x = t->x,
        .mean = &mean,
        .rstd = &rstd,
        .var_factor = quantise.var_factor,
        .dy = t->dy,
        .dx = t->dx,
    };

    EXPECT_EQ(bit_quantise(exec, &quantise), 0);
    EXPECT_EQ(bit_norm_backward(exec, &back), 0);
    for (int i = 0; i < TWICE_COLS; i++)
        t->y[i] /= scale;
}

TEST(a_norm_of_a_norm_is_one_norm)
{
    for (int backend = BIT_BACKEND_REF; backend <= BIT_BACKEND_CPU; backend++) {
        struct bit_exec exec;
        if (!EXPECT_EQ(bit_exec_init(&exec, (enum bit_backend)backend, 1, 0), 0))
            return;
        for (int inner = BIT_NORM_LAYER; inner <= BIT_NORM_RMS; inner++) {
            struct twice two, one;

            for (int i = 0; i < TWICE_COLS; i++) {
                two.x[i] = sinf((float)i) + 0.75f;
                two.dy[i] = cosf(2.5f * (float)i) + 0.5f * two.x[i];
            }
            one = two;
            norm_twice(&exec, (enum bit_norm_kind)inner, &two);
            norm_once(&exec, &one);
            for (int i = 0; i < TWICE_COLS; i++) {
                EXPECT_NEAR(one.y[i], two.y[i], 2e-6);
                EXPECT_NEAR(one.dx[i], two.dx[i], 2e-6);
            }
        }
        bit_exec_finish(&exec);
    }
}

/* The fused SwiGLU, whose output is never stored, gives the same bits as the separate operators: codes, gradients, and
 * the operand that the backward pass computes from the codes. */
#define GATED_ROWS 67
#define GATED_COLS 40

struct gated {
    bit_bf16 ug[GATED_ROWS * 2 * GATED_COLS], dn[GATED_ROWS * GATED_COLS], dug[GATED_ROWS * 2 * GATED_COLS];
    int8_t q[GATED_ROWS * GATED_COLS];
    bit_bf16 operand[GATED_ROWS * GATED_COLS]; /* the dequantised codes */
    float scale[GATED_ROWS], mean[GATED_ROWS], rstd[GATED_ROWS];
};

static void gated_apart(const struct bit_exec *exec, struct gated *g)
{
    bit_bf16 y[GATED_ROWS * GATED_COLS], dy[GATED_ROWS * GATED_COLS];
    const struct bit_swiglu_args gate = {GATED_ROWS, GATED_COLS, g->ug, y, BIT_BF16};
    const struct bit_quantise_args codes = {
        .rows = GATED_ROWS,
        .cols = GATED_COLS,
        .kind = BIT_NORM_LAYER,
        .var_factor = 1,
        .norm_eps = 1e-5f,
        .measure = BIT_MEASURE_ABSMAX,
        .levels = 127,
        .eps = 1e-5f,
        .strength = 1,
        .x = y,
        .x_dtype = BIT_BF16,
        .q = g->q,
        .q_dtype = BIT_I8,
        .scale = g->scale,
        .mean = g->mean,
        .rstd = g->rstd,
    };
    const struct bit_norm_backward_args norm = {.rows = GATED_ROWS,
                                                .cols = GATED_COLS,
                                                .kind = BIT_NORM_LAYER,
                                                .x = y,
                                                .x_dtype = BIT_BF16,
                                                .mean = g->mean,
                                                .rstd = g->rstd,
                                                .var_factor = 1,
                                                .dy = g->dn,
                                                .dy_dtype = BIT_BF16,
                                                .dx = dy,
                                                .dx_dtype = BIT_BF16};
    const struct bit_swiglu_backward_args back = {GATED_ROWS, GATED_COLS, g->ug, dy, BIT_BF16, g->dug, BIT_BF16, NULL};

    EXPECT_EQ(bit_swiglu(exec, &gate), 0);
    EXPECT_EQ(bit_quantise(exec, &codes), 0);
    EXPECT_EQ(bit_norm_backward(exec, &norm), 0);
    EXPECT_EQ(bit_swiglu_backward(exec, &back), 0);
    for (int i = 0; i < GATED_ROWS * GATED_COLS; i++)
        g->operand[i] = bit_f32_to_bf16((float)g->q[i] * (1.0f / g->scale[i / GATED_COLS]));
}

static void gated_fused(const struct bit_exec *exec, struct gated *g)
{
    const struct bit_swiglu_quantise_args codes = {.rows = GATED_ROWS,
                                                   .cols = GATED_COLS,
                                                   .kind = BIT_NORM_LAYER,
                                                   .norm_eps = 1e-5f,
                                                   .measure = BIT_MEASURE_ABSMAX,
                                                   .levels = 127,
                                                   .eps = 1e-5f,
                                                   .strength = 1,
                                                   .ug = g->ug,
                                                   .dtype = BIT_BF16,
                                                   .q = g->q,
                                                   .q_dtype = BIT_I8,
                                                   .scale = g->scale,
                                                   .mean = g->mean,
                                                   .rstd = g->rstd};
    const struct bit_swiglu_norm_backward_args back = {
        .rows = GATED_ROWS,
        .cols = GATED_COLS,
        .kind = BIT_NORM_LAYER,
        .ug = g->ug,
        .mean = g->mean,
        .rstd = g->rstd,
        .dn = g->dn,
        .dug = g->dug,
        .dtype = BIT_BF16,
        .operand = {.to = g->operand, .dtype = BIT_BF16, .scale = g->scale, .strength = 1}};

    EXPECT_EQ(bit_swiglu_quantise(exec, &codes), 0);
    EXPECT_EQ(bit_swiglu_norm_backward(exec, &back), 0);
}

TEST(swiglu_fused_gives_the_bits_of_its_parts)
{
    static struct gated apart, fused;
    uint32_t state = 1;

    for (int i = 0; i < GATED_ROWS * 2 * GATED_COLS; i++) {
        state = state * 1664525u + 1013904223u;
        apart.ug[i] = bit_f32_to_bf16((float)(int32_t)state * 0x1p-29f);
        apart.dn[i / 2] = bit_f32_to_bf16((float)(int32_t)(state << 9) * 0x1p-31f);
    }
    for (int isa = BIT_ISA_BASE; isa <= (int)bit_isa_best(); isa++) {
        struct bit_exec exec = exec_at((enum bit_isa)isa,
                                       bit_swiglu_quantise_workspace(BIT_BACKEND_CPU, GATED_COLS, BIT_BF16));

        fused = apart;
        gated_apart(&exec, &apart);
        gated_fused(&exec, &fused);
        EXPECT_EQ(memcmp(&apart, &fused, sizeof apart), 0);
        exec.workspace_bytes = 0;
        EXPECT_EQ(bit_swiglu_quantise(&exec, &(struct bit_swiglu_quantise_args){.rows = 1,
                                                                                .cols = GATED_COLS,
                                                                                .strength = 1,
                                                                                .ug = fused.ug,
                                                                                .dtype = BIT_BF16,
                                                                                .q = fused.q,
                                                                                .q_dtype = BIT_I8,
                                                                                .scale = fused.scale}),
                  -ENOMEM);
        EXPECT_CONTAINS(bit_fail_text(), "workspace");
        exec.workspace_bytes = bit_swiglu_quantise_workspace(BIT_BACKEND_CPU, GATED_COLS, BIT_BF16);
        bit_exec_finish(&exec);
    }
}

TEST_MAIN
