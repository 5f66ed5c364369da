#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "proto/check.h"
#include "proto/err.h"
#include "tests/kcheck/buffers.h"
#include "tests/kcheck/peer.h"

#if BIT_HAVE_CUDA
#include "kernels/cuda/gpu.h"

static struct bit_exec device;
static bool looked, found;

const struct bit_exec *kc_device_exec(FILE *complain)
{
    if (!looked) {
        looked = true;
        found = bit_exec_init(&device, BIT_BACKEND_CUDA, 1, 0) >= 0;
        device.deterministic = true; /* results are compared bit by bit */
        if (!found && complain != NULL)
            fprintf(complain, "kcheck: the GPU's variants are left out: %s\n", bit_fail_text());
    }
    return found ? &device : NULL;
}

int kc_device_take_for(int capability)
{
    if (kc_device_exec(stderr) == NULL || capability > device.gpu->capability)
        return -EINVAL;
    device.gpu->capability = capability;
    return 0;
}

void kc_device_finish(void)
{
    if (found)
        bit_exec_finish(&device);
    found = false;
}

/* The data of one call on the GPU. */
struct call {
    struct kc *k;
    uint8_t *blocks[KC_BUFFERS_MAX]; /* copies of the set's blocks */
    uint8_t *workspace;
    size_t workspace_bytes; /* with its guard */
    struct bit_exec exec;
    void *args;
};

/* The copies' data are aligned as the host's are: both allocations are aligned to 64 or more. */
static int upload(struct call *c)
{
    const struct kc_set *set = &c->k->set;
    int err = 0;

    for (int i = 0; i < set->count && err >= 0; i++) {
        err = bit_exec_alloc(&device, set->buffers[i].block_bytes, (void **)&c->blocks[i]);
        if (err >= 0)
            err = bit_exec_copy(&device, c->blocks[i], set->buffers[i].block, set->buffers[i].block_bytes);
    }
    if (c->k->workspace != NULL && err >= 0) {
        c->workspace_bytes = c->k->exec.workspace_bytes + KC_WORKSPACE_GUARD;
        err = bit_exec_alloc(&device, c->workspace_bytes, (void **)&c->workspace);
        if (err >= 0)
            err = bit_exec_copy(&device, c->workspace, c->k->workspace, c->workspace_bytes);
    }
    return err;
}

static int download(struct call *c)
{
    const struct kc_set *set = &c->k->set;
    int err = 0;

    for (int i = 0; i < set->count && err >= 0; i++)
        err = bit_exec_copy(&device, set->buffers[i].block, c->blocks[i], set->buffers[i].block_bytes);
    if (c->workspace != NULL && err >= 0)
        err = bit_exec_copy(&device, c->k->workspace, c->workspace, c->workspace_bytes);
    return err < 0 ? err : bit_exec_wait(&device);
}

/* The GPU address for the host address of a buffer's data; NULL for any other address. */
static void *translate(const struct call *c, const void *address)
{
    const struct kc_set *set = &c->k->set;

    for (int i = 0; i < set->count; i++)
        if (address == set->buffers[i].data)
            return c->blocks[i] + (set->buffers[i].data - set->buffers[i].block);
    return NULL;
}

/* Copy the arguments and replace pointers to buffers: no other word of the struct equals a buffer's address. */
static int translate_args(struct call *c, const void *args)
{
    const size_t bytes = c->k->op->args_bytes;

    c->args = malloc(bytes);
    if (c->args == NULL)
        return bit_fail(-ENOMEM, "arguments");
    memcpy(c->args, args, bytes);
    for (size_t at = 0; at + sizeof(void *) <= bytes; at += sizeof(void *)) {
        void *word, *there;

        memcpy(&word, (const uint8_t *)args + at, sizeof word);
        there = word == NULL ? NULL : translate(c, word);
        if (there != NULL)
            memcpy((uint8_t *)c->args + at, &there, sizeof there);
    }
    return 0;
}

static int begin(struct call *c, struct kc *k, const void *args)
{
    int err;

    *c = (struct call){.k = k, .exec = device};
    err = upload(c);
    c->exec.workspace = c->workspace;
    c->exec.workspace_bytes = c->workspace == NULL ? 0 : k->exec.workspace_bytes;
    return err < 0 ? err : translate_args(c, args);
}

static void finish(struct call *c)
{
    for (int i = 0; i < c->k->set.count; i++)
        bit_exec_free(&device, c->blocks[i], c->k->set.buffers[i].block_bytes);
    bit_exec_free(&device, c->workspace, c->workspace_bytes);
    free(c->args);
}

int kc_device_call(struct kc *k, const void *args)
{
    struct call c;
    int err = begin(&c, k, args);

    if (err >= 0)
        err = k->op->run(&c.exec, c.args);
    if (err >= 0)
        err = bit_exec_wait(&device);
    if (err >= 0)
        err = download(&c);
    finish(&c);
    return err;
}

/* ---- timing */

#define FLUSH_BYTES ((size_t)256 << 20) /* more than any L2 */
#define WARM_CALLS  3

struct clock {
    cudaEvent_t begins, ends;
    void *flush;
};

static int make_clock(struct clock *clock)
{
    int err = bit_exec_alloc(&device, FLUSH_BYTES, &clock->flush);

    if (err >= 0)
        err = bit_gpu_try(cudaEventCreate(&clock->begins));
    return err < 0 ? err : bit_gpu_try(cudaEventCreate(&clock->ends));
}

static void break_clock(struct clock *clock)
{
    cudaEventDestroy(clock->begins);
    cudaEventDestroy(clock->ends);
    bit_exec_free(&device, clock->flush, FLUSH_BYTES);
}

static int time_call(struct clock *clock, int (*run)(void *), void *state, double *out)
{
    cudaStream_t stream = device.gpu->stream;
    float ms = 0;
    int err;

    if ((err = bit_exec_zero(&device, clock->flush, FLUSH_BYTES)) < 0 ||
        (err = bit_gpu_try(cudaEventRecord(clock->begins, stream))) < 0 || (err = run(state)) < 0 ||
        (err = bit_gpu_try(cudaEventRecord(clock->ends, stream))) < 0 || (err = bit_exec_wait(&device)) < 0 ||
        (err = bit_gpu_try(cudaEventElapsedTime(&ms, clock->begins, clock->ends))) < 0)
        return err;
    *out = ms * 1e-3;
    return 0;
}

static int run_own(void *state)
{
    const struct call *c = state;

    return c->k->op->run(&c->exec, c->args);
}

/* The operator and the bf16 product alternate. */
static int sample(struct call *c, struct clock *clock, const struct kc_peer_call *peer, int samples_max,
                  double budget_s)
{
    struct kc *k = c->k;
    double spent = 0;
    int err = 0;

    for (int i = -WARM_CALLS; err >= 0 && i < samples_max && (i < 5 || spent < budget_s); i++) {
        const int at = BIT_MAX(i, 0);

        err = time_call(clock, run_own, c, &k->samples[at]);
        if (err >= 0 && peer->run != NULL)
            err = time_call(clock, peer->run, peer->state, &k->peer_samples[KC_PEER_BF16][at]);
        k->sample_count = at + 1;
        spent += i < 0 ? 0 : k->samples[at];
    }
    return err;
}

int kc_device_time(struct kc *k, const void *args, int samples_max, double budget_s)
{
    kc_peer_create *create = k->op->peers[KC_PEER_BF16];
    struct kc_peer_call peer = {NULL};
    struct clock clock = {NULL};
    struct call c;
    int err = begin(&c, k, args);

    if (err >= 0)
        err = make_clock(&clock);
    k->sample_count = 0;
    k->has_peer[KC_PEER_BF16] = err >= 0 && create != NULL && create(&c.exec, c.args, &peer) >= 0;
    if (err >= 0)
        err = sample(&c, &clock, &peer, samples_max, budget_s);
    if (k->has_peer[KC_PEER_BF16])
        peer.destroy(peer.state);
    break_clock(&clock);
    finish(&c);
    return err;
}

/* Multiply-adds of one multiprocessor per clock, each counted as two operations. Hopper's tensor cores are rated at
 * 1.83 GHz, below the clock of the rest. */
static double ops_per_clock(enum bit_dtype dtype)
{
    static const double ampere[] = {[BIT_F32] = 128, [BIT_BF16] = 2048, [BIT_I8] = 4096};
    static const double hopper[] = {[BIT_F32] = 256, [BIT_BF16] = 4096, [BIT_I8] = 8192};

    if (device.gpu->capability == 90)
        return hopper[dtype];
    return device.gpu->capability == 80 ? ampere[dtype] : NAN;
}

double kc_device_floor_s(const struct kc_cost *cost)
{
    const double clock_max = device.gpu->capability == 90 ? 1.83e9 : INFINITY;
    int memory_khz = 0, memory_bits = 0, khz = 0;

    cudaDeviceGetAttribute(&memory_khz, cudaDevAttrMemoryClockRate, device.gpu->device);
    cudaDeviceGetAttribute(&memory_bits, cudaDevAttrGlobalMemoryBusWidth, device.gpu->device);
    cudaDeviceGetAttribute(&khz, cudaDevAttrClockRate, device.gpu->device);
    if (memory_khz == 0 || memory_bits == 0 || khz == 0)
        return NAN;
    const double moving = cost->bytes / (2e3 * memory_khz * memory_bits / 8); /* two transfers per clock */
    const double clock = BIT_MIN(1e3 * khz, clock_max);
    const double products = cost->flops / (ops_per_clock(cost->multiplied) * device.gpu->sm_count * clock);
    return cost->flops == 0 || products < moving ? moving : products;
}

#else

double kc_device_floor_s(const struct kc_cost *cost)
{
    (void)cost;
    return NAN;
}

const struct bit_exec *kc_device_exec(FILE *complain)
{
    static bool told;

    if (!told && complain != NULL)
        fprintf(complain, "kcheck: the GPU's variants are left out: this build has no CUDA\n");
    told = true;
    return NULL;
}

int kc_device_take_for(int capability)
{
    return bit_fail(-ENOTSUP, "no CUDA, so no chip %d", capability);
}

int kc_device_call(struct kc *k, const void *args)
{
    (void)k, (void)args;
    return bit_fail(-ENOTSUP, "no CUDA");
}

int kc_device_time(struct kc *k, const void *args, int samples_max, double budget_s)
{
    (void)k, (void)args, (void)samples_max, (void)budget_s;
    return bit_fail(-ENOTSUP, "no CUDA");
}

void kc_device_finish(void)
{
}

#endif
