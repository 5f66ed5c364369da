#include "kernels/cuda/gemm/bf16_gemm.cuh"

extern "C" int bit_bf16_gemm_backward(const bit_exec *exec, const bit_bf16_gemm_args *args)
{
    return launch<BIT_GEMM_BACKWARD>(exec, args);
}
