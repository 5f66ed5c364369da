/* Sets of Unicode code points, as ranges. */
#ifndef BIT_CTL_CODESET_H
#define BIT_CTL_CODESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIT_CODE_LAST 0x10ffffu

/* A zeroed struct is the empty set. Ranges are in ascending order; no two overlap or touch. */
struct bit_codeset {
    struct bit_code_range {
        uint32_t first, last;
    } * ranges;
    size_t count, room;
};

/* All return 0 or -ENOMEM; *set is unchanged on failure. first <= last <= BIT_CODE_LAST. */
int bit_codeset_add(struct bit_codeset *set, uint32_t first, uint32_t last);
int bit_codeset_unite(struct bit_codeset *set, const struct bit_codeset *other);
int bit_codeset_intersect(struct bit_codeset *set, const struct bit_codeset *other);
/** Replace the set by its complement. */
int bit_codeset_invert(struct bit_codeset *set);

bool bit_codeset_has(const struct bit_codeset *set, uint32_t c);
bool bit_codeset_equal(const struct bit_codeset *a, const struct bit_codeset *b);
void bit_codeset_finish(struct bit_codeset *set);

#endif
