/*
 * Checkpoints: every rank writes its own ranges of the three files, or reads the ranges that it owns now.
 *
 * Training does not wait for a disk: a checkpoint begins with a copy of the rank's master and moments to the host's
 * memory, which is made while the next step is computed, and a thread writes that copy. The collective part is two
 * calls, begin and end, at boundaries of the main thread's choice; steps are trained between them. If the host has no
 * room for the copy, begin writes from the state itself, and training waits.
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

/* The order's data about a checkpoint. */
struct bit_ckpt_about {
    const char *name; /* borrowed for the call */
    bool pre_switch;
    double strength;
    uint64_t next_batch;
};

struct bit_ckpt {
    struct bit_worker *worker; /* borrowed */
    struct bit_lane *lane;     /* the optimizer's; it waits for this lane before it changes what is copied; borrowed */
    bool beside;               /* every rank has the copies, so checkpoints are written beside training */
    void *copy[BIT_CHECKPOINT_FILES];    /* (shard count), in the host's memory; owned; NULL unless beside */
    uint32_t *crc[BIT_CHECKPOINT_FILES]; /* (blocks): of this rank's blocks; of all blocks at the end; owned */
    size_t header_bytes[BIT_CHECKPOINT_FILES];
    uint64_t file_bytes[BIT_CHECKPOINT_FILES];
    struct bit_ckpt_codes codes;

    /* The checkpoint under way, from begin to end. */
    bool under_way;
    char name[BIT_NAME_MAX + 1], partial[BIT_PATH_MAX];
    uint64_t step; /* its boundary, and the phase there */
    Bit__PhaseState phase;
    bool pre_switch;
    double strength;
    uint64_t next_batch;
    uint32_t header_crc[BIT_CHECKPOINT_FILES]; /* rank 0's, with the next */
    char *config;                              /* the text of config.json; owned */
    double began_ms, stall_ms;
    int refused; /* begin's error, the same on every rank: nothing is being written */

    pthread_t thread; /* writes this rank's ranges; err and text belong to it until worker->part_written */
    bool has_thread;
    int err;
    char text[BIT_ERR_TEXT_MAX];
    void (*on_written)(void *arg); /* if set: the thread calls it at its end, to wake the main thread */
    void *on_written_arg;

    uint64_t weights_digest, moments_digest; /* set by end */
};

/**
 * Allocate everything that checkpoints need, including the copies if plan.memory.snapshot counts them; if any rank has
 * no room for these, it is no error. worker is initialised up to its optimizer.
 * Collective  yes
 * Errors      -ENOMEM; BIT_ECUDA
 */
int bit_ckpt_init(struct bit_ckpt *ckpt, struct bit_worker *worker);
/** Waits for what is being written, and leaves it without a manifest. Takes a zeroed struct too. */
void bit_ckpt_finish(struct bit_ckpt *ckpt);

/**
 * Begin a checkpoint of the state after worker->step: its partial folder, the files at their full size, the copy. None
 * must be under way. Returns whether it is written beside training; if not, there is nothing to wait for, and the
 * caller calls end next.
 * Collective  yes, with the same result
 */
bool bit_ckpt_begin(struct bit_ckpt *ckpt, const struct bit_ckpt_about *about);
/**
 * Wait for every rank's part, then write the manifest: the checkpoint is then complete and synced, in a folder that
 * bitd renames (proto/ckpt/checkpoint.h). A failure concerns this checkpoint only: it is in report->error and
 * report->text, nothing is left on disk, and training goes on. report's texts are borrowed until the next begin.
 * Collective  yes
 */
void bit_ckpt_end(struct bit_ckpt *ckpt, Bit__CheckpointReport *report);

/**
 * Write this rank's ranges, checksummed and synced, as begin has prepared them. The thread calls this.
 * Errors      -errno
 */
int bit_ckpt_write(struct bit_ckpt *ckpt);

/**
 * Restore weights, moments, phase and step from a checkpoint's folder, written by any number of ranks. Every byte is
 * compared with its checksum before it is used.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_ECORRUPT naming file and offset; BIT_ESPEC if it is of another model; -errno
 */
int bit_ckpt_restore(struct bit_worker *worker, const char *dir);

/**
 * Restore only the weights of a checkpoint; moments, phase and step stay as they are. init says which files its
 * MANIFEST and model.safetensors must be; NULL: any.
 * Collective  yes; one outcome for all ranks
 * Errors      bit_ckpt_restore's; BIT_EDATA if a file is another one
 */
int bit_ckpt_restore_weights(struct bit_worker *worker, const char *dir, const Bit__InitFacts *init);

/**
 * Read weights from one or several safetensors files by any writer whose tensor names proto/ckpt/tensor_names.h knows;
 * F32, BF16 or F16. A rank reads the elements it owns, through a small buffer. then says which files they must be;
 * NULL: any.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_ESPEC naming the tensor that is missing, of another shape or dtype; BIT_EDATA for another file, or
 *             one that is not regular; BIT_ENUMERIC naming tensor and offset of a NaN or an infinity; BIT_ECORRUPT;
 *             -errno
 */
int bit_ckpt_import(struct bit_worker *worker, const struct bit_origin *origin, const Bit__InitFacts *then);

#endif
