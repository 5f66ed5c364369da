/* Rank 0's part of a checkpoint: files at their full size, their headers and metadata, and the manifest. */
#ifndef BIT_WORKER_CKPT_MANIFEST_H
#define BIT_WORKER_CKPT_MANIFEST_H

struct bit_ckpt;

/** Create the files of the folder at their full size, with headers but no data. Errors: -errno; -ENOMEM */
int bit_ckpt_manifest_create(struct bit_ckpt *ckpt);
/** Write config.json, synced. Any thread. Errors: -errno */
int bit_ckpt_manifest_config(struct bit_ckpt *ckpt);
/** Write the digests to the weights' header, then the manifest. Every rank's part must be written. Errors: -errno;
 * -ENOMEM */
int bit_ckpt_manifest_write(struct bit_ckpt *ckpt);

#endif
