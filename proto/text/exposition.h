/*
 * Numbers as a monitoring system reads them: Prometheus' text format 0.0.4, or OpenMetrics 1.0. A metric is begun, then
 * come its samples, each behind its labels; what the two formats write differently is known here alone.
 * Source      prometheus.io, "Exposition formats"; OpenMetrics 1.0 (its ABNF)
 */
#ifndef BIT_PROTO_EXPOSITION_H
#define BIT_PROTO_EXPOSITION_H

#include <stdbool.h>
#include <stdio.h>

#define BIT_EXPOSITION_LABELS_MAX 512 /* bytes of a sample's labels; what is longer is cut */

enum bit_exposition_type {
    BIT_EXPOSITION_GAUGE,
    BIT_EXPOSITION_COUNTER,
    BIT_EXPOSITION_SUMMARY,
    BIT_EXPOSITION_HISTOGRAM,
    BIT_EXPOSITION_INFO,
};

/* What is said of all samples of one name. Literals. */
struct bit_exposition_metric {
    const char *name; /* without _total and _info; ends in the unit, if it has one */
    enum bit_exposition_type type;
    const char *unit; /* "seconds"; NULL: none */
    const char *help; /* a sentence without quotation marks, backslashes and newlines */
};

struct bit_exposition {
    FILE *f; /* borrowed */
    bool openmetrics;
    const struct bit_exposition_metric *metric; /* of the samples that follow */
    char labels[BIT_EXPOSITION_LABELS_MAX];
};

/** Both are written as what each format is called in HTTP. */
const char *bit_exposition_content_type(bool openmetrics);

/** From here on samples are of this metric, which comes once. */
void bit_exposition_begin(struct bit_exposition *e, const struct bit_exposition_metric *metric);
/** A label of the next sample; its value is any text. */
void bit_exposition_label(struct bit_exposition *e, const char *name, const char *value);
/** A sample with the labels since the last one. `part` is "_sum", "_count" or "_bucket" of a summary or a histogram,
 * else NULL. */
void bit_exposition_sample(struct bit_exposition *e, const char *part, double value);
/** Nothing follows. */
void bit_exposition_end(struct bit_exposition *e);

#endif
