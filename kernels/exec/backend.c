#include "kernels/exec/backend.h"

#include "config.h"
#include "proto/check.h"

/* BIT_HOST_ONLY: compiled once more for programs that use the processor alone (meson.build). */
#if BIT_HAVE_CUDA && !defined BIT_HOST_ONLY
#define WITH_CUDA 1
#else
#define WITH_CUDA 0
#endif

#define REF(name, has_cpu, has_cuda) .name = bit_##name##_ref,
static const struct bit_variants ref = {BIT_OP_TABLE(REF)};

/* The reference, where there is no variant for the processor. */
#define CPU_0(name)                  bit_##name##_ref
#define CPU_1(name)                  bit_##name##_cpu
#define CPU(name, has_cpu, has_cuda) .name = CPU_##has_cpu(name),
static const struct bit_variants cpu = {BIT_OP_TABLE(CPU)};

#if WITH_CUDA
#define CUDA_0(name)                  NULL
#define CUDA_1(name)                  bit_##name##_cuda
#define CUDA(name, has_cpu, has_cuda) .name = CUDA_##has_cuda(name),
static const struct bit_variants cuda = {BIT_OP_TABLE(CUDA)};
#endif

static const struct bit_backend_ops backends[] = {
    [BIT_BACKEND_REF] = {.variants = &ref, .exec = &bit_exec_ops_host},
    [BIT_BACKEND_CPU] = {.variants = &cpu, .exec = &bit_exec_ops_host},
#if WITH_CUDA
    [BIT_BACKEND_CUDA] =
        {
            .variants = &cuda,
            .exec = &bit_exec_ops_cuda,
            .device = &bit_device_ops_cuda,
            .mark = &bit_mark_ops_cuda,
            .lane = &bit_lane_ops_cuda,
            .replay = &bit_replay_ops_cuda,
            .products = &bit_product_search_ops_cuda,
            .choose_attention = bit_attention_choose_cuda,
            .refuse_fused = bit_fused_product_refused_cuda,
        },
#endif
};

const struct bit_backend_ops *bit_backend_find(enum bit_backend backend)
{
    return (size_t)backend < BIT_COUNT(backends) ? &backends[backend] : NULL;
}
