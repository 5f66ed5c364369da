#include "ctl/tokenize.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/dataset.h"
#include "ctl/lines.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"

#define SLOT_BYTES_KEPT (8u << 20) /* a slot that grew above this for a long line is let go after it */

/* A document that was found in a block. */
struct row {
    uint64_t line;
    size_t tokens;
    size_t id_at, id_bytes; /* in slot.ids */
};

struct fault_row {
    uint64_t line, column;
    enum bit_document_fault fault;
};

/* A place of the ring: a block, and what a worker made of it. */
struct slot {
    bool done;
    size_t file;          /* index in inputs */
    uint64_t input_bytes; /* of all files, read when the block was complete */
    struct bit_block block;
    struct bit_ids tokens;
    uint8_t *packed; /* tokens as the file has them */
    size_t packed_room;
    struct row *rows;
    size_t row_count, row_room;
    uint8_t *ids;
    size_t ids_bytes, ids_room;
    struct fault_row *faults;
    size_t fault_count, fault_room;
    uint64_t text_bytes, empty;
};

struct pipeline {
    const struct bit_inputs *inputs;
    const struct bit_tokenize_options *options;
    unsigned token_bytes;
    struct slot *slots;
    size_t slot_count;
    pthread_mutex_t lock; /* guards what follows, and slot.done */
    pthread_cond_t room, filled, done;
    uint64_t read_seq, work_seq, write_seq; /* blocks read, taken by workers, written; a block's slot is seq % count */
    bool at_end, stop;
    int err;
    char error[BIT_ERR_TEXT_MAX]; /* the note of the thread that failed */
};

static int grow(void **data, size_t *room, size_t need, size_t size)
{
    if (need <= *room)
        return 0;
    size_t more = need + need / 2 + 16;
    void *grown = realloc(*data, more * size);
    if (grown == NULL)
        return bit_fail(-ENOMEM, "a block's documents");
    *data = grown;
    *room = more;
    return 0;
}

/* ---- the ring ---- */

/* Keep the note of the thread that failed, without the code's text, which bit_fail puts behind it again. */
static void note_failure(struct pipeline *p, int err)
{
    snprintf(p->error, sizeof p->error, "%s", bit_fail_text());
    size_t length = strlen(p->error), why = strlen(bit_strerror(err)) + 2;
    if (length > why && strcmp(p->error + length - why + 2, bit_strerror(err)) == 0)
        p->error[length - why] = '\0';
}

/* The first failure of any thread ends all of them. */
static void fail(struct pipeline *p, int err)
{
    pthread_mutex_lock(&p->lock);
    if (p->err == 0) {
        p->err = err;
        note_failure(p, err);
    }
    p->stop = true;
    pthread_cond_broadcast(&p->room);
    pthread_cond_broadcast(&p->filled);
    pthread_cond_broadcast(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static struct slot *slot_of(struct pipeline *p, uint64_t seq)
{
    return &p->slots[seq % p->slot_count];
}

/* A slot to read into; NULL when it is over. */
static struct slot *wait_room(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stop && p->read_seq - p->write_seq == p->slot_count)
        pthread_cond_wait(&p->room, &p->lock);
    struct slot *slot = p->stop ? NULL : slot_of(p, p->read_seq);
    pthread_mutex_unlock(&p->lock);
    return slot;
}

static void give_filled(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->read_seq++;
    pthread_cond_signal(&p->filled);
    pthread_mutex_unlock(&p->lock);
}

static void give_end(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    p->at_end = true;
    pthread_cond_broadcast(&p->filled);
    pthread_cond_broadcast(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static struct slot *wait_filled(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stop && !p->at_end && p->work_seq == p->read_seq)
        pthread_cond_wait(&p->filled, &p->lock);
    struct slot *slot = p->stop || p->work_seq == p->read_seq ? NULL : slot_of(p, p->work_seq++);
    pthread_mutex_unlock(&p->lock);
    return slot;
}

static void give_done(struct pipeline *p, struct slot *slot)
{
    pthread_mutex_lock(&p->lock);
    slot->done = true;
    pthread_cond_signal(&p->done);
    pthread_mutex_unlock(&p->lock);
}

static struct slot *wait_done(struct pipeline *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->stop && !slot_of(p, p->write_seq)->done && !(p->at_end && p->write_seq == p->read_seq))
        pthread_cond_wait(&p->done, &p->lock);
    struct slot *slot = slot_of(p, p->write_seq);
    if (p->stop || !slot->done)
        slot = NULL;
    pthread_mutex_unlock(&p->lock);
    return slot;
}

static void give_room(struct pipeline *p, struct slot *slot)
{
    pthread_mutex_lock(&p->lock);
    slot->done = false;
    p->write_seq++;
    pthread_cond_signal(&p->room);
    pthread_mutex_unlock(&p->lock);
}

/* ---- reader ---- */

/* Returns 0 when the file is read, 1 when it is over for another's reason. */
static int read_file(struct pipeline *p, size_t file, uint64_t bytes_before)
{
    struct bit_lines *lines = NULL;
    int err = bit_lines_open(p->inputs->files[file].path, &lines);

    while (err >= 0) {
        struct slot *slot = wait_room(p);
        if (slot == NULL) {
            err = 1;
            break;
        }
        err = bit_lines_read(lines, &slot->block);
        if (err <= 0)
            break;
        slot->file = file;
        slot->input_bytes = bytes_before + bit_lines_offset(lines);
        give_filled(p);
    }
    bit_lines_close(lines);
    return err;
}

static void *run_reader(void *arg)
{
    struct pipeline *p = arg;
    uint64_t bytes = 0;
    int err = 0;

    for (size_t i = 0; i < p->inputs->count && err == 0; i++) {
        err = read_file(p, i, bytes);
        bytes += p->inputs->files[i].bytes;
    }
    if (err < 0)
        fail(p, err);
    else
        give_end(p);
    return NULL;
}

/* ---- worker ---- */

struct worker {
    struct pipeline *p;
    struct bit_encoder *encoder;
    struct bit_document_scratch scratch;
    pthread_t thread;
    bool started;
};

static int add_fault(struct slot *s, uint64_t line, size_t at, enum bit_document_fault fault)
{
    int err = grow((void **)&s->faults, &s->fault_room, s->fault_count + 1, sizeof *s->faults);

    if (err == 0)
        s->faults[s->fault_count++] = (struct fault_row){line, at + 1, fault};
    return err;
}

static int add_row(struct slot *s, uint64_t line, size_t tokens, const struct bit_document *document)
{
    int err = grow((void **)&s->rows, &s->row_room, s->row_count + 1, sizeof *s->rows);

    if (err == 0)
        err = grow((void **)&s->ids, &s->ids_room, s->ids_bytes + document->id_bytes, 1);
    if (err < 0)
        return err;
    s->rows[s->row_count++] = (struct row){line, tokens, s->ids_bytes, document->id_bytes};
    if (document->id_bytes > 0)
        memcpy(s->ids + s->ids_bytes, document->id, document->id_bytes);
    s->ids_bytes += document->id_bytes;
    return 0;
}

static int encode_document(struct worker *w, struct slot *s, uint64_t line, struct bit_document *document)
{
    const struct bit_tokenize_options *o = w->p->options;
    const size_t first = s->tokens.count;

    if (!o->keep_space)
        bit_document_strip(document);
    if (document->text_bytes == 0) {
        s->empty++;
        return 0;
    }
    int err = bit_encoder_encode(w->encoder, document->text, document->text_bytes, &s->tokens);
    if (err == 0)
        err = bit_ids_reserve(&s->tokens, 1);
    if (err < 0)
        return err;
    if (s->tokens.count == first || s->tokens.id[s->tokens.count - 1] != o->end_of_text)
        s->tokens.id[s->tokens.count++] = o->end_of_text;
    s->text_bytes += document->text_bytes;
    return add_row(s, line, s->tokens.count - first, document);
}

static int encode_line(struct worker *w, struct slot *s, uint64_t line, const uint8_t *begin, size_t bytes)
{
    struct bit_document document;
    size_t at;
    int fault = bit_document_parse(begin, bytes, &w->scratch, &document, &at);

    if (fault < 0 || fault == BIT_DOCUMENT_BLANK)
        return fault < 0 ? fault : 0;
    if (fault != BIT_DOCUMENT_GOOD)
        return add_fault(s, line, at, (enum bit_document_fault)fault);
    return encode_document(w, s, line, &document);
}

/* Ids as the file has them: little-endian, 2 or 4 bytes. */
static int pack(struct slot *s, unsigned token_bytes)
{
    int err = grow((void **)&s->packed, &s->packed_room, s->tokens.count * token_bytes, 1);

    if (err < 0)
        return err;
    for (size_t i = 0; i < s->tokens.count; i++) {
        for (unsigned b = 0; b < token_bytes; b++)
            s->packed[i * token_bytes + b] = (uint8_t)(s->tokens.id[i] >> 8 * b);
    }
    return 0;
}

static int encode_block(struct worker *w, struct slot *s)
{
    const uint8_t *at = s->block.data, *end = at + s->block.bytes;
    uint64_t line = s->block.first_line;
    int err = 0;

    s->tokens.count = s->row_count = s->ids_bytes = s->fault_count = 0;
    s->text_bytes = s->empty = 0;
    for (; at < end && err == 0; line++) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        const uint8_t *stop = newline == NULL ? end : newline;
        err = encode_line(w, s, line, at, (size_t)(stop - at));
        at = stop + 1;
    }
    return err < 0 ? err : pack(s, w->p->token_bytes);
}

static void *run_worker(void *arg)
{
    struct worker *w = arg;
    struct slot *slot;

    while ((slot = wait_filled(w->p)) != NULL) {
        int err = encode_block(w, slot);
        if (err < 0) {
            fail(w->p, err);
            break;
        }
        give_done(w->p, slot);
    }
    return NULL;
}

/* ---- writer ---- */

static int report_faults(const struct pipeline *p, const struct slot *s, struct bit_tokenize_summary *sum)
{
    for (size_t i = 0; i < s->fault_count; i++) {
        const struct fault_row *f = &s->faults[i];
        const char *path = p->inputs->files[s->file].path;
        sum->faults[f->fault]++;
        if (p->options->strict)
            return bit_fail(BIT_ECORRUPT, "'%s': line %llu, column %llu: %s", path, (unsigned long long)f->line,
                            (unsigned long long)f->column, bit_document_fault_text(f->fault));
        if (p->options->on_fault != NULL)
            p->options->on_fault(p->options->arg, &(struct bit_tokenize_fault){f->fault, path, f->line, f->column});
    }
    return 0;
}

static int write_slot(const struct pipeline *p, const struct slot *s, struct bit_dataset *dataset,
                      struct bit_tokenize_summary *sum)
{
    const uint8_t *tokens = s->packed;
    int err = report_faults(p, s, sum);

    for (size_t i = 0; i < s->row_count && err == 0; i++) {
        const struct row *r = &s->rows[i];
        const struct bit_dataset_row row = {s->ids + r->id_at, r->id_bytes, p->inputs->files[s->file].path, r->line};
        err = bit_dataset_add(dataset, tokens, r->tokens, &row);
        tokens += r->tokens * p->token_bytes;
    }
    sum->documents += s->row_count;
    sum->tokens += s->tokens.count;
    sum->text_bytes += s->text_bytes;
    sum->empty += s->empty;
    sum->input_bytes = s->input_bytes;
    sum->files = s->file + 1;
    return err;
}

static void slot_finish(struct slot *s)
{
    bit_block_finish(&s->block);
    bit_ids_finish(&s->tokens);
    free(s->packed);
    free(s->rows);
    free(s->ids);
    free(s->faults);
    *s = (struct slot){0};
}

static void run_writer(struct pipeline *p, struct bit_dataset *dataset, struct bit_tokenize_summary *sum)
{
    struct slot *slot;

    while ((slot = wait_done(p)) != NULL) {
        int err = write_slot(p, slot, dataset, sum);
        if (err < 0) {
            fail(p, err);
            return;
        }
        if (slot->block.room > SLOT_BYTES_KEPT)
            slot_finish(slot);
        give_room(p, slot);
        if (p->options->on_progress != NULL)
            p->options->on_progress(p->options->arg, sum);
    }
}

/* ---- whole ---- */

static void pipeline_finish(struct pipeline *p)
{
    for (size_t i = 0; p->slots != NULL && i < p->slot_count; i++)
        slot_finish(&p->slots[i]);
    free(p->slots);
    pthread_cond_destroy(&p->room);
    pthread_cond_destroy(&p->filled);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
}

static int pipeline_init(struct pipeline *p, const struct bit_inputs *inputs,
                         const struct bit_tokenize_options *options)
{
    *p = (struct pipeline){.inputs = inputs, .options = options};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, NULL);
    pthread_cond_init(&p->filled, NULL);
    pthread_cond_init(&p->done, NULL);
    p->token_bytes = options->tokenizer->bpe.token_count > 65536 ? 4 : 2;
    p->slot_count = (size_t)options->threads * 2 + 2;
    p->slots = calloc(p->slot_count, sizeof *p->slots);
    return p->slots == NULL ? bit_fail(-ENOMEM, "%zu blocks", p->slot_count) : 0;
}

static int start_worker(struct pipeline *p, struct worker *w)
{
    w->p = p;
    int err = bit_encoder_create(p->options->tokenizer, &w->encoder);
    if (err < 0)
        return err;
    err = pthread_create(&w->thread, NULL, run_worker, w);
    if (err != 0)
        return bit_fail(-err, "worker thread");
    w->started = true;
    return 0;
}

/* Start the reader and the workers, write what they make, wait for them. */
static void run_threads(struct pipeline *p, struct worker *workers, struct bit_dataset *dataset,
                        struct bit_tokenize_summary *sum)
{
    pthread_t reader;
    int err = pthread_create(&reader, NULL, run_reader, p);
    bool reading = err == 0;

    if (err != 0)
        err = bit_fail(-err, "reader thread");
    for (int i = 0; i < p->options->threads && err == 0; i++)
        err = start_worker(p, &workers[i]);
    if (err < 0)
        fail(p, err);
    run_writer(p, dataset, sum);
    if (reading)
        pthread_join(reader, NULL);
    for (int i = 0; i < p->options->threads; i++) {
        if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
    }
}

static json_t *describe(const struct bit_tokenize_options *o, const struct bit_inputs *inputs,
                        const struct bit_tokenize_summary *sum)
{
    json_t *skipped = json_object(), *meta;

    json_object_set_new(skipped, "empty text", json_integer((json_int_t)sum->empty));
    for (int i = BIT_DOCUMENT_JSON; i < BIT_DOCUMENT_FAULTS; i++)
        json_object_set_new(skipped, bit_document_fault_text((enum bit_document_fault)i),
                            json_integer((json_int_t)sum->faults[i]));
    meta = json_pack("{s:s, s:{s:s, s:s, s:i, s:i}, s:i, s:I, s:I, s:o}", "format", "bitd-dataset-1", "tokenizer",
                     "name", o->tokenizer->name, "sha256", o->tokenizer->digest, "vocab",
                     (int)o->tokenizer->bpe.token_count, "end_of_text", (int)o->end_of_text, "input_files",
                     (int)inputs->count, "input_bytes", (json_int_t)bit_inputs_bytes(inputs), "text_bytes",
                     (json_int_t)sum->text_bytes, "skipped", skipped);
    return meta;
}

static int finish_dataset(const struct pipeline *p, struct bit_dataset *dataset, struct bit_tokenize_summary *sum)
{
    if (p->err < 0)
        return bit_fail(p->err, "%s", p->error);
    if (sum->documents == 0)
        return bit_fail(-ENODATA, "no document in the input");
    json_t *meta = describe(p->options, p->inputs, sum);
    int err = meta == NULL ? bit_fail(-ENOMEM, "'%s'", BIT_DATASET_META) : bit_dataset_finish(dataset, meta);
    json_decref(meta);
    sum->input_bytes = bit_inputs_bytes(p->inputs);
    sum->files = p->inputs->count;
    return err;
}

int bit_tokenize(const struct bit_inputs *inputs, const struct bit_tokenize_options *options,
                 struct bit_tokenize_summary *out)
{
    struct bit_tokenize_summary sum = {0};
    struct bit_dataset *dataset = NULL;
    struct worker *workers = NULL;
    struct pipeline p;

    BIT_ASSERT(options->threads > 0 && options->threads <= BIT_TOKENIZE_THREADS_MAX);
    int err = pipeline_init(&p, inputs, options);
    if (err < 0)
        goto out;
    workers = calloc((size_t)options->threads, sizeof *workers);
    if (workers == NULL) {
        err = bit_fail(-ENOMEM, "%d threads", options->threads);
        goto out;
    }
    err = bit_dataset_create(
        &(struct bit_dataset_options){options->folder, p.token_bytes, options->file_tokens, options->force}, &dataset);
    if (err < 0)
        goto out;
    run_threads(&p, workers, dataset, &sum);
    err = finish_dataset(&p, dataset, &sum);
    if (err == 0)
        *out = sum;
out:
    for (int i = 0; workers != NULL && i < options->threads; i++) {
        bit_encoder_destroy(workers[i].encoder);
        bit_document_scratch_finish(&workers[i].scratch);
    }
    free(workers);
    bit_dataset_destroy(dataset);
    pipeline_finish(&p);
    return err;
}
