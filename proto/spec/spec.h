/* The run specification: from a file to a checked message in which every field is set. */
#ifndef BIT_PROTO_SPEC_H
#define BIT_PROTO_SPEC_H

#include <stddef.h>

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"
#include "proto/ckpt/weight_index.h"
#include "proto/text/json.h"
#include "proto/text/problems.h"
#include "proto/text/text.h"

/**
 * Load a spec from a file: as text format if its name ends in .txtpb, .textproto or .prototxt or its bytes are text, as
 * binary otherwise. The file may be a pipe. *out is heap, freed by bit_msg_free.
 * Errors      BIT_ESPEC with problems (text that does not parse, bytes that are no RunSpec, above BIT_SPEC_BYTES_MAX);
 *             -errno from the file
 */
int bit_spec_load(const char *path, Bit__RunSpec **out, struct bit_problems *problems);
/**
 * The same, but with problems *out is set too, to what could be parsed, if anything: for callers that look for more
 * problems.
 */
int bit_spec_load_some(const char *path, Bit__RunSpec **out, struct bit_problems *problems);

/**
 * Apply one assignment to a spec, in place.
 *     schedule.peak_lr=3e-4           set; absent parent messages are created
 *     phases.switch.optimizer=reset   enumeration values in any case
 *     data.train=a.npy                a list becomes this one element, or is replaced by ["a.npy", "b.npy"]
 *     data.train+=b.npy               a list grows
 *     eval.set+={name: "books" path: "books.npy"}
 *     phases.switch=                  nothing after '=': the field becomes absent
 * Strings need no quotes; one that begins with a quote is read as text format.
 * Errors      BIT_ESPEC with problems, -ENOMEM; the spec is then unchanged
 */
int bit_spec_set(Bit__RunSpec *spec, const char *assignment, struct bit_problems *problems);

/** Make the spec's relative paths absolute, relative to `directory`. Any part may be absent. Errors: -ENOMEM. */
int bit_spec_absolute(Bit__RunSpec *spec, const char *directory);
/**
 * Fill absent fields in place: from the presets, else from the defaults, else from other fields (cosine_steps from
 * steps, vocab_padded from vocab, the values after the switch from those before it). Idempotent. Relative paths
 * (data.train, data.source.path, eval.set.path, eval.task.path, model.init_from) become absolute, relative to
 * `directory`; with NULL they stay. Afterwards every field is set except two kinds. Fields without a default, which
 * bit_spec_validate requires: data.train, the model's sizes and the peak learning rate without a preset, at_step of a
 * switch. Fields whose absence has a meaning: phases.switch (16-bit throughout), model.init_from (initialise),
 * model.preset, data.tokenizer, eval.precision (both).
 * Errors      BIT_ESPEC with problems: an unknown preset, with the nearest name; the spec is then unchanged. -ENOMEM
 */
int bit_spec_normalise(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems);

/**
 * Check a normalised spec, without I/O: first that every required field is set, then every range, then the rules
 * between fields: ranks divide the batch and micro-batches a rank's share, heads divide the width, a head's width is
 * even, the switch and its ramp are within the steps, a step's tokens and the spec itself fit into their messages.
 * Returns 0, or BIT_ESPEC with all problems.
 */
int bit_spec_validate(const Bit__RunSpec *spec, struct bit_problems *problems);
/* The allowed range of a numeric field. */
struct bit_spec_range {
    const char *path; /* for elements of a list as in data.source[].weight */
    double least, most;
    bool above; /* the value must be above `least`, not equal to it */
};
/** The range of a field; NULL: any value of its type. */
const struct bit_spec_range *bit_spec_range(const char *path);
/**
 * A check of the name at submission only, in addition to bit_spec_validate: the name must not look like a run id. Runs
 * of earlier versions may have such names. Errors: BIT_ESPEC with the problem.
 */
int bit_spec_check_new_name(const Bit__RunSpec *spec, struct bit_problems *problems);

/**
 * Path `i` of the files that a spec names: the token files of data.train, then of each source, then of each evaluation
 * set; then each task's request file. NULL after the last. Borrowed from the spec, which need not be normalised.
 */
const char *bit_spec_path(const Bit__RunSpec *spec, size_t i);
/** The number of these paths. */
size_t bit_spec_paths(const Bit__RunSpec *spec);

/* The files of model.init_from: the path itself; files of a folder with a fixed name; and those that its index names.
 */
enum bit_spec_init_file {
    BIT_SPEC_INIT_SELF,
    BIT_SPEC_INIT_MANIFEST,
    BIT_SPEC_INIT_MODEL,
    BIT_SPEC_INIT_INDEX,
    BIT_SPEC_INIT_CONFIG,
    BIT_SPEC_INIT_SHARDS,
    BIT_SPEC_INIT_FILES = BIT_SPEC_INIT_SHARDS + BIT_WEIGHT_FILES_MAX
};
/**
 * Path `i` of all files that bitd may open for a run. With n = bit_spec_paths, i < n is path i of bit_spec_path, n + k
 * the dataset.json beside file k, 2 n + k file k of model.init_from; of the latter two kinds not all need exist. For a
 * shard the path is that of the index that names it, and *shard its place in bit_weight_index; otherwise *shard is -1.
 * False           there is no such file, or its path is too long
 */
bool bit_spec_shown_path(const Bit__RunSpec *spec, size_t i, char *out, size_t room, int *shard);

/** Whether the run does not train: schedule.steps is 0, and its initial model is evaluated. */
bool bit_spec_evaluates_only(const Bit__RunSpec *spec);

/* Presets, for help texts and tests. */
struct bit_preset {
    const char *name;
    const char *summary; /* one line, with the source */
    const char *text;    /* text format of the RunSpec fields that it sets */
};
const struct bit_preset *bit_spec_model_presets(size_t *count);
const struct bit_preset *bit_spec_quantizer_presets(size_t *count);
const struct bit_preset *bit_spec_schedule_presets(size_t *count);
const struct bit_preset *bit_spec_guard_presets(size_t *count);
/* A field that takes a preset's name. */
struct bit_preset_kind {
    const char *field; /* "model.preset" */
    const char *about; /* one line: the fields they set, and the preset used if none is named */
    const struct bit_preset *(*list)(size_t *count);
};
/** All kinds of presets. Help, manual and completion are generated from this list. */
const struct bit_preset_kind *bit_spec_preset_kinds(size_t *count);
/** The defaults of every spec, as text format like a preset's. */
const char *bit_spec_defaults(void);

#endif
