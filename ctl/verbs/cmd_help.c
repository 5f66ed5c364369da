#include <string.h>

#include "ctl/cli/failure.h"
#include "ctl/cli/help.h"
#include "ctl/cli/json_page.h"
#include "ctl/cli/options.h"
#include "ctl/spec/spec_page.h"
#include "ctl/verbs/verbs.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/nearest.h"

static const struct bit_option options[] = {{0}};

static int explain_json(const char *what)
{
    if (what)
        return bit_json_page_print_one(stdout, bit_verbs, what);
    bit_help_json(bit_verbs);
    return 0;
}

static int explain_verb(const char *name)
{
    static const char *const topics[] = {"spec", "presets", "json"};
    const struct bit_cli_verb *verb = bit_verb_find(bit_verbs, name), *meant;

    if (verb) {
        bit_help(verb);
        return 0;
    }
    struct bit_nearest topic;
    bit_nearest_init(&topic, name, strlen(name));
    for (size_t i = 0; i < BIT_COUNT(topics); i++)
        bit_nearest_offer(&topic, topics[i]);
    const char *word = bit_nearest_name(&topic);
    meant = bit_verb_meant(bit_verbs, name);
    word = word == NULL && meant != NULL ? meant->name : word;
    return bit_fail(BIT_EUSAGE, "there is no verb '%s'; %s%s%s", name,
                    word ? "did you mean `bitctl help " : "`bitctl help", word ? word : "",
                    word ? "`?" : "` lists them");
}

static int explain(bool json, const char *topic, const char *what)
{
    if (topic == NULL)
        return bit_help_all(bit_verbs), 0;
    if (strcmp(topic, "spec") == 0)
        return bit_spec_page_print(stdout, what, json);
    if (strcmp(topic, "presets") == 0)
        return bit_spec_page_print_presets(stdout, what, json);
    if (strcmp(topic, "json") == 0)
        return explain_json(what);
    return explain_verb(topic);
}

static int run(struct bit_cli *cli, int argc, char **argv)
{
    struct bit_options o = {&bit_cmd_help, cli, .most = 2};
    const int code = bit_options_parse(&o, argc, argv);

    if (code >= 0)
        return code;
    const int err = explain(cli->json, o.words > 0 ? o.word[0] : NULL, o.words > 1 ? o.word[1] : NULL);
    return err < 0 ? bit_failure_print(cli, err) : BIT_EXIT_OK;
}

static const struct bit_verb_object objects[] = {
    {&bit__spec_field__descriptor, "of help spec: a field of the specification"},
    {&bit__spec_preset__descriptor, "of help presets: a preset"},
    {0},
};

const struct bit_cli_verb bit_cmd_help = {
    .name = "help",
    .summary = "what the verbs, a specification's fields and the JSON mean",
    .synopsis = "[VERB | spec [FIELD] | presets [PRESET] | json [VERB|OBJECT]]",
    .description =
        "Without a word, it lists the verbs; with a verb, it prints that verb's --help.\n\n"
        "`spec` lists the fields of a run's specification; with a field (schedule.peak_lr, or peak_lr alone) or a\n"
        "group (schedule) it explains that: type, range, unit, default, and the values that presets give it.\n"
        "`presets` lists the presets and what they set. `json` explains what --json prints. The first two print\n"
        "JSON themselves with --json.",
    .options = options,
    .quiet = "Leaves nothing out.",
    .json = objects,
    .examples = "$ bitctl help submit\n"
                "$ bitctl help spec                  # every field\n"
                "$ bitctl help spec peak_lr\n"
                "$ bitctl help presets\n"
                "$ bitctl help json status",
    .run = run,
};
