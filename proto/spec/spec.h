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
 * binary otherwise. A pipe will do. *out is heap, freed by bit_msg_free.
 * Errors      BIT_ESPEC with problems (text that does not parse, bytes that are no RunSpec, above BIT_SPEC_BYTES_MAX);
 *             -errno from the file
 */
int bit_spec_load(const char *path, Bit__RunSpec **out, struct bit_problems *problems);
/**
 * The same, but with problems *out is set as well, to what could be read, if anything: for those who want to look for
 * more problems.
 */
int bit_spec_load_some(const char *path, Bit__RunSpec **out, struct bit_problems *problems);

/**
 * Apply one assignment to a spec, in place.
 *     schedule.peak_lr=3e-4           set; messages on the way are made
 *     phases.switch.optimizer=reset   enumeration values in any case
 *     data.train=a.npy                a list becomes this one element, or is replaced by ["a.npy", "b.npy"]
 *     data.train+=b.npy               a list grows
 *     eval.set+={name: "books" path: "books.npy"}
 *     phases.switch=                  nothing after '=': the field is as if never given
 * Strings need no quotes; one that begins with a quote is read as text format.
 * Errors      BIT_ESPEC with problems, -ENOMEM; the spec is then as it was
 */
int bit_spec_set(Bit__RunSpec *spec, const char *assignment, struct bit_problems *problems);

/** Its relative paths become absolute against `directory`. Any part may be absent. Errors: -ENOMEM. */
int bit_spec_absolute(Bit__RunSpec *spec, const char *directory);
/**
 * Fill what is absent: from the presets, else from the defaults, else from other fields (cosine_steps from steps,
 * vocab_padded from vocab, the values after the switch from those before it). In place. Normalising twice changes
 * nothing. Relative paths (data.train, data.source.path, eval.set.path, eval.task.path, model.init_from) become
 * absolute against `directory`; with NULL they stay. Afterwards everything is set except what has no default, which
 * bit_spec_validate then asks for (data.train, the model's sizes and the peak learning rate without a preset, at_step
 * of a switch), and what absence means something for: phases.switch (16-bit throughout), model.init_from (initialise),
 * model.preset, data.tokenizer, eval.precision (both).
 * Errors      BIT_ESPEC with problems: an unknown preset, with the nearest name; the spec is then as it was. -ENOMEM
 */
int bit_spec_normalise(Bit__RunSpec *spec, const char *directory, struct bit_problems *problems);

/**
 * Check a normalised spec: pure, no I/O. First that everything is set, then every range, then the rules between fields:
 * ranks divide the batch and micro-batches a rank's share, heads divide the width, a head's width is even, the switch
 * and its ramp lie within the steps, a step's tokens and the spec itself fit their messages.
 * Returns 0, or BIT_ESPEC with all problems.
 */
int bit_spec_validate(const Bit__RunSpec *spec, struct bit_problems *problems);
/* What a number may be. */
struct bit_spec_range {
    const char *path; /* of elements of a list as in data.source[].weight */
    double least, most;
    bool above; /* the least is itself too little */
};
/** Of a field; NULL: whatever its type holds. */
const struct bit_spec_range *bit_spec_range(const char *path);
/**
 * What is asked of the name of a run that is to be submitted, beyond bit_spec_validate: it is not one that an id may
 * have. Runs of earlier versions may have such names. Errors: BIT_ESPEC with the problem.
 */
int bit_spec_check_new_name(const Bit__RunSpec *spec, struct bit_problems *problems);

/**
 * Path `i` of the files that a spec names: data.train, then each source's, then each evaluation set's, all of tokens;
 * then each task's request file. NULL after the last. Borrowed from the spec, which need not be normalised.
 */
const char *bit_spec_path(const Bit__RunSpec *spec, size_t i);
/** How many there are. */
size_t bit_spec_paths(const Bit__RunSpec *spec);

/* The files of model.init_from: itself; those of a folder that have a name; and those that its index names. */
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
 * Everything that bitd may open for a run: with n = bit_spec_paths, i < n is a token file, n + k the dataset.json
 * beside file k, 2 n + k file k of model.init_from. Of the sidecars and the last, not all need be there. Of a shard it
 * is the path of the index that names it, and *shard which of its files, in bit_weight_index's order; else that is -1.
 * False           there is no such thing, or its path is too long
 */
bool bit_spec_shown_path(const Bit__RunSpec *spec, size_t i, char *out, size_t room, int *shard);

/** Whether the run trains nothing: schedule.steps is 0, and what it begins from is evaluated. */
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
    const char *about; /* one line: what they set, and which is taken if none is named */
    const struct bit_preset *(*list)(size_t *count);
};
/** All of them: a new kind stands here, and help, manual and completion have it. */
const struct bit_preset_kind *bit_spec_preset_kinds(size_t *count);
/** What every spec starts from, in the same form. */
const char *bit_spec_defaults(void);

#endif
