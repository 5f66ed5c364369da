/* What rank 0 writes of a checkpoint: files at their full size, what they say of themselves, and the manifest. */
#ifndef BIT_WORKER_CKPT_MANIFEST_H
#define BIT_WORKER_CKPT_MANIFEST_H

struct bit_ckpt;

/** The files of the folder at their full size, headers in them, without data. Errors: -errno; -ENOMEM */
int bit_ckpt_manifest_create(struct bit_ckpt *ckpt);
/** config.json, whole and synced. Any thread. Errors: -errno */
int bit_ckpt_manifest_config(struct bit_ckpt *ckpt);
/** The digests into the weights' header, then the manifest. Every rank's part is written. Errors: -errno; -ENOMEM */
int bit_ckpt_manifest_write(struct bit_ckpt *ckpt);

#endif
