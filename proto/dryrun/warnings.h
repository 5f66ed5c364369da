/* Warnings of a dry run: settings that are allowed, but seldom intended. */
#ifndef BIT_PROTO_WARNINGS_H
#define BIT_PROTO_WARNINGS_H

#include <stddef.h>

#include "proto/bit.pb-c.h"
#include "proto/limits.h"

#define BIT_WARNINGS_MAX 8

struct bit_warnings {
    Bit__Problem item[BIT_WARNINGS_MAX], *list[BIT_WARNINGS_MAX];
    char text[BIT_WARNINGS_MAX][BIT_ERR_TEXT_MAX];
    size_t count;
};

/** field: of the specification, or NULL; not copied. More than BIT_WARNINGS_MAX are left out. */
void bit_warnings_add(struct bit_warnings *w, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Facts about a run that has not been submitted yet. */
struct bit_warnings_facts {
    const char *state;         /* bitd's state folder, which holds the checkpoints */
    double epochs;             /* times that each instance is trained on */
    uint64_t checkpoint_bytes; /* of one */
    size_t folders_unknown;    /* folders of token files without dataset.json */
    const char *first_unknown; /* a token file in one of them */
};
/** Add the warnings for a normalised spec. Reads the file system's free space, which seldom blocks. */
void bit_warnings_judge(struct bit_warnings *w, const Bit__RunSpec *spec, const struct bit_warnings_facts *facts);

#endif
