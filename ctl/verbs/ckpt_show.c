#include "ctl/verbs/ckpt_show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/export/survey.h"
#include "ctl/show/print.h"
#include "ctl/show/progress_line.h"
#include "ctl/show/show.h"
#include "ctl/show/table.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"

#define FIELD 12 /* width of the names' column */

static uint64_t elements_of(const struct bit_tensor *t)
{
    return (uint64_t)(t->rows * t->cols);
}

static double zero_fraction(const struct bit_survey *s, int t)
{
    uint64_t zeros = 0;

    for (int i = 0; i < s->ternary[t].segments; i++)
        zeros += s->ternary[t].zeros[i];
    return (double)zeros / (double)elements_of(&s->source.tensors[t]);
}

static uint64_t bytes_of(const Bit__Manifest *m)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < m->n_file; i++)
        bytes += m->file[i]->bytes;
    return bytes;
}

/* ---- for people */

static void field(const char *name)
{
    bit_show(stdout, "%-*s ", FIELD, name);
}

static const char *enum_name(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);

    return known != NULL ? known->name : "?";
}

static void print_phase(const Bit__Manifest *m)
{
    field("phase");
    bit_show(stdout, "%s", bit_text_precision(m->phase->precision));
    if (m->phase->precision == BIT__PRECISION__TERNARY) {
        if (m->has_strength)
            bit_show(stdout, " at strength %.3f", m->strength);
        bit_show(stdout, ", switched after step %" PRIu64, m->phase->switched_after);
    } else if (m->pre_switch) {
        bit_show(stdout, ", the last before the switch");
    }
    bit_show(stdout, "\n");
}

static void print_quantizer(const Bit__QuantizerSpec *q)
{
    field("quantizer");
    bit_show(stdout, "weights by %s, %s; activations by %s in %u levels, inner norm %s\n",
             enum_name(&bit__measure__descriptor, q->weight_measure),
             q->granularity == BIT__GRANULARITY__PROJECTION ? "a scale for each projection" : "a scale for each matrix",
             enum_name(&bit__measure__descriptor, q->activation_measure), q->activation_levels,
             enum_name(&bit__inner_norm__descriptor, q->inner_norm));
}

static void print_head(const char *folder, const Bit__Manifest *m)
{
    const Bit__ModelSpec *model = m->spec->model;
    const bool half = m->file[BIT_CHECKPOINT_EXP_AVG]->chunk_bytes == bit_checkpoint_chunk_of(BIT__OPERANDS__BF16);
    char text[BIT_TEXT];

    field("checkpoint");
    bit_show(stdout, "%s\n", folder);
    field("run");
    bit_show(stdout, "%s, after step %" PRIu64 "\n", m->run, m->step);
    print_phase(m);
    field("model");
    bit_show(stdout, "%u layers of width %u, %u heads, mlp_hidden %u, vocabulary %u, context %u, %s\n", model->layers,
             model->width, model->heads, model->mlp_hidden, model->vocab, model->context,
             model->tied ? "head tied to the embedding" : "a head of its own");
    print_quantizer(m->spec->quantizer);
    field("optimizer");
    bit_show(stdout, "step %" PRIu64 ", beta1 %g, beta2 %g%s\n", m->phase->optimizer_step, m->phase->beta1,
             m->phase->beta2, half ? ", moments in bf16" : "");
    if (m->has_next_batch) {
        field("data");
        bit_show(stdout, "batch %" PRIu64 " is next, %u instances each\n", m->next_batch, m->spec->batch->instances);
    }
    field("digests");
    bit_show(stdout, "weights %016" PRIx64 ", moments %016" PRIx64 "\n", m->weights_digest,
             bit_checkpoint_moments_digest(m));
    field("written");
    bit_show(stdout, "%s by %s, %u rank%s\n", bit_text_time(m->time_ns, text), m->writer, m->ranks,
             bit_format_s(m->ranks));
    for (size_t i = 0; i < m->n_file; i++) {
        field(i > 0 ? "" : "files");
        bit_show(stdout, "%s, %s\n", m->file[i]->name, bit_text_bytes((double)m->file[i]->bytes, text));
    }
    bit_show(stdout, "\n");
}

static void add_row(struct bit_table *table, const struct bit_survey *s, int t)
{
    const struct bit_tensor *tensor = &s->source.tensors[t];
    char shape[48], bytes[BIT_TEXT], zeros[24] = "", scale[80] = "";
    int n = 0;

    snprintf(shape, sizeof shape, "%" PRId64 " x %" PRId64, tensor->rows, tensor->cols);
    bit_text_bytes((double)(elements_of(tensor) * sizeof(float)), bytes);
    if (s->ternary[t].segments > 0)
        snprintf(zeros, sizeof zeros, "%.2f", 100 * zero_fraction(s, t));
    for (int i = 0; i < s->ternary[t].segments; i++)
        n += snprintf(scale + n, sizeof scale - (size_t)n, "%s%.4g", i > 0 ? " " : "", (double)s->ternary[t].scale[i]);
    const char *const cells[] = {tensor->name, shape, "F32", bytes, zeros, scale};
    bit_table_add(table, cells);
}

static void print_tensors(const struct bit_survey *s)
{
    static const struct bit_table_column columns[] = {
        {"TENSOR"},
        {"SHAPE", .right = true, .leave = 2},
        {"TYPE", .leave = 4},
        {"SIZE", .right = true, .leave = 3},
        {"ZEROS %", .right = true},
        {"SCALE", .leave = 1},
    };
    struct bit_table table;

    bit_table_init(&table, columns, BIT_COUNT(columns));
    for (int t = 0; t < s->source.count; t++)
        add_row(&table, s, t);
    bit_table_print(stdout, &table, bit_terminal_columns(stdout), SIZE_MAX);
    bit_table_finish(&table);
}

static void print_totals(const struct bit_survey *s)
{
    const Bit__Manifest *m = s->source.manifest;
    const bool ternary = m->phase->precision == BIT__PRECISION__TERNARY;
    char bytes[BIT_TEXT];

    bit_show(stdout, "%d tensors, %" PRId64 " parameters, %s in all files\n", s->source.count,
             bit_checkpoint_elements(s->source.tensors, s->source.count), bit_text_bytes((double)bytes_of(m), bytes));
    bit_show(stdout, "of %" PRIu64 " in matrices %.2f%% %s code 0%s\n", s->linear_elements,
             100 * (double)s->zeros / (double)BIT_MAX(s->linear_elements, (uint64_t)1), ternary ? "have" : "would have",
             ternary ? "" : ", if it switched here");
}

/* ---- for programs */

struct shown {
    Bit__ShownTensor *tensor, **tensors;
    Bit__ShownFile file[BIT_CHECKPOINT_FILES_MAX], *files[BIT_CHECKPOINT_FILES_MAX];
};

static void fill_tensor(const struct bit_survey *s, int t, Bit__ShownTensor *m)
{
    const struct bit_tensor *tensor = &s->source.tensors[t];

    bit__shown_tensor__init(m);
    m->name = bit_lend(tensor->name);
    m->dtype = bit_lend("F32");
    m->rows = (uint64_t)tensor->rows;
    m->cols = (uint64_t)tensor->cols;
    m->bytes = elements_of(tensor) * sizeof(float);
    m->has_zero_fraction = s->ternary[t].segments > 0;
    if (m->has_zero_fraction)
        m->zero_fraction = zero_fraction(s, t);
    m->n_scale = (size_t)s->ternary[t].segments;
    m->scale = s->ternary[t].scale;
}

static void fill_files(struct shown *x, const Bit__Manifest *m)
{
    for (size_t i = 0; i < m->n_file; i++) {
        bit__shown_file__init(&x->file[i]);
        x->file[i].name = m->file[i]->name;
        x->file[i].bytes = m->file[i]->bytes;
        x->files[i] = &x->file[i];
    }
}

static void print_message(const char *folder, const struct bit_survey *s, struct shown *x)
{
    const Bit__Manifest *manifest = s->source.manifest;
    Bit__ShownCheckpoint m = BIT__SHOWN_CHECKPOINT__INIT;

    m.path = bit_lend(folder);
    m.run = manifest->run;
    m.step = manifest->step;
    m.phase = manifest->phase;
    m.has_strength = manifest->has_strength;
    m.strength = manifest->strength;
    m.has_next_batch = manifest->has_next_batch;
    m.next_batch = manifest->next_batch;
    m.pre_switch = manifest->pre_switch;
    m.model = manifest->spec->model;
    m.quantizer = manifest->spec->quantizer;
    m.weights_digest = manifest->weights_digest;
    m.moments_digest = bit_checkpoint_moments_digest(manifest);
    m.ranks = manifest->ranks;
    m.time_ns = manifest->time_ns;
    m.writer = manifest->writer;
    m.n_file = manifest->n_file;
    m.file = x->files;
    m.n_tensor = (size_t)s->source.count;
    m.tensor = x->tensors;
    m.parameters = (uint64_t)bit_checkpoint_elements(s->source.tensors, s->source.count);
    m.bytes = bytes_of(manifest);
    m.linear_parameters = s->linear_elements;
    m.zero_fraction = (double)s->zeros / (double)BIT_MAX(s->linear_elements, (uint64_t)1);
    bit_print_json(&m);
}

static int print_json(const char *folder, const struct bit_survey *s)
{
    const size_t count = (size_t)s->source.count;
    struct shown x = {.tensor = calloc(count, sizeof *x.tensor), .tensors = calloc(count, sizeof *x.tensors)};
    int err = x.tensor == NULL || x.tensors == NULL ? bit_fail(-ENOMEM, "%zu tensors", count) : 0;

    for (size_t t = 0; t < count && err >= 0; t++) {
        fill_tensor(s, (int)t, &x.tensor[t]);
        x.tensors[t] = &x.tensor[t];
    }
    fill_files(&x, s->source.manifest);
    if (err >= 0)
        print_message(folder, s, &x);
    free(x.tensor);
    free(x.tensors);
    return err;
}

/* of_run: NULL, or how the folder was chosen. Returns the exit code, or -1 if it was replaced by a newer one. */
static int show(struct bit_cli *cli, const char *folder, const struct bit_checkpoint_choice *of_run, unsigned *tries)
{
    struct bit_progress_line line = {.live = bit_terminal(stderr) && !cli->json && !cli->quiet, .what = folder};
    struct bit_survey survey;
    int err = bit_survey_make(&survey, folder, bit_progress_line_percent, &line);

    bit_progress_line_clear(&line);
    if (err >= 0 && cli->json)
        err = print_json(folder, &survey);
    else if (err >= 0 && cli->quiet)
        print_totals(&survey);
    else if (err >= 0) {
        print_head(folder, survey.source.manifest);
        print_tensors(&survey);
        print_totals(&survey);
    }
    int code = 0;
    if (err < 0)
        code = of_run != NULL && bit_checkpoint_of_replaced(cli, of_run, tries, err) ? -1 : bit_failure_print(cli, err);
    bit_survey_finish(&survey);
    return code;
}

int bit_ckpt_show(struct bit_cli *cli, const char *folder)
{
    return show(cli, folder, NULL, NULL);
}

int bit_ckpt_show_of_run(struct bit_cli *cli, const char *run, const uint64_t *step)
{
    struct bit_checkpoint_choice choice;
    unsigned tries = 0;
    int code;

    do {
        code = bit_checkpoint_of(cli, run, step, &choice);
        if (code == 0)
            code = show(cli, choice.path, &choice, &tries);
    } while (code < 0);
    return code;
}
