/*
 * Token embedding. The gradient adds the rows of each id in order: ids are counted, each id gets a range of a list, its
 * rows are written there in any order, and then sorted by r. The positions of the ranges differ from run to run, but
 * not the order of additions.
 */
#include "kernels/cuda/row.cuh"
extern "C" {
#include "kernels/embed.h"
}

#define THREADS 128
#define PACKS   4 /* of a row, in flight in each thread */
#define AHEAD   8 /* rows of one id, in flight in each thread */

/* Traps if an id is beyond the table, which is the caller's error: later results would be wrong. */
static __device__ __forceinline__ int id_of(const uint32_t *ids, int64_t r, int64_t vocab)
{
    const int id = ids[r];

    if (id >= vocab)
        __trap();
    return id;
}

/* ---- forward: one row per block */

template <typename T, typename Y, int WIDTH>
static __global__ void __launch_bounds__(THREADS) embed(const struct bit_embed_args args)
{
    const int cols = (int)args.cols, step = THREADS * WIDTH;

    const T *from = (const T *)args.table + id_of(args.ids, blockIdx.x, args.vocab) * args.cols;
    const bit_sink<Y> to(args.y, args.y_dtype, blockIdx.x * args.cols);

    for (int begin = threadIdx.x * WIDTH; begin < cols; begin += PACKS * step) {
        bit_pack<T, WIDTH> in[PACKS];
#pragma unroll
        for (int k = 0; k < PACKS; k++)
            if (begin + k * step < cols)
                in[k] = bit_load<T, WIDTH>(from + begin + k * step);
#pragma unroll
        for (int k = 0; k < PACKS; k++) {
            float v[WIDTH];
#pragma unroll
            for (int e = 0; e < WIDTH; e++)
                v[e] = bit_to_f32(in[k].v[e]);
            if (begin + k * step < cols)
                to.put<WIDTH>(begin + k * step, v);
        }
    }
}

template <typename T, typename Y>
static void launch_embed(const struct bit_exec *exec, const struct bit_embed_args *args)
{
    const bool fast = args->cols % 4 == 0 && (uintptr_t)args->table % (4 * sizeof(T)) == 0 &&
                      (uintptr_t)args->y % (4 * sizeof(Y)) == 0;

    const auto kernel = fast ? embed<T, Y, 4> : embed<T, Y, 1>;

    kernel<<<(unsigned)args->rows, THREADS, 0, exec->gpu->stream>>>(*args);
}

template <typename T> static void launch_embed_from(const struct bit_exec *exec, const struct bit_embed_args *args)
{
    if (args->y_dtype == BIT_F32)
        launch_embed<T, float>(exec, args);
    else
        launch_embed<T, __nv_bfloat16>(exec, args);
}

extern "C" int bit_embed_cuda(const struct bit_exec *exec, const struct bit_embed_args *args)
{
    int err = bit_embed_check(args);

    if (err < 0 || (err = bit_row_check("embed", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (args->table_dtype == BIT_F32)
        launch_embed_from<float>(exec, args);
    else
        launch_embed_from<__nv_bfloat16>(exec, args);
    return bit_gpu_launched("embed");
}

/* ---- backward */

/* All in the workspace. */
struct lists {
    int *count;  /* (V) rows of an id */
    int *used;   /* how much of the list is assigned to ids */
    int *first;  /* (V) the start of an id's range */
    int *place;  /* (R) a row's unsorted position in its id's range; the row at 0 does the work for its id */
    int *list;   /* (R) rows by id */
    int *sorted; /* (R) the same, with each id's rows in order */
};

static struct lists lay_out(void *workspace, int64_t rows, int64_t vocab)
{
    int *at = (int *)workspace;

    return {
        at, at + vocab, at + vocab + 1, at + 2 * vocab + 1, at + 2 * vocab + 1 + rows, at + 2 * vocab + 1 + 2 * rows};
}

static __global__ void __launch_bounds__(THREADS) count_ids(const struct bit_embed_backward_args args, struct lists l)
{
    const int64_t r = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (r < args.rows)
        l.place[r] = atomicAdd(&l.count[id_of(args.ids, r, args.vocab)], 1);
}

static __global__ void __launch_bounds__(THREADS)
    give_stretches(const struct bit_embed_backward_args args, struct lists l)
{
    const int64_t r = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (r < args.rows && l.place[r] == 0)
        l.first[args.ids[r]] = atomicAdd(l.used, l.count[args.ids[r]]);
}

static __global__ void __launch_bounds__(THREADS) list_rows(const struct bit_embed_backward_args args, struct lists l)
{
    const int64_t r = (int64_t)blockIdx.x * THREADS + threadIdx.x;

    if (r < args.rows)
        l.list[l.first[args.ids[r]] + l.place[r]] = (int)r;
}

/* A row's sorted position is the number of earlier rows with the same id. */
static __global__ void __launch_bounds__(THREADS) sort_rows(const struct bit_embed_backward_args args, struct lists l)
{
    const int64_t r = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    int before = 0;

    if (r >= args.rows)
        return;
    const int first = l.first[args.ids[r]], count = l.count[args.ids[r]];
#pragma unroll 8
    for (int i = 0; i < count; i++)
        before += l.list[first + i] < r;
    l.sorted[first + before] = (int)r;
}

template <typename Dy, int WIDTH>
static __device__ __forceinline__ void add(bit_pack<float, WIDTH> *sum, bit_pack<Dy, WIDTH> v)
{
#pragma unroll
    for (int e = 0; e < WIDTH; e++)
        sum->v[e] = __fadd_rn(sum->v[e], bit_to_f32(v.v[e]));
}

/* Block (r, n): the n-th chunk of columns of r's id, if l.place[r] is 0. */
template <typename Dy, int WIDTH>
static __global__ void __launch_bounds__(THREADS, 8) add_rows(const struct bit_embed_backward_args args, struct lists l)
{
    const int64_t r = blockIdx.x, cols = args.cols, c = ((int64_t)blockIdx.y * THREADS + threadIdx.x) * WIDTH;

    if (l.place[r] != 0 || c >= cols)
        return;
    const int id = args.ids[r], count = l.count[id], *rows = l.sorted + l.first[id];
    const Dy *dy = (const Dy *)args.dy;
    float *to = args.dtable + id * cols + c;
    auto sum = bit_load<float, WIDTH>(to);
    int i = 0;

    for (; i + AHEAD <= count; i += AHEAD) {
        bit_pack<Dy, WIDTH> v[AHEAD];
#pragma unroll
        for (int k = 0; k < AHEAD; k++)
            v[k] = bit_load<Dy, WIDTH>(dy + rows[i + k] * cols + c);
#pragma unroll
        for (int k = 0; k < AHEAD; k++)
            add<Dy, WIDTH>(&sum, v[k]);
    }
    for (; i < count; i++)
        add<Dy, WIDTH>(&sum, bit_load<Dy, WIDTH>(dy + rows[i] * cols + c));
    bit_store<float, WIDTH>(to, sum);
}

template <typename Dy>
static void launch_add(const struct bit_exec *exec, const struct bit_embed_backward_args *args, struct lists l)
{
    const bool fast = args->cols % 4 == 0 && (uintptr_t)args->dy % (4 * sizeof(Dy)) == 0 &&
                      (uintptr_t)args->dtable % 16 == 0;
    const int64_t chunk = THREADS * (fast ? 4 : 1);

    const auto kernel = fast ? add_rows<Dy, 4> : add_rows<Dy, 1>;

    kernel<<<dim3((unsigned)args->rows, (unsigned)((args->cols + chunk - 1) / chunk)), THREADS, 0, exec->gpu->stream>>>(
        *args, l);
}

extern "C" int bit_embed_backward_cuda(const struct bit_exec *exec, const struct bit_embed_backward_args *args)
{
    const size_t bytes = bit_embed_backward_workspace(BIT_BACKEND_CUDA, args->rows, args->vocab);
    const unsigned blocks = (unsigned)((args->rows + THREADS - 1) / THREADS);
    int err = bit_embed_backward_check(args);

    if (err < 0 || (err = bit_row_check("embed_backward", args->rows, args->cols)) < 0 || args->rows == 0)
        return err;
    if (exec->workspace_bytes < bytes)
        return bit_fail(-ENOMEM, "embed_backward: workspace of %zu bytes, %zu needed", exec->workspace_bytes, bytes);
    const struct lists l = lay_out(exec->workspace, args->rows, args->vocab);
    err = bit_gpu_zero(exec->gpu, l.count, (size_t)(args->vocab + 1) * sizeof *l.count); /* and l.used */
    if (err < 0)
        return err;
    count_ids<<<blocks, THREADS, 0, exec->gpu->stream>>>(*args, l);
    give_stretches<<<blocks, THREADS, 0, exec->gpu->stream>>>(*args, l);
    list_rows<<<blocks, THREADS, 0, exec->gpu->stream>>>(*args, l);
    sort_rows<<<blocks, THREADS, 0, exec->gpu->stream>>>(*args, l);
    if (args->dy_dtype == BIT_F32)
        launch_add<float>(exec, args, l);
    else
        launch_add<__nv_bfloat16>(exec, args, l);
    return bit_gpu_launched("embed_backward");
}
