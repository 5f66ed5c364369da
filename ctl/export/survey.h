/* Measures a checkpoint: its tensors, and for each matrix the scales and zeros of its codes. */
#ifndef BIT_CTL_SURVEY_H
#define BIT_CTL_SURVEY_H

#include <stdint.h>

#include "ctl/export/source.h"
#include "ctl/export/ternary.h"

struct bit_survey {
    struct bit_source source;
    struct bit_ternary *ternary; /* one per tensor of the source; segments 0: it does not become codes; owned */
    uint64_t linear_elements, zeros;
};

/**
 * Open the checkpoint in `folder` and measure its matrices as the worker does, in either phase. Every byte of the
 * matrices is checked against the manifest's checksums. The caller ends it with finish, after a failure too.
 * progress    NULL, or called with the matrices' bytes done and in all
 * Errors      bit_source_open's and bit_source_read's; BIT_EDATA if the folder is not a checkpoint; -ENOMEM
 */
int bit_survey_make(struct bit_survey *survey, const char *folder,
                    void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg);
void bit_survey_finish(struct bit_survey *survey);

#endif
