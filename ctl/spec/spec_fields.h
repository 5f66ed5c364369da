/*
 * Every field of the specification and what is known of it: its type from the descriptors, its meaning from bit.proto,
 * its range from the checks, its default and its presets from where they are filled in. spec_page.h prints it.
 */
#ifndef BIT_CTL_SPEC_FIELDS_H
#define BIT_CTL_SPEC_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"

struct bit_spec_fields {
    Bit__SpecField **field; /* a group before what is in it, in the order of bit.proto */
    size_t count;
};

/** Errors: -ENOMEM. */
int bit_spec_fields_init(struct bit_spec_fields *fields);
void bit_spec_fields_finish(struct bit_spec_fields *fields);

/**
 * Whether a field is meant by a word: its path ("schedule.peak_lr", with or without the [] of lists), that of a group
 * around it ("schedule"), or the end of either ("peak_lr", "switch").
 */
bool bit_spec_field_is(const Bit__SpecField *field, const char *word);
/** How deep it stands: 0 for a field of the specification itself. */
int bit_spec_field_depth(const Bit__SpecField *field);
/** A group of fields. */
bool bit_spec_field_is_group(const Bit__SpecField *field);

#endif
