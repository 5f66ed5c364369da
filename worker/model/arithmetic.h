/* Changes of the arithmetic of steps, for runs that began under an older version of it. */
#ifndef BIT_WORKER_ARITHMETIC_H
#define BIT_WORKER_ARITHMETIC_H

#include <stddef.h>
#include <stdint.h>

#include "worker/model/plan.h"

#define BIT_ARITHMETIC_TEXT_MAX 512

/**
 * Describe, for people, what changed after arithmetic version `since` (Manifest.arithmetic) for a model of this plan,
 * changes separated by "; ". out is "" if nothing did.
 */
void bit_arithmetic_changes(const struct bit_worker_plan *plan, uint32_t since, char out[BIT_ARITHMETIC_TEXT_MAX]);

#endif
