#include "ctl/show/print.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/json.h"

void bit_write_json(FILE *f, const void *msg)
{
    char *text;
    size_t bytes;

    if (bit_json_print(msg, &text, &bytes) < 0) {
        bit_show(stderr, "bitctl: %s\n", bit_fail_text());
        return;
    }
    bit_show(f, "{\"schema\":%d%s", BIT_JSON_SCHEMA, bytes > 2 ? "," : "");
    bit_show_raw(f, text + 1, bytes - 1);
    fputc('\n', f);
    fflush(f);
    free(text);
}

void bit_print_json(const void *msg)
{
    bit_write_json(stdout, msg);
}

char *bit_text_duration(double seconds, char out[BIT_TEXT])
{
    if (!isfinite(seconds) || seconds < 0) {
        snprintf(out, BIT_TEXT, "-");
        return out;
    }
    uint64_t s = (uint64_t)(seconds + 0.5);
    if (seconds < 10)
        snprintf(out, BIT_TEXT, "%.1fs", seconds);
    else if (s < 60)
        snprintf(out, BIT_TEXT, "%" PRIu64 "s", s);
    else if (s < 3600)
        snprintf(out, BIT_TEXT, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(out, BIT_TEXT, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
    else
        snprintf(out, BIT_TEXT, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
    return out;
}

static char *scaled(double n, double base, const char *const *units, char out[BIT_TEXT])
{
    int u = 0;

    while (fabs(n) >= base * 0.9995 && units[u + 1]) {
        n /= base;
        u++;
    }
    if (u == 0)
        snprintf(out, BIT_TEXT, "%.0f%s", n, units[0]);
    else
        snprintf(out, BIT_TEXT, "%.3g%s", n, units[u]);
    return out;
}

char *bit_text_count(double n, char out[BIT_TEXT])
{
    static const char *const units[] = {"", "k", "M", "B", "T", NULL};

    return scaled(n, 1000, units, out);
}

char *bit_text_bytes(double bytes, char out[BIT_TEXT])
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", NULL};

    return scaled(bytes, 1024, units, out);
}

char *bit_text_time(uint64_t time_ns, char out[BIT_TEXT])
{
    time_t s = (time_t)(time_ns / 1000000000u);
    struct tm tm;

    localtime_r(&s, &tm);
    strftime(out, BIT_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
    return out;
}

char *bit_text_progress(uint64_t done, uint64_t all, int width, char *out)
{
    int full = all ? (int)((double)done / (double)all * width) : 0;

    full = full > width ? width : full;
    out[0] = '[';
    for (int i = 0; i < width; i++)
        out[1 + i] = i < full ? '=' : i == full ? '>' : ' ';
    out[width + 1] = ']';
    out[width + 2] = '\0';
    return out;
}

char *bit_text_after(uint64_t step, char out[BIT_AFTER_TEXT])
{
    out[0] = '\0';
    if (step > 0)
        snprintf(out, BIT_AFTER_TEXT, " after step %" PRIu64, step);
    return out;
}

/* By number, from 1 on, up to a NULL. */
static const char *const states[] = {
    [BIT__RUN_STATE__QUEUED] = "queued",         [BIT__RUN_STATE__STARTING] = "starting",
    [BIT__RUN_STATE__TRAINING] = "training",     [BIT__RUN_STATE__PAUSING] = "pausing",
    [BIT__RUN_STATE__PAUSED] = "paused",         [BIT__RUN_STATE__RESTARTING] = "restarting",
    [BIT__RUN_STATE__BLOCKED] = "blocked",       [BIT__RUN_STATE__COMPLETED] = "completed",
    [BIT__RUN_STATE__CANCELLING] = "cancelling", [BIT__RUN_STATE__CANCELLED] = "cancelled",
    [BIT__RUN_STATE__FAILED] = "failed",         NULL,
};

const char *bit_text_state(Bit__RunState state)
{
    return (unsigned)state < BIT_COUNT(states) && states[state] != NULL ? states[state] : "?";
}

const char *const *bit_text_states(void)
{
    return states + BIT__RUN_STATE__QUEUED;
}

void bit_show_state(FILE *f, Bit__RunState state, const char *reason)
{
    const char *name = bit_text_state(state);

    if (reason == NULL || *reason == '\0')
        bit_show(f, "%s", name);
    else if (strncmp(reason, name, strlen(name)) == 0)
        bit_show(f, "%s", reason);
    else
        bit_show(f, "%s: %s", name, reason);
}

const char *bit_text_precision(Bit__Precision precision)
{
    return precision == BIT__PRECISION__TERNARY ? "1.58-bit" : "16-bit";
}

const char *bit_text_evaluated(const Bit__EvaluateReport *e)
{
    static const char *const parts[] = {
        [BIT__TERNARY_PART__NORMS] = "norms",
        [BIT__TERNARY_PART__WEIGHTS] = "weights",
        [BIT__TERNARY_PART__ACTIVATIONS] = "activations",
        [BIT__TERNARY_PART__QKV] = "q, k, v",
        [BIT__TERNARY_PART__ATTENTION_OUT] = "attention out",
        [BIT__TERNARY_PART__UP_GATE] = "up, gate",
        [BIT__TERNARY_PART__DOWN] = "down",
    };

    return e->has_part && (unsigned)e->part < BIT_COUNT(parts) ? parts[e->part] : bit_text_precision(e->precision);
}

/* Perplexity e^loss is per token and depends on the tokenizer; bits a byte can be compared between tokenizers. */
char *bit_text_evaluation(const Bit__EvaluateReport *e, char out[BIT_EVALUATION_TEXT])
{
    int n = snprintf(out, BIT_EVALUATION_TEXT, "loss %.4f, perplexity %.2f", e->loss, exp(e->loss));

    if (e->has_bytes_per_token && e->bytes_per_token > 0)
        snprintf(out + n, (size_t)(BIT_EVALUATION_TEXT - n), ", %.3f bits a byte",
                 e->loss / M_LN2 / e->bytes_per_token);
    return out;
}

void bit_print_evaluations(FILE *f, Bit__EvaluateReport *const *report, size_t count, int indent)
{
    char text[BIT_EVALUATION_TEXT], after[BIT_AFTER_TEXT];
    int width = 0, form = 8;

    for (size_t i = 0; i < count; i++) {
        width = BIT_MAX(width, (int)strlen(report[i]->set));
        form = BIT_MAX(form, (int)strlen(bit_text_evaluated(report[i])));
    }
    for (size_t i = 0; i < count; i++)
        bit_show(f, "%*s%-*s  %*s  %s%s\n", i > 0 ? indent : 0, "", width, report[i]->set, form,
                 bit_text_evaluated(report[i]), bit_text_evaluation(report[i], text),
                 bit_text_after(report[i]->after_step, after));
}

bool bit_terminal(FILE *f)
{
    const char *term = getenv("TERM");

    return isatty(fileno(f)) && term && strcmp(term, "dumb") != 0;
}

int bit_terminal_columns(FILE *f)
{
    int columns, rows;

    bit_terminal_size(f, &columns, &rows);
    return bit_terminal(f) ? columns : 0;
}

void bit_terminal_size(FILE *f, int *columns, int *rows)
{
    struct winsize w;
    const char *env = getenv("COLUMNS");

    *columns = 80;
    *rows = 24;
    if (ioctl(fileno(f), TIOCGWINSZ, &w) == 0 && w.ws_col > 0) {
        *columns = w.ws_col;
        *rows = w.ws_row > 0 ? w.ws_row : 24;
    } else if (env && atoi(env) >= 20 && atoi(env) <= 500) {
        *columns = atoi(env);
    }
}
