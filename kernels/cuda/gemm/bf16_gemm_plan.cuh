/* The shared memory and parameters of the fused bf16 product, and the copies that its parts make. */
#ifndef BIT_KERNELS_CUDA_BF16_GEMM_PLAN_CUH
#define BIT_KERNELS_CUDA_BF16_GEMM_PLAN_CUH

#include "kernels/cuda/gemm/gemm_layout.h"
#include "kernels/cuda/gemm/hopper.cuh"

#define ALIGNMENT 1024
#define THREADS   (BIT_GEMM_GROUP * (1 + BIT_GEMM_GROUPS))

/* The compile-time sizes of one kernel. */
template <bit_gemm_ending E> struct plan {
    static constexpr int pieces = bit_gemm_pieces(E), rounds = bit_gemm_rounds(E);
    static constexpr int piece_cols = bit_gemm_piece_cols(E), piece_bytes = bit_gemm_piece_bytes(E);
    static constexpr bool columns = E == BIT_GEMM_BACKWARD; /* b's rows are along n */
    static_assert(BIT_GEMM_STAGE_BYTES % ALIGNMENT == 0 && BIT_GEMM_A_BYTES % ALIGNMENT == 0,
                  "swizzles begin at multiples of 1024");

    struct shared {
        uint8_t stage[BIT_GEMM_STAGES][BIT_GEMM_STAGE_BYTES];
        uint8_t piece[BIT_GEMM_GROUPS][BIT_GEMM_BUFFERS][pieces][piece_bytes];
        uint64_t full[BIT_GEMM_STAGES], empty[BIT_GEMM_STAGES];
        uint64_t staged[BIT_GEMM_GROUPS][BIT_GEMM_BUFFERS], ready[BIT_GEMM_GROUPS][BIT_GEMM_BUFFERS];
    };
    static constexpr int shared_bytes = (int)sizeof(shared) + ALIGNMENT;
    static_assert(shared_bytes <= 227 * 1024, "a multiprocessor's shared memory");
};

/* The tensor maps of the matrices. */
struct matrices {
    CUtensorMap a, b, ug, ug_out, out;
};
struct gemm_problem {
    int steps; /* that cover k */
    bit_gemm_order order;
    const float2 *angles; /* ROPE: (time, 64) cosines and sines */
    int time, rotated;    /* columns below it are rotated */
};

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/* ---- copies */

static __device__ __forceinline__ void load_box(void *to, const CUtensorMap *from, int x, int y, int z, uint64_t *full)
{
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], "
        "[%5];" ::"r"(address_of(to)),
        "l"(from), "r"(x), "r"(y), "r"(z), "r"(address_of(full))
        : "memory");
}

/* To the same address in both blocks, signalled to the same barrier in each. */
static __device__ __forceinline__ void load_box_for_both(void *to, const CUtensorMap *from, int x, int y, int z,
                                                         uint64_t *full)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
                 "[%1, {%2, %3, %4}], [%5], %6;" ::"r"(address_of(to)),
                 "l"(from), "r"(x), "r"(y), "r"(z), "r"(address_of(full)), "h"((uint16_t)((1 << BIT_GEMM_CLUSTER) - 1))
                 : "memory");
}

static __device__ __forceinline__ void store_box(const CUtensorMap *to, const void *from, int x, int y, int z)
{
    asm volatile("cp.async.bulk.tensor.3d.global.shared::cta.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(to),
                 "r"(address_of(from)), "r"(x), "r"(y), "r"(z)
                 : "memory");
}

/* Waits until this thread's stores have read what they store. */
static __device__ __forceinline__ void stores_have_read()
{
    asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}

#endif
#endif
