#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/tokenize/dataset.h"
#include "ctl/tokenize/tokenize.h"
#include "ctl/verbs/tokenize_progress.h"
#include "ctl/verbs/tokenize_requests.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/limits.h"

enum {
    OPT_TOKENIZER,
    OPT_OUTPUT,
    OPT_END,
    OPT_MAX_SIZE,
    OPT_THREADS,
    OPT_KEEP_SPACE,
    OPT_STRICT,
    OPT_FORCE,
    OPT_REQUESTS,
    OPT_CONTEXT
};
static const struct bit_option options[] = {
    {"tokenizer", 't', "FILE", "The tokenizer: a Hugging Face tokenizer.json of a byte-level BPE. Required."},
    {"output", 'o', "DIR", "The folder to write, made if it is not there. Required."},
    {"end-of-text", 'e', "TOKEN", "The token put after each document; <|endoftext|> unless given."},
    {"max-size", 0, "TOKENS",
     "Begin a new file before the document that would bring one to so many tokens; 1073741824."},
    {"threads", 'j', "N", "Worker threads; all cores unless given. The files do not depend on it."},
    {"keep-space", 0, NULL, "Keep white space at both ends of a document, which is left out otherwise, as dolma does."},
    {"strict", 0, NULL, "Stop at the first line that is no document."},
    {"force", 'f', NULL, "Begin again, and replace the token files that DIR already has."},
    {"requests", 'r', NULL, "The inputs are requests of tasks: make a request file of each, DIR/TASK.requests."},
    {"context", 'c', "N", "With --requests: a model reads N tokens at once; refuse continuations that do not fit."},
    {0},
};

struct tokenize {
    struct bit_cli *cli;
    const char *tokenizer, *output, *end_of_text;
    uint64_t file_tokens;
    int threads;
    bool keep_space, strict, force, requests;
    uint64_t context;           /* --context; 0: any */
    const char *documents_only; /* the last option given that is for documents only */
};

static volatile sig_atomic_t stop_signal; /* the signal that came; 0: none */

/* ---- options */

static int cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : (int)sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : BIT_MIN(count, BIT_TOKENIZE_THREADS_MAX);
}

static int take_number(int option, const char *value, uint64_t least, uint64_t most, uint64_t *out)
{
    return bit_options_number(&bit_cmd_tokenize, option, value, least, most, out);
}

static int take_option(void *arg, int option, const char *value)
{
    struct tokenize *t = arg;
    uint64_t threads = 0;
    int code = 0;

    if (option >= OPT_END && option <= OPT_STRICT)
        t->documents_only = options[option].name;
    switch (option) {
    case OPT_TOKENIZER:
        t->tokenizer = value;
        break;
    case OPT_OUTPUT:
        t->output = value;
        break;
    case OPT_END:
        t->end_of_text = value;
        break;
    case OPT_MAX_SIZE:
        code = take_number(option, value, 2, UINT64_C(1) << 48, &t->file_tokens);
        break;
    case OPT_THREADS:
        code = take_number(option, value, 1, BIT_TOKENIZE_THREADS_MAX, &threads);
        if (code == 0)
            t->threads = (int)threads;
        break;
    case OPT_KEEP_SPACE:
        t->keep_space = true;
        break;
    case OPT_STRICT:
        t->strict = true;
        break;
    case OPT_REQUESTS:
        t->requests = true;
        break;
    case OPT_CONTEXT:
        code = take_number(option, value, 1, BIT_CONTEXT_MAX, &t->context);
        break;
    default:
        t->force = true;
    }
    return code;
}

/* < 0 to go on, or the exit code to end with. */
static int check(const struct tokenize *t, int inputs)
{
    if (t->tokenizer == NULL)
        return bit_usage(&bit_cmd_tokenize, "--tokenizer is missing");
    if (t->output == NULL)
        return bit_usage(&bit_cmd_tokenize, "--output is missing");
    if (inputs == 0)
        return bit_usage(&bit_cmd_tokenize, "no input file, folder or glob is given");
    if (t->requests && t->documents_only != NULL)
        return bit_usage(&bit_cmd_tokenize, "--%s is for documents, not for --requests", t->documents_only);
    if (t->context > 0 && !t->requests)
        return bit_usage(&bit_cmd_tokenize,
                         "--context is for --requests; documents are cut by the run that reads them");
    return -1;
}

static int find_end_of_text(const struct tokenize *t, const struct bit_tokenizer *tokenizer, uint32_t *out)
{
    const char *text = t->end_of_text == NULL ? "<|endoftext|>" : t->end_of_text;

    *out = bit_tokenizer_find(tokenizer, text, strlen(text));
    if (*out == BIT_BPE_NONE)
        return bit_fail(BIT_EUSAGE, "tokenizer '%s' has no token '%s'; name its end-of-text token with --end-of-text",
                        t->tokenizer, text);
    return 0;
}

/* ---- signals */

/* The first signal asks to stop between two blocks, the second ends the process. */
static void on_signal(int number)
{
    stop_signal = number;
}

static void catch_signals(void)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    for (size_t i = 0; i < BIT_COUNT(numbers); i++) {
        struct sigaction before;
        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

/* ---- answer */

static void print_person(const struct tokenize *t, const struct bit_tokenize_summary *sum, double seconds)
{
    char tokens[BIT_TEXT], bytes[BIT_TEXT], rate[BIT_TEXT], time[BIT_TEXT];

    if (t->cli->quiet)
        return;
    if (sum->tokens == sum->tokens_before) {
        bit_show(stdout, "%s: complete already, %s tokens of %" PRIu64 " document%s\n", t->output,
                 bit_text_count((double)sum->tokens, tokens), sum->documents, bit_format_s(sum->documents));
        return;
    }
    bit_show(stdout, "%s: %s tokens of %" PRIu64 " document%s, %s of text, in %s (%s tokens/s)\n", t->output,
             bit_text_count((double)sum->tokens, tokens), sum->documents, bit_format_s(sum->documents),
             bit_text_bytes((double)sum->text_bytes, bytes), bit_text_duration(seconds, time),
             bit_text_count((double)(sum->tokens - sum->tokens_before) / seconds, rate));
    if (sum->empty > 0)
        bit_show(stdout, "skipped: %" PRIu64 " with empty text\n", sum->empty);
    for (int i = BIT_DOCUMENT_JSON; i < BIT_DOCUMENT_FAULTS; i++) {
        if (sum->faults[i] > 0)
            bit_show(stdout, "skipped: %" PRIu64 " with %s\n", sum->faults[i],
                     bit_document_fault_text((enum bit_document_fault)i));
    }
}

static void print_json(const struct tokenize *t, const struct bit_tokenizer *tokenizer,
                       const struct bit_tokenize_summary *sum, double seconds)
{
    Bit__TokenizerName name = BIT__TOKENIZER_NAME__INIT;
    Bit__SkippedLines skipped = BIT__SKIPPED_LINES__INIT;
    Bit__Tokenized m = BIT__TOKENIZED__INIT;

    name.name = bit_lend(tokenizer->name);
    name.sha256 = bit_lend(tokenizer->digest);
    skipped.empty_text = sum->empty;
    skipped.broken_json = sum->faults[BIT_DOCUMENT_JSON];
    skipped.no_text = sum->faults[BIT_DOCUMENT_TEXT];
    skipped.invalid_utf8 = sum->faults[BIT_DOCUMENT_UTF8];
    skipped.line_too_long = sum->faults[BIT_DOCUMENT_LONG];
    m.output = bit_lend(t->output);
    m.tokenizer = &name;
    m.documents = sum->documents;
    m.tokens = sum->tokens;
    m.tokens_before = sum->tokens_before;
    m.text_bytes = sum->text_bytes;
    m.input_bytes = sum->input_bytes;
    m.seconds = seconds;
    m.skipped = &skipped;
    bit_print_json(&m);
}

/* ---- verb */

/* The real path of a folder that may not exist yet: that of its deepest part that exists. */
static bool real_folder(const char *path, char out[PATH_MAX])
{
    char rest[BIT_PATH_MAX];

    if ((size_t)snprintf(rest, sizeof rest, "%s", path) >= sizeof rest)
        return false;
    while (realpath(rest, out) == NULL) {
        char *slash = strrchr(rest, '/');
        if (errno != ENOENT || slash == rest || (slash == NULL && strcmp(rest, ".") == 0))
            return false;
        strcpy(slash == NULL ? rest : slash, slash == NULL ? "." : "");
    }
    return true;
}

/* An input folder must not contain the output folder: the next call would read dataset.json as documents. */
static int check_apart(const struct tokenize *t, char *const *args, int count)
{
    char output[PATH_MAX], input[PATH_MAX];

    if (!real_folder(t->output, output))
        return 0; /* creating it will report why */
    for (int i = 0; i < count; i++) {
        struct stat st;
        if (stat(args[i], &st) < 0 || !S_ISDIR(st.st_mode) || realpath(args[i], input) == NULL)
            continue;
        size_t length = strlen(input);
        if (strncmp(output, input, length) == 0 && (output[length] == '/' || output[length] == '\0'))
            return bit_fail(BIT_EUSAGE, "output '%s' lies in the input folder '%s'; name one outside", t->output,
                            args[i]);
    }
    return 0;
}

static int failed(const struct tokenize *t, int err)
{
    if (err == -EINTR && stop_signal != 0)
        raise(stop_signal); /* its handler is reset: ends the process by the signal, as a shell expects */
    int code = bit_failure_print(t->cli, err);
    if (err == -EEXIST)
        bit_show(stderr, "bitctl: name another --output, or begin anew with --force\n");
    return code;
}

static int tokenize(const struct tokenize *t, const struct bit_inputs *inputs, const struct bit_tokenizer *tokenizer)
{
    struct bit_tokenize_options o = {
        .tokenizer = tokenizer,
        .folder = t->output,
        .file_tokens = t->file_tokens,
        .threads = t->threads,
        .strict = t->strict,
        .keep_space = t->keep_space,
        .force = t->force,
        .stop = &stop_signal,
    };
    struct bit_tokenize_progress progress = {.cli = t->cli, .input_bytes = bit_inputs_bytes(inputs)};
    struct bit_tokenize_summary sum;
    int err = find_end_of_text(t, tokenizer, &o.end_of_text);

    if (err < 0)
        return bit_failure_print(t->cli, err);
    catch_signals();
    bit_tokenize_progress_begin(&progress, &o);
    err = bit_tokenize(inputs, &o, &sum);
    const double seconds = bit_tokenize_progress_end(&progress);
    if (err < 0)
        return failed(t, err);
    if (t->cli->json)
        print_json(t, tokenizer, &sum, seconds);
    else
        print_person(t, &sum, seconds);
    return BIT_EXIT_OK;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct tokenize t = {.cli = cli, .threads = cores(), .file_tokens = BIT_DATASET_FILE_TOKENS_MAX};
    struct bit_options o = {&bit_cmd_tokenize, cli, take_option, &t, .most = BIT_WORDS_MANY};
    struct bit_tokenizer *tokenizer = NULL;
    struct bit_inputs inputs = {0};
    int code = bit_options_parse(&o, argc, argv);

    if (code < 0)
        code = check(&t, o.words);
    if (code >= 0)
        return code;
    int err = t.requests ? 0 : check_apart(&t, o.word, o.words);
    if (err == 0)
        err = bit_tokenizer_load(t.tokenizer, &tokenizer);
    if (err == 0)
        err = bit_inputs_expand(o.word, (size_t)o.words, &inputs);
    const struct bit_requests_options requests = {tokenizer, t.output, (uint32_t)t.context, t.force};
    code = err < 0      ? bit_failure_print(cli, err)
           : t.requests ? bit_tokenize_requests(cli, &requests, &inputs)
                        : tokenize(&t, &inputs, tokenizer);
    bit_inputs_finish(&inputs);
    bit_tokenizer_destroy(tokenizer);
    return code;
}

static const struct bit_verb_object objects[] = {
    {&bit__tokenized__descriptor, "at the end"},
    {&bit__request_file__descriptor, "--requests: for each input"},
    {0},
};

const struct bit_cli_verb bit_cmd_tokenize = {
    .name = "tokenize",
    .summary = "turn documents into token files to train on, and tasks into request files",
    .synopsis = "--tokenizer FILE --output DIR [--requests] INPUT...",
    .description =
        "Reads Dolma documents, a JSON object a line of which \"text\" is tokenized, and writes raw little-endian\n"
        "uint16 token files (uint32 if the vocabulary has more than 65536) as `dolma tokens` does and OLMo reads:\n"
        "DIR/part-0-00000.npy, a document index beside it in .csv.gz, and DIR/dataset.json, which names the\n"
        "tokenizer by its SHA-256 and the files by their CRC-32C. Each document is followed by the end-of-text\n"
        "token.\n\n"
        "An INPUT is a file, a folder (the .json and .jsonl files below it, also .gz and .zst, sorted by path) or\n"
        "a glob. Documents keep the order of the inputs, however many threads work; the ids are those of Hugging\n"
        "Face's tokenizers.\n\n"
        "Lines that are broken JSON, have no text or are not UTF-8 are skipped, counted, and the first 20 are\n"
        "named on stderr by file, line and column.\n\n"
        "Files appear in DIR when they are whole and on disk, dataset.json last. If it is interrupted, by a\n"
        "signal, a full disk or a crash, the same command continues after the last finished file, and ends with\n"
        "the same bytes as an uninterrupted run; DIR/tokenize.ledger records its progress. If an input, the\n"
        "tokenizer or an option that changes the files has changed by then, it refuses with the reason; --force\n"
        "begins again. Once all is done the same command changes nothing. Needs no daemon.\n\n"
        "With --requests each INPUT holds the requests of one task, a JSON object a line, as deploy/tasks writes\n"
        "those of OLMo's eleven and anybody may write others:\n\n"
        "  {\"task\": \"rain\", \"document\": 0, \"choice\": 1, \"context\": \"It rained because\",\n"
        "   \"continuation\": \" clouds came.\", \"label\": 0, \"metric\": \"acc\"}\n\n"
        "A document asks for one of its choices, which count from 0; its label is the right one, equal in all its\n"
        "lines. A model scores how likely each continuation is after its context. The metric is acc (the\n"
        "likeliest choice), len_norm (likelihood by character of the continuation without its leading space) or\n"
        "f1 (of two choices, 0 the positive one). Both texts are tokenized separately and nothing is added to\n"
        "them; a continuation begins with the space that separates it from the context. Mistakes are named by\n"
        "file and line, for all inputs, and such a task's file is not written. Nothing is cut: a request file\n"
        "serves every context length, and --context reports how many items a model's context would cut, from the\n"
        "left.",
    .options = options,
    .quiet = "Print nothing but mistakes.",
    .json = objects,
    .examples = "$ bitctl tokenize -t tokenizer.json -o data/train dolma/wiki-0000.json.gz\n"
                "$ bitctl tokenize -t tokenizer.json -o data/train --threads 64 'dolma/v1_5/*.json.gz'\n"
                "$ bitctl tokenize -t tokenizer.json -o data/valid --strict --json valid.jsonl.zst\n"
                "$ bitctl tokenize -t tokenizer.json -o data/tasks --requests build/tasks\n",
    .run = run,
};
