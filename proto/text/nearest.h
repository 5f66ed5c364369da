/* The nearest of some names to a mistyped one, for "did you mean". */
#ifndef BIT_PROTO_NEAREST_H
#define BIT_PROTO_NEAREST_H

#include <stddef.h>

#define BIT_NEAREST_WORD_MAX 63 /* longer words have no neighbours */
#define BIT_NEAREST_HINT     (BIT_NEAREST_WORD_MAX + 24)

struct bit_nearest {
    char word[BIT_NEAREST_WORD_MAX + 1];
    const char *best; /* borrowed from the offer */
    unsigned distance;
    const char *longer; /* the first offer that begins with the word, which has three letters or more */
    unsigned longer_count;
};

void bit_nearest_init(struct bit_nearest *n, const char *word, size_t len);
/**
 * Offer one name; it must outlive n. Of equally near names the first one offered is kept.
 * Distance: insertions, deletions, substitutions and swaps of neighbours (optimal string alignment); case and '-'
 * against '_' do not count.
 */
void bit_nearest_offer(struct bit_nearest *n, const char *name);
/**
 * The nearest offered name, if it is near enough: the distance may be a third of the letters, at least 1. Else the only
 * one that begins with the word: "priority" for "prio". NULL if there is none.
 */
const char *bit_nearest_name(const struct bit_nearest *n);

/** The one of `names` (up to a NULL) that bit_nearest_name finds for the word; NULL also if the word is one of them. */
const char *bit_nearest_find(const char *word, const char *const *names);
/** The end of a message about an unknown word: "; did you mean X?", or "" if none of `names` (up to a NULL) is near
 * or one of them is the word itself. */
const char *bit_nearest_hint(const char *word, const char *const *names, char out[BIT_NEAREST_HINT]);

#endif
