/* What changed in the rules that steps are computed by, for runs that began under older ones. */
#ifndef BIT_WORKER_ARITHMETIC_H
#define BIT_WORKER_ARITHMETIC_H

#include <stddef.h>
#include <stdint.h>

#include "worker/model/plan.h"

#define BIT_ARITHMETIC_TEXT_MAX 512

/**
 * Describe, for a person, what changed after arithmetic `since` (Manifest.arithmetic) for a model of this plan, changes
 * separated by "; ". out is "" where nothing did.
 */
void bit_arithmetic_changes(const struct bit_worker_plan *plan, uint32_t since, char out[BIT_ARITHMETIC_TEXT_MAX]);

#endif
