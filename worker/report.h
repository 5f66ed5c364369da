/* Results as the messages that the daemon journals. Sub-messages are borrowed from the report struct. */
#ifndef BIT_WORKER_REPORT_H
#define BIT_WORKER_REPORT_H

#include "worker/step.h"

struct bit_step_report {
    Bit__StepReport msg;
    Bit__TimeSplit split;
};

void bit_report_step(const struct bit_worker *worker, const struct bit_command *command,
                     const struct bit_step_result *result, struct bit_step_report *out);

#endif
