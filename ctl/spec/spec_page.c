#include "ctl/spec/spec_page.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/cli/key_meanings.h"
#include "ctl/show/fold.h"
#include "ctl/show/print.h"
#include "ctl/show/show.h"
#include "ctl/spec/spec_fields.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/nearest.h"
#include "proto/text/reflect.h"
#include "proto/text/roff.h"

#define NARROW     90 /* a page narrower than this has no room for three columns */
#define PATH_WIDTH 30
#define TYPE_WIDTH 18

const char bit_spec_page_example[] = "# OLMo-1B on eight GPUs: 2000 steps in 16-bit, then 1.58-bit, Adam reset\n"
                                     "name: \"switch-2k-reset\"\n"
                                     "model { preset: \"olmo_1b\" }\n"
                                     "data { train: \"tokens/part-0-00000.npy\" }\n"
                                     "schedule { steps: 10000 }\n"
                                     "phases {\n"
                                     "  switch { at_step: 2000 optimizer: RESET ramp_steps: 500 ramp: TANH }\n"
                                     "}\n"
                                     "quantizer { preset: \"continual\" }\n"
                                     "eval { set { name: \"books\" path: \"valid/part-0-00000.npy\" } every: 500 }\n"
                                     "checkpoint { every: 500 keep_last: 2 }\n"
                                     "launch { ranks: 8 }";

static const char form[] =
    "A run is described by a file in protobuf's text format: fields with a colon and a value, groups in\n"
    "braces, # to the end of the line is a comment. A list is a field that is given again, or [\"a\", \"b\"].\n"
    "Fields that are not given take their preset's value, else their default; `bitctl check` prints the\n"
    "result, and every mistake at once. Relative paths are relative to the file's folder. `--set\n"
    "schedule.steps=500` of bitctl submit and check changes one field, `--set eval.set+='{name: \"x\" path:\n"
    "\"y\"}'` adds to a list.";

/* ---- a field's facts as text */

/* "integer, 1 to 64 steps", "list of string", "MEAN, MEDIAN" */
static void text_type(const Bit__SpecField *field, char *out, size_t room)
{
    snprintf(out, room, "%s%s", field->list ? "list of " : "",
             bit_spec_field_is_group(field) && field->list ? "groups" : field->type);
}

static void text_range(const Bit__SpecField *field, char *out, size_t room)
{
    char least[32], most[32];
    const char *unit = field->unit ? field->unit : "";

    bit_double_format(field->least, least);
    bit_double_format(field->most, most);
    if (field->most < 1 && field->most > 0.5) /* the largest number below 1 */
        snprintf(out, room, "%s to below 1", least);
    else if (field->most > 1e30)
        snprintf(out, room, "%s %s", field->above ? "above" : "at least", least);
    else
        snprintf(out, room, "%s%s to %s%s%s", field->above ? "above " : "", least, most, *unit ? " " : "", unit);
}

/* "CONTINUE, REWARM: the schedule goes on, or warms up again": the values, then the enumeration's comment. */
static void text_choices(const Bit__SpecField *field, char *out, size_t room)
{
    const ProtobufCMessageDescriptor named = {.short_name = field->type};
    const char *meaning = bit_key_meaning(&named, "");
    size_t used = 0;

    for (size_t i = 0; i < field->n_choice; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%s", i > 0 ? ", " : "", field->choice[i]);
    used += (size_t)snprintf(out + used, room - used, "%s%s", *meaning ? ": " : "", meaning);
    BIT_ASSERT(used < room);
}

/* "0.0004 (olmo_1b), 0.001 (olmo_20m)" */
static void text_presets(const Bit__SpecField *field, char *out, size_t room)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < field->n_preset; i++) {
        used += (size_t)snprintf(out + used, room - used, "%s%s (%s)", i > 0 ? ", " : "", field->preset[i]->value,
                                 field->preset[i]->preset);
        BIT_ASSERT(used < room);
    }
}

static const char *text_default(const Bit__SpecField *field)
{
    return field->needed ? field->n_preset > 0 ? "none; give it, or a preset that has it" : "none; it has to be given"
           : field->default_ ? field->default_
                             : "none";
}

#define FACTS_MAX  6
#define FACT_BYTES 512

/* The facts on a field besides its meaning, each with a name. */
struct facts {
    const char *name[FACTS_MAX];
    char text[FACTS_MAX][FACT_BYTES];
    int count;
};

static char *next_fact(struct facts *facts, const char *name)
{
    BIT_ASSERT(facts->count < FACTS_MAX);
    facts->name[facts->count] = name;
    return facts->text[facts->count++];
}

static void collect_facts(const Bit__SpecField *field, struct facts *facts)
{
    facts->count = 0;
    if (bit_spec_field_is_group(field) && !field->list)
        return;
    text_type(field, next_fact(facts, "type"), FACT_BYTES);
    if (bit_spec_field_is_group(field))
        return;
    if (field->n_choice > 0)
        text_choices(field, next_fact(facts, "values"), FACT_BYTES);
    if (field->has_least)
        text_range(field, next_fact(facts, "range"), FACT_BYTES);
    else if (field->unit)
        snprintf(next_fact(facts, "unit"), FACT_BYTES, "%s", field->unit);
    snprintf(next_fact(facts, "default"), FACT_BYTES, "%s", text_default(field));
    if (field->n_preset > 0)
        text_presets(field, next_fact(facts, "presets"), FACT_BYTES);
}

/* ---- fields, for people */

static void print_line(FILE *f, const Bit__SpecField *field)
{
    char left[160], type[64];
    const int depth = bit_spec_field_depth(field);

    text_type(field, type, sizeof type);
    if (depth == 0)
        bit_show(f, "\n");
    snprintf(left, sizeof left, "%*s%s", 2 * depth, "", field->path);
    if (bit_fold_page_columns() < NARROW) {
        bit_show(f, "%-*s  %s\n%8s", PATH_WIDTH, left, bit_spec_field_is_group(field) ? "" : type, "");
        bit_fold_wrapped(f, field->meaning, 8, 8, bit_fold_page_columns());
        return;
    }
    bit_show(f, "%-*s  %-*s  ", PATH_WIDTH, left, TYPE_WIDTH, bit_spec_field_is_group(field) ? "" : type);
    const int at = BIT_MAX(PATH_WIDTH, (int)strlen(left)) + TYPE_WIDTH + 4;
    bit_fold_wrapped(f, field->meaning, at, PATH_WIDTH + TYPE_WIDTH + 4, bit_fold_page_columns());
}

static void print_whole(FILE *f, const Bit__SpecField *field)
{
    struct facts facts;

    bit_show(f, "%s\n    ", field->path);
    bit_fold_wrapped(f, field->meaning, 4, 4, bit_fold_page_columns());
    collect_facts(field, &facts);
    for (int i = 0; i < facts.count; i++) {
        bit_show(f, "    %-9s ", facts.name[i]);
        bit_fold_wrapped(f, facts.text[i], 14, 14, bit_fold_page_columns());
    }
    bit_show(f, "\n");
}

static const char *meant(const struct bit_spec_fields *fields, const char *word)
{
    struct bit_nearest nearest;

    bit_nearest_init(&nearest, word, strlen(word));
    for (size_t i = 0; i < fields->count; i++) {
        const char *path = fields->field[i]->path, *dot = strrchr(path, '.');
        bit_nearest_offer(&nearest, path);
        if (dot != NULL)
            bit_nearest_offer(&nearest, dot + 1);
    }
    for (size_t i = 0; i < fields->count && bit_nearest_name(&nearest) == NULL; i++)
        if (strstr(fields->field[i]->path, word) != NULL)
            return fields->field[i]->path;
    return bit_nearest_name(&nearest);
}

static int no_field(const struct bit_spec_fields *fields, const char *word)
{
    const char *near = meant(fields, word);

    if (near == NULL)
        return bit_fail(BIT_EUSAGE, "a specification has no field '%s'; `bitctl help spec` lists them", word);
    return bit_fail(BIT_EUSAGE, "a specification has no field '%s'; did you mean %s?", word, near);
}

static int print_fields(FILE *f, const struct bit_spec_fields *fields, const char *word, bool json)
{
    size_t found = 0;

    if (word == NULL && !json)
        bit_fold_paragraphs(
            f,
            "The fields of a run's specification. `bitctl help spec FIELD` explains one of them, or a group;\n"
            "bit-run(5) explains them all.\n",
            bit_fold_page_columns());
    for (size_t i = 0; i < fields->count; i++) {
        if (word != NULL && !bit_spec_field_is(fields->field[i], word))
            continue;
        found++;
        if (json)
            bit_write_json(f, fields->field[i]);
        else
            (word != NULL ? print_whole : print_line)(f, fields->field[i]);
    }
    return found > 0 ? 0 : no_field(fields, word);
}

int bit_spec_page_print(FILE *f, const char *word, bool json)
{
    struct bit_spec_fields fields;
    int err = bit_spec_fields_init(&fields);

    if (err == 0)
        err = print_fields(f, &fields, word, json);
    bit_spec_fields_finish(&fields);
    return err;
}

/* ---- presets */

static void print_preset(FILE *f, const struct bit_preset_kind *kind, const struct bit_preset *preset, bool json)
{
    Bit__SpecPreset m = BIT__SPEC_PRESET__INIT;

    if (json) {
        m.field = bit_lend(kind->field);
        m.name = bit_lend(preset->name);
        m.summary = bit_lend(preset->summary);
        m.text = bit_lend(preset->text);
        bit_write_json(f, &m);
        return;
    }
    bit_show(f, "  %-12s ", preset->name);
    bit_fold_wrapped(f, preset->summary, 15, 15, bit_fold_page_columns());
    bit_show(f, "%15s", "");
    bit_fold_wrapped(f, preset->text, 15, 15, bit_fold_page_columns());
}

static void print_kind(FILE *f, const struct bit_preset_kind *kind, bool first)
{
    if (!first)
        fputc('\n', f);
    bit_show(f, "%s: ", kind->field);
    bit_fold_wrapped(f, kind->about, (int)strlen(kind->field) + 2, 2, bit_fold_page_columns());
}

static int no_preset(const struct bit_preset_kind *kinds, size_t kind_count, const char *word)
{
    struct bit_nearest nearest;
    size_t count;

    bit_nearest_init(&nearest, word, strlen(word));
    for (size_t k = 0; k < kind_count; k++) {
        const struct bit_preset *list = kinds[k].list(&count);
        for (size_t i = 0; i < count; i++)
            bit_nearest_offer(&nearest, list[i].name);
    }
    const char *near = bit_nearest_name(&nearest);
    if (near == NULL)
        return bit_fail(BIT_EUSAGE, "there is no preset '%s'; `bitctl help presets` lists them", word);
    return bit_fail(BIT_EUSAGE, "there is no preset '%s'; did you mean %s?", word, near);
}

int bit_spec_page_print_presets(FILE *f, const char *word, bool json)
{
    size_t count, found = 0, kind_count;
    const struct bit_preset_kind *kinds = bit_spec_preset_kinds(&kind_count);

    for (size_t k = 0; k < kind_count; k++) {
        const struct bit_preset *list = kinds[k].list(&count);
        if (word == NULL && !json)
            print_kind(f, &kinds[k], k == 0);
        for (size_t i = 0; i < count; i++)
            if (word == NULL || strcmp(list[i].name, word) == 0) {
                print_preset(f, &kinds[k], &list[i], json);
                found++;
            }
    }
    return found > 0 ? 0 : no_preset(kinds, kind_count, word);
}

/* ---- the man page */

static void man_field(FILE *f, const Bit__SpecField *field)
{
    char text[FACT_BYTES + 16];
    struct facts facts;

    collect_facts(field, &facts);
    bit_roff_item(f, field->path, field->meaning);
    for (int i = 0; i < facts.count; i++) {
        snprintf(text, sizeof text, "%s: %s", facts.name[i], facts.text[i]);
        bit_roff_line(f, text);
    }
}

static void man_fields(FILE *f, const struct bit_spec_fields *fields)
{
    bit_roff_section(f, "FIELDS");
    for (size_t i = 0; i < fields->count; i++) {
        const Bit__SpecField *field = fields->field[i];
        if (bit_spec_field_depth(field) == 0 && bit_spec_field_is_group(field)) {
            bit_roff_subsection(f, field->path);
            bit_roff_text(f, field->meaning);
        } else {
            man_field(f, field);
        }
    }
}

static void man_presets(FILE *f)
{
    char text[1024];
    size_t count, kind_count;
    const struct bit_preset_kind *kinds = bit_spec_preset_kinds(&kind_count);

    bit_roff_section(f, "PRESETS");
    for (size_t k = 0; k < kind_count; k++) {
        const struct bit_preset *list = kinds[k].list(&count);
        bit_roff_subsection(f, kinds[k].field);
        bit_roff_text(f, kinds[k].about);
        for (size_t i = 0; i < count; i++) {
            snprintf(text, sizeof text, "%s\n%s", list[i].summary, list[i].text);
            bit_roff_item(f, list[i].name, text);
        }
    }
}

int bit_spec_page_print_man(FILE *f)
{
    struct bit_spec_fields fields;
    int err = bit_spec_fields_init(&fields);

    if (err == 0) {
        bit_roff_head(f, "bit-run", 5, "the specification of a training run");
        bit_roff_section(f, "DESCRIPTION");
        bit_roff_text(f, form);
        bit_roff_section(f, "EXAMPLE");
        bit_roff_lines(f, bit_spec_page_example);
        man_fields(f, &fields);
        man_presets(f);
        bit_roff_see_also(f, "bitctl-check(1), bitctl-submit(1), bitctl-help(1), bitd(8)");
    }
    bit_spec_fields_finish(&fields);
    return err;
}
