#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/options.h"
#include "ctl/data/data.h"
#include "ctl/verbs/verbs.h"
#include "proto/bit.pb-c.h"
#include "proto/err.h"
#include "proto/limits.h"

enum { OPT_CONTEXT, OPT_VOCAB, OPT_STEP, OPT_RANK, OPT_TEXT, OPT_TOKENIZER, OPT_DOCUMENT };
static const struct bit_option options[] = {
    [OPT_CONTEXT] = {"context", 'c', "N", "info: count instances of N tokens, and items that N would cut (2048)."},
    [OPT_VOCAB] = {"vocab", 0, "N", "verify: ids must be below N; default: the tokenizer's, from dataset.json."},
    [OPT_STEP] = {"step", 0, "N", "show: what step N trains on."},
    [OPT_RANK] = {"rank", 0, "R", "show: what rank R gets of it."},
    [OPT_TEXT] = {"text", 0, NULL, "show: the documents decoded; needs --tokenizer."},
    [OPT_TOKENIZER] = {"tokenizer", 't', "FILE", "show: the tokenizer.json that made the tokens."},
    [OPT_DOCUMENT] = {"document", 'd', "N", "show: document N of a request file; the first unless given."},
    {0},
};

static int take_number(int option, const char *value, uint64_t least, uint64_t *out)
{
    return bit_options_number(&bit_cmd_data, option, value, least, BIT_STEPS_MAX, out);
}

static int take_option(void *arg, int option, const char *value)
{
    struct bit_data_options *d = arg;

    switch (option) {
    case OPT_CONTEXT:
        return take_number(option, value, 1, &d->context);
    case OPT_VOCAB:
        return take_number(option, value, 1, &d->vocab);
    case OPT_STEP:
        return take_number(option, value, 1, &d->step);
    case OPT_RANK:
        d->has_rank = true;
        return take_number(option, value, 0, &d->rank);
    case OPT_DOCUMENT:
        d->has_document = true;
        return take_number(option, value, 0, &d->document);
    case OPT_TEXT:
        d->text = true;
        return 0;
    default:
        d->tokenizer = value;
        return 0;
    }
}

static int show_requests(const struct bit_data_options *d, const char *path)
{
    if (d->step > 0 || d->has_rank)
        return bit_usage(&bit_cmd_data, "--%s is for runs, and '%s' is a request file", d->step > 0 ? "step" : "rank",
                         path);
    if (d->text && d->tokenizer == NULL)
        return bit_usage(&bit_cmd_data, "--text needs --tokenizer");
    return bit_data_requests_show(d, path);
}

static int show(const struct bit_data_options *d, int words, char **word)
{
    if (words != 1)
        return bit_usage(&bit_cmd_data, "show which RUN, or which request file?");
    if (bit_data_is_requests(word[0]))
        return show_requests(d, word[0]);
    if (d->has_document)
        return bit_usage(&bit_cmd_data, "--document is for request files, and '%s' is none", word[0]);
    if (d->step == 0)
        return bit_usage(&bit_cmd_data, "show which --step?");
    if (d->text && d->tokenizer == NULL)
        return bit_usage(&bit_cmd_data, "--text needs --tokenizer");
    return bit_data_show(d, word[0]);
}

typedef int run_files(const struct bit_data_options *o, const struct bit_data_files *files);

/* Handles token files first, then request files; `files` keeps owning the paths. */
static int over_both(const struct bit_data_options *d, const struct bit_data_files *files, run_files *tokens,
                     run_files *requests)
{
    struct bit_data_files of[2] = {{calloc(files->count, sizeof(char *)), 0},
                                   {calloc(files->count, sizeof(char *)), 0}};
    int code = BIT_EXIT_OK;

    if (of[0].path == NULL || of[1].path == NULL)
        code = bit_failure_print(d->cli, bit_fail(-ENOMEM, "list of files"));
    for (size_t i = 0; i < files->count && code == BIT_EXIT_OK; i++) {
        struct bit_data_files *kind = &of[bit_data_is_requests(files->path[i])];
        kind->path[kind->count++] = files->path[i];
    }
    if (of[0].count > 0)
        code = tokens(d, &of[0]);
    if (of[1].count > 0) {
        int said = requests(d, &of[1]);
        code = code == BIT_EXIT_OK ? said : code;
    }
    free(of[0].path);
    free(of[1].path);
    return code;
}

static int over_files(const struct bit_data_options *d, int words, char **word, run_files *tokens, run_files *requests)
{
    struct bit_data_files files;

    if (words == 0)
        return bit_usage(&bit_cmd_data, "which files?");
    int err = bit_data_files_find(word, (size_t)words, &files);
    if (err < 0)
        return bit_failure_print(d->cli, err);
    int code = over_both(d, &files, tokens, requests);
    bit_data_files_finish(&files);
    return code;
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    static const char *const subverbs[] = {"info", "verify", "show", NULL};
    struct bit_data_options d = {.cli = cli, .context = 2048};
    struct bit_options o = {&bit_cmd_data, cli, take_option, &d, .most = BIT_WORDS_MANY};
    const int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    if (o.words == 0)
        return bit_usage(&bit_cmd_data, "info, verify or show?");
    const char *verb = o.word[0];
    const int words = o.words - 1;
    char **word = o.word + 1;
    if (strcmp(verb, "info") == 0)
        return over_files(&d, words, word, bit_data_info, bit_data_requests_info);
    if (strcmp(verb, "verify") == 0)
        return over_files(&d, words, word, bit_data_verify, bit_data_requests_verify);
    if (strcmp(verb, "show") == 0)
        return show(&d, words, word);
    return bit_usage_names(&bit_cmd_data, "data", verb, subverbs);
}

static const struct bit_verb_object objects[] = {
    {&bit__data_info__descriptor, "info: for each file"},
    {&bit__data_verdict__descriptor, "verify: for each file, the bad ones too"},
    {&bit__shown_instance__descriptor, "show RUN: for each instance of the step"},
    {&bit__request_file_info__descriptor, "info: for each request file"},
    {&bit__shown_choice__descriptor, "show FILE: for each choice of the document"},
    {0},
};

const struct bit_cli_verb bit_cmd_data = {
    .name = "data",
    .summary = "look at token and request files, verify them, or show what a step trains on",
    .synopsis = "info PATH... | verify PATH... | show RUN --step N [--rank R] [--text --tokenizer FILE] | show FILE",
    .description =
        "A PATH is a token file, a request file or a folder of them. `info` counts tokens, instances and documents\n"
        "and looks at a sample of the ids. `verify` reads every id, compares it with the vocabulary, and each file\n"
        "with the size and CRC-32C in dataset.json; trouble is named with file and byte, and the exit code is 65.\n\n"
        "`show` prints what a past or future step of a run trains on: each instance's row in the batch, its rank,\n"
        "file and tokens, and the documents in it; with --text also their text. The code that feeds the run finds\n"
        "it. RUN may be the folder of a run (with a '/'), which needs no daemon.\n\n"
        "For a request file, which holds a task, `info` counts documents, items (one per choice) and tokens, and\n"
        "prints the length of the longest query and how many items --context would cut; `verify` checks all of\n"
        "it; and `show` prints one of its documents, choice by choice, with --json also the ids and with --text\n"
        "the text.",
    .options = options,
    .quiet = "info: print only the lines of the files; verify: only the bad files.",
    .json = objects,
    .examples = "$ bitctl data info data/train\n"
                "$ bitctl data verify data/train data/valid\n"
                "$ bitctl data show @last --step 4711 --rank 3 --text -t tokenizer.json\n"
                "$ bitctl data show data/tasks/copa.requests --document 17 --text -t tokenizer.json",
    .run = run,
};
