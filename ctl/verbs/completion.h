/*
 * Completion of `bitctl ...<TAB>`: verbs, options, runs, fields of a specification and presets, from the tables that
 * parse and explain them. The shells' scripts (ctl/completion) only call this, and need no change for new verbs.
 */
#ifndef BIT_CTL_COMPLETION_H
#define BIT_CTL_COMPLETION_H

#include <stdio.h>

/**
 * Print the candidates for the last of `words`, which is the typed part of a word (perhaps ""); the others are the
 * words before it, without "bitctl". A line each: the word, a tab, what it is. Lines that begin with ':' are for the
 * script: ":files", files are candidates, too; ":nospace", the word goes on. If no daemon answers within half a second,
 * there are no runs.
 */
void bit_completion_print(FILE *f, int count, char **words);

#endif
