/*
 * Checkpoints: every rank writes its own range of the three files, or reads whatever range is its own now.
 *
 * Training waits for no disk: a checkpoint begins with a copy of the rank's master and moments into the host's memory,
 * which crosses while the next step is computed, and a thread writes that copy. The collective half is two calls, begin
 * and end, at boundaries of the main thread's choice; between them steps are trained. Where the host has no room for
 * the copy, begin writes from the state itself, and training waits.
 */
#ifndef BIT_WORKER_CKPT_H
#define BIT_WORKER_CKPT_H

#include <pthread.h>
#include <stdbool.h>

#include "kernels/exec/lane.h"
#include "proto/bit.pb-c.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/ckpt/origin.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "worker/ckpt/ckpt_codes.h"

struct bit_worker;

/* What the order says of a checkpoint. */
struct bit_ckpt_about {
    const char *name; /* borrowed for the call */
    bool pre_switch;
    double strength;
    uint64_t next_batch;
};

struct bit_ckpt {
    struct bit_worker *worker; /* borrowed */
    struct bit_lane *lane;     /* the optimizer's, which waits for it before it changes what is copied; borrowed */
    bool beside;               /* the copies are there, on every rank */
    void *copy[BIT_CHECKPOINT_FILES];    /* (shard count), in the host's memory; owned; NULL unless beside */
    uint32_t *crc[BIT_CHECKPOINT_FILES]; /* (blocks): this rank's, and every rank's at the end; owned */
    size_t header_bytes[BIT_CHECKPOINT_FILES];
    uint64_t file_bytes[BIT_CHECKPOINT_FILES];
    struct bit_ckpt_codes codes;

    /* The one under way, from begin to end. */
    bool under_way;
    char name[BIT_NAME_MAX + 1], partial[BIT_PATH_MAX];
    uint64_t step; /* the boundary that it is of, and the phase there */
    Bit__PhaseState phase;
    bool pre_switch;
    double strength;
    uint64_t next_batch;
    uint32_t header_crc[BIT_CHECKPOINT_FILES]; /* rank 0's, with the next */
    char *config;                              /* the text of config.json; owned */
    double began_ms, stall_ms;
    int refused; /* begin's outcome, the same on every rank: nothing is being written */

    pthread_t thread; /* writes this rank's ranges; err and text are its until worker->part_written */
    bool has_thread;
    int err;
    char text[BIT_ERR_TEXT_MAX];
    void (*on_written)(void *arg); /* if set: called by the thread, so that one who waits for orders looks again */
    void *on_written_arg;

    uint64_t weights_digest, moments_digest; /* what end found */
};

/**
 * Everything that checkpoints will need, the copies too where plan.memory.snapshot has them; lacking room for these on
 * any rank is no error. worker is initialised up to its optimizer.
 * Collective  yes
 * Errors      -ENOMEM; BIT_ECUDA
 */
int bit_ckpt_init(struct bit_ckpt *ckpt, struct bit_worker *worker);
/** Waits for what is being written, and leaves it without a manifest. A zeroed one is fine. */
void bit_ckpt_finish(struct bit_ckpt *ckpt);

/**
 * Begin a checkpoint of the state after worker->step: its partial folder, the files at their full size, the copy.
 * None is under way. Returns whether it is written beside training; otherwise nothing is left to be waited for, and end
 * comes next.
 * Collective  yes, with the same result
 */
bool bit_ckpt_begin(struct bit_ckpt *ckpt, const struct bit_ckpt_about *about);
/**
 * Wait for every rank's part, then write the manifest: whole and synced, in a folder that bitd gives its name
 * (proto/ckpt/checkpoint.h). A failure is this checkpoint's alone: it is in report->error and report->text, nothing is
 * left on disk, and training goes on. report's texts are borrowed until the next begin.
 * Collective  yes
 */
void bit_ckpt_end(struct bit_ckpt *ckpt, Bit__CheckpointReport *report);

/**
 * This rank's ranges, checksummed and synced: what the thread does, as begin has prepared it.
 * Errors      -errno
 */
int bit_ckpt_write(struct bit_ckpt *ckpt);

/**
 * Weights, moments, phase and step from a checkpoint's folder, written by any number of ranks. Every byte is compared
 * with its checksum before it is used.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_ECORRUPT naming file and offset; BIT_ESPEC where it is of another model; -errno
 */
int bit_ckpt_restore(struct bit_worker *worker, const char *dir);

/**
 * The weights of a checkpoint alone; moments, phase and step stay as they are. init says which files its MANIFEST and
 * model.safetensors must be; NULL: any.
 * Collective  yes; one outcome for all ranks
 * Errors      bit_ckpt_restore's; BIT_EDATA where a file is another one
 */
int bit_ckpt_restore_weights(struct bit_worker *worker, const char *dir, const Bit__InitFacts *init);

/**
 * Weights from safetensors files, one or several, of any writer whose names proto/ckpt/tensor_names.h knows; F32, BF16
 * or F16. Of each tensor a rank reads what it owns, through a small buffer. then says which files they must be; NULL:
 * any.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_ESPEC naming the tensor that is missing, of another shape or dtype; BIT_EDATA for another file, or
 *             one that is not regular; BIT_ENUMERIC naming tensor and offset of a NaN or an infinity; BIT_ECORRUPT;
 *             -errno
 */
int bit_ckpt_import(struct bit_worker *worker, const struct bit_origin *origin, const Bit__InitFacts *then);

#endif
