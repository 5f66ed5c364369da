/* Which words a verb's synopsis allows at a place: "RUN... [--step N] | show FILE". */
#ifndef BIT_CTL_SYNOPSIS_H
#define BIT_CTL_SYNOPSIS_H

#define BIT_SYNOPSIS_KINDS_MAX 16
#define BIT_SYNOPSIS_TOKEN_MAX 48

/*
 * The words, not options, that a verb takes at one place: placeholders, and the first words of alternatives ("pin RUN |
 * rm RUN").
 */
struct bit_synopsis_place {
    char kind[BIT_SYNOPSIS_KINDS_MAX][BIT_SYNOPSIS_TOKEN_MAX];
    int count;
};

/** Add what may follow `before` other words. The first of these, `first`, may choose one of the alternatives. */
void bit_synopsis_find(const char *synopsis, int before, const char *first, struct bit_synopsis_place *place);

#endif
