/* The buffers of one run of a check body: they are guarded, filled and compared. */
#ifndef BIT_TESTS_KCHECK_BUFFERS_H
#define BIT_TESTS_KCHECK_BUFFERS_H

#include "tests/kcheck/kcheck.h"

enum kc_role { KC_INPUT, KC_OUTPUT };

struct kc_buffer {
    const char *name;
    enum kc_type type;
    enum kc_role role;
    int64_t count;
    struct kc_near near;
    uint8_t *block; /* guard, data, guard */
    size_t block_bytes;
    uint8_t *data;
    uint64_t digest; /* of an input, taken before the call */
};

struct kc_set {
    struct kc_buffer buffers[KC_BUFFERS_MAX];
    int count;
};

/* One run of a check body, and the runs that it is compared with. */
struct kc {
    const struct kc_op *op;
    const int64_t *dim;
    const struct kc_options *options;
    struct kc_tally *tally;
    struct bit_exec exec;    /* of the variant under test */
    struct bit_exec prepare; /* for inputs */
    struct kc_set set;
    const struct kc_set *want;      /* the reference's run; NULL: this is the reference */
    const struct kc_set *again;     /* another run of this variant that must have the same bits; NULL: none */
    void *workspace;                /* the allocation of exec.workspace, with a guard */
    bool timing;                    /* bench.c times repeated calls */
    bool aligned;                   /* buffers as aligned as an allocator's, not only to their elements */
    double *samples;                /* seconds of each call while timing */
    double *peer_samples[KC_PEERS]; /* of each peer's calls, which alternate with ours; NULL: not timed */
    bool has_peer[KC_PEERS];
    int sample_count;
};

/** malloc'ed memory with pages as large as an exec's: with small pages large operators take up to twice as long. */
void *kc_block(size_t bytes);
size_t kc_type_bytes(enum kc_type type);
double kc_value(const struct kc_buffer *b, int64_t i);
struct kc_buffer *kc_buffer_add(struct kc *k, const char *name, enum kc_type type, int64_t count, enum kc_role role);
void kc_set_finish(struct kc_set *set);
/* Return true if all is well; otherwise false, with the failure printed and counted. */
bool kc_guards_hold(struct kc *k);
bool kc_inputs_unchanged(struct kc *k);
bool kc_outputs_near(struct kc *k);
bool kc_outputs_same(struct kc *k);
/* bench.c: times kc_call's call. */
int kc_time_call(struct kc *k, const void *args);

/*
 * device.c. The buffers of a body are in host memory. For a call on the GPU each is copied there, with guards and
 * poison, and a copy of the arguments gets the device addresses. After the call everything is copied back and checked
 * on the host, as for every other variant.
 */
/** The GPU's exec, created once; NULL if this build or machine has none, with the reason printed to `complain` once. */
const struct bit_exec *kc_device_exec(FILE *complain);
/* From now on operators choose their kernels as on a GPU of this older capability. Errors: -EINVAL if it is newer than
 * this GPU's or there is no GPU, -ENOTSUP in a build without CUDA. */
int kc_device_take_for(int capability);
int kc_device_call(struct kc *k, const void *args);
/** As kc_time_call, by the GPU's clock, with its L2 cache flushed before each call. */
int kc_device_time(struct kc *k, const void *args, int samples_max, double budget_s);
/** The least seconds that the GPU can take, by the rated speeds of its memory and its products; NAN if the latter are
 * not known. */
double kc_device_floor_s(const struct kc_cost *cost);
/** The same for exec's threads and level, by rates that are measured on the first call; NAN at level base. Operands in
 * the caches may be faster than this. */
double kc_processor_floor_s(const struct bit_exec *exec, const struct kc_cost *cost);
/** Print these rates on one line. */
void kc_processor_print(const struct bit_exec *exec);
void kc_device_finish(void);
#define KC_WORKSPACE_GUARD 256
void kc_inputs_digest(struct kc *k);
/* Print operator, shape, variant and seed, then the text; count a failure. */
void kc_complain(struct kc *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void kc_print_shape(FILE *to, const struct kc_op *op, const int64_t *dim);

#endif
