/* The table of sweeps: all in STATE/sweeps, by number. */
#ifndef BIT_DAEMON_SWEEPS_H
#define BIT_DAEMON_SWEEPS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/store/sweeps/sweep_state.h"
#include "daemon/sys/env.h"

struct bit_runs;

struct bit_sweeps {
    const struct bit_env *env;
    struct bit_runs *runs;
    void (*changed)(void *owner, const struct bit_sweep *s); /* clients that wait for it must look again */
    void *owner;
    struct bit_sweep **sweep; /* by number, ascending */
    size_t count;
    uint64_t next_number;
    uv_timer_t soon; /* to look at them in the next turn of the loop */
};

void bit_sweeps_init(struct bit_sweeps *sweeps, const struct bit_env *env, struct bit_runs *runs,
                     void (*changed)(void *owner, const struct bit_sweep *s), void *owner);
/**
 * Read those in the state folder, after the runs are loaded. A damaged one is logged and left alone. Errors: -errno.
 */
int bit_sweeps_load(struct bit_sweeps *sweeps);
/** Run the loop afterwards. */
void bit_sweeps_close(struct bit_sweeps *sweeps);
/** After the loop has been run. */
void bit_sweeps_finish(struct bit_sweeps *sweeps);

/**
 * Make a planned sweep. Takes ownership of s in every case.
 * keep        writes what its runs also need (data.pb, init.pb) into its folder, before the sweep exists; may be NULL
 * Errors      -errno; there is no sweep then
 */
int bit_sweeps_add(struct bit_sweeps *sweeps, struct bit_sweep *s, int (*keep)(void *arg, const char *dir), void *arg);
/** Remove its files; its runs stay, and so does the answer to the request that asks for it. Errors: -errno. */
int bit_sweeps_unlink(const struct bit_sweep *s, const char *request_id, const Bit__SweepReply *answer);
/** That answer, if this request removed the sweep of this id, in this bitd or an earlier one; the caller's. Or NULL. */
Bit__SweepReply *bit_sweeps_find_removed(const struct bit_sweeps *sweeps, const char *id, const char *request_id);
/** Remove it from the table, and free it. */
void bit_sweeps_drop(struct bit_sweeps *sweeps, struct bit_sweep *s);
/** The sweep of this id, or NULL. */
struct bit_sweep *bit_sweeps_find(const struct bit_sweeps *sweeps, const char *id);
/** The sweep that this request made, or NULL. */
struct bit_sweep *bit_sweeps_find_request(const struct bit_sweeps *sweeps, const char *request_id);

#endif
