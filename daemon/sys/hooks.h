/*
 * Programs of the settings (on_end, on_checkpoint, on_switch, on_anomaly) that are run when something has happened.
 * Each is an argument list, which no shell reads, run as bitd's user with the facts in its environment and on its
 * input. What it prints is thrown away. Of each hook one runs at a time, in the order of what happened; one that takes
 * longer than hook_timeout is killed with all that it started. Nobody waits for a hook: those that come while
 * BIT_HOOKS_WAITING_MAX wait are left out, and that, like a failure, is logged once until the hook works again.
 */
#ifndef BIT_DAEMON_HOOKS_H
#define BIT_DAEMON_HOOKS_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/sys/argv.h"
#include "daemon/sys/config.h"

#define BIT_HOOKS_WAITING_MAX 64 /* of each hook */

struct bit_hooks;

/** Errors: NULL, with a note, when memory ran out. */
struct bit_hooks *bit_hooks_create(uv_loop_t *loop, const struct bit_config *config);
/** No more begin. Those that run go on without us; the memory is freed when the loop has closed the handles. */
void bit_hooks_destroy(struct bit_hooks *hooks);

/** Whether the settings have a program for it: else its facts need not be gathered. NULL has none. */
bool bit_hooks_wants(const struct bit_hooks *hooks, enum bit_hook hook);
/**
 * Run it when its turn has come. `facts` are NAME=VALUE, put over bitd's own environment; `input` is what it can read.
 * Ownership   both are taken, in every case; `input` is heap
 */
void bit_hooks_run(struct bit_hooks *hooks, enum bit_hook hook, struct bit_argv *facts, char *input);

#endif
