/*
 * Rotary position embedding: one position per block, whose threads divide the packs of half a head among themselves and
 * go from head to head, so that a position's angles are loaded once. If the shape or alignment does not allow packs,
 * masks are written and applied in separate passes, one byte per thread.
 */
#include "kernels/cuda/row.cuh"
extern "C" {
#include "kernels/rope.h"
}

#define THREADS      64
#define WIDTH        8 /* elements of a pack: a byte of the mask */
#define AHEAD        2 /* heads in flight in each thread */
#define MASK_THREADS 256

enum mode {
    ROTATE,       /* q and k only */
    CLAMP_ROTATE, /* q, k and v; the mask is written */
    ROTATE_ZERO,  /* q, k and v; the mask is read */
};

struct packed {
    void *x; /* (rows, 3, heads, 2, half) */
    int64_t rows, time;
    int heads, half;
    const float *cos_sin;
    float direction; /* 1 forward, -1 back */
    float clip;
    uint8_t *mask;
};

/* ---- packs */

template <typename T>
static __device__ __forceinline__ unsigned clamp_pack(bit_pack<T, WIDTH> *x, float clip, uint8_t *mask)
{
    unsigned bits = 0;

#pragma unroll
    for (int e = 0; e < WIDTH; e++) {
        const float v = bit_to_f32(x->v[e]);
        if (v > clip || v < -clip) { /* not NaN */
            bits |= 1u << e;
            x->v[e] = bit_from_f32<T>(v > clip ? clip : -clip);
        }
    }
    *mask = (uint8_t)bits;
    return bits;
}

template <typename T> static __device__ __forceinline__ void zero_pack(bit_pack<T, WIDTH> *x, unsigned bits)
{
#pragma unroll
    for (int e = 0; e < WIDTH; e++)
        if (bits >> e & 1)
            x->v[e] = bit_from_f32<T>(0);
}

template <typename T, int N>
static __device__ __forceinline__ void rotate_pack(bit_pack<T, N> *a, bit_pack<T, N> *b, const float *cosine,
                                                   const float *sine)
{
#pragma unroll
    for (int e = 0; e < N; e++) {
        const float x = bit_to_f32(a->v[e]), y = bit_to_f32(b->v[e]);

        a->v[e] = bit_from_f32<T>(x * cosine[e] - y * sine[e]);
        b->v[e] = bit_from_f32<T>(y * cosine[e] + x * sine[e]);
    }
}

/* N elements, starting at `at`, of the first half of a head, and the same elements of its second half, in registers. */
template <typename T, int N> struct head_packs {
    bit_pack<T, N> a, b;

    __device__ __forceinline__ void load(const packed &p, int64_t at)
    {
        a = bit_load<T, N>((const T *)p.x + at);
        b = bit_load<T, N>((const T *)p.x + at + p.half);
    }
    __device__ __forceinline__ void store(const packed &p, int64_t at) const
    {
        bit_store<T, N>((T *)p.x + at, a);
        bit_store<T, N>((T *)p.x + at + p.half, b);
    }
    /* Applies MODE to both packs; returns false if nothing changed. */
    template <mode MODE>
    __device__ __forceinline__ bool turn(const packed &p, int64_t at, bool rotates, const float *cosine,
                                         const float *sine)
    {
        unsigned of_a = 0, of_b = 0;

        if constexpr (MODE == CLAMP_ROTATE) {
            of_a = clamp_pack<T>(&a, p.clip, p.mask + at / 8);
            of_b = clamp_pack<T>(&b, p.clip, p.mask + (at + p.half) / 8);
        }
        if (MODE == ROTATE || rotates)
            rotate_pack<T, N>(&a, &b, cosine, sine);
        if constexpr (MODE == ROTATE_ZERO) {
            of_a = p.mask[at / 8];
            of_b = p.mask[(at + p.half) / 8];
            zero_pack<T>(&a, of_a);
            zero_pack<T>(&b, of_b);
        }
        return MODE == ROTATE || rotates || (of_a | of_b) != 0;
    }
};

/* ---- one position per block */

template <int COUNT> static __device__ __forceinline__ void load_angles(const float *table, float *angles)
{
    constexpr int width = COUNT % 4 == 0 ? 4 : 1;

#pragma unroll
    for (int i = 0; i < COUNT; i += width) {
        const auto some = bit_load<float, width>(table + i);
#pragma unroll
        for (int e = 0; e < width; e++)
            angles[i + e] = some.v[e];
    }
}

template <typename T, int N, mode MODE> static __global__ void __launch_bounds__(THREADS) rotate(const packed p)
{
    const int lanes = p.half / N, across = min(lanes, THREADS), down = THREADS / across;
    const int head_dim = 2 * p.half, heads = MODE == ROTATE ? 2 * p.heads : 3 * p.heads;
    const int64_t row = blockIdx.x;

    if ((int)threadIdx.x >= across * down)
        return;
    for (int lane = threadIdx.x % across; lane < lanes; lane += across) {
        const float *table = p.cos_sin + (row % p.time * p.half + lane * N) * 2;
        const int64_t base = row * 3 * p.heads * head_dim + lane * N;
        float angles[2 * N], cosine[N], sine[N];

        load_angles<2 * N>(table, angles);
#pragma unroll
        for (int e = 0; e < N; e++) {
            cosine[e] = angles[2 * e];
            sine[e] = angles[2 * e + 1] * p.direction;
        }
        for (int first = threadIdx.x / across; first < heads; first += AHEAD * down) {
            head_packs<T, N> x[AHEAD];
#pragma unroll
            for (int k = 0; k < AHEAD; k++)
                if (first + k * down < heads)
                    x[k].load(p, base + (first + k * down) * head_dim);
#pragma unroll
            for (int k = 0; k < AHEAD; k++) {
                const int head = first + k * down;
                const int64_t at = base + head * head_dim;
                if (head < heads && x[k].template turn<MODE>(p, at, head < 2 * p.heads, cosine, sine))
                    x[k].store(p, at);
            }
        }
    }
}

/* ---- masks of any shape: one thread for the eight elements of a byte */

template <typename T> static __global__ void __launch_bounds__(MASK_THREADS) clamp_any(packed p, int64_t count)
{
    const int64_t byte = (int64_t)blockIdx.x * MASK_THREADS + threadIdx.x;

    T *x = (T *)p.x + byte * 8;
    unsigned bits = 0;

    for (int e = 0; e < 8 && byte * 8 + e < count; e++) {
        const float v = bit_to_f32(x[e]);
        if (v > p.clip || v < -p.clip) {
            bits |= 1u << e;
            x[e] = bit_from_f32<T>(v > p.clip ? p.clip : -p.clip);
        }
    }
    if (byte * 8 < count)
        p.mask[byte] = (uint8_t)bits;
}

template <typename T> static __global__ void __launch_bounds__(MASK_THREADS) zero_any(packed p, int64_t count)
{
    const int64_t byte = (int64_t)blockIdx.x * MASK_THREADS + threadIdx.x;

    T *x = (T *)p.x + byte * 8;

    for (int e = 0; e < 8 && byte * 8 + e < count; e++)
        if (p.mask[byte] >> e & 1)
            x[e] = bit_from_f32<T>(0);
}

/* ---- launching */

template <typename T> static void launch(const struct bit_exec *exec, const packed &p, mode mode)
{
    const bool fast = p.half % WIDTH == 0 && (uintptr_t)p.x % (WIDTH * sizeof(T)) == 0 &&
                      (uintptr_t)p.cos_sin % 16 == 0;
    const int64_t count = p.rows * 6 * p.heads * p.half;
    const unsigned rows = (unsigned)p.rows, bytes = (unsigned)((count + 8 * MASK_THREADS - 1) / (8 * MASK_THREADS));
    cudaStream_t stream = exec->gpu->stream;

    if (fast && mode == ROTATE)
        rotate<T, WIDTH, ROTATE><<<rows, THREADS, 0, stream>>>(p);
    else if (fast && mode == CLAMP_ROTATE)
        rotate<T, WIDTH, CLAMP_ROTATE><<<rows, THREADS, 0, stream>>>(p);
    else if (fast)
        rotate<T, WIDTH, ROTATE_ZERO><<<rows, THREADS, 0, stream>>>(p);
    if (fast)
        return;
    if (mode == CLAMP_ROTATE)
        clamp_any<T><<<bytes, MASK_THREADS, 0, stream>>>(p, count);
    rotate<T, 1, ROTATE><<<rows, THREADS, 0, stream>>>(p);
    if (mode == ROTATE_ZERO)
        zero_any<T><<<bytes, MASK_THREADS, 0, stream>>>(p, count);
}

static int run(const struct bit_exec *exec, const char *name, const packed &p, mode mode, enum bit_dtype dtype)
{
    int err = bit_row_check(name, p.rows, (int64_t)6 * p.heads * p.half);

    if (err < 0 || p.rows == 0)
        return err;
    if (dtype == BIT_F32)
        launch<float>(exec, p, mode);
    else
        launch<__nv_bfloat16>(exec, p, mode);
    return bit_gpu_launched(name);
}

extern "C" int bit_rope_cuda(const struct bit_exec *exec, const struct bit_rope_args *args)
{
    const packed p = {args->qkv,
                      args->batch * args->time,
                      args->time,
                      (int)args->heads,
                      (int)args->head_dim / 2,
                      args->cos_sin,
                      1,
                      args->clip,
                      args->mask};
    int err = bit_rope_check(args);

    return err < 0 ? err : run(exec, "rope", p, args->clip > 0 ? CLAMP_ROTATE : ROTATE, args->dtype);
}

extern "C" int bit_rope_backward_cuda(const struct bit_exec *exec, const struct bit_rope_backward_args *args)
{
    const packed p = {
        args->dqkv, args->batch * args->time, args->time, (int)args->heads, (int)args->head_dim / 2, args->cos_sin, -1,
        0,          (uint8_t *)args->mask};
    int err = bit_rope_backward_check(args);

    return err < 0 ? err : run(exec, "rope_backward", p, args->mask != NULL ? ROTATE_ZERO : ROTATE, args->dtype);
}
