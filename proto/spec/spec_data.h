/* Checks of what a specification names: token files, sources, evaluation sets, tasks, and steps in lists. */
#ifndef BIT_PROTO_SPEC_DATA_H
#define BIT_PROTO_SPEC_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "proto/bit.pb-c.h"
#include "proto/text/problems.h"

/* Each adds every problem. */
void bit_spec_data_check_name(const char *name, const char *field, struct bit_problems *problems);
void bit_spec_data_check(const Bit__DataSpec *data, struct bit_problems *problems);
/** A list of steps of the schedule. */
void bit_spec_data_check_at(const uint64_t *at, size_t count, const char *name, const Bit__ScheduleSpec *schedule,
                            struct bit_problems *problems);
void bit_spec_data_check_eval(const Bit__EvalSpec *eval, const Bit__ScheduleSpec *schedule,
                              struct bit_problems *problems);
void bit_spec_data_check_tasks(const Bit__EvalSpec *eval, const Bit__ScheduleSpec *schedule,
                               struct bit_problems *problems);

#endif
