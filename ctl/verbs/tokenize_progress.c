#include "ctl/verbs/tokenize_progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "proto/check.h"
#include "proto/format.h"
#include "proto/limits.h"

#define FAULTS_SHOWN 20 /* lines; the rest are counted */
#define PLACE_CHARS  (BIT_PATH_MAX + 32)

static double seconds_since(const struct timespec *then, struct timespec *now)
{
    clock_gettime(CLOCK_MONOTONIC, now);
    return (double)(now->tv_sec - then->tv_sec) + (double)(now->tv_nsec - then->tv_nsec) * 1e-9;
}

static void on_progress(void *arg, const struct bit_tokenize_summary *sum)
{
    struct bit_tokenize_progress *p = arg;
    char bar[32], tokens[BIT_TEXT], rate[BIT_TEXT], left[BIT_TEXT];
    struct timespec now;

    if (!p->line.live || seconds_since(&p->last, &now) < 0.2)
        return;
    p->last = now;
    double spent = seconds_since(&p->begin, &now), part = 0;
    if (p->input_bytes > 0)
        part = BIT_MIN((double)sum->input_bytes / (double)p->input_bytes, 1.0);
    if (p->part_before < 0)
        p->part_before = sum->tokens_before > 0 ? part : 0;
    bit_progress_line_draw(
        &p->line, "%s %3.0f%%  %s tokens  %s/s  %s left", bit_text_progress((uint64_t)(part * 1000), 1000, 24, bar),
        part * 100, bit_text_count((double)sum->tokens, tokens),
        bit_text_count((double)(sum->tokens - sum->tokens_before) / spent, rate),
        part - p->part_before > 0.005 ? bit_text_duration(spent * (1 - part) / (part - p->part_before), left) : "?");
}

static void on_fault(void *arg, const struct bit_tokenize_fault *f)
{
    struct bit_tokenize_progress *p = arg;

    if (p->faults_shown++ >= FAULTS_SHOWN)
        return;
    bit_progress_line_clear(&p->line);
    bit_show(stderr, "bitctl: %s:%" PRIu64 ":%" PRIu64 ": %s; skipped\n", f->path, f->line, f->column,
             bit_document_fault_text(f->fault));
}

/* "a.json.gz, line 17" */
static const char *place(const struct bit_tokenize_kept *kept, char *out, size_t room)
{
    if (kept->path == NULL)
        snprintf(out, room, "the end");
    else
        snprintf(out, room, "%s, line %" PRIu64, kept->path, kept->line);
    return out;
}

static void on_resume(void *arg, const struct bit_tokenize_kept *kept)
{
    const struct bit_tokenize_progress *p = arg;
    char tokens[BIT_TEXT], where[PLACE_CHARS];

    if (!p->cli->quiet && kept->path != NULL)
        bit_show(stderr, "bitctl: %zu file%s with %s tokens finished; going on at %s\n", kept->files,
                 bit_format_s(kept->files), bit_text_count((double)kept->tokens, tokens),
                 place(kept, where, sizeof where));
}

static void on_broken(void *arg, const struct bit_tokenize_kept *kept)
{
    struct bit_tokenize_progress *p = arg;
    char tokens[BIT_TEXT], where[PLACE_CHARS];

    bit_progress_line_clear(&p->line);
    if (kept->files > 0)
        bit_show(
            stderr,
            "bitctl: %zu finished file%s with %s tokens kept in %s; the same command goes on at %s, --force begins "
            "anew\n",
            kept->files, bit_format_s(kept->files), bit_text_count((double)kept->tokens, tokens), p->output,
            place(kept, where, sizeof where));
}

void bit_tokenize_progress_begin(struct bit_tokenize_progress *p, struct bit_tokenize_options *o)
{
    o->on_resume = on_resume;
    o->on_fault = on_fault;
    o->on_progress = on_progress;
    o->on_broken = on_broken;
    o->arg = p;
    p->output = o->folder;
    p->part_before = -1;
    p->line.live = bit_terminal(stderr) && !p->cli->json && !p->cli->quiet;
    clock_gettime(CLOCK_MONOTONIC, &p->begin);
}

double bit_tokenize_progress_end(struct bit_tokenize_progress *p)
{
    const uint64_t more = p->faults_shown > FAULTS_SHOWN ? p->faults_shown - FAULTS_SHOWN : 0;
    struct timespec now;

    bit_progress_line_clear(&p->line);
    if (more > 0)
        bit_show(stderr, "bitctl: %" PRIu64 " more line%s skipped\n", more, more == 1 ? " was" : "s were");
    return seconds_since(&p->begin, &now);
}
