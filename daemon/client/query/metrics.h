/*
 * The metrics of bitd and its runs, for `bitctl metrics` and GET /metrics. The number of label values is bounded: at
 * most BIT_METRICS_RUNS_MAX runs, which have not ended or ended within metrics_keep; at most BIT_METRICS_RESULTS_MAX
 * results; and fixed words.
 */
#ifndef BIT_DAEMON_METRICS_H
#define BIT_DAEMON_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/client/connection/client.h"
#include "daemon/client/query/status.h"
#include "proto/text/exposition.h"

#define BIT_METRICS_RUNS_MAX    100
#define BIT_METRICS_RESULTS_MAX 1000 /* of held-out sets, and of tasks: one for each run, precision and set or task */

/* The runs in the metrics: first those that have not ended, then the others, each by descending number. */
struct bit_metrics_runs {
    struct bit_status status[BIT_METRICS_RUNS_MAX];
    const struct bit_runner *runner[BIT_METRICS_RUNS_MAX];
    size_t count;
};

/**
 * All metrics as text.
 * Ownership   *text is the caller's, freed by free()
 * Errors      -ENOMEM
 */
int bit_metrics_render(const struct bit_clients *all, bool openmetrics, char **text, size_t *bytes);

/** The metrics that have one number for each run. */
void bit_metrics_put_numbers(struct bit_exposition *e, const struct bit_metrics_runs *runs);
/** The metrics with several numbers for each run: states, sections, kinds of anomalies, held-out sets, tasks. */
void bit_metrics_put_lists(struct bit_exposition *e, const struct bit_metrics_runs *runs);

void bit_metrics_asked(struct bit_client *c, const Bit__MetricsRequest *m);

#endif
