/* Results as the messages that the daemon journals. Sub-messages are borrowed from the report struct and the result. */
#ifndef BIT_WORKER_REPORT_H
#define BIT_WORKER_REPORT_H

#include "worker/step.h"

struct bit_step_report {
    Bit__StepReport msg;
    Bit__TimeSplit split;
    Bit__GpuLoad gpu;
    Bit__Anomaly anomaly[BIT_INSPECT_MOST], *anomalies[BIT_INSPECT_MOST];
};

/** Make the report of a step. It includes the GPUs' load about once a second. */
void bit_report_step(struct bit_worker *worker, const struct bit_action *action, struct bit_step_result *result,
                     struct bit_step_report *out);

#endif
