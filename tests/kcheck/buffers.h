/* Buffers of one run of a check body: guarded, filled, compared. */
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

/* One run: where it is, and what it is compared with. */
struct kc {
    const struct kc_op *op;
    const int64_t *dim;
    const struct kc_options *options;
    struct kc_tally *tally;
    struct bit_exec exec;    /* of the variant under test */
    struct bit_exec prepare; /* for inputs */
    struct kc_set set;
    const struct kc_set *want;      /* the reference's run; NULL: this is it */
    const struct kc_set *again;     /* another run of this variant that must have the same bits; NULL: none */
    void *workspace;                /* allocation behind exec.workspace, with a guard */
    bool timing;                    /* bench.c calls the operator again and again */
    bool aligned;                   /* buffers as an allocator gives them, not merely aligned to their elements */
    double *samples;                /* seconds of each call while timing */
    double *peer_samples[KC_PEERS]; /* likewise of each peer's calls, between ours; NULL: none is wanted */
    bool has_peer[KC_PEERS];
    int sample_count;
};

/** malloc'ed memory in pages as large as an exec's has them: in small ones large operators take up to twice as long. */
void *kc_block(size_t bytes);
size_t kc_type_bytes(enum kc_type type);
double kc_value(const struct kc_buffer *b, int64_t i);
struct kc_buffer *kc_buffer_add(struct kc *k, const char *name, enum kc_type type, int64_t count, enum kc_role role);
void kc_set_finish(struct kc_set *set);
/* True if all is well; else false, with the failure printed and counted. */
bool kc_guards_hold(struct kc *k);
bool kc_inputs_unchanged(struct kc *k);
bool kc_outputs_near(struct kc *k);
bool kc_outputs_same(struct kc *k);
/* bench.c: the call of a run that is timed. */
int kc_time_call(struct kc *k, const void *args);

/*
 * device.c. The buffers of a body are the host's. For a call on the GPU each gets a copy there, guards and poison
 * included, whose address takes the host's place in a copy of the arguments; afterwards everything is copied back, and
 * is checked where it is checked for every other variant.
 */
/** The GPU's exec, made once; NULL where this build or machine has none, with the reason printed once to `complain`. */
const struct bit_exec *kc_device_exec(FILE *complain);
/* From here on an older chip: operators choose as they would on it. Errors: -EINVAL if it is not older. */
int kc_device_take_for(int capability);
int kc_device_call(struct kc *k, const void *args);
/** As kc_time_call; by the GPU's clock, its L2 cache flushed before each call. */
int kc_device_time(struct kc *k, const void *args, int samples_max, double budget_s);
/** The least seconds that the GPU can take, by its memory's and its products' rates on paper; NAN where the latter are
 * not known. */
double kc_device_floor_s(const struct kc_cost *cost);
/** The same of exec's threads and level, by rates that are measured on the first call; NAN at level base. Operands that
 * the caches hold may come faster than memory could bring them. */
double kc_processor_floor_s(const struct bit_exec *exec, const struct kc_cost *cost);
/** These rates, a line. */
void kc_processor_print(const struct bit_exec *exec);
void kc_device_finish(void);
#define KC_WORKSPACE_GUARD 256
void kc_inputs_digest(struct kc *k);
/* Print operator, shape, variant and seed, then the text; count a failure. */
void kc_complain(struct kc *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void kc_print_shape(FILE *to, const struct kc_op *op, const int64_t *dim);

#endif
