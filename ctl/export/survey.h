/* What a checkpoint holds: its tensors, and of each matrix the scales and zeros that its codes have. */
#ifndef BIT_CTL_SURVEY_H
#define BIT_CTL_SURVEY_H

#include <stdint.h>

#include "ctl/export/source.h"
#include "ctl/export/ternary.h"

struct bit_survey {
    struct bit_source source;
    struct bit_ternary *ternary; /* of each tensor of the source; segments 0: it is none that becomes codes; owned */
    uint64_t linear_elements, zeros;
};

/**
 * Open the checkpoint in `folder` and measure its matrices as the worker does, in whichever phase it is: every byte of
 * theirs is compared with the manifest's checksums. finish takes a failed one too.
 * progress    NULL, or called with the matrices' bytes done and in all
 * Errors      bit_source_open's and bit_source_read's; BIT_EDATA for what is no checkpoint at all; -ENOMEM
 */
int bit_survey_make(struct bit_survey *survey, const char *folder,
                    void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg);
void bit_survey_finish(struct bit_survey *survey);

#endif
