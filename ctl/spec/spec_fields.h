/*
 * Every field of the specification, with its type from the descriptors, its meaning from bit.proto, its range from the
 * checks, and its default and presets from the specifications that fill them in. spec_page.h prints them.
 */
#ifndef BIT_CTL_SPEC_FIELDS_H
#define BIT_CTL_SPEC_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/bit.pb-c.h"

struct bit_spec_fields {
    Bit__SpecField **field; /* in the order of bit.proto, a group before its fields */
    size_t count;
};

/** Errors: -ENOMEM. */
int bit_spec_fields_init(struct bit_spec_fields *fields);
void bit_spec_fields_finish(struct bit_spec_fields *fields);

/**
 * Whether a word names a field: by its path ("schedule.peak_lr", with or without the [] of lists), by the path of a
 * group around it ("schedule"), or by the end of either ("peak_lr", "switch").
 */
bool bit_spec_field_is(const Bit__SpecField *field, const char *word);
/** The depth of the field: 0 for a field of the specification itself. */
int bit_spec_field_depth(const Bit__SpecField *field);
/** Whether it is a group of fields. */
bool bit_spec_field_is_group(const Bit__SpecField *field);

#endif
