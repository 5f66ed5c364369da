/* Checkpoints: every rank writes its own range of the three files, or reads whatever range is its own now. */
#ifndef BIT_WORKER_CKPT_H
#define BIT_WORKER_CKPT_H

#include "worker/worker.h"

/**
 * Write checkpoint `name` of the state behind worker->step into its partial folder, whole and synced; its name is
 * bitd's to give (proto/checkpoint.h). A failure is this checkpoint's alone: it is in
 * report->error and report->text (borrowed until the next checkpoint), nothing is left on disk, and training goes on.
 * *report is filled; report->name is `name`.
 * Collective  yes
 */
void bit_ckpt_save(struct bit_worker *worker, char *name, bool pre_switch, Bit__CheckpointReport *report);

/**
 * Weights, moments, phase and step from a checkpoint's folder, written by any number of ranks. Every byte is compared
 * with its checksum before it is used.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_ECORRUPT naming file and offset; BIT_ESPEC where it is of another model; -errno
 */
int bit_ckpt_restore(struct bit_worker *worker, const char *dir);

/** Its weights alone; moments, phase and step stay as they are. */
int bit_ckpt_restore_weights(struct bit_worker *worker, const char *dir);

/**
 * Weights from a safetensors file of any writer that has our tensors' names and shapes; F32, BF16 or F16.
 * Collective  yes; one outcome for all ranks
 * Errors      BIT_ESPEC naming the tensor that is missing, of another shape or dtype; BIT_ECORRUPT; -errno
 */
int bit_ckpt_import(struct bit_worker *worker, const char *path);

#endif
