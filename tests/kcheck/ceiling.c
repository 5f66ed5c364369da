/*
 * The highest rates of this processor, measured on the same threads as the operators: products of registers, and
 * read-modify-write of memory lines.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "tests/kcheck/buffers.h"
#include "tests/kcheck/clock.h"

#define PASSES       10
#define ROUNDS       200000
#define MEMORY_BYTES ((size_t)128 << 20) /* per thread: larger than every cache */
#define LINE_BYTES   64

#if defined(__x86_64__)
/* 15 independent sums, so that no instruction waits for the previous one. */
#define EACH_SUM(what)                                                                                                 \
    what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9) what(10) what(11) what(12)         \
        what(13) what(14)
#define REGISTERS                                                                                                      \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"
#define SUMS 15

#define DEFINE_PRODUCTS(name, features, clear, instruction)                                                            \
    __attribute__((target(features))) static void name(void)                                                           \
    {                                                                                                                  \
        __asm__ volatile(EACH_SUM(clear) clear(15)::: REGISTERS);                                                      \
        for (int i = 0; i < ROUNDS; i++)                                                                               \
            __asm__ volatile(EACH_SUM(instruction)::: REGISTERS);                                                      \
    }

#define CLEAR(r)     "vxorps %%ymm" #r ", %%ymm" #r ", %%ymm" #r "\n\t"
#define WIDE(op, r)  op " %%zmm15, %%zmm15, %%zmm" #r "\n\t"
#define DOT_BF16(r)  WIDE("vdpbf16ps", r)
#define DOT_I8(r)    WIDE("vpdpbusd", r)
#define WIDE_F32(r)  WIDE("vfmadd231ps", r)
#define SHORT_F32(r) "vfmadd231ps %%ymm15, %%ymm15, %%ymm" #r "\n\t"
DEFINE_PRODUCTS(dots_bf16, "avx512f,avx512bf16", CLEAR, DOT_BF16)
DEFINE_PRODUCTS(dots_i8, "avx512f,avx512vnni", CLEAR, DOT_I8)
DEFINE_PRODUCTS(wide_f32, "avx512f", CLEAR, WIDE_F32)
DEFINE_PRODUCTS(short_f32, "avx2,fma", CLEAR, SHORT_F32)

/* By level and element type; below AVX-512 everything is multiplied as f32. */
static const struct products {
    void (*run)(void);
    double flops; /* per instruction */
} products[][3] = {
    [BIT_ISA_BASE] = {{NULL, 0}, {NULL, 0}, {NULL, 0}},
    [BIT_ISA_AVX2] = {[BIT_F32] = {short_f32, 16}, [BIT_BF16] = {short_f32, 16}, [BIT_I8] = {short_f32, 16}},
    [BIT_ISA_AVX512] = {[BIT_F32] = {wide_f32, 32}, [BIT_BF16] = {dots_bf16, 64}, [BIT_I8] = {dots_i8, 128}},
};

/* Operations per second of all threads together, in the fastest pass. */
static double multiply_rate(const struct bit_exec *exec, enum bit_dtype dtype)
{
    const struct products *p = &products[exec->isa][dtype];
    double best = INFINITY;

    if (p->run == NULL)
        return NAN;
    for (int pass = 0; pass < PASSES; pass++) {
        const double before = kc_now_s(exec->threads);
#pragma omp parallel num_threads(exec->threads)
        p->run();
        best = BIT_MIN(best, kc_now_s(exec->threads) - before);
    }
    return exec->threads * p->flops * SUMS * ROUNDS / best;
}
#else
static double multiply_rate(const struct bit_exec *exec, enum bit_dtype dtype)
{
    return NAN;
}
#endif

static void change_lines(uint8_t *memory)
{
    for (size_t i = 0; i < MEMORY_BYTES; i += LINE_BYTES)
        memory[i]++;
}

/* Bytes per second, read and written in equal parts, which is the fastest mix. */
static double move_rate(const struct bit_exec *exec)
{
    uint8_t *memory = kc_block(MEMORY_BYTES * (size_t)exec->threads);
    double best = INFINITY;

    memset(memory, 1, MEMORY_BYTES * (size_t)exec->threads);
    for (int pass = 0; pass < PASSES; pass++) {
        const double before = kc_now_s(exec->threads);
#pragma omp parallel for num_threads(exec->threads) schedule(static)
        for (int part = 0; part < exec->threads; part++)
            change_lines(memory + (size_t)part * MEMORY_BYTES);
        best = BIT_MIN(best, kc_now_s(exec->threads) - before);
    }
    free(memory);
    return 2.0 * exec->threads * (double)MEMORY_BYTES / best;
}

static struct ceilings {
    bool measured;
    double multiply[3], move; /* per second */
} ceilings;

static const struct ceilings *measure(const struct bit_exec *exec)
{
    static const enum bit_dtype types[] = {BIT_F32, BIT_BF16, BIT_I8};

    if (ceilings.measured)
        return &ceilings;
    for (size_t i = 0; i < BIT_COUNT(types); i++)
        ceilings.multiply[types[i]] = multiply_rate(exec, types[i]);
    ceilings.move = move_rate(exec);
    ceilings.measured = true;
    return &ceilings;
}

double kc_processor_floor_s(const struct bit_exec *exec, const struct kc_cost *cost)
{
    const struct ceilings *c = measure(exec);
    const double moving = cost->bytes / c->move, multiplying = cost->flops / c->multiply[cost->multiplied];

    return cost->flops == 0 || multiplying < moving ? moving : multiplying;
}

void kc_processor_print(const struct bit_exec *exec)
{
    const struct ceilings *c = measure(exec);

    printf("at most %.0f GFLOP/s in bf16, %.0f in int8, %.0f in f32; %.1f GB/s from and to memory\n",
           c->multiply[BIT_BF16] * 1e-9, c->multiply[BIT_I8] * 1e-9, c->multiply[BIT_F32] * 1e-9, c->move * 1e-9);
}
