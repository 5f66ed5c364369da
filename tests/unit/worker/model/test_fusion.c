/* Which products of a plan are fused, and the text on them, with a back end whose answers the test sets. */
#include "worker/model/fusion.h"

#include "kernels/exec/backend.h"
#include "tests/test.h"

const struct bit_backend_ops *__real_bit_backend_find(enum bit_backend backend);
const struct bit_backend_ops *__wrap_bit_backend_find(enum bit_backend backend);

static const char *answer[BIT_FUSED_KINDS];
static struct bit_fused_product asked[BIT_FUSED_KINDS];

static const char *refuse(const struct bit_exec *exec, const struct bit_fused_product *product)
{
    asked[product->kind] = *product;
    return answer[product->kind];
}

const struct bit_backend_ops *__wrap_bit_backend_find(enum bit_backend backend)
{
    static const struct bit_backend_ops fuses = {.refuse_fused = refuse};

    return backend == BIT_BACKEND_CUDA ? &fuses : __real_bit_backend_find(backend);
}

static const struct bit_exec gpu = {.backend = BIT_BACKEND_CUDA};

static struct bit_worker_plan plan_of_olmo_1b(void)
{
    return (struct bit_worker_plan){
        .context = 2048,
        .micro_instances = 8,
        .width = 2048,
        .hidden = 8192,
        .head_dim = 128,
        .operands = BIT_BF16,
        .fuses = true,
    };
}

static void set_answers(const char *swiglu, const char *backward, const char *rope)
{
    answer[BIT_FUSED_SWIGLU] = swiglu;
    answer[BIT_FUSED_SWIGLU_BACKWARD] = backward;
    answer[BIT_FUSED_ROPE] = rope;
}

static void expect(const struct bit_exec *exec, const struct bit_worker_plan *plan, int swiglu, int backward, int rope,
                   const char *want)
{
    bool fused[BIT_FUSED_KINDS];
    char text[BIT_FUSION_TEXT_MAX];

    bit_fusion_choose(exec, plan, fused);
    EXPECT_EQ(fused[BIT_FUSED_SWIGLU], swiglu);
    EXPECT_EQ(fused[BIT_FUSED_SWIGLU_BACKWARD], backward);
    EXPECT_EQ(fused[BIT_FUSED_ROPE], rope);
    bit_fusion_describe(exec, plan, text);
    EXPECT_STREQ(text, want);
}

TEST(the_back_end_is_asked_for_a_micro_batch)
{
    const struct bit_worker_plan plan = plan_of_olmo_1b();

    set_answers(NULL, NULL, NULL);
    expect(&gpu, &plan, 1, 1, 1, "SwiGLU, SwiGLU's gradient, rotation");
    for (int kind = 0; kind < BIT_FUSED_KINDS; kind++) {
        EXPECT_EQ(asked[kind].m, 16384);
        EXPECT_EQ(asked[kind].k, 2048);
        EXPECT_EQ(asked[kind].n, kind == BIT_FUSED_ROPE ? 3 * 2048 : 8192);
        EXPECT_EQ(asked[kind].head_dim, 128);
        EXPECT_EQ(asked[kind].dtype, BIT_BF16);
    }
}

TEST(what_is_refused_is_told_with_the_reason)
{
    const struct bit_worker_plan plan = plan_of_olmo_1b();

    set_answers(NULL, NULL, "heads do not have 128 columns");
    expect(&gpu, &plan, 1, 1, 0, "SwiGLU, SwiGLU's gradient, not rotation (heads do not have 128 columns)");
    set_answers(NULL, "the product is small", NULL);
    expect(&gpu, &plan, 1, 0, 1, "SwiGLU, not SwiGLU's gradient (the product is small), rotation");
    set_answers("operands are not bf16", "operands are not bf16", "operands are not bf16");
    expect(&gpu, &plan, 0, 0, 0, "none (operands are not bf16)");
}

TEST(a_clamp_is_between_the_product_and_the_rotation)
{
    struct bit_worker_plan plan = plan_of_olmo_1b();

    set_answers(NULL, NULL, NULL);
    plan.clip_qkv = 8;
    expect(&gpu, &plan, 1, 1, 0, "SwiGLU, SwiGLU's gradient, not rotation (model.clip_qkv clamps before it)");
}

TEST(the_specification_can_forbid_it)
{
    struct bit_worker_plan plan = plan_of_olmo_1b();

    set_answers(NULL, NULL, NULL);
    plan.fuses = false;
    expect(&gpu, &plan, 0, 0, 0, "none (launch.fused_products is NEVER)");
}

TEST(processors_have_none)
{
    const struct bit_worker_plan plan = plan_of_olmo_1b();
    const struct bit_exec cpu = {.backend = BIT_BACKEND_CPU}, ref = {.backend = BIT_BACKEND_REF};

    expect(&cpu, &plan, 0, 0, 0, "none (only GPUs have fused products)");
    expect(&ref, &plan, 0, 0, 0, "none (only GPUs have fused products)");
}

TEST_MAIN
