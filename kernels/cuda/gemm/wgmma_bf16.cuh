/* wgmma of bf16: 64 rows of a times 128 columns of b, over 16 of k. */
#ifndef BIT_KERNELS_CUDA_WGMMA_BF16_CUH
#define BIT_KERNELS_CUDA_WGMMA_BF16_CUH

#include <stdint.h>

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

#define SUMS_8(i)                                                                                                      \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]),        \
        "+f"(d[i + 7])
#define SUMS_32(i) SUMS_8(i), SUMS_8(i + 8), SUMS_8(i + 16), SUMS_8(i + 24)

/* d = a b^T, or d += a b^T with `add`. COLUMNS: b's rows are along n, and it is d = a b. */
template <bool COLUMNS>
static __device__ __forceinline__ void wgmma_bf16(float (&d)[64], uint64_t a, uint64_t b, int add)
{
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
                 "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
                 "%64, %65, p, 1, 1, 0, %67;\n}"
                 : SUMS_32(0), SUMS_32(32)
                 : "l"(a), "l"(b), "r"(add), "n"(COLUMNS ? 1 : 0));
}

#undef SUMS_8
#undef SUMS_32

#endif
#endif
