/* A run specification for tests that are the ranks themselves. */
#ifndef BIT_TESTS_MPI_RUN_SPEC_H
#define BIT_TESTS_MPI_RUN_SPEC_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/spec/spec.h"
#include "proto/text/text.h"

/** Parse a specification, apply `set` ("FIELD=VALUE", NULL at the end; or NULL) and normalise. The caller owns *out
 * (bit_msg_free), even after an error; it is NULL if parsing failed. */
static inline int run_spec_parse(const char *text, const char *const *set, Bit__RunSpec **out)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    ProtobufCMessage *spec = NULL;
    int err = problems == NULL ? -ENOMEM
                               : bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &spec, problems);

    for (; set != NULL && *set != NULL && err >= 0; set++)
        err = bit_spec_set((Bit__RunSpec *)spec, *set, problems);
    if (err >= 0)
        err = bit_spec_normalise((Bit__RunSpec *)spec, NULL, problems);
    free(problems);
    *out = (Bit__RunSpec *)spec;
    return err;
}

#endif
