/*
 * The proof that a submitter may read the files of his specification. A bitd that serves a group reads token files as a
 * user of its own, who may be allowed more than the submitter. So the submitter's bitctl opens each file itself and
 * sends the descriptor (SCM_RIGHTS); bitd notes the file's device and inode and closes it. What bitd then opens at the
 * same path must be that file, at the submission and at every launch (daemon/feed/file_identity.h,
 * daemon/store/checkpoints/init_from.h): if the path names another file by then, the run ends. This applies to token
 * files, to the dataset.json beside them, which may be missing, and to model.init_from.
 *
 *     bitd   ──── ProveCall{first, count} ────►  bitctl    files by their place in the specification
 *            ◄── ProveAnswer{first, error[]} ──            (bit_spec_shown_path), so that bitd cannot ask for
 *                + a descriptor for each error of 0        any other
 *
 * For a sweep, the first branch's specification is used; branches that read other files are refused (sweep.c).
 */
#ifndef BIT_DAEMON_PROOF_H
#define BIT_DAEMON_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/regular_file.h"

struct bit_client;
struct bit_peer;
struct bit_proof;

/** err < 0, with its note, if the proof failed. */
typedef void bit_proof_done(void *arg, int err);

/** Whether the submitter must prove anything: not to his own bitd, and not if he is root. */
bool bit_proof_needed(const struct bit_peer *peer);
/**
 * Have the client prove every path of a normalised spec, which is borrowed until the end. Meanwhile only the proof
 * reads from the connection. It fails if the connection is closed, or silent for client_timeout. done is called from
 * the loop, never before this returns.
 * Errors      -ENOMEM; libuv's
 */
int bit_proof_start(struct bit_client *c, const Bit__RunSpec *spec, bit_proof_done *done, void *arg,
                    struct bit_proof **out);
/** Free it in any state; done is not called any more. NULL is fine. */
void bit_proof_destroy(struct bit_proof *p);
/**
 * Once done: check that each path leads bitd to the proven file. Call it before the client learns anything about their
 * content. Files that are opened later must be compared again (bit_feed_prove). Blocks.
 * Errors      BIT_EAUTH; -errno
 */
int bit_proof_check(const struct bit_proof *p);
/** Once done: the token files, in the order of bit_spec_path. */
const struct bit_file_id *bit_proof_files(const struct bit_proof *p, size_t *count);
/** The sidecar (dataset.json) of each; inode 0 if there is none. */
const struct bit_file_id *bit_proof_sidecars(const struct bit_proof *p);
/** The BIT_SPEC_INIT_FILES of model.init_from; inode 0 for what he did not prove, or is no regular file. */
const struct bit_file_id *bit_proof_init(const struct bit_proof *p);

#endif
