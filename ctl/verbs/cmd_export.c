#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/cli/run_step.h"
#include "ctl/client/checkpoint_of.h"
#include "ctl/export/export.h"
#include "ctl/export/trained.h"
#include "ctl/show/print.h"
#include "ctl/show/progress_line.h"
#include "ctl/show/show.h"
#include "ctl/verbs/ckpt_word.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/ckpt/checkpoint.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire/msg.h"

#define FILE_BYTES 5000000000 /* transformers' default: a size that object stores and readers can handle */

enum {
    OPT_TO,
    OPT_TYPE,
    OPT_OUTPUT,
    OPT_TOKENIZER,
    OPT_END_OF_TEXT,
    OPT_STEP,
    OPT_TERNARISE,
    OPT_FILE_BYTES,
    OPT_FORCE
};
static const struct bit_option options[] = {
    {"to", 0, "FORM", "The form (below)."},
    {"type", 0, "TYPE", "How numbers are stored (below)."},
    {"output", 'o', "DIR", "The folder to make."},
    {"tokenizer", 't', "FILE", "A tokenizer.json that goes with the model."},
    {"end-of-text", 0, "TOKEN", "The tokenizer's end-of-text token (<|endoftext|>)."},
    {"step", 0, "N", "Of a RUN: the checkpoint after step N instead of the newest."},
    {"ternarise", 0, NULL, "Round weights to codes though no step was trained with codes alone."},
    {"file-bytes", 0, "N", "Begin another file of weights after N bytes (5000000000)."},
    {"force", 0, NULL, "Replace the folder of an earlier export."},
    {0},
};

struct export
{
    struct bit_cli *cli;
    struct bit_export_options options;
    const char *type, *output;
    uint64_t step;
    bool has_step;
    struct bit_progress_line line;
    char what[BIT_PATH_MAX]; /* a run, without @STEP, or a folder */
    struct bit_checkpoint_choice choice;
    unsigned tries; /* how often the chosen checkpoint was replaced before it was open */
    struct timespec begin, shown;
};

/* ---- output */

static double seconds_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) * 1e-9;
}

static void on_progress(void *arg, uint64_t done, uint64_t all)
{
    struct export *x = arg;

    if (x->line.drawn && done < all && seconds_since(&x->shown) < 0.1)
        return;
    x->line.what = 2 * done <= all ? "writing" : "reading again";
    bit_progress_line_percent(&x->line, done, all);
    clock_gettime(CLOCK_MONOTONIC, &x->shown);
}

static void print_json(const struct export *x, const struct bit_export *e, const char *folder)
{
    const Bit__Manifest *manifest = e->source.manifest;
    Bit__Exported m = BIT__EXPORTED__INIT;

    m.output = bit_lend(e->output.path);
    m.form = bit_lend(e->form->name);
    m.type = bit_lend(bit_numbers_type_name(e->type));
    m.checkpoint = bit_lend(folder);
    m.run = manifest->run;
    m.step = manifest->step;
    m.precision = manifest->phase->precision;
    m.parameters = (uint64_t)bit_checkpoint_elements(e->source.tensors, e->source.count);
    m.bytes = e->output.bytes;
    m.seconds = seconds_since(&x->begin);
    m.note = bit_lend(bit_trained_note(e));
    bit_print_json(&m);
}

static void print_person(const struct export *x, const struct bit_export *e)
{
    char bytes[BIT_TEXT], count[BIT_TEXT], duration[BIT_TEXT];
    const Bit__Manifest *manifest = e->source.manifest;

    bit_show(stdout, "%s: %s, %s, %s parameters after step %" PRIu64 " of %s, %s in %s\n", e->output.path,
             e->form->name, bit_numbers_type_name(e->type),
             bit_text_count((double)bit_checkpoint_elements(e->source.tensors, e->source.count), count), manifest->step,
             manifest->run, bit_text_bytes((double)e->output.bytes, bytes),
             bit_text_duration(seconds_since(&x->begin), duration));
    if (bit_trained_note(e) != NULL)
        bit_show(stderr, "bitctl: %s\n", bit_trained_note(e));
    if (x->options.tokenizer == NULL)
        bit_show(stderr, "bitctl: the export has no tokenizer; --tokenizer FILE adds one\n");
}

/* Returns the exit code, or -1 if the checkpoint was replaced by a newer one before it was open. */
static int export_folder(struct export *x, const char *folder)
{
    struct bit_export e;
    int code;

    x->options.progress = on_progress;
    x->options.arg = x;
    x->line.live = bit_terminal(stderr) && !x->cli->json && !x->cli->quiet;
    clock_gettime(CLOCK_MONOTONIC, &x->begin);
    int err = bit_export_run(&e, &x->options, folder, x->output);
    bit_progress_line_clear(&x->line);
    if (err < 0 && e.output.path[0] == '\0' && bit_checkpoint_of_replaced(x->cli, &x->choice, &x->tries, err))
        code = -1;
    else if (err < 0)
        code = bit_failure_print(x->cli, err);
    else {
        code = BIT_EXIT_OK;
        if (x->cli->json)
            print_json(x, &e, folder);
        else if (!x->cli->quiet)
            print_person(x, &e);
    }
    bit_export_finish(&e);
    return code;
}

static int export_of_run(struct export *x)
{
    const uint64_t step = x->step;
    int code;

    do {
        code = bit_checkpoint_of(x->cli, x->what, x->has_step ? &step : NULL, &x->choice);
        if (code == 0)
            code = export_folder(x, x->choice.path);
    } while (code < 0);
    return code;
}

/* ---- the command line */

/* name: NULL, or a word that is no form. */
static int usage_forms(const char *name)
{
    const char *known[16] = {NULL};
    size_t count = 0;

    for (const struct bit_export_form *f = bit_export_forms; f->name != NULL; f++) {
        BIT_ASSERT(count + 1 < BIT_COUNT(known));
        known[count++] = f->name;
    }
    return bit_usage_names(&bit_cmd_export, "--to", name, known);
}

static int usage_types(const struct bit_export_form *form, const char *type)
{
    const char *known[BIT_NUMBERS_TYPES + 1] = {NULL};
    char what[64];
    size_t count = 0;

    for (int t = 0; t < BIT_NUMBERS_TYPES; t++)
        if (form->types >> t & 1)
            known[count++] = bit_numbers_type_name((enum bit_number_type)t);
    snprintf(what, sizeof what, "--to %s --type", form->name);
    return bit_usage_names(&bit_cmd_export, what, type, known);
}

static int take_option(void *arg, int option, const char *value)
{
    struct export *x = arg;

    switch (option) {
    case OPT_TO:
        x->options.form = bit_export_form_find(value);
        return x->options.form == NULL ? usage_forms(value) : 0;
    case OPT_TYPE:
        x->type = value;
        return 0;
    case OPT_OUTPUT:
        x->output = value;
        return 0;
    case OPT_TOKENIZER:
        x->options.tokenizer = value;
        return 0;
    case OPT_END_OF_TEXT:
        x->options.end_of_text = value;
        return 0;
    case OPT_STEP:
        x->has_step = true;
        return bit_options_number(&bit_cmd_export, option, value, 0, UINT64_MAX, &x->step);
    case OPT_TERNARISE:
        x->options.ternarise = true;
        return 0;
    case OPT_FILE_BYTES:
        return bit_options_number(&bit_cmd_export, option, value, 1, UINT64_MAX, &x->options.file_bytes);
    default:
        x->options.force = true;
        return 0;
    }
}

/* < 0: the options are complete and go together; else the exit code. */
static int check(struct export *x)
{
    const struct bit_export_form *form = x->options.form;

    if (form == NULL)
        return usage_forms(NULL);
    if (x->output == NULL || x->output[0] == '\0')
        return bit_usage(&bit_cmd_export, "--output which DIR?");
    x->options.type = x->type == NULL ? form->type : bit_numbers_type_find(x->type);
    if (x->options.type == BIT_NUMBERS_TYPES || !(form->types >> x->options.type & 1))
        return usage_types(form, x->type);
    return -1;
}

/* A folder may be named "r7@4000", too. < 0: the word is valid; else the exit code. */
static int take_word(struct export *x, const char *word)
{
    uint64_t step;
    const bool folder = bit_ckpt_word_is_folder(word);
    const size_t name = folder ? 0 : bit_run_step_parse(word, &step);

    if (strlen(word) >= sizeof x->what)
        return bit_usage(&bit_cmd_export, "a name of %zu bytes", strlen(word));
    if (!folder && bit_run_step_wrong(word) != NULL)
        return bit_usage(&bit_cmd_export, "'%s' is no step: r7@4000 is r7's checkpoint after step 4000",
                         bit_run_step_wrong(word));
    if (folder && x->has_step)
        return bit_usage(&bit_cmd_export, "--step is for a RUN; '%s' is one checkpoint", word);
    if (name > 0 && x->has_step)
        return bit_usage(&bit_cmd_export, "@STEP and --step mean the same: give only one");
    if (name > 0) {
        x->has_step = true;
        x->step = step;
    }
    snprintf(x->what, sizeof x->what, "%.*s", (int)(name > 0 ? name : strlen(word)), word);
    return -1;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct export x = {.cli = cli, .options = {.end_of_text = "<|endoftext|>", .file_bytes = FILE_BYTES}};
    struct bit_options o = {&bit_cmd_export, cli, take_option, &x, .least = 1, .most = 1};
    int code = bit_options_parse(&o, argc, argv);

    if (code < 0)
        code = check(&x);
    if (code >= 0)
        return code;
    code = take_word(&x, o.word[0]);
    if (code >= 0)
        return code;
    return bit_ckpt_word_is_folder(x.what) ? export_folder(&x, x.what) : export_of_run(&x);
}

static const struct bit_verb_object objects[] = {
    {&bit__exported__descriptor, "at the end"},
    {0},
};

const struct bit_cli_verb bit_cmd_export = {
    .name = "export",
    .summary = "write a model in the format of other programs",
    .synopsis = "RUN[@STEP]|CHECKPOINT --to FORM --output DIR [--type TYPE] [--tokenizer FILE]",
    .description =
        "Writes a checkpoint's model into a new folder, in a form that other programs load. CHECKPOINT is a\n"
        "folder, for which no daemon is needed; of a RUN its newest checkpoint is taken, or that of @STEP. The\n"
        "forms:\n\n"
        "  hf         Hugging Face's OlmoForCausalLM: config.json, safetensors, the tokenizer's files. TYPE is\n"
        "             bf16 (default), f16 or f32\n"
        "  hf-bitnet  the same with codes and scales, for transformers' own BitLinear (quant_method bitnet): of\n"
        "             models that were trained with activation_levels 127 and without inner norm or with RMSNORM,\n"
        "             as quantizer { preset: \"export\" } has it. TYPE, f32 by default, is that of the embedding\n"
        "             and the head; loaded in a shorter one, scales are rounded, too\n"
        "  hf-paper   the same for every quantizer, the paper's with its LayerNorm among them, by some 25 lines of\n"
        "             Python that are shipped with it: load it with trust_remote_code=True\n"
        "  gguf       one file, model.gguf, for llama.cpp (architecture olmo). TYPE is tq2_0 (default),\n"
        "             tq1_0 or q2_0, which hold codes and scales, or f16, bf16 or f32, which of a ternary model\n"
        "             hold their products. Rows are multiples of 256 (q2_0, the one with CUDA kernels there: 64).\n"
        "             llama.cpp's olmo has no inner norm and 127 levels: train with quantizer { preset:\n"
        "             \"export\" }. It makes activations int8 by blocks, training by tokens: logits differ a little\n\n"
        "Codes and scales are bit for bit those that the model trains with. Weights that were not trained as\n"
        "codes, in the 16-bit phase or before a ramp's end, are rounded to codes only with --ternarise.\n\n"
        "DIR is written as DIR.partial, synced, read again and compared with the checkpoint, number by number,\n"
        "and only then renamed to DIR. If the export is interrupted, by a signal, a full disk or a crash, DIR is\n"
        "not there, or is still the earlier export. Only one tensor is in memory at a time.\n\n"
        "What a form cannot hold is refused, with the reason and the alternative. So are weights above a type's\n"
        "range. bitd_export.json in DIR describes the source.",
    .options = options,
    .quiet = "Print nothing but mistakes.",
    .json = objects,
    .examples = "$ bitctl export @last --to hf --output model-hf --tokenizer tokenizer.json\n"
                "$ bitctl export ./step-00002000 --to hf-bitnet --output model-bitnet -t tokenizer.json\n"
                "$ bitctl export ./step-00002000 --to hf --type f32 --output model-f32\n"
                "$ bitctl export @last --to gguf --type q2_0 --output model-gguf --tokenizer tokenizer.json\n",
    .run = run,
};
