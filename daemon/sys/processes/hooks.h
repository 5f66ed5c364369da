/*
 * Programs that bitd runs on events: the settings on_end, on_checkpoint, on_switch and on_anomaly. Each setting is an
 * argument list, run without a shell as bitd's user, with the facts in its environment and on stdin; its output is
 * discarded. The calls of one hook run one at a time, in order. A call that takes longer than hook_timeout is killed
 * with its process group. Nothing waits for a hook: calls beyond BIT_HOOKS_WAITING_MAX waiting ones are dropped. Drops
 * and failures are logged once, until the hook works again.
 */
#ifndef BIT_DAEMON_HOOKS_H
#define BIT_DAEMON_HOOKS_H

#include <stdbool.h>
#include <uv.h>

#include "daemon/sys/lists/argv.h"
#include "daemon/sys/settings/config.h"

#define BIT_HOOKS_WAITING_MAX 64 /* of each hook */

struct bit_hooks;

/** Errors: NULL, with a note, when memory ran out. */
struct bit_hooks *bit_hooks_create(uv_loop_t *loop, const struct bit_config *config);
/** Begin no more calls. Running programs continue; the memory is freed when the loop has closed the handles. */
void bit_hooks_destroy(struct bit_hooks *hooks);

/** Whether a program is set for this event; if not, its facts need not be gathered. False for NULL. */
bool bit_hooks_wants(const struct bit_hooks *hooks, enum bit_hook hook);
/**
 * Queue a call. `facts` are NAME=VALUE pairs that override bitd's own environment; `input` becomes its stdin.
 * Ownership   both are taken, in every case; `input` is heap
 */
void bit_hooks_run(struct bit_hooks *hooks, enum bit_hook hook, struct bit_argv *facts, char *input);

#endif
