/*
 * Who may do what. A client's user and groups come from the kernel (SO_PEERCRED, SO_PEERGROUPS), as of connect(); its
 * pid is never used for a decision.
 *
 *                         bitd's user, root,   who submitted   member of `group`      anybody
 *                         `admin_group`        the run         run is `shared` or not  else
 *     read, wait, submit      yes                  yes           yes      yes          no
 *     checkpoint, pause       yes                  yes           yes      no           no
 *     cancel                  yes                  yes           yes      no           no
 *     start a run from its    yes                  yes           yes      no           no
 *     checkpoints
 *     resume, switch, set,    yes                  yes           no       no           no
 *     skip, tag
 *     pin, unpin, remove      yes                  yes           no       no           no
 *     its checkpoints
 *     remove                  yes                  yes           no       no           no
 *     a priority above 0      yes                  no            no       no           no
 *
 * Without `group` only bitd's user (and root) can use the socket. A user who submits to another user's bitd must prove
 * for each file of the specification that he may read it (daemon/client/submit/proof.h).
 */
#ifndef BIT_DAEMON_ACCESS_H
#define BIT_DAEMON_ACCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "daemon/run/run.h"
#include "daemon/sys/settings/config.h"
#include "daemon/sys/sockets/peer.h"

/* The settings group and admin_group as numbers. */
struct bit_access {
    gid_t group, admin_group; /* (gid_t)-1: none */
};

enum bit_verb {
    BIT_VERB_CHECKPOINT,
    BIT_VERB_PAUSE,
    BIT_VERB_RESUME,
    BIT_VERB_CANCEL,
    BIT_VERB_SWITCH,
    BIT_VERB_CHANGE,
    BIT_VERB_FROM,
    BIT_VERB_PIN,
    BIT_VERB_REMOVE,
};

/** Errors: BIT_EUSAGE if a group does not exist, or admin_group is set without group. */
int bit_access_init(struct bit_access *a, const struct bit_config *config);
/** Who connected, with admin and member set. Errors: -errno; -ENOMEM; BIT_EAUTH: the user may not use this bitd. */
int bit_access_admit(const struct bit_access *a, const uv_pipe_t *pipe, struct bit_peer *out);
int bit_access_admit_fd(const struct bit_access *a, int fd, struct bit_peer *out);
/** Whether he may give a run of his this priority. Errors: BIT_EUSAGE outside BIT_PRIORITY_MAX; BIT_EAUTH. */
int bit_access_check_priority(const struct bit_peer *peer, int32_t priority);
/** Errors: BIT_EAUTH naming the user, the verb and the run's owner. */
int bit_access_check(const struct bit_peer *peer, const struct bit_run *run, enum bit_verb verb);

#endif
