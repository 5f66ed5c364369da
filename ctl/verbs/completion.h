/*
 * What a shell offers behind `bitctl ...<TAB>`: verbs, options, runs, fields of a specification and presets, from the
 * tables that parse and explain them. The shells' own scripts (ctl/completion) only ask here, and need no change.
 */
#ifndef BIT_CTL_COMPLETION_H
#define BIT_CTL_COMPLETION_H

#include <stdio.h>

/**
 * Print what may stand in the place of the last of `words`, which is what of it is typed (perhaps ""); the others are
 * those before it, without "bitctl". A line each: the word, a tab, what it is. A line that begins with ':' is for the
 * script: ":files", files may stand there; ":nospace", the word goes on. A daemon that is not there, or does not answer
 * within half a second, has no runs.
 */
void bit_completion_print(FILE *f, int count, char **words);

#endif
