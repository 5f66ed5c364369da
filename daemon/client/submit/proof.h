/*
 * The proof that a submitter may read the files of his specification. A bitd that serves a group reads token files as a
 * user of its own, who may be allowed more than the submitter. So the submitter's bitctl opens each file itself and
 * sends the descriptor (SCM_RIGHTS); bitd notes which file that is (device and inode) and closes it. What bitd then
 * opens by the same path must be that very file, at the submission and whenever the run is launched
 * (daemon/feed/file_identity.h, daemon/store/init_from.h): a path that comes to name another file ends the run. This
 * holds for token files, for the dataset.json beside them, which may be missing, and for model.init_from.
 *
 *     bitd   ──── ProveCall{first, count} ────►  bitctl    files by their place in the specification
 *            ◄── ProveAnswer{first, error[]} ──            (bit_spec_shown_path), so that bitd cannot ask for
 *                + a descriptor for each error of 0        any other
 *
 * Of a sweep the specification is its first branch's; branches that read others are refused (sweep.c).
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

/** err < 0, with its note, if it is not proven. */
typedef void bit_proof_done(void *arg, int err);

/** Whether the submitter has to prove anything: not to his own bitd, and not if he is root. */
bool bit_proof_needed(const struct bit_peer *peer);
/**
 * Have the client prove every path of a normalised spec, which is borrowed until the end. Meanwhile only the proof
 * reads from its connection, and it fails if that is closed or silent for client_timeout. done is called from the loop,
 * never before this returns.
 * Errors      -ENOMEM; libuv's
 */
int bit_proof_start(struct bit_client *c, const Bit__RunSpec *spec, bit_proof_done *done, void *arg,
                    struct bit_proof **out);
/** In any state; done is not called any more. NULL is fine. */
void bit_proof_destroy(struct bit_proof *p);
/**
 * Once done, blocking: whether each path leads bitd to the file that was proven, to be called before the client is told
 * anything of what is in them. What is opened later has to be compared again (bit_feed_prove).
 * Errors      BIT_EAUTH; -errno
 */
int bit_proof_check(const struct bit_proof *p);
/** Once done: the token files, in the order of bit_spec_path. */
const struct bit_file_id *bit_proof_files(const struct bit_proof *p, size_t *count);
/** The sidecar of each; inode 0 where the submitter has none. */
const struct bit_file_id *bit_proof_sidecars(const struct bit_proof *p);
/** The BIT_SPEC_INIT_FILES of model.init_from; inode 0 for what is none of his, or no regular file. */
const struct bit_file_id *bit_proof_init(const struct bit_proof *p);

#endif
