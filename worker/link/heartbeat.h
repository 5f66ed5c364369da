/*
 * What every rank tells the daemon, on a thread of its own: that it lives and what it is doing, every beat_ms and at
 * once when it was warned (bit_signals_tell). It also watches whether the daemon is still heard. A rank that has heard
 * nothing for fence_ms ends itself: by then the daemon may have given it up, and another launch may be training.
 *
 * Rank 0 beats on the link of its session. The others have a link for this alone, make it again when it is lost, and
 * say on it that they are done, on each new link again: a daemon that was killed in between may have lost the first
 * message.
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
    pthread_cond_t change; /* of the next four */
    bool ends;
    bool says_told;           /* bit_signals_told has something new */
    bool has_done, says_done; /* there is something to say; it is not said on the present link */
    Bit__WorkerDone done;
};

/** Rank 0, whose link is connected. The welcome says how often, and after how long the rank ends itself. Errors:
 * -errno. */
int bit_heartbeat_start(struct bit_heartbeat *beat, struct bit_link *link, const struct bit_sections *sections,
                        const Bit__Welcome *welcome);
/** Another rank: nothing is connected yet; a daemon that cannot be reached is tried again until fence_ms is over. */
int bit_heartbeat_start_own(struct bit_heartbeat *beat, const struct bit_link_config *config, uint32_t rank,
                            uint32_t ranks, const struct bit_sections *sections, const Bit__Welcome *welcome);
/** On the own link, at once and on every link after it, say this; NULL: not any more. Without a thread, and on rank 0,
 * whose session says it, nothing happens. */
void bit_heartbeat_done(struct bit_heartbeat *beat, const Bit__WorkerDone *done);
/** What makes this rank end the job, on its own link, which may be down; any thread. On rank 0, whose session says it,
 * nothing happens. */
void bit_heartbeat_failed(struct bit_heartbeat *beat, int err, const char *text);
/** End the thread; the own link is closed. A zeroed beat is fine. */
void bit_heartbeat_stop(struct bit_heartbeat *beat);

#endif
