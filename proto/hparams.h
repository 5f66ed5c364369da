/* Hyperparameters of a run for TensorBoard's hparams plugin, which shows and sorts a table of runs by them. */
#ifndef BIT_PROTO_HPARAMS_H
#define BIT_PROTO_HPARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The plugin's name and the tags of its two messages, for bit_event_plugin. */
#define BIT_HPARAMS_PLUGIN    "hparams"
#define BIT_HPARAMS_START_TAG "_hparams_/session_start_info"
#define BIT_HPARAMS_END_TAG   "_hparams_/session_end_info"

struct bit_hparam {
    const char *name; /* "schedule.peak_lr"; unique */
    const char *text; /* the value of a string; NULL: a number or a boolean */
    double number;
    bool is_truth; /* a boolean; `number` is 1 or 0 */
};

enum bit_hparams_end { BIT_HPARAMS_UNKNOWN = 0, BIT_HPARAMS_SUCCESS = 1, BIT_HPARAMS_FAILURE = 2 };

/**
 * Encode one of the plugin's messages: the start of a run with its hyperparameters, or its end. Times are seconds since
 * 1970.
 * Returns its bytes, or BIT_ELIMIT if out_bytes is too small (out undefined then).
 */
int bit_hparams_start(double start_s, const struct bit_hparam *hparams, size_t count, uint8_t *out, size_t out_bytes);
int bit_hparams_end(double end_s, enum bit_hparams_end status, uint8_t *out, size_t out_bytes);

#endif
