#include "proto/text/exposition.h"

#include <math.h>
#include <string.h>

#include "proto/check.h"
#include "proto/text/reflect.h"
#include "proto/utf8.h"

/* The suffix of counters and infos. In 0.0.4 it is part of the metric's name, in OpenMetrics only of the samples'. */
static const char *ending(enum bit_exposition_type type)
{
    return type == BIT_EXPOSITION_COUNTER ? "_total" : type == BIT_EXPOSITION_INFO ? "_info" : "";
}

static const char *type_name(const struct bit_exposition *e, enum bit_exposition_type type)
{
    static const char *const names[] = {"gauge", "counter", "summary", "histogram", "info"};

    return type == BIT_EXPOSITION_INFO && !e->openmetrics ? "gauge" : names[type];
}

const char *bit_exposition_content_type(bool openmetrics)
{
    return openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8";
}

void bit_exposition_begin(struct bit_exposition *e, const struct bit_exposition_metric *metric)
{
    const char *more = e->openmetrics ? "" : ending(metric->type);

    e->metric = metric;
    e->labels[0] = '\0';
    fprintf(e->f, "# HELP %s%s %s\n", metric->name, more, metric->help);
    fprintf(e->f, "# TYPE %s%s %s\n", metric->name, more, type_name(e, metric->type));
    if (e->openmetrics && metric->unit != NULL)
        fprintf(e->f, "# UNIT %s %s\n", metric->name, metric->unit);
}

/* Writes one character of a value, escaped. Returns its bytes in `text`; 0 at the end, or if it does not fit. */
static size_t put_character(char *out, size_t room, const char *text, size_t *used)
{
    const char escaped = *text == '\n' ? 'n' : *text;
    size_t bytes = 1;

    while (*text != '\0' && ((unsigned char)text[bytes] & 0xc0) == 0x80)
        bytes++;
    if (*text == '\0' || bytes + 1 > room)
        return 0;
    if (*text == '\n' || *text == '"' || *text == '\\') {
        out[0] = '\\';
        out[1] = escaped;
        *used += 2;
        return 1;
    }
    memcpy(out, text, bytes);
    *used += bytes;
    return bytes;
}

void bit_exposition_label(struct bit_exposition *e, const char *name, const char *value)
{
    size_t used = strlen(e->labels), taken;
    const size_t most = sizeof e->labels - 2; /* the quotation mark and the NUL */
    int n = snprintf(e->labels + used, sizeof e->labels - used, "%s%s=\"", used > 0 ? "," : "", name);

    BIT_ASSERT(n > 0 && used + (size_t)n < most);
    used += (size_t)n;
    if (!bit_utf8_valid(value, strlen(value)))
        value = "?";
    while ((taken = put_character(e->labels + used, most - used, value, &used)) > 0)
        value += taken;
    e->labels[used] = '"';
    e->labels[used + 1] = '\0';
}

static void put_value(FILE *f, double value)
{
    char text[32];

    if (isnan(value))
        strcpy(text, "NaN");
    else if (isinf(value))
        strcpy(text, value > 0 ? "+Inf" : "-Inf");
    else
        bit_double_format(value, text);
    fputs(text, f);
}

void bit_exposition_sample(struct bit_exposition *e, const char *part, double value)
{
    const bool bare = e->labels[0] == '\0';

    BIT_ASSERT(part == NULL || e->metric->type == BIT_EXPOSITION_SUMMARY ||
               e->metric->type == BIT_EXPOSITION_HISTOGRAM);
    fprintf(e->f, "%s%s%s%s%s ", e->metric->name, part ? part : ending(e->metric->type), bare ? "" : "{", e->labels,
            bare ? "" : "}");
    put_value(e->f, value);
    fputc('\n', e->f);
    e->labels[0] = '\0';
}

void bit_exposition_end(struct bit_exposition *e)
{
    if (e->openmetrics)
        fputs("# EOF\n", e->f);
}
