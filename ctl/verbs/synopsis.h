/* What the synopsis of a verb has room for: "RUN... [--step N] | show FILE". */
#ifndef BIT_CTL_SYNOPSIS_H
#define BIT_CTL_SYNOPSIS_H

#define BIT_SYNOPSIS_KINDS_MAX 16
#define BIT_SYNOPSIS_TOKEN_MAX 48

/* Words, not options, that a verb takes in one place: placeholders, and of several ways ("pin RUN | rm RUN") these. */
struct bit_synopsis_place {
    char kind[BIT_SYNOPSIS_KINDS_MAX][BIT_SYNOPSIS_TOKEN_MAX];
    int count;
};

/** Add what may stand after `before` other words, `first` of which there is may choose the way. */
void bit_synopsis_find(const char *synopsis, int before, const char *first, struct bit_synopsis_place *place);

#endif
