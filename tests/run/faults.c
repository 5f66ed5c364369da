/*
 * bitworker with faults: the whole worker, linked with --wrap around a few of its functions, so that what it does to a
 * fault is what bitworker does, and bitworker itself knows of none.
 *
 *     BIT_FAULT    KIND:RANK:STEP[:COUNT], of these kinds
 *         nan       a gradient of this rank becomes NaN in this step (and COUNT - 1 further ones)
 *         slow      this rank takes 60 ms more a micro-batch from this step on, for COUNT steps
 *         flip      a bit of this rank's copy of the published weights changes before this step's gradients
 *         leave     this rank, not the first, kills itself before it says that it is done after this step
 *         abort     this rank ends the job, with an error that it alone knows
 *         moment    a moment of this rank is another behind the restore of this step
 *         lost      this rank's GPU does what it must not, and every later call of it fails, as when it is gone
 *     BIT_FAULT_ONCE  a file: only if it can be made; so not again after a restart
 *     BIT_FAULT_HOLD  a FIFO: each rank's part of a checkpoint is written when somebody has opened it to write
 *     BIT_FAULT_MEMORY a file: while it is there, the machine has no memory left
 *     BIT_FAULT_GPUS  anything: each rank takes itself to have a GPU of its own, 0000:0RANK:00.0, for fake_nvml.c to tell of
 *     BIT_FAULT_STAND STEP[,STEP…]:FIFO: the first rank begins each of these steps when somebody has opened the FIFO to write;
 *               a checkpoint that began two steps before it, or earlier, is complete by then, however slow the disk is
 *     BIT_FAULT_PARTS FIFO: the same of each part of an evaluation's tasks that is not the first of its launch
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

static struct bit_worker *worker; /* in the step that is being done */
static uint64_t step;
static const struct bit_ckpt *checkpoint; /* the last that was begun */

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

/* Of this rank. When every rank has its part, the loop completes the checkpoint before the next step. */
static void wait_for_part(void)
{
    const struct timespec pause = {.tv_nsec = 1000 * 1000};

    while (checkpoint != NULL && checkpoint->under_way && !atomic_load(&worker->part_written))
        nanosleep(&pause, NULL);
}

/* What a test asks for at a step then comes in time, however busy the machine is. */
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

/* On the writing rank's own thread, or on the main one where it has none. */
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
    byte += 0x10; /* in each micro-batch another */
    bit_exec_copy(&model->exec, at, &byte, 1);
    bit_exec_wait(&model->exec);
}

/* An operator of an address that nobody has. */
static void lose_gpu(struct bit_model *model)
{
    bit_sum(&model->exec, &(struct bit_sum_args){.count = 1 << 20, .x = (const float *)4096, .sum = (double *)4096});
}

int __wrap_bit_model_accumulate(struct bit_model *model, const uint16_t *tokens, int64_t instances, double grad_scale)
{
    const struct timespec pause = {.tv_nsec = 60 * 1000 * 1000}; /* well above what a busy machine does to a rank */

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
