/*
 * Prints `bitctl help spec`, `bitctl help presets` and bit-run(5): the fields of the specification (spec_fields.h) and
 * the presets, for people and as JSON.
 */
#ifndef BIT_CTL_SPEC_PAGE_H
#define BIT_CTL_SPEC_PAGE_H

#include <stdbool.h>
#include <stdio.h>

/**
 * All fields, a line each; with a word, all facts on the fields that it names (bit_spec_field_is).
 * Errors      BIT_EUSAGE: it names none; the message suggests the nearest
 */
int bit_spec_page_print(FILE *f, const char *word, bool json);
/**
 * All presets, with what they set; with a word, the one of that name.
 * Errors      BIT_EUSAGE: there is no such preset
 */
int bit_spec_page_print_presets(FILE *f, const char *word, bool json);
/** bit-run(5). Errors: -ENOMEM. */
int bit_spec_page_print_man(FILE *f);
/** The example specification of bit-run(5). */
extern const char bit_spec_page_example[];

#endif
