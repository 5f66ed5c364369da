/*
 * What `bitctl help json` and bitctl-json(7) say: the rules, what each verb prints, and every key of every object, from
 * the same descriptors as are printed and the comments of bit.proto, so that they cannot disagree.
 */
#ifndef BIT_CTL_JSON_PAGE_H
#define BIT_CTL_JSON_PAGE_H

#include <stdio.h>

#include "ctl/cli/verb.h"

/** Of all verbs, a list ended by NULL, in lines of so many columns. */
void bit_json_page_print(FILE *f, const struct bit_cli_verb *const *verbs, int width);
/** What one verb prints, or one object or enumeration by its name. BIT_EUSAGE if there is none such. */
int bit_json_page_print_one(FILE *f, const struct bit_cli_verb *const *verbs, const char *what);

#endif
