/* The context in which operators run: backend, threads, scratch memory. One for each worker process. */
#ifndef BIT_KERNELS_EXEC_H
#define BIT_KERNELS_EXEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bit_backend {
    BIT_BACKEND_REF,  /* plain loops, double accumulators: the reference in kcheck */
    BIT_BACKEND_CPU,  /* AVX-512 where the processor has it */
    BIT_BACKEND_CUDA, /* one GPU */
};

/* The processor's instruction sets: the fast variants are built once for each level (cpu/isa.h). */
enum bit_isa {
    BIT_ISA_BASE,   /* any machine */
    BIT_ISA_AVX2,   /* x86-64-v3: AVX2 and FMA */
    BIT_ISA_AVX512, /* x86-64-v4 with AVX512-BF16 and VNNI */
    BIT_ISA_COUNT,
};

enum bit_dtype { BIT_F32, BIT_BF16, BIT_I8 };
static inline size_t bit_dtype_bytes(enum bit_dtype t)
{
    return t == BIT_F32 ? 4 : t == BIT_BF16 ? 2 : 1;
}

/* What computes attention on CUDA. */
enum bit_attention_way {
    BIT_ATTENTION_BEST,  /* cuDNN if the build has it and it supports the shape, else our own kernels */
    BIT_ATTENTION_OWN,   /* our own kernels */
    BIT_ATTENTION_CUDNN, /* cuDNN, or an error with the reason */
};

struct bit_gpu;      /* cuda/gpu.h */
struct bit_op_trace; /* op_trace.h */

/*
 * The buffers of an operator's arguments, and exec->workspace, are in the backend's memory: the process's own, or the
 * GPU's. On CUDA a call enqueues the operator on the exec's only stream and returns; later operators see its results,
 * and the host sees them after bit_exec_wait.
 */
struct bit_exec {
    enum bit_backend backend;
    enum bit_isa isa; /* init sets the best that this machine has; a caller may lower it, never raise it */
    int threads;      /* OpenMP threads of this process */
    void *workspace;  /* scratch for the operator that runs; 64-byte aligned (256 on CUDA) */
    size_t workspace_bytes;
    struct bit_gpu *gpu; /* the GPU and its stream; NULL on other backends */
    enum bit_attention_way attention;
    bool replays;       /* record sequences and replay them, if the backend can (replay.h) */
    bool deterministic; /* the same bits on every run, even where a faster, nondeterministic implementation exists */
    struct bit_op_trace *trace; /* if set, operators leave marks there; borrowed */
    char description[192];      /* human-readable: "cpu avx512 bf16 vnni threads=2" */
};

/**
 * Set up `exec`. threads 0 means one for each core that this process may use. workspace_bytes comes from the plan. CUDA
 * takes the GPU of bit_exec_use_device, or the first.
 * Errors      -ENOTSUP for a backend that this build lacks; -ENODEV, with what was found, if there is no such GPU or
 *             its driver is too old; -ENOMEM; BIT_ECUDA
 * Ownership   exec owns its workspace; finish frees everything (a zeroed exec is fine)
 */
int bit_exec_init(struct bit_exec *exec, enum bit_backend backend, int threads, size_t workspace_bytes);
void bit_exec_finish(struct bit_exec *exec);
/** Set the GPU, counted from 0, that later calls of bit_exec_init take. */
void bit_exec_use_device(int device);
/** How many GPUs there are. Errors: -ENOTSUP in a build without CUDA; -ENODEV, with the reason, if there are none. */
int bit_exec_count_devices(int *count);
/** Free bytes on that GPU, with this process's CUDA context already allocated. Errors: as bit_exec_init's. */
int bit_exec_device_memory(size_t *bytes);
/** The PCI bus id of this exec's GPU, in the form that NVIDIA's tools use. Errors: -ENOTSUP on other backends. */
int bit_exec_device_bus(const struct bit_exec *exec, char bus[32]);
/** The total memory of this exec's GPU, in bytes; 0 on other backends. */
size_t bit_exec_device_bytes(const struct bit_exec *exec);

/**
 * Memory of the backend, all zero, aligned to 256 bytes. free also takes NULL; its bytes are those passed to alloc.
 * Errors      -ENOMEM with the size requested (and on CUDA what the GPU has left)
 */
int bit_exec_alloc(struct bit_exec *exec, size_t bytes, void **out);
void bit_exec_free(struct bit_exec *exec, void *memory, size_t bytes);
/** Host memory, all zero, from and to which copies run at full speed (CUDA: page-locked). */
int bit_exec_alloc_host(struct bit_exec *exec, size_t bytes, void **out);
void bit_exec_free_host(struct bit_exec *exec, void *memory, size_t bytes);
/**
 * Enqueued in order with the operators. Either side of a copy may be the backend's memory or the host's. A copy to the
 * host is complete after bit_exec_wait; the source of a copy from the host must not change until then.
 */
int bit_exec_copy(const struct bit_exec *exec, void *to, const void *from, size_t bytes);
int bit_exec_zero(const struct bit_exec *exec, void *memory, size_t bytes);
/** Wait until everything enqueued is done. Errors: BIT_ECUDA, from any operator since the last wait. */
int bit_exec_wait(const struct bit_exec *exec);
/** The best level of this machine and build, and its name: "base", "avx2", "avx512". */
enum bit_isa bit_isa_best(void);
const char *bit_isa_name(enum bit_isa isa);

/* A point among the enqueued work, with the time when the GPU reaches it; on other backends, when it is set. */
struct bit_mark {
    enum bit_backend backend; /* of its exec */
    double ms;                /* by the host's clock */
    void *event;              /* the GPU's; NULL elsewhere */
};
/** Errors: BIT_ECUDA. finish also takes a zeroed mark. */
int bit_mark_init(struct bit_mark *mark, const struct bit_exec *exec);
void bit_mark_finish(struct bit_mark *mark);
int bit_mark_set(struct bit_mark *mark, const struct bit_exec *exec);
/** Milliseconds between two marks that are set; call it after bit_exec_wait. */
double bit_mark_ms(const struct bit_mark *from, const struct bit_mark *to);

typedef uint16_t bit_bf16; /* the upper half of an IEEE single */
static inline float bit_bf16_to_f32(bit_bf16 h)
{
    union {
        uint32_t u;
        float f;
    } v = {.u = (uint32_t)h << 16};
    return v.f;
}
/* Round to nearest, ties to even; NaN stays NaN. */
static inline bit_bf16 bit_f32_to_bf16(float f)
{
    union {
        float f;
        uint32_t u;
    } v = {.f = f};
    if ((v.u & 0x7fffffffu) > 0x7f800000u)
        return (bit_bf16)((v.u >> 16) | 0x40u);
    return (bit_bf16)((v.u + 0x7fffu + ((v.u >> 16) & 1u)) >> 16);
}

#endif
