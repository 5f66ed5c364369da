/* Checks one operator over its shapes: runs the reference once, then compares every variant with it. */
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/kcheck/buffers.h"

#define WORKSPACE_BYTE 0x5a

const struct bit_exec *kc_prepare_exec(struct kc *k)
{
    return &k->prepare;
}

enum bit_backend kc_backend(const struct kc *k)
{
    return k->exec.backend;
}

const struct bit_exec *kc_exec(const struct kc *k)
{
    return &k->exec;
}

int kc_threads(const struct kc *k)
{
    return k->exec.threads;
}

int kc_workspace(struct kc *k, size_t bytes)
{
    const size_t room = (size_t)bit_round_up((int64_t)bytes + KC_WORKSPACE_GUARD, 64);

    free(k->workspace);
    k->workspace = kc_block(room);
    /* NaN, so that reading scratch before writing it is noticed. */
    memset(k->workspace, 0xff, bytes);
    memset((uint8_t *)k->workspace + bytes, WORKSPACE_BYTE, room - bytes);
    k->exec.workspace = k->workspace;
    k->exec.workspace_bytes = bytes;
    k->prepare.workspace = k->workspace;
    k->prepare.workspace_bytes = bytes;
    return 0;
}

static bool workspace_guard_holds(struct kc *k)
{
    if (k->workspace == NULL)
        return true;
    const uint8_t *guard = (const uint8_t *)k->workspace + k->exec.workspace_bytes;

    for (int i = 0; i < KC_WORKSPACE_GUARD; i++) {
        if (guard[i] == WORKSPACE_BYTE)
            continue;
        kc_complain(k, "wrote beyond the workspace of %zu bytes", k->exec.workspace_bytes);
        return false;
    }
    return true;
}

int kc_call(struct kc *k, const void *args)
{
    int err;

    k->tally->calls++;
    if (k->timing)
        return kc_time_call(k, args);
    kc_inputs_digest(k);
    err = k->exec.backend == BIT_BACKEND_CUDA ? kc_device_call(k, args) : k->op->run(&k->exec, args);
    if (err < 0) {
        kc_complain(k, "returned %d: %s", err, bit_fail_text());
        return -1;
    }
    bool held = kc_guards_hold(k);
    held = kc_inputs_unchanged(k) && held;
    held = workspace_guard_holds(k) && held;
    if (k->want != NULL)
        held = kc_outputs_near(k) && held;
    if (held && k->again != NULL)
        held = kc_outputs_same(k);
    return held ? 0 : -1;
}

static struct kc begin(const struct kc_op *op, const struct kc_options *options, struct kc_tally *tally,
                       const int64_t *dim)
{
    struct kc k = {.op = op, .dim = dim, .options = options, .tally = tally};

    BIT_ASSERT(bit_exec_init(&k.exec, BIT_BACKEND_REF, 1, 0) == 0);
    k.prepare = k.exec;
    return k;
}

static int run_body(struct kc *k)
{
    int err = k->op->body(k, k->dim);

    free(k->workspace);
    k->workspace = NULL;
    return err;
}

/* One processor level at one shape: with one thread and with three against the reference; and if the operator is
 * deterministic, three threads against one, for the same bits. */
static void check_level(const struct kc_op *op, const struct kc_options *options, struct kc_tally *tally,
                        const int64_t *dim, const struct kc_set *want, enum bit_isa isa)
{
    static const int threads[] = {1, 3};
    struct kc k[2];

    for (size_t i = 0; i < BIT_COUNT(threads); i++) {
        k[i] = begin(op, options, tally, dim);
        k[i].exec.backend = BIT_BACKEND_CPU;
        k[i].exec.isa = isa;
        k[i].exec.threads = threads[i];
        k[i].want = want;
        k[i].again = i > 0 && op->flags & KC_DETERMINISTIC ? &k[0].set : NULL;
        run_body(&k[i]);
    }
    for (size_t i = 0; i < BIT_COUNT(threads); i++)
        kc_set_finish(&k[i].set);
}

/* The GPU against the reference: with buffers too unaligned for wide accesses, with aligned ones, and again with
 * aligned ones, for the same bits. */
static void check_device(const struct kc_op *op, const struct kc_options *options, struct kc_tally *tally,
                         const int64_t *dim, const struct kc_set *want, const struct bit_exec *device)
{
    struct kc k[3] = {{NULL}};

    for (size_t i = op->flags & KC_ALIGNED ? 1 : 0; i < BIT_COUNT(k); i++) {
        k[i] = begin(op, options, tally, dim);
        k[i].exec = *device;
        k[i].want = want;
        k[i].aligned = i > 0;
        k[i].again = i == 2 && op->flags & KC_DETERMINISTIC ? &k[1].set : NULL;
        run_body(&k[i]);
    }
    for (size_t i = 0; i < BIT_COUNT(k); i++)
        kc_set_finish(&k[i].set);
}

static void check_shape(const struct kc_op *op, const struct kc_options *options, struct kc_tally *tally,
                        const int64_t *dim)
{
    const struct bit_exec *device = options->cuda ? kc_device_exec(options->complain) : NULL;
    const bool processor = options->cpu && !(op->flags & KC_DEVICE_ONLY);
    struct kc reference = begin(op, options, tally, dim);

    if ((processor || device != NULL) && run_body(&reference) == 0) {
        for (int isa = BIT_ISA_BASE; processor && isa <= (int)bit_isa_best(); isa++)
            if (options->isa < 0 || options->isa == isa)
                check_level(op, options, tally, dim, &reference.set, (enum bit_isa)isa);
        if (device != NULL)
            check_device(op, options, tally, dim, &reference.set, device);
    }
    kc_set_finish(&reference.set);
}

void kc_check_op(const struct kc_op *op, const struct kc_options *options, struct kc_tally *tally)
{
    const unsigned wanted = op->flags & KC_COSTLY ? options->shapes & ~(unsigned)KC_BENCH : options->shapes;

    for (int i = 0; i < op->shape_count; i++)
        if (op->shapes[i].flags & wanted)
            check_shape(op, options, tally, op->shapes[i].dim);
}
