/*
 * Checkpoints on disk: a folder, complete or absent.
 *
 *     step-00002000/
 *         MANIFEST                   see manifest.h
 *         model.safetensors          fp32 master weights, true names and shapes
 *         exp_avg.safetensors        Adam's first moment, the same names, fp32 or bf16 (optimizer.moments)
 *         exp_avg_sq.safetensors     Adam's second moment
 *         config.json                the model, the step and the quantizer, for users and other loaders: see explain.h
 *         codes.safetensors          in the ternary phase, where checkpoint.codes asks for it: see codes_file.h
 *
 * A manifest of version 1 lists neither of the last two. The first three data files have the same layout, which depends
 * only on the model and the size of an element. Each rank writes its own range of the flat parameter vector, so the
 * bytes do not depend on the number of ranks, and any number of ranks can read them. A rank's range consists of whole
 * chunks, and the manifest has a CRC-32C of each chunk. A chunk is BIT_CHECKPOINT_CHUNK bytes, or half as many for
 * bf16: the same elements in every file.
 *
 * Writing: the worker writes into "step-00002000.partial-<epoch>", syncs the files and then MANIFEST, and reports. Only
 * bitd renames the folder, and only for the present launch, so a rank of an abandoned launch that goes on writing can
 * never make a checkpoint that is restored. Then bitd syncs the parent folder and journals the checkpoint.
 *
 * Reading: a checkpoint is loaded if it is complete, its manifest names this step and this run (id and identity), and
 * its weights' digest equals the one journalled under its name. Without an identity (written by an earlier version) the
 * journal must have that name. A checkpoint that fails this is renamed to step-00002000.bad, a CheckpointBad is
 * journalled, and the next checkpoint is tried.
 *
 * Source      tensor names and shapes are those of OLMo's own state dict (allenai/OLMo: olmo/model.py)
 */
#ifndef BIT_PROTO_CHECKPOINT_H
#define BIT_PROTO_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/manifest.h"
#include "proto/ckpt/safetensors.h"

#define BIT_CHECKPOINT_MANIFEST  "MANIFEST"
#define BIT_CHECKPOINT_FILES     3 /* files with a flat vector: the state from which training continues */
#define BIT_CHECKPOINT_FILES_MAX 5 /* all files */

/* In the order in which a manifest lists them. */
enum bit_checkpoint_file {
    BIT_CHECKPOINT_MODEL,
    BIT_CHECKPOINT_EXP_AVG,
    BIT_CHECKPOINT_EXP_AVG_SQ,
    BIT_CHECKPOINT_CONFIG,
    BIT_CHECKPOINT_CODES,
};
/** "model.safetensors" and so on. */
const char *bit_checkpoint_file_name(enum bit_checkpoint_file file);

/** The type of a file's elements: fp32 for the masters, optimizer.moments for the moments. */
Bit__Operands bit_checkpoint_type(const Bit__OptimizerSpec *optimizer, enum bit_checkpoint_file file);
/** Bytes of an element of this type. */
size_t bit_checkpoint_bytes_of(Bit__Operands type);
/** Bytes of a chunk of the first three files. */
uint32_t bit_checkpoint_chunk_of(Bit__Operands type);

/* One tensor of the flat parameter vector. */
struct bit_tensor {
    char name[128]; /* "transformer.blocks.0.att_proj.weight" */
    int64_t rows, cols;
    int64_t offset; /* elements before it in the flat vector */
};

/**
 * The model's tensors in flat order, from a normalised ModelSpec: transformer.wte.weight (vocab_padded, width); for
 * each block att_proj (3 width, width), attn_out (width, width), ff_proj (2 mlp_hidden, width), ff_out (width,
 * mlp_hidden); untied: transformer.ff_out.weight (vocab_padded, width) last. *out is heap, the caller's. Returns their
 * number, or -ENOMEM.
 */
int bit_checkpoint_tensors(const Bit__ModelSpec *model, struct bit_tensor **out);
/** Elements of the flat vector. */
int64_t bit_checkpoint_elements(const struct bit_tensor *tensors, int count);
/** Whether a tensor is a linear (a block matrix), which becomes ternary at the switch. */
int bit_tensor_is_linear(const struct bit_tensor *t);
/** The number of projections of equal size stacked in the rows of a linear: 3 (q, k, v), 2 (up, gate) or 1. */
int bit_tensor_projections(const struct bit_tensor *t);

/**
 * Read every byte of every file and compare with the manifest, which must come from bit_manifest_read. Blocking.
 * progress (may be NULL) is called with bytes done and in all. Errors: BIT_ECORRUPT names file, chunk and byte offset;
 * -errno; -ENOMEM.
 */
int bit_checkpoint_verify(const char *dir, const Bit__Manifest *manifest,
                          void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg);
/** One 64-bit digest of all chunk CRCs of a file, in file order. Runs compare weights by it. */
uint64_t bit_checkpoint_digest(const uint32_t *chunk_crc, size_t chunks);
/** The digest of both moments, from the digest of each. */
uint64_t bit_checkpoint_join_digests(uint64_t exp_avg, uint64_t exp_avg_sq);
/** The digest of a checkpoint's moments, from its manifest, which must come from bit_manifest_read. */
uint64_t bit_checkpoint_moments_digest(const Bit__Manifest *manifest);

/** The path to which launch `epoch` writes checkpoint `name` of the folder `dir`. Errors: -ENAMETOOLONG. */
int bit_checkpoint_partial(const char *dir, const char *name, uint64_t epoch, char *out, size_t room);
/**
 * Rename the folder that launch `epoch` wrote to its final name, atomically and durably. A folder that had the name
 * before gets the partial name, for the caller to remove. Idempotent. Blocking.
 * Errors      -ENOENT if nothing was written; BIT_EEPOCH for another launch's folder; BIT_ECORRUPT if it has no valid
 *             manifest of this run and step; -errno
 */
int bit_checkpoint_commit(const char *dir, const char *name, const char *run, uint64_t epoch);

/** "step-00002000" for a step; and the step of such a name, -1 for any other text. */
void bit_checkpoint_name(uint64_t step, char out[32]);
int64_t bit_checkpoint_step(const char *name);

#endif
