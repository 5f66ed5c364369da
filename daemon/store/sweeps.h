/* The table of sweeps: all that lie in STATE/sweeps, by number. */
#ifndef BIT_DAEMON_SWEEPS_H
#define BIT_DAEMON_SWEEPS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/store/sweep_state.h"
#include "daemon/sys/env.h"

struct bit_runs;

struct bit_sweeps {
    const struct bit_env *env;
    struct bit_runs *runs;
    void (*changed)(void *owner, const struct bit_sweep *s); /* whoever waits for it looks again */
    void *owner;
    struct bit_sweep **sweep; /* by number, ascending */
    size_t count;
    uint64_t next_number;
    uv_timer_t soon; /* to look at them once the loop is back */
};

void bit_sweeps_init(struct bit_sweeps *sweeps, const struct bit_env *env, struct bit_runs *runs,
                     void (*changed)(void *owner, const struct bit_sweep *s), void *owner);
/** Read those of the state folder, once runs are loaded. A damaged one is logged, and left alone. Errors: -errno. */
int bit_sweeps_load(struct bit_sweeps *sweeps);
/** The loop has to be run after it. */
void bit_sweeps_close(struct bit_sweeps *sweeps);
/** Once the loop has been run. */
void bit_sweeps_finish(struct bit_sweeps *sweeps);

/**
 * Make a sweep of what was planned. Takes ownership of s in every case.
 * keep        writes what its runs need besides (data.pb, init.pb) into its folder, before it is one; may be NULL
 * Errors      -errno; there is no sweep then
 */
int bit_sweeps_add(struct bit_sweeps *sweeps, struct bit_sweep *s, int (*keep)(void *arg, const char *dir), void *arg);
/** Remove its files; its runs stay. Errors: -errno. */
int bit_sweeps_unlink(const struct bit_sweep *s);
/** Take it out of the table, and free it. */
void bit_sweeps_drop(struct bit_sweeps *sweeps, struct bit_sweep *s);
/** By its id, or NULL. */
struct bit_sweep *bit_sweeps_find(const struct bit_sweeps *sweeps, const char *id);
/** Made by this request, or NULL. */
struct bit_sweep *bit_sweeps_find_request(const struct bit_sweeps *sweeps, const char *request_id);

#endif
