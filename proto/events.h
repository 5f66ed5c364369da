/* TensorBoard event files: scalars and plugins' data. Layout after
 * tensorflow/tensorboard: compat/proto and summary/writer. */
#ifndef BIT_PROTO_EVENTS_H
#define BIT_PROTO_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#define BIT_EVENT_SCALARS_MAX 32

struct bit_event_scalar {
    const char *tag; /* "train/CrossEntropyLoss" */
    float value;
};

/**
 * Encode one record, ready to be appended to an event file. wall_s is seconds since 1970.
 *     bit_event_version   the file's first record, "brain.Event:2"
 *     bit_event_start     SessionLog START at `step`: TensorBoard drops what an earlier attempt wrote from there
 *     bit_event_scalars   one Event with `count` values
 *     bit_event_plugin    data that a plugin of TensorBoard reads from the metadata of `tag`
 *
 * Returns its bytes, or BIT_ELIMIT if out_bytes is too small (out undefined then) or count above the maximum.
 */
int bit_event_version(double wall_s, uint8_t *out, size_t out_bytes);
int bit_event_start(double wall_s, int64_t step, uint8_t *out, size_t out_bytes);
int bit_event_scalars(double wall_s, int64_t step, const struct bit_event_scalar *scalars, size_t count, uint8_t *out,
                      size_t out_bytes);
int bit_event_plugin(double wall_s, const char *tag, const char *plugin, const uint8_t *content, size_t bytes,
                     uint8_t *out, size_t out_bytes);

#endif
