/*
 * Many rooted collectives in one group against the one collective that does the same: a vector whose parts are
 * broadcast from their owners, and one all-gather; a vector whose parts are reduced to their owners, and one
 * reduce-scatter. The owners follow each other up the ranks, or down.
 *
 *     mpirun -n GPUS rooted [PARTS [MIB...]]      64 parts of vectors of 16, 128 and 256 MiB
 *
 * Prints a line of JSON for each: the median of REPEATS, each timed by its slowest rank. The first result is verified.
 * Exit 77: fewer GPUs than ranks.
 */
#include <cuda_runtime_api.h>
#include <mpi.h>
#include <nccl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM      3
#define REPEATS   15
#define PARTS_MAX 4096
#define MIB_MAX   16384
#define SKIP      77

static struct {
    int rank, size, parts;
    ncclComm_t nccl;
    cudaStream_t stream;
    cudaEvent_t before, after;
    float *vector;
    size_t count; /* floats of the vector: whole parts, and each part whole shares of the ranks */
} self;

__attribute__((format(printf, 1, 2))) static _Noreturn void give_up(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "rooted: rank %d: ", self.rank);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILURE);
    abort();
}

static void cuda_must(cudaError_t error, const char *call)
{
    if (error != cudaSuccess)
        give_up("%s: %s", call, cudaGetErrorString(error));
}
#define CUDA(call) cuda_must((call), #call)

static void nccl_must(ncclResult_t result, const char *call)
{
    if (result != ncclSuccess)
        give_up("%s: %s: %s", call, ncclGetErrorString(result), ncclGetLastError(self.nccl));
}
#define NCCL(call) nccl_must((call), #call)

/* ---- the collectives */

static size_t part_count(void)
{
    return self.count / (size_t)self.parts;
}

/* Parts are assigned round-robin, so that with as many parts as ranks an owner's part is where an all-gather has it. */
static int owner_of(int part, bool down)
{
    return down ? self.size - 1 - part % self.size : part % self.size;
}

static void broadcasts(bool down)
{
    NCCL(ncclGroupStart());
    for (int p = 0; p < self.parts; p++) {
        float *part = self.vector + (size_t)p * part_count();
        NCCL(ncclBroadcast(part, part, part_count(), ncclFloat32, owner_of(p, down), self.nccl, self.stream));
    }
    NCCL(ncclGroupEnd());
}

static void all_gather(bool down)
{
    const size_t share = self.count / (size_t)self.size;

    (void)down;
    NCCL(ncclAllGather(self.vector + (size_t)self.rank * share, self.vector, share, ncclFloat32, self.nccl,
                       self.stream));
}

static void reductions(bool down)
{
    NCCL(ncclGroupStart());
    for (int p = 0; p < self.parts; p++) {
        float *part = self.vector + (size_t)p * part_count();
        NCCL(ncclReduce(part, part, part_count(), ncclFloat32, ncclSum, owner_of(p, down), self.nccl, self.stream));
    }
    NCCL(ncclGroupEnd());
}

static void reduce_scatter(bool down)
{
    const size_t share = self.count / (size_t)self.size;

    (void)down;
    NCCL(ncclReduceScatter(self.vector, self.vector + (size_t)self.rank * share, share, ncclFloat32, ncclSum, self.nccl,
                           self.stream));
}

static const struct way {
    const char *name;
    void (*enqueue)(bool down);
    bool rooted, down, sums;
} ways[] = {
    {"broadcasts, roots up", broadcasts, true, false, false},
    {"broadcasts, roots down", broadcasts, true, true, false},
    {"one all-gather", all_gather, false, false, false},
    {"reductions, roots up", reductions, true, false, true},
    {"reductions, roots down", reductions, true, true, true},
    {"one reduce-scatter", reduce_scatter, false, false, true},
};
#define WAYS (int)(sizeof ways / sizeof *ways)

/* ---- verification */

static int owner_at(const struct way *way, size_t i)
{
    return way->rooted ? owner_of((int)(i / part_count()), way->down) : (int)(i / (self.count / (size_t)self.size));
}

/* Whole numbers, so that sums are exact. */
static float value(int rank, size_t i)
{
    return (float)(rank + 1) * (float)(i % 1021);
}

/* Fills the vector with the rank's own values where it owns or adds, otherwise -1. */
static void fill(const struct way *way, float *host)
{
    for (size_t i = 0; i < self.count; i++)
        host[i] = way->sums || owner_at(way, i) == self.rank ? value(self.rank, i) : -1;
    CUDA(cudaMemcpy(self.vector, host, self.count * sizeof *host, cudaMemcpyHostToDevice));
}

static void compare(const struct way *way, float *host)
{
    const float all = (float)(self.size * (self.size + 1) / 2);

    CUDA(cudaMemcpy(host, self.vector, self.count * sizeof *host, cudaMemcpyDeviceToHost));
    for (size_t i = 0; i < self.count; i++) {
        const int owner = owner_at(way, i);
        const float expected = way->sums ? all * (float)(i % 1021) : value(owner, i);
        if ((!way->sums || owner == self.rank) && host[i] != expected)
            give_up("%s: element %zu is %g and not %g", way->name, i, (double)host[i], (double)expected);
    }
}

/* ---- time */

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* Milliseconds of the slowest rank. */
static float time_once(const struct way *way)
{
    float mine, slowest;

    MPI_Barrier(MPI_COMM_WORLD);
    CUDA(cudaEventRecord(self.before, self.stream));
    way->enqueue(way->down);
    CUDA(cudaEventRecord(self.after, self.stream));
    CUDA(cudaEventSynchronize(self.after));
    CUDA(cudaEventElapsedTime(&mine, self.before, self.after));
    MPI_Allreduce(&mine, &slowest, 1, MPI_FLOAT, MPI_MAX, MPI_COMM_WORLD);
    return slowest;
}

static void measure(const struct way *way, float *host)
{
    const size_t bytes = self.count * sizeof *host;
    float ms[REPEATS];
    int version = 0;

    fill(way, host);
    time_once(way);
    compare(way, host);
    for (int i = 0; i < WARM; i++)
        time_once(way);
    for (int i = 0; i < REPEATS; i++)
        ms[i] = time_once(way);
    qsort(ms, REPEATS, sizeof *ms, by_value);
    NCCL(ncclGetVersion(&version));
    if (self.rank == 0)
        printf("{\"way\":\"%s\",\"ranks\":%d,\"calls\":%d,\"bytes\":%zu,\"ms\":%.4f,\"fastest_ms\":%.4f,\"gb_s\":%.2f,"
               "\"nccl\":%d}\n",
               way->name, self.size, way->rooted ? self.parts : 1, bytes, (double)ms[REPEATS / 2], (double)ms[0],
               (double)bytes / (double)ms[REPEATS / 2] * 1e-6, version);
}

static void measure_all(long mib)
{
    const size_t whole = (size_t)self.parts * (size_t)self.size; /* so that parts and ranks both divide the vector */
    const size_t wanted = ((size_t)mib << 20) / sizeof(float);

    self.count = wanted / whole > 0 ? wanted / whole * whole : whole;
    float *host = malloc(self.count * sizeof *host);
    if (host == NULL)
        give_up("no memory for %ld MiB", mib);
    CUDA(cudaMalloc((void **)&self.vector, self.count * sizeof *host));
    for (int w = 0; w < WAYS; w++)
        measure(&ways[w], host);
    CUDA(cudaFree(self.vector));
    free(host);
    fflush(stdout);
}

/* ---- life */

static long number(const char *text, long most)
{
    char *end;
    const long n = strtol(text, &end, 10);

    if (end == text || *end != '\0' || n < 1 || n > most)
        give_up("'%s' is no number from 1 to %ld", text, most);
    return n;
}

/* Selects this rank's GPU by its local rank. False if there are too few. */
static bool take_gpu(void)
{
    MPI_Comm here;
    int devices = 0, local, missing, anywhere;

    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    MPI_Comm_rank(here, &local);
    MPI_Comm_free(&here);
    missing = cudaGetDeviceCount(&devices) != cudaSuccess || local >= devices;
    MPI_Allreduce(&missing, &anywhere, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    if (anywhere)
        return false;
    CUDA(cudaSetDevice(local));
    return true;
}

static void start(void)
{
    ncclUniqueId id;

    setenv("NCCL_NVLS_ENABLE", "0", 0);
    if (self.rank == 0)
        NCCL(ncclGetUniqueId(&id));
    MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, MPI_COMM_WORLD);
    NCCL(ncclCommInitRank(&self.nccl, self.size, id, self.rank));
    CUDA(cudaStreamCreateWithFlags(&self.stream, cudaStreamNonBlocking));
    CUDA(cudaEventCreate(&self.before));
    CUDA(cudaEventCreate(&self.after));
}

static void stop(void)
{
    CUDA(cudaEventDestroy(self.before));
    CUDA(cudaEventDestroy(self.after));
    CUDA(cudaStreamDestroy(self.stream));
    NCCL(ncclCommDestroy(self.nccl));
}

int main(int argc, char **argv)
{
    static const long usual[] = {16, 128, 256};
    bool begun;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &self.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &self.size);
    self.parts = argc > 1 ? (int)number(argv[1], PARTS_MAX) : 64;
    begun = take_gpu();
    if (!begun && self.rank == 0)
        printf("skipped: fewer than %d GPUs\n", self.size);
    if (begun) {
        start();
        for (size_t i = 0; argc <= 2 && i < sizeof usual / sizeof *usual; i++)
            measure_all(usual[i]);
        for (int i = 2; i < argc; i++)
            measure_all(number(argv[i], MIB_MAX));
        stop();
    }
    MPI_Finalize();
    return begun ? EXIT_SUCCESS : SKIP;
}
