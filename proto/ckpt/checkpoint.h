/*
 * Checkpoints on disk: a folder, complete or absent.
 *
 *     step-00002000/
 *         MANIFEST                   see manifest.h
 *         model.safetensors          fp32 master weights, true names and shapes
 *         exp_avg.safetensors        Adam's first moment, the same names, fp32 or bf16 (optimizer.moments)
 *         exp_avg_sq.safetensors     Adam's second moment
 *         config.json                the model, the step and the quantizer, for people and loaders: see explain.h
 *         codes.safetensors          in the ternary phase, where checkpoint.codes asks for it: see codes_file.h
 *
 * A manifest of version 1 has neither of the last two. The first three data files have the same layout, which depends
 * on the model and on the size of an element alone: the ranks of a run each write their own range of the flat
 * parameter vector into them, so the bytes do not depend on the number of ranks, and any number may read them. A rank's
 * range is whole chunks, and each chunk has a CRC-32C in the manifest. A chunk is BIT_CHECKPOINT_CHUNK bytes, and half
 * as much of bf16: the same elements in every file.
 *
 * Writing: the worker writes into "step-00002000.partial-<epoch>", files synced, MANIFEST synced, and says so. The
 * folder gets its name from bitd alone, and only for the launch that counts: a rank that was given up and goes on
 * writing can make nothing that is ever restored. Then the parent is synced, and the journal has it.
 *
 * Reading: a checkpoint is loaded if it is whole, says that it is this step of this run, by id and identity, and has
 * the weights' digest that the journal has under its name. Without an identity (an earlier version wrote it) the
 * journal must have that name. What is another's is renamed to step-00002000.bad, with a CheckpointBad in the journal,
 * and the next is tried.
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
#define BIT_CHECKPOINT_FILES     3 /* that hold the flat vector: what training goes on from */
#define BIT_CHECKPOINT_FILES_MAX 5 /* all */

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

/** What the elements of a file are: the masters fp32, the moments as optimizer.moments says. */
Bit__Operands bit_checkpoint_type(const Bit__OptimizerSpec *optimizer, enum bit_checkpoint_file file);
/** Bytes of such an element. */
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
/** Linears only (the block matrices): what is ternary after the switch. */
int bit_tensor_is_linear(const struct bit_tensor *t);
/** How many projections of equal size lie one above the other in a linear: 3 (q, k, v), 2 (up, gate) or 1. */
int bit_tensor_projections(const struct bit_tensor *t);

/**
 * Read every byte of every file and compare with the manifest, which is bit_manifest_read's. Blocking.
 * progress (may be NULL) is called with bytes done and in all. Errors: BIT_ECORRUPT names file, chunk and byte offset;
 * -errno; -ENOMEM.
 */
int bit_checkpoint_verify(const char *dir, const Bit__Manifest *manifest,
                          void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg);
/** One 64-bit digest of all chunk CRCs of one file: what runs compare weights by. chunks in file order. */
uint64_t bit_checkpoint_digest(const uint32_t *chunk_crc, size_t chunks);
/** Of both moments, from the digest of each. */
uint64_t bit_checkpoint_join_digests(uint64_t exp_avg, uint64_t exp_avg_sq);
/** The same of a checkpoint, by its manifest, which is bit_manifest_read's. */
uint64_t bit_checkpoint_moments_digest(const Bit__Manifest *manifest);

/** Where launch `epoch` writes checkpoint `name` of the folder `dir`. Errors: -ENAMETOOLONG. */
int bit_checkpoint_partial(const char *dir, const char *name, uint64_t epoch, char *out, size_t room);
/**
 * Give what launch `epoch` wrote its name, in one step and for good. What had the name before has the partial one
 * afterwards, to be removed. A second call for the same finds it done. Blocking.
 * Errors      -ENOENT if nothing was written; BIT_EEPOCH of another launch; BIT_ECORRUPT without a whole manifest of
 *             this run and step; -errno
 */
int bit_checkpoint_commit(const char *dir, const char *name, const char *run, uint64_t epoch);

/** "step-00002000" for a step; and back, -1 if it is not such a name. */
void bit_checkpoint_name(uint64_t step, char out[32]);
int64_t bit_checkpoint_step(const char *name);

#endif
