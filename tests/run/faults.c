/*
 * bitworker with faults: the whole worker, linked with --wrap around a few of its functions. So it handles a fault
 * exactly as bitworker does, and bitworker itself contains no code for faults.
 *
 *     BIT_FAULT    KIND:RANK:STEP[:COUNT], of these kinds
 *         nan       a gradient of this rank becomes NaN in this step (and COUNT - 1 further ones)
 *         slow      this rank takes 60 ms more a micro-batch from this step on, for COUNT steps
 *         flip      a bit of this rank's copy of the published weights changes before this step's gradients
 *         leave     this rank, not rank 0, kills itself before it reports that it is done after this step
 *         abort     this rank aborts the job with an error that the other ranks do not see
 *         moment    one Adam moment of this rank has another value after the restore of this step
 *         lost      a kernel on this rank's GPU accesses an invalid address; every later call fails, as on a lost GPU
 *     BIT_FAULT_ONCE  a file: the fault happens only if it can be created; so not again after a restart
 *     BIT_FAULT_HOLD  a FIFO: each rank writes its part of a checkpoint once the FIFO has been opened for writing
 *     BIT_FAULT_MEMORY a file: while it exists, the machine appears to have no memory left
 *     BIT_FAULT_GPUS  set to anything: each rank appears to have its own GPU, 0000:0RANK:00.0, for fake_nvml.c
 *     BIT_FAULT_STAND STEP[,STEP…]:FIFO: rank 0 begins each of these steps once the FIFO has been opened for writing;
 *               a checkpoint that began two or more steps earlier is complete by then, however slow the disk is
 *     BIT_FAULT_PARTS FIFO: the same for each part of an evaluation's tasks except the first of its launch
 */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/sum.h"
#include "proto/err.h"
#include "proto/host_memory.h"
#include "worker/ckpt/ckpt.h"
#include "worker/link/heartbeat.h"
#include "worker/scoring.h"
#include "worker/step.h"

static struct bit_worker *worker; /* that trains the current step */
static uint64_t step;
static const struct bit_ckpt *checkpoint; /* the newest that was begun */

bool __real_bit_ckpt_begin(struct bit_ckpt *ckpt, const struct bit_ckpt_about *about);
bool __wrap_bit_ckpt_begin(struct bit_ckpt *ckpt, const struct bit_ckpt_about *about);
int __real_bit_step_train(struct bit_worker *w, const struct bit_action *action, const uint8_t *batch,
                          struct bit_step_result *result);
int __wrap_bit_step_train(struct bit_worker *w, const struct bit_action *action, const uint8_t *batch,
                          struct bit_step_result *result);
int __real_bit_scoring_run(struct bit_worker *w, const struct bit_action *action, const struct bit_score_input *input,
                           struct bit_scored *scored);
int __wrap_bit_scoring_run(struct bit_worker *w, const struct bit_action *action, const struct bit_score_input *input,
                           struct bit_scored *scored);
void __real_bit_heartbeat_done(struct bit_heartbeat *beat, const Bit__WorkerDone *done);
void __wrap_bit_heartbeat_done(struct bit_heartbeat *beat, const Bit__WorkerDone *done);
int __real_bit_ckpt_restore(struct bit_worker *w, const char *dir);
int __wrap_bit_ckpt_restore(struct bit_worker *w, const char *dir);
int __real_bit_ckpt_write(struct bit_ckpt *ckpt);
int __wrap_bit_ckpt_write(struct bit_ckpt *ckpt);
int __real_bit_model_accumulate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double grad_scale);
int __wrap_bit_model_accumulate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double grad_scale);

int64_t __real_bit_host_memory_available(void);
int64_t __wrap_bit_host_memory_available(void);

int64_t __wrap_bit_host_memory_available(void)
{
    const char *file = getenv("BIT_FAULT_MEMORY");

    return file != NULL && access(file, F_OK) == 0 ? 0 : __real_bit_host_memory_available();
}

int __real_bit_exec_device_bus(const struct bit_exec *exec, char bus[32]);
int __wrap_bit_exec_device_bus(const struct bit_exec *exec, char bus[32]);

int __wrap_bit_exec_device_bus(const struct bit_exec *exec, char bus[32])
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");

    if (getenv("BIT_FAULT_GPUS") == NULL || rank == NULL)
        return __real_bit_exec_device_bus(exec, bus);
    snprintf(bus, 32, "0000:0%.1s:00.0", rank);
    return 0;
}

static bool is_due(const char *kind)
{
    const char *fault = getenv("BIT_FAULT"), *once = getenv("BIT_FAULT_ONCE");
    char name[16];
    int rank;
    unsigned long long first, count = 1;

    if (fault == NULL || sscanf(fault, "%15[^:]:%d:%llu:%llu", name, &rank, &first, &count) < 3)
        return false;
    if (strcmp(name, kind) != 0 || rank != worker->comm->rank || step < first || step >= first + count)
        return false;
    int fd = once == NULL ? 0 : open(once, O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd > 0)
        close(fd);
    return fd >= 0;
}

static void wait_for_writer(const char *fifo)
{
    int fd = open(fifo, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
}

bool __wrap_bit_ckpt_begin(struct bit_ckpt *ckpt, const struct bit_ckpt_about *about)
{
    checkpoint = ckpt;
    return __real_bit_ckpt_begin(ckpt, about);
}

/* Waits until this rank's part is written. Once all are, the loop completes the checkpoint before the next step. */
static void wait_for_part(void)
{
    const struct timespec pause = {.tv_nsec = 1000 * 1000};

    while (checkpoint != NULL && checkpoint->under_way && !atomic_load(&worker->part_written))
        nanosleep(&pause, NULL);
}

/* Holds the step, so that a test's request at this step arrives in time however busy the machine is. */
static void stand(void)
{
    const char *at = getenv("BIT_FAULT_STAND"), *fifo = at == NULL ? NULL : strchr(at, ':');

    for (char *end; fifo != NULL && at < fifo; at = end + 1) {
        uint64_t held = strtoull(at, &end, 10);
        if (held == step + 1)
            wait_for_part();
        if (held == step && worker->comm->rank == 0)
            wait_for_writer(fifo + 1);
    }
}

int __wrap_bit_step_train(struct bit_worker *w, const struct bit_action *action, const uint8_t *batch,
                          struct bit_step_result *result)
{
    worker = w;
    step = action->step;
    stand();
    return __real_bit_step_train(w, action, batch, result);
}

int __wrap_bit_scoring_run(struct bit_worker *w, const struct bit_action *action, const struct bit_score_input *input,
                           struct bit_scored *scored)
{
    static bool is_later;
    const char *fifo = getenv("BIT_FAULT_PARTS");

    if (fifo != NULL && is_later && w->comm->rank == 0)
        wait_for_writer(fifo);
    is_later = true;
    return __real_bit_scoring_run(w, action, input, scored);
}

void __wrap_bit_heartbeat_done(struct bit_heartbeat *beat, const Bit__WorkerDone *done)
{
    if (done != NULL && worker != NULL && is_due("leave")) /* a launch that trained no step has no fault */
        raise(SIGKILL);
    __real_bit_heartbeat_done(beat, done);
}

int __wrap_bit_ckpt_restore(struct bit_worker *w, const char *dir)
{
    static const float other = 1e-3f;
    int err = __real_bit_ckpt_restore(w, dir);

    worker = w;
    step = w->step;
    if (err >= 0 && is_due("moment"))
        bit_exec_copy(&w->model->exec, (float *)w->optim.exp_avg + 100, &other, sizeof other);
    return err;
}

/* Runs on the rank's writer thread, or on the main thread if it has none. */
int __wrap_bit_ckpt_write(struct bit_ckpt *ckpt)
{
    const char *hold = getenv("BIT_FAULT_HOLD");

    if (hold != NULL)
        wait_for_writer(hold);
    return __real_bit_ckpt_write(ckpt);
}

static void set_nan(struct bit_model *model)
{
    static const float nan = NAN;

    bit_exec_copy(&model->exec, &model->grad[worker->plan.tensors[1].offset + 3], &nan, sizeof nan);
}

static void flip(struct bit_model *model)
{
    uint8_t *at = (uint8_t *)model->weights + 1000, byte;

    bit_exec_copy(&model->exec, &byte, at, 1);
    bit_exec_wait(&model->exec);
    byte += 0x10; /* a different value in each micro-batch */
    bit_exec_copy(&model->exec, at, &byte, 1);
    bit_exec_wait(&model->exec);
}

/* Launches an operator on an invalid address. */
static void lose_gpu(struct bit_model *model)
{
    bit_sum(&model->exec, &(struct bit_sum_args){.count = 1 << 20, .x = (const float *)4096, .sum = (double *)4096});
}

int __wrap_bit_model_accumulate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double grad_scale)
{
    const struct timespec pause = {.tv_nsec = 60 * 1000 * 1000}; /* well above a busy machine's delays */

    if (is_due("flip"))
        flip(model);
    if (is_due("slow"))
        nanosleep(&pause, NULL);
    int err = __real_bit_model_accumulate(model, tokens, instances, grad_scale);
    if (is_due("nan"))
        set_nan(model);
    if (is_due("abort"))
        bit_comm_abort(worker->comm, bit_fail(BIT_ECUDA, "GPU 7: as the test asked"));
    if (model->exec.backend == BIT_BACKEND_CUDA && is_due("lost"))
        lose_gpu(model);
    return err;
}
