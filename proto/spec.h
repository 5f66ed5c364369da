/* The run specification: from a file to a checked message in which every field is set. */
#ifndef BIT_PROTO_SPEC_H
#define BIT_PROTO_SPEC_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"

/* All problems at once; the first BIT_PROBLEMS_MAX are kept, the rest counted. */
struct bit_problems {
    struct bit_problem {
        char field[128]; /* "phases.switch.ramp_steps"; empty if it is about the whole */
        char text[256];
        int line, column; /* from 1; 0 where there is no text */
    } item[BIT_PROBLEMS_MAX];
    int count; /* all that were found */
};
/** Add one. field may be NULL. */
void bit_problems_add(struct bit_problems *p, const char *field, int line, int column, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/**
 * Parse protobuf text format (any message without cycles; for us a RunSpec). Reflection over the descriptor:
 * comments, both quotes with C escapes, adjacent strings, lists, `field { }`, `field: { }`, < >, separators ; and ,.
 * An unknown field names the nearest known one. Finds every problem it can, and goes on after each.
 * Returns 0 with *out (bit_msg_free), or BIT_ESPEC with problems.
 */
int bit_text_parse(const ProtobufCMessageDescriptor *desc, const char *text, size_t bytes, ProtobufCMessage **out,
                   struct bit_problems *problems);
/** Print as text format, two-space indent, fields in declaration order. *out is heap, NUL-terminated. Parses back to
 * the same message. */
int bit_text_print(const ProtobufCMessage *msg, char **out, size_t *bytes);
/** Print any of our messages as JSON (snake_case names, enums as lower-case strings, 64-bit as numbers, bytes as hex,
 * fixed64 digests as hex strings). *out is heap. */
int bit_json_print(const ProtobufCMessage *msg, char **out, size_t *bytes);

/** Load a spec from a file: text format if its name ends in .txtpb, .textproto or .prototxt or its bytes are text,
 * binary otherwise. BIT_ESPEC with problems; -errno. */
int bit_spec_load(const char *path, Bit__RunSpec **out, struct bit_problems *problems);
/** Apply `key=value` ("schedule.peak_lr=3e-4", "data.train=a.npy" replaces a list, "+=" appends) to a spec in place.
 * BIT_ESPEC with problems. */
int bit_spec_set(Bit__RunSpec *spec, const char *assignment, struct bit_problems *problems);

/**
 * Fill every absent field from its preset or default, make relative paths absolute against `directory`. In place.
 * An unknown preset is a problem with the nearest name. Normalising twice changes nothing.
 */
int bit_spec_normalise(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems);
/**
 * Check a normalised spec: pure, no I/O. Ranges, cross-field rules (ranks divide instances, micro divides the rank's
 * share, heads divide width, even head width, switch within steps, ramp fits, context and vocab limits, ...).
 * Returns 0, or BIT_ESPEC with all problems.
 */
int bit_spec_validate(const Bit__RunSpec *spec, struct bit_problems *problems);

/* Presets, for help texts and tests. */
struct bit_preset {
    const char *name;
    const char *summary; /* one line, with the source */
};
const struct bit_preset *bit_spec_model_presets(size_t *count);
const struct bit_preset *bit_spec_quantizer_presets(size_t *count);

#endif
