/* Hopper's instructions as functions: barriers that count bytes, and clusters; and on the host the encoder of TMA's
 * tensor maps. For .cu files that are compiled for sm_90a. */
#ifndef BIT_KERNELS_CUDA_HOPPER_CUH
#define BIT_KERNELS_CUDA_HOPPER_CUH

#include <cuda.h> /* only types; find_encoder looks up the one driver function */
#include <cudaTypedefs.h>

#include "kernels/cuda/util.cuh"
extern "C" {
#include "proto/err.h"
}

/* A wait this long is a bug: the kernel traps instead of blocking the GPU. */
#define PATIENCE_NS 20000000000ull

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

/* ---- barriers */

static __device__ __forceinline__ unsigned address_of(const void *p)
{
    return (unsigned)__cvta_generic_to_shared(p);
}

static __device__ __forceinline__ void barrier_init(uint64_t *barrier, unsigned arrivals)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(address_of(barrier)), "r"(arrivals) : "memory");
}

static __device__ __forceinline__ bool has_passed(unsigned barrier, unsigned parity)
{
    unsigned passed;

    asm volatile("{\n.reg .pred p;\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
                 "selp.u32 %0, 1, 0, p;\n}"
                 : "=r"(passed)
                 : "r"(barrier), "r"(parity)
                 : "memory");
    return passed;
}

static __device__ __forceinline__ uint64_t now_ns()
{
    uint64_t ns;

    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
    return ns;
}

/* Waits until the phase of this parity is complete. */
static __device__ __forceinline__ void barrier_wait(uint64_t *barrier, unsigned parity)
{
    const unsigned at = address_of(barrier);

    if (has_passed(at, parity))
        return;
    const uint64_t began = now_ns();
    while (!has_passed(at, parity))
        if (now_ns() - began > PATIENCE_NS)
            __trap();
}

/* The same without the trap, for threads whose sums fill the registers: with a second exit from the loop the compiler
 * spills them. Another thread that waits for the same progress must trap. */
static __device__ __forceinline__ void barrier_wait_without_trap(uint64_t *barrier, unsigned parity)
{
    while (!has_passed(address_of(barrier), parity))
        ;
}

static __device__ __forceinline__ void barrier_expect(uint64_t *barrier, unsigned bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(address_of(barrier)), "r"(bytes)
                 : "memory");
}

/* Arrives at a barrier of this block, and releases what the thread wrote before. */
static __device__ __forceinline__ void barrier_arrive_here(uint64_t *barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(address_of(barrier)) : "memory");
}

/* Arrives at the same barrier in block `block` of the cluster. Relaxed, because there are no ordinary accesses to
 * release: the reads of the stage are complete when wgmma's wait returns. A release at cluster scope would fence all
 * memory. */
static __device__ __forceinline__ void barrier_arrive(uint64_t *barrier, unsigned block)
{
    asm volatile("{\n.reg .b32 there;\n"
                 "mapa.shared::cluster.u32 there, %0, %1;\n"
                 "mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [there];\n}" ::"r"(address_of(barrier)),
                 "r"(block)
                 : "memory");
}

/* Relaxed, too: a fence of their own publishes the barriers, and the blocks share no other data. */
static __device__ __forceinline__ void cluster_barrier()
{
    asm volatile("barrier.cluster.arrive.relaxed.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

static __device__ __forceinline__ unsigned cluster_rank()
{
    unsigned rank;

    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}

/* A thread's position in the ring. In a new barrier the phase of parity 1 counts as complete. */
template <int STAGES> struct ring {
    int at;
    unsigned parity;

    __device__ __forceinline__ void advance()
    {
        at++;
        if (at == STAGES) {
            at = 0;
            parity ^= 1;
        }
    }
    __device__ __forceinline__ void advance(int stages)
    {
        at += stages;
        parity ^= at / STAGES & 1;
        at %= STAGES;
    }
};

#endif

/* ---- host */

static int find_encoder(PFN_cuTensorMapEncodeTiled_v12000 *out)
{
    static PFN_cuTensorMapEncodeTiled_v12000 encoder;
    cudaDriverEntryPointQueryResult found;
    void *entry = nullptr;

    if (encoder == nullptr) {
        int err = bit_gpu_try(
            cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault, &found));
        if (err < 0)
            return err;
        if (found != cudaDriverEntryPointSuccess)
            return bit_fail(BIT_ECUDA, "the GPU driver has no cuTensorMapEncodeTiled");
        encoder = reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(entry);
    }
    *out = encoder;
    return 0;
}

#endif
