/* What somebody chose of a specification in which every field is set: the shortest one that means the same. */
#ifndef BIT_CTL_SPEC_CHOSEN_H
#define BIT_CTL_SPEC_CHOSEN_H

#include "proto/bit.pb-c.h"

/**
 * A copy without the fields that presets, defaults and other fields give by themselves: normalised, it is `spec`
 * normalised. *out is heap (bit_msg_free). Errors: -ENOMEM; BIT_ESPEC where it cannot be normalised
 */
int bit_spec_chosen(const Bit__RunSpec *spec, Bit__RunSpec **out);
/** What a specification is that names the same presets and nothing else, normalised; heap. Errors: as above */
int bit_spec_chosen_base(const Bit__RunSpec *spec, Bit__RunSpec **out);

#endif
