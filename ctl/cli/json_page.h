/*
 * The page of `bitctl help json` and bitctl-json(7): the rules, what each verb prints, and every key of every object.
 * It is made from the descriptors that --json prints by and from the comments of bit.proto, so that it cannot disagree
 * with them.
 */
#ifndef BIT_CTL_JSON_PAGE_H
#define BIT_CTL_JSON_PAGE_H

#include <stdio.h>

#include "ctl/cli/verb.h"

/** The whole page, in lines of at most `width` columns. verbs: a list ended by NULL. */
void bit_json_page_print(FILE *f, const struct bit_cli_verb *const *verbs, int width);
/** The part on one verb, or on one object or enumeration, by its name. BIT_EUSAGE if there is none. */
int bit_json_page_print_one(FILE *f, const struct bit_cli_verb *const *verbs, const char *what);

#endif
