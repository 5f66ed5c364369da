#include "ctl/tokenize/tokenize.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl/tokenize/dataset.h"
#include "ctl/tokenize/encode_block.h"
#include "ctl/tokenize/line_blocks.h"
#include "ctl/tokenize/ring.h"
#include "proto/check.h"
#include "proto/err.h"

struct pipeline {
    const struct bit_inputs *inputs;
    const struct bit_tokenize_options *options;
    struct bit_encode_options encode;
    struct bit_ring *ring;
    struct bit_dataset *dataset;
    struct bit_ledger_mark from; /* where this call begins */
    struct bit_tokenize_summary sum;
};

/* ---- reader */

/* The first line of an input that is not in a finished token file. */
static uint64_t first_line(const struct pipeline *p, size_t file)
{
    return file == p->from.file ? p->from.line : 0;
}

static int check_unchanged(const struct bit_input_file *input)
{
    struct stat st;

    if (!input->regular)
        return 0;
    if (stat(input->path, &st) < 0)
        return bit_fail(-errno, "'%s'", input->path);
    if ((uint64_t)st.st_size != input->bytes || bit_inputs_mtime(&st) != input->mtime_ns)
        return bit_fail(BIT_EDATA, "'%s' changed while it was read", input->path);
    return 0;
}

/* Returns 0 when the file is read, 1 when another thread has failed. */
static int read_file(struct pipeline *p, size_t file, uint64_t bytes_before)
{
    struct bit_line_blocks *lines = NULL;
    int err = bit_line_blocks_open(p->inputs->files[file].path, &lines);

    while (err >= 0) {
        struct bit_ring_slot *slot = bit_ring_room(p->ring);
        if (slot == NULL) {
            err = 1;
            break;
        }
        err = bit_line_blocks_read(lines, &slot->block);
        if (err <= 0)
            break;
        if (slot->block.end_line <= first_line(p, file))
            continue; /* all its lines are finished already */
        slot->file = file;
        slot->input_bytes = bytes_before + bit_line_blocks_offset(lines);
        bit_ring_filled(p->ring);
    }
    bit_line_blocks_close(lines);
    return err != 0 ? err : check_unchanged(&p->inputs->files[file]);
}

static void *run_reader(void *arg)
{
    struct pipeline *p = arg;
    uint64_t bytes = 0;
    int err = 0;

    for (size_t i = 0; i < p->inputs->count && err == 0; i++) {
        if (i >= p->from.file)
            err = read_file(p, i, bytes);
        bytes += p->inputs->files[i].bytes;
    }
    if (err < 0)
        bit_ring_fail(p->ring, err);
    else
        bit_ring_end(p->ring);
    return NULL;
}

/* ---- workers */

struct worker {
    struct pipeline *p;
    struct bit_block_encoder *encoder;
    pthread_t thread;
    bool started;
};

static void *run_worker(void *arg)
{
    struct worker *w = arg;
    struct bit_ring_slot *slot;

    while ((slot = bit_ring_take(w->p->ring)) != NULL) {
        int err = bit_block_encode(w->encoder, &slot->block, first_line(w->p, slot->file), &slot->encoded);
        if (err < 0) {
            bit_ring_fail(w->p->ring, err);
            break;
        }
        bit_ring_done(w->p->ring, slot);
    }
    return NULL;
}

/* ---- writer */

/* The order of the counts in a mark. */
static void put_counts(const struct bit_tokenize_summary *sum, uint64_t counts[BIT_LEDGER_COUNTS])
{
    const uint64_t all[BIT_LEDGER_COUNTS] = {sum->text_bytes,
                                             sum->empty,
                                             sum->faults[BIT_DOCUMENT_JSON],
                                             sum->faults[BIT_DOCUMENT_TEXT],
                                             sum->faults[BIT_DOCUMENT_UTF8],
                                             sum->faults[BIT_DOCUMENT_LONG]};

    memcpy(counts, all, sizeof all);
}

static void take_counts(struct bit_tokenize_summary *sum, const uint64_t counts[BIT_LEDGER_COUNTS])
{
    sum->text_bytes = counts[0];
    sum->empty = counts[1];
    sum->faults[BIT_DOCUMENT_JSON] = counts[2];
    sum->faults[BIT_DOCUMENT_TEXT] = counts[3];
    sum->faults[BIT_DOCUMENT_UTF8] = counts[4];
    sum->faults[BIT_DOCUMENT_LONG] = counts[5];
}

static int take_fault(struct pipeline *p, const char *path, const struct bit_encoded_line *line)
{
    const struct bit_tokenize_options *o = p->options;
    const struct bit_tokenize_fault fault = {line->fault, path, line->line, line->column};

    p->sum.faults[line->fault]++;
    if (o->strict)
        return bit_fail(BIT_ECORRUPT, "%s:%" PRIu64 ":%zu: %s", path, line->line, line->column,
                        bit_document_fault_text(line->fault));
    if (o->on_fault != NULL)
        o->on_fault(o->arg, &fault);
    return 0;
}

/* If a token file ends before this document, its mark has the counts without this document. */
static int write_document(struct pipeline *p, const struct bit_ring_slot *slot, const struct bit_encoded_line *line,
                          const uint8_t *tokens)
{
    const uint8_t *id = line->id_bytes > 0 ? slot->encoded.ids + line->id_at : NULL;
    const struct bit_part_row row = {id, line->id_bytes, p->inputs->files[slot->file].path, line->line};
    struct bit_ledger_mark mark = {.file = slot->file, .line = line->line};
    int err = 0;

    if (bit_dataset_full(p->dataset, line->tokens)) {
        put_counts(&p->sum, mark.counts);
        err = bit_dataset_end_file(p->dataset, &mark);
    }
    if (err == 0)
        err = bit_dataset_add(p->dataset, tokens, line->tokens, &row);
    p->sum.documents++;
    p->sum.tokens += line->tokens;
    p->sum.text_bytes += line->text_bytes;
    return err;
}

static int write_slot(struct pipeline *p, const struct bit_ring_slot *slot)
{
    const uint8_t *tokens = slot->encoded.tokens;
    int err = 0;

    for (size_t i = 0; i < slot->encoded.line_count && err == 0; i++) {
        const struct bit_encoded_line *line = &slot->encoded.lines[i];
        if (line->fault != BIT_DOCUMENT_GOOD)
            err = take_fault(p, p->inputs->files[slot->file].path, line);
        else if (line->tokens == 0)
            p->sum.empty++;
        else
            err = write_document(p, slot, line, tokens);
        tokens += line->tokens * p->encode.token_bytes;
    }
    p->sum.input_bytes = slot->input_bytes;
    p->sum.files = slot->file + 1;
    return err;
}

static bool is_stopped(const struct bit_tokenize_options *o)
{
    return o->stop != NULL && *o->stop != 0;
}

static void run_writer(struct pipeline *p)
{
    const struct bit_tokenize_options *o = p->options;
    struct bit_ring_slot *slot;

    while ((slot = bit_ring_next(p->ring)) != NULL) {
        int err = is_stopped(o) ? bit_fail(-EINTR, "'%s'", o->folder) : write_slot(p, slot);
        if (err < 0) {
            bit_ring_fail(p->ring, err);
            return;
        }
        bit_ring_free(p->ring, slot);
        if (o->on_progress != NULL)
            o->on_progress(o->arg, &p->sum);
    }
}

/* ---- threads */

static int start_worker(struct pipeline *p, struct worker *w)
{
    w->p = p;
    int err = bit_block_encoder_create(&p->encode, &w->encoder);
    if (err < 0)
        return err;
    err = pthread_create(&w->thread, NULL, run_worker, w);
    if (err != 0)
        return bit_fail(-err, "worker thread");
    w->started = true;
    return 0;
}

/* Start the reader and the workers, write their results, and wait for them. */
static int run_threads(struct pipeline *p, struct worker *workers)
{
    pthread_t reader;
    int err = pthread_create(&reader, NULL, run_reader, p);
    bool reading = err == 0;

    if (err != 0)
        err = bit_fail(-err, "reader thread");
    for (int i = 0; i < p->options->threads && err == 0; i++)
        err = start_worker(p, &workers[i]);
    if (err < 0)
        bit_ring_fail(p->ring, err);
    run_writer(p);
    if (reading)
        pthread_join(reader, NULL);
    for (int i = 0; i < p->options->threads; i++) {
        if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
    }
    return bit_ring_result(p->ring);
}

static int run_pipeline(struct pipeline *p)
{
    struct worker *workers = calloc((size_t)p->options->threads, sizeof *workers);

    if (workers == NULL)
        return bit_fail(-ENOMEM, "%d threads", p->options->threads);
    int err = bit_ring_create((size_t)p->options->threads * 2 + 2, &p->ring);
    if (err == 0)
        err = run_threads(p, workers);
    for (int i = 0; i < p->options->threads; i++)
        bit_block_encoder_destroy(workers[i].encoder);
    bit_ring_destroy(p->ring);
    free(workers);
    return err;
}

/* ---- dataset */

/* Add what identifies an input. A pipe gets the current time, as it cannot be read again. */
static int say_input(struct bit_ledger_head *head, const struct bit_input_file *input)
{
    struct timespec now;

    if (input->regular)
        return bit_ledger_say(head, "input bytes=%" PRIu64 " mtime_ns=%" PRIu64 " %s", input->bytes, input->mtime_ns,
                              input->path);
    clock_gettime(CLOCK_REALTIME, &now);
    return bit_ledger_say(head, "input pipe-read-at=%lld.%09ld %s", (long long)now.tv_sec, now.tv_nsec, input->path);
}

static int make_head(const struct pipeline *p, struct bit_ledger_head *head)
{
    const struct bit_tokenize_options *o = p->options;
    int err = bit_ledger_say(head, "tokenizer sha256 %s", o->tokenizer->digest);

    if (err == 0)
        err = bit_ledger_say(head, "tokenizer name %s", o->tokenizer->name);
    if (err == 0)
        err = bit_ledger_say(head, "end-of-text %" PRIu32, o->end_of_text);
    if (err == 0)
        err = bit_ledger_say(head, "max-size %" PRIu64, o->file_tokens);
    if (err == 0)
        err = bit_ledger_say(head, "keep-space %s", o->keep_space ? "yes" : "no");
    for (size_t i = 0; i < p->inputs->count && err == 0; i++)
        err = say_input(head, &p->inputs->files[i]);
    return err;
}

static struct bit_tokenize_kept kept(const struct pipeline *p)
{
    const struct bit_ledger_mark mark = bit_dataset_mark(p->dataset);
    struct bit_tokenize_kept out = {.line = mark.line};
    uint64_t documents;

    out.files = bit_dataset_finished(p->dataset, &out.tokens, &documents);
    if (mark.file < p->inputs->count)
        out.path = p->inputs->files[mark.file].path;
    return out;
}

static int open_dataset(struct pipeline *p, const struct bit_ledger_head *head)
{
    const struct bit_tokenize_options *o = p->options;
    int err = bit_dataset_create(
        &(struct bit_dataset_options){o->folder, p->encode.token_bytes, o->file_tokens, o->force, head}, &p->dataset);

    if (err < 0)
        return err;
    p->from = bit_dataset_mark(p->dataset);
    bit_dataset_finished(p->dataset, &p->sum.tokens, &p->sum.documents);
    p->sum.tokens_before = p->sum.tokens;
    take_counts(&p->sum, p->from.counts);
    const struct bit_tokenize_kept before = kept(p);
    if (before.files > 0 && o->on_resume != NULL)
        o->on_resume(o->arg, &before);
    return 0;
}

static json_t *describe(const struct pipeline *p)
{
    const struct bit_tokenizer *t = p->options->tokenizer;
    json_t *skipped = json_object();

    json_object_set_new(skipped, "empty_text", json_integer((json_int_t)p->sum.empty));
    for (int i = BIT_DOCUMENT_JSON; i < BIT_DOCUMENT_FAULTS; i++)
        json_object_set_new(skipped, bit_document_fault_name((enum bit_document_fault)i),
                            json_integer((json_int_t)p->sum.faults[i]));
    return json_pack("{s:s, s:{s:s, s:s, s:i, s:i}, s:i, s:I, s:I, s:o}", "format", "bitd-dataset-1", "tokenizer",
                     "name", t->name, "sha256", t->digest, "vocab", (int)t->bpe.token_count, "end_of_text",
                     (int)p->options->end_of_text, "input_files", (int)p->inputs->count, "input_bytes",
                     (json_int_t)bit_inputs_bytes(p->inputs), "text_bytes", (json_int_t)p->sum.text_bytes, "skipped",
                     skipped);
}

static int finish_dataset(struct pipeline *p)
{
    struct bit_ledger_mark end = {.file = p->inputs->count};

    if (p->sum.documents == 0)
        return bit_fail(BIT_EDATA, "%s%s: no line is a JSON object with a \"text\"", p->inputs->files[0].path,
                        p->inputs->count > 1 ? " and the other inputs" : "");
    json_t *meta = describe(p);
    put_counts(&p->sum, end.counts);
    int err = meta == NULL ? bit_fail(-ENOMEM, "'%s'", BIT_DATASET_META) : bit_dataset_finish(p->dataset, &end, meta);
    json_decref(meta);
    return err;
}

static int run(struct pipeline *p)
{
    int err = 0;

    if (!bit_dataset_complete(p->dataset)) {
        err = run_pipeline(p);
        if (err == 0)
            err = finish_dataset(p);
    }
    if (err < 0) {
        const struct bit_tokenize_kept left = kept(p);
        if (p->options->on_broken != NULL)
            p->options->on_broken(p->options->arg, &left);
        return err;
    }
    p->sum.input_bytes = bit_inputs_bytes(p->inputs);
    p->sum.files = p->inputs->count;
    return 0;
}

int bit_tokenize(const struct bit_inputs *inputs, const struct bit_tokenize_options *options,
                 struct bit_tokenize_summary *out)
{
    struct pipeline p = {
        .inputs = inputs,
        .options = options,
        .encode = {options->tokenizer, options->end_of_text, options->tokenizer->bpe.token_count > 65536 ? 4 : 2,
                   options->keep_space},
    };
    struct bit_ledger_head head = {0};

    BIT_ASSERT(options->threads > 0 && options->threads <= BIT_TOKENIZE_THREADS_MAX);
    int err = make_head(&p, &head);
    if (err == 0)
        err = open_dataset(&p, &head);
    if (err == 0)
        err = run(&p);
    if (err == 0)
        *out = p.sum;
    bit_dataset_destroy(p.dataset);
    bit_ledger_head_finish(&head);
    return err;
}
