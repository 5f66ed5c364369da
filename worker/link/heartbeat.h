/*
 * Every rank's heartbeat to the daemon, on a thread of its own: that it lives and what it is doing, every beat_ms and
 * at once after a warning (bit_signals_tell). The thread also watches whether the daemon is still heard. A rank that
 * has heard nothing for fence_ms ends itself: by then the daemon may have given it up, and another launch may be
 * training.
 *
 * Rank 0 beats on the link of its session. Each of the others has a link for this alone and connects it again when it
 * is lost. On it the rank also reports that it is done, again on every new link: a daemon that was killed in between
 * may have lost the first message.
 */
#ifndef BIT_WORKER_HEARTBEAT_H
#define BIT_WORKER_HEARTBEAT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "worker/link/link.h"
#include "worker/link/pace.h"
#include "worker/process/sections.h"

struct bit_heartbeat {
    struct bit_link *link; /* the session's, or &own */
    struct bit_link own;
    const struct bit_sections *sections; /* borrowed */
    uint32_t rank, ranks;
    int64_t beat_ms, fence_ms;
    struct bit_pace pace;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t change; /* when one of the next fields changes */
    bool ends;
    bool says_told;           /* bit_signals_told has changed: beat now */
    bool has_done, says_done; /* `done` is valid; it has not been sent on the present link */
    Bit__WorkerDone done;
};

/** Start the heartbeat of rank 0, whose link is connected. The welcome has the interval, and the time after which the
 * rank ends itself. Errors: -errno. */
int bit_heartbeat_start(struct bit_heartbeat *beat, struct bit_link *link, const struct bit_sections *sections,
                        const Bit__Welcome *welcome);
/** Start the heartbeat of another rank. Nothing is connected yet; connecting to the daemon is retried until fence_ms is
 * over. */
int bit_heartbeat_start_own(struct bit_heartbeat *beat, const struct bit_link_config *config, uint32_t rank,
                            uint32_t ranks, const struct bit_sections *sections, const Bit__Welcome *welcome);
/** Send `done` on the own link, at once from this thread if it is up, and on every new one; NULL, at every step: stop
 * sending it. Does nothing without a thread, and on rank 0, whose session sends it. */
void bit_heartbeat_done(struct bit_heartbeat *beat, const Bit__WorkerDone *done);
/** Send what makes this rank end the job, on its own link, which may be down; any thread. Does nothing on rank 0, whose
 * session sends it. */
void bit_heartbeat_failed(struct bit_heartbeat *beat, int err, const char *text);
/** End the thread and close the own link. Takes a zeroed beat too. */
void bit_heartbeat_stop(struct bit_heartbeat *beat);

#endif
