/*
 * Writes metrics for a monitoring system: Prometheus' text format 0.0.4, or OpenMetrics 1.0. The caller begins a
 * metric, then writes its samples, the labels of each before it. Callers need not know how the two formats differ.
 * Source      prometheus.io, "Exposition formats"; OpenMetrics 1.0 (its ABNF)
 */
#ifndef BIT_PROTO_EXPOSITION_H
#define BIT_PROTO_EXPOSITION_H

#include <stdbool.h>
#include <stdio.h>

#define BIT_EXPOSITION_LABELS_MAX 512 /* bytes of a sample's labels; longer ones are cut */

enum bit_exposition_type {
    BIT_EXPOSITION_GAUGE,
    BIT_EXPOSITION_COUNTER,
    BIT_EXPOSITION_SUMMARY,
    BIT_EXPOSITION_HISTOGRAM,
    BIT_EXPOSITION_INFO,
};

/* Describes all samples of one name. The texts are literals. */
struct bit_exposition_metric {
    const char *name; /* without _total and _info; ends in the unit, if there is one */
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

/** The HTTP content type of the format. */
const char *bit_exposition_content_type(bool openmetrics);

/** Begin a metric: the samples that follow are its. Each metric is begun once. */
void bit_exposition_begin(struct bit_exposition *e, const struct bit_exposition_metric *metric);
/** Add a label to the next sample; its value may be any text. */
void bit_exposition_label(struct bit_exposition *e, const char *name, const char *value);
/** Write a sample with the labels added since the last one. `part` is "_sum", "_count" or "_bucket" for a summary or a
 * histogram, else NULL. */
void bit_exposition_sample(struct bit_exposition *e, const char *part, double value);
/** End the text. */
void bit_exposition_end(struct bit_exposition *e);

#endif
