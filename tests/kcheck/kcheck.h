/*
 * Checks every fast variant of an operator against its reference, and times the same calls.
 *
 * A check body gets buffers from the harness, builds one argument struct of them, and calls the operator:
 *
 *     static int check_swiglu(struct kc *k, const int64_t *dim)
 *     {
 *         const struct bit_swiglu_args args = {
 *             .rows = dim[0], .cols = dim[1], .dtype = (enum bit_dtype)dim[2],
 *             .ug = kc_in(k, "ug", (enum bit_dtype)dim[2], dim[0] * dim[1] * 2, 1),
 *             .y = kc_out(k, "y", (enum bit_dtype)dim[2], dim[0] * dim[1], KC_NEAR(1e-6, 0)),
 *         };
 *         return kc_call(k, &args);
 *     }
 *     KC_OP(swiglu, "rows cols dtype:t", shapes, check_swiglu, cost_swiglu, KC_DETERMINISTIC)
 *
 * The body runs once for the reference and once for each variant (processor level and number of threads; the GPU). A
 * buffer's values depend only on the seed and its name. Buffers have guard bytes at both ends and are aligned only to
 * their elements; outputs are poisoned with NaN before the call; inputs must not change.
 */
#ifndef BIT_TESTS_KCHECK_H
#define BIT_TESTS_KCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "kernels/exec/exec.h"
#include "kernels/exec/op.h"

#define KC_DIMS_MAX    10
#define KC_BUFFERS_MAX 16
#define KC_OPS_MAX     64

/* Element types of buffers: the operators' types, and further ones for buffers only. */
enum kc_type { KC_F32 = BIT_F32, KC_BF16 = BIT_BF16, KC_I8 = BIT_I8, KC_U8, KC_U32, KC_I32, KC_U64, KC_F64 };

/*
 * The tolerance of an output: |got - want| <= abs + rel |want| + of_max max |want|, with the maximum over the element's
 * row of `row` elements (0: the whole buffer). A bf16 output gets 2^-7 |want| more, since both sides round it once to
 * within 2^-8. KC_EXACT is equality of bits.
 */
struct kc_near {
    double rel, abs, of_max;
    int64_t row;
    bool subnormal_may_be_zero;
};
#define KC_EXACT               ((struct kc_near){0})
#define KC_EXACT_NORMAL        ((struct kc_near){.subnormal_may_be_zero = true})
#define KC_NEAR(rel_, abs_)    ((struct kc_near){.rel = (rel_), .abs = (abs_)})
#define KC_OF_MAX(share, row_) ((struct kc_near){.of_max = (share), .row = (row_)})

/*
 * The tolerance of the operand that a backward pass recomputes (kernels/operand.h) from statistics that both sides get:
 * equal, except that the processor's conversion to bf16 makes subnormals zero. Below full strength, strength (code - u)
 * may be fused with the next operation, and a blend may be rounded to the other bf16 neighbour before it is scaled.
 */
static inline struct kc_near kc_operand_near(enum bit_dtype dtype, float strength)
{
    if (strength == 0 || strength == 1)
        return KC_EXACT_NORMAL;
    return dtype == BIT_BF16 ? KC_NEAR(0x1p-8, 1e-6) : KC_NEAR(1e-6, 1e-6);
}

struct kc; /* one run of a check body */

/** `count` elements drawn from a normal distribution times `scale`, with zeros of both signs and tiny values among
 * them. dtype f32, bf16 or i8 (rounded and clamped). */
void *kc_in(struct kc *k, const char *name, enum bit_dtype dtype, int64_t count, double scale);
/** Integers drawn uniformly from [low, high]. */
void *kc_in_whole(struct kc *k, const char *name, enum kc_type type, int64_t count, int64_t low, int64_t high);
/** Like kc_in, but the operator may overwrite it, and the result is compared. */
void *kc_inout(struct kc *k, const char *name, enum bit_dtype dtype, int64_t count, double scale, struct kc_near near);
/** An output: poisoned before the call, compared after it. */
void *kc_out(struct kc *k, const char *name, enum kc_type type, int64_t count, struct kc_near near);
/** The output of a product, and what the product is added to: nothing, the output's previous values, or a separate
 * input "addend" of the same type, returned in *addend. */
enum kc_addend { KC_ADDEND_NONE, KC_ADDEND_IN_PLACE, KC_ADDEND_APART };
void *kc_sum_onto(struct kc *k, const char *name, enum kc_addend onto, enum bit_dtype dtype, int64_t count,
                  struct kc_near near, const void **addend);
/** Like kc_out, but zero before the call: the operator may add to it. */
void *kc_sum(struct kc *k, const char *name, enum kc_type type, int64_t count, struct kc_near near);
/** A buffer that the body fills itself before kc_call, and that is then an input. */
void *kc_room(struct kc *k, const char *name, enum kc_type type, int64_t count);
/** The exec with which a body computes inputs (a forward pass): the reference, or while timing the fast variant. */
const struct bit_exec *kc_prepare_exec(struct kc *k);
/** Give this call of the operator a workspace of exactly this size; by default it has none. */
int kc_workspace(struct kc *k, size_t bytes);
/** Backend and threads of the call, for functions that compute a workspace's size. */
enum bit_backend kc_backend(const struct kc *k);
/** The exec of the call, for functions that depend on its card. */
const struct bit_exec *kc_exec(const struct kc *k);
int kc_threads(const struct kc *k);
/** Run the variant, check guards and inputs, compare the outputs. 0, or -1 with the failure printed and counted. */
int kc_call(struct kc *k, const void *args);

struct kc_cost {
    double bytes;              /* that must be read or written once */
    double flops;              /* 0 if only memory matters */
    enum bit_dtype multiplied; /* the type of the products' operands */
};

enum kc_shape_flags {
    KC_QUICK = 1, /* part of `meson test` */
    KC_FULL = 2,  /* only with --full: large, or one of many */
    KC_BENCH = 4, /* timed by --bench; checked with --full too, but see KC_COSTLY */
    KC_LARGE = 8, /* timed by --bench and not checked: its reference takes minutes */
    KC_HUGE = 16, /* as KC_LARGE, on the GPU only */
};
struct kc_shape {
    unsigned flags;
    int64_t dim[KC_DIMS_MAX];
};

enum kc_op_flags {
    KC_DETERMINISTIC = 1, /* the same bits for any number of threads */
    KC_COSTLY = 2,        /* its reference takes minutes at the KC_BENCH shapes: --full leaves them out */
    KC_ALIGNED = 8,       /* the GPU's variant requires aligned buffers */
    KC_DEVICE_ONLY = 4,   /* the processor's variants are already checked under another name */
};
/* The peers that --bench compares an operator with, one column each. */
enum kc_peer { KC_PEER_ONEDNN, KC_PEER_BF16, KC_PEERS };
struct kc_peer_call;
typedef int kc_peer_create(const struct bit_exec *exec, const void *args, struct kc_peer_call *out); /* peer.h */

struct kc_op {
    const char *name;
    const char *dim_names; /* "rows cols dtype:t": names in order, ":t" marks a dtype */
    const struct kc_shape *shapes;
    int shape_count;
    int (*body)(struct kc *k, const int64_t *dim);
    int (*run)(const struct bit_exec *exec, const void *args);
    size_t args_bytes;
    void (*cost)(const int64_t *dim, struct kc_cost *out);
    unsigned flags;
    kc_peer_create *peers[KC_PEERS]; /* NULL: none */
    const char *way_of;              /* for a KC_WAY, its operator; NULL: this is the operator itself */
};
void kc_register(const struct kc_op *op);

/* In a check file: the operator's entry in kcheck's table. dim_names is a string, shapes an array; after the flags
 * there may be further fields by name. */
#define KC_OP(op_name, names, shape_table, body_, cost_, flags_, ...)                                                  \
    static int run_##op_name(const struct bit_exec *exec, const void *args)                                            \
    {                                                                                                                  \
        return bit_##op_name(exec, args);                                                                              \
    }                                                                                                                  \
    __attribute__((constructor)) static void register_##op_name(void)                                                  \
    {                                                                                                                  \
        static const struct kc_op op = {#op_name,                                                                      \
                                        names,                                                                         \
                                        shape_table,                                                                   \
                                        sizeof(shape_table) / sizeof((shape_table)[0]),                                \
                                        body_,                                                                         \
                                        run_##op_name,                                                                 \
                                        sizeof(struct bit_##op_name##_args),                                           \
                                        cost_,                                                                         \
                                        flags_,                                                                        \
                                        ##__VA_ARGS__};                                                                \
        kc_register(&op);                                                                                              \
    }

/* Another way to run an operator that has an entry, as with another kernel: its name, and the fields that differ. */
#define KC_WAY(way_name, op_name, names, shape_table, body_, run_, cost_, flags_)                                      \
    __attribute__((constructor)) static void register_##way_name(void)                                                 \
    {                                                                                                                  \
        static const struct kc_op op = {                                                                               \
            .name = #way_name,                                                                                         \
            .dim_names = names,                                                                                        \
            .shapes = shape_table,                                                                                     \
            .shape_count = sizeof(shape_table) / sizeof((shape_table)[0]),                                             \
            .body = body_,                                                                                             \
            .run = run_,                                                                                               \
            .args_bytes = sizeof(struct bit_##op_name##_args),                                                         \
            .cost = cost_,                                                                                             \
            .flags = flags_,                                                                                           \
            .way_of = #op_name,                                                                                        \
        };                                                                                                             \
        kc_register(&op);                                                                                              \
    }

/* The options of the command line. */
struct kc_options {
    uint64_t seed;
    unsigned shapes; /* kc_shape_flags of the selected shapes */
    int isa;         /* a level, or -1: each that this machine has */
    bool cpu, cuda;  /* which variants */
    int threads;     /* for timing; 0: all cores */
    bool reference;  /* time the reference, too */
    bool json;
    FILE *complain; /* where failures are printed; NULL: nowhere (selftest only counts) */
};
struct kc_tally {
    long calls, failures;
};
/** Check one operator over its shapes: failures are printed and counted. */
void kc_check_op(const struct kc_op *op, const struct kc_options *options, struct kc_tally *tally);
/** Time one operator over its KC_BENCH shapes. Returns 0, or -1 where a call failed. */
int kc_bench_op(const struct kc_op *op, const struct kc_options *options);
void kc_bench_heading(const struct kc_options *options);
int kc_op_count(void);
const struct kc_op *kc_op_at(int index);
/** Check kernels with planted faults. Returns how many faults were not noticed, and prints each. */
int kc_selftest(uint64_t seed);

#endif
