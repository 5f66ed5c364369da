/* Reduces a specification in which every field is set to what the user chose: the shortest one with the same
 * meaning. */
#ifndef BIT_CTL_SPEC_CHOSEN_H
#define BIT_CTL_SPEC_CHOSEN_H

#include "proto/bit.pb-c.h"

/**
 * Make a copy without the fields that presets, defaults and other fields imply: normalised, it equals `spec`
 * normalised. *out is heap (bit_msg_free). Errors: -ENOMEM; BIT_ESPEC if spec cannot be normalised
 */
int bit_spec_chosen(const Bit__RunSpec *spec, Bit__RunSpec **out);
/** The normalised specification that names the same presets and sets nothing else; heap. Errors: as above */
int bit_spec_chosen_base(const Bit__RunSpec *spec, Bit__RunSpec **out);

#endif
