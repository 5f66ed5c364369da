#include "ctl/spec/spec_fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli/key_meanings.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

#define PATH_MAX_BYTES 128
#define GROUP          "group"

#define PRESETS_MAX 64

/* The specifications from which defaults and presets are read. */
struct sources {
    Bit__RunSpec *defaults;            /* the text of defaults */
    Bit__RunSpec *filled;              /* every group present, no value given, then normalised */
    Bit__RunSpec *preset[PRESETS_MAX]; /* parsed texts */
    const char *preset_name[PRESETS_MAX];
    size_t presets;
    struct bit_problems missed[2]; /* problems of `filled` and of an empty specification, which lacks lists, too */
};

/* ---- the built-in texts */

static Bit__RunSpec *parse(const char *text)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    ProtobufCMessage *msg = NULL;

    if (problems != NULL && bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &msg, problems) < 0)
        msg = NULL;
    free(problems);
    return (Bit__RunSpec *)msg;
}

/* Adds every group to msg, and two elements to each list of groups. */
static bool add_groups(ProtobufCMessage *msg)
{
    bool whole = msg != NULL;

    for (unsigned i = 0; whole && i < msg->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &msg->descriptor->fields[i];
        const int times = field->type != PROTOBUF_C_TYPE_MESSAGE      ? 0
                          : field->label == PROTOBUF_C_LABEL_REPEATED ? 2
                                                                      : 1;
        for (int k = 0; k < times && whole; k++) {
            ProtobufCMessage *group = bit_message_new(field->descriptor);
            whole = add_groups(group) && bit_field_add(msg, field, &group) == 0;
        }
    }
    return whole;
}

/* Normalises, and notes what is still missing. */
static bool fill(Bit__RunSpec *spec, struct bit_problems *missed)
{
    if (spec == NULL || bit_spec_normalise(spec, NULL, missed) < 0)
        return false;
    bit_spec_validate(spec, missed);
    return true;
}

static bool add_presets(struct sources *s)
{
    size_t kinds, count;
    const struct bit_preset_kind *kind = bit_spec_preset_kinds(&kinds);

    for (size_t k = 0; k < kinds; k++) {
        const struct bit_preset *list = kind[k].list(&count);
        for (size_t i = 0; i < count; i++) {
            BIT_ASSERT(s->presets < PRESETS_MAX);
            s->preset_name[s->presets] = list[i].name;
            s->preset[s->presets] = parse(list[i].text);
            if (s->preset[s->presets++] == NULL)
                return false;
        }
    }
    return true;
}

static bool open_sources(struct sources *s)
{
    Bit__RunSpec *bare = parse("");

    s->defaults = parse(bit_spec_defaults());
    s->filled = parse("");
    bool whole = s->defaults != NULL && s->filled != NULL && add_groups(&s->filled->base);
    if (whole) { /* srun has a group of its own */
        s->filled->launch->has_launcher = 1;
        s->filled->launch->launcher = BIT__LAUNCHER__SRUN;
    }
    whole = whole && fill(s->filled, &s->missed[0]) && fill(bare, &s->missed[1]) && add_presets(s);
    bit_msg_free(bare);
    return whole;
}

static void close_sources(struct sources *s)
{
    bit_msg_free(s->defaults);
    bit_msg_free(s->filled);
    for (size_t i = 0; i < s->presets; i++)
        bit_msg_free(s->preset[i]);
}

/* ---- one field */

/* Finds the message that holds the field of a path, and the field; false if a message on the way is absent. */
static bool find(const Bit__RunSpec *spec, const char *path, const ProtobufCMessage **msg,
                 const ProtobufCFieldDescriptor **field)
{
    *msg = &spec->base;
    for (;;) {
        const size_t len = strcspn(path, ".[");
        *field = bit_field_find((*msg)->descriptor, path, len);
        BIT_ASSERT(*field != NULL);
        path += len + (strncmp(path + len, "[]", 2) == 0 ? 2 : 0);
        if (*path == '\0')
            return true;
        if (bit_field_count(*msg, *field) == 0)
            return false;
        *msg = bit_field_message(*msg, *field, 0);
        path++;
    }
}

/* The value in text format, on the heap; NULL if there is none. */
static char *value_of(const Bit__RunSpec *spec, const char *path)
{
    const ProtobufCMessage *msg;
    const ProtobufCFieldDescriptor *field;
    char *text = NULL;

    if (!find(spec, path, &msg, &field) || field->type == PROTOBUF_C_TYPE_MESSAGE || bit_field_count(msg, field) == 0)
        return NULL;
    ProtobufCMessage *copy = bit_msg_clone(msg);
    for (unsigned i = 0; copy != NULL && i < msg->descriptor->n_fields; i++)
        if (&msg->descriptor->fields[i] != field)
            bit_field_clear(copy, &msg->descriptor->fields[i]);
    if (copy != NULL && bit_text_print(copy, &text, NULL) == 0) {
        memmove(text, text + strlen(field->name) + 2, strlen(text) - strlen(field->name) - 1);
        text[strcspn(text, "\n")] = '\0';
    }
    bit_msg_free(copy);
    return text;
}

static const char *type_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return GROUP;
    case PROTOBUF_C_TYPE_ENUM:
        return ((const ProtobufCEnumDescriptor *)field->descriptor)->short_name;
    case PROTOBUF_C_TYPE_STRING:
        return "string";
    case PROTOBUF_C_TYPE_BOOL:
        return "true or false";
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return "number";
    default:
        return "integer";
    }
}

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), e = strlen(end);

    return n >= e && strcmp(name + n - e, end) == 0;
}

/* The unit by the end of the name, or by the whole name. */
static const char *unit_of(const char *name)
{
    static const struct {
        const char *end, *unit;
    } units[] = {
        {"steps", "steps"},     {"every", "steps"},          {"_step", "steps"},   {"tasks_at", "steps"},
        {"window", "steps"},    {"_s", "seconds"},           {"_gib", "GiB"},      {"instances", "instances"},
        {"context", "tokens"},  {"skip_batches", "batches"}, {"_sigmas", "sigma"}, {"ranks", "ranks"},
        {"threads", "threads"}, {"nodes", "nodes"},
    };

    for (size_t i = 0; i < BIT_COUNT(units); i++)
        if (ends_in(name, units[i].end))
            return units[i].unit;
    return NULL;
}

static bool is_number(const ProtobufCFieldDescriptor *field)
{
    return strcmp(type_of(field), "integer") == 0 || strcmp(type_of(field), "number") == 0;
}

static char *copy_of(const char *text)
{
    char *copy = text != NULL ? strdup(text) : NULL;

    BIT_ASSERT(text == NULL || copy != NULL); /* a few bytes, in a program that ends soon */
    return copy;
}

/* Splits "meaning; default: rule" into the two. */
static void set_meaning(Bit__SpecField *out, const char *comment)
{
    char *rule, *text = copy_of(comment);

    if ((rule = strstr(text, "default: ")) != NULL) {
        out->default_ = copy_of(rule + strlen("default: "));
        while (rule > text && (rule[-1] == ' ' || rule[-1] == ';'))
            rule--;
        *rule = '\0';
    }
    out->meaning = text;
}

static void set_choices(Bit__SpecField *out, const ProtobufCFieldDescriptor *field)
{
    const ProtobufCEnumDescriptor *desc = field->descriptor;

    out->choice = calloc(desc->n_values, sizeof *out->choice);
    BIT_ASSERT(out->choice != NULL);
    for (unsigned i = 0; i < desc->n_values; i++)
        out->choice[out->n_choice++] = copy_of(desc->values[i].name);
}

static void set_range(Bit__SpecField *out, const ProtobufCFieldDescriptor *field)
{
    const struct bit_spec_range *range = bit_spec_range(out->path);

    out->unit = copy_of(unit_of(field->name));
    if (range == NULL)
        return;
    out->has_least = out->has_most = out->has_above = 1;
    out->least = range->least;
    out->most = range->most;
    out->above = range->above;
}

static void set_presets(Bit__SpecField *out, const struct sources *s)
{
    char *value;

    out->preset = calloc(s->presets, sizeof(Bit__SpecPresetValue *));
    BIT_ASSERT(out->preset != NULL);
    for (size_t i = 0; i < s->presets; i++)
        if ((value = value_of(s->preset[i], out->path)) != NULL) {
            Bit__SpecPresetValue *one = malloc(sizeof *one);
            BIT_ASSERT(one != NULL);
            bit__spec_preset_value__init(one);
            one->preset = copy_of(s->preset_name[i]);
            one->value = value;
            out->preset[out->n_preset++] = one;
        }
}

/* Whether the checks report it as missing. For elements of a list they name the first one. */
static bool is_missed(const char *path, const struct sources *s)
{
    char first[PATH_MAX_BYTES + 8];
    size_t used = 0;

    for (const char *c = path; *c != '\0' && used + 2 < sizeof first; c++) {
        if (*c == ']')
            first[used++] = '0';
        first[used++] = *c;
    }
    first[used] = '\0';
    return bit_problems_about(&s->missed[0], first) || bit_problems_about(&s->missed[1], first);
}

static void set_default(Bit__SpecField *out, const ProtobufCFieldDescriptor *field, const struct sources *s)
{
    const ProtobufCMessage *msg;
    const ProtobufCFieldDescriptor *same;

    if (out->default_ == NULL)
        out->default_ = value_of(s->defaults, out->path);
    if (out->default_ == NULL)
        out->default_ = value_of(s->filled, out->path);
    const bool absent = !find(s->filled, out->path, &msg, &same) || bit_field_count(msg, same) == 0;
    out->needed = out->default_ == NULL && absent && field->type != PROTOBUF_C_TYPE_MESSAGE && is_missed(out->path, s);
}

static Bit__SpecField *describe(const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *field,
                                const char *path, const struct sources *s)
{
    Bit__SpecField *out = malloc(sizeof *out);

    BIT_ASSERT(out != NULL);
    bit__spec_field__init(out);
    out->path = copy_of(path);
    out->type = copy_of(type_of(field));
    out->list = field->label == PROTOBUF_C_LABEL_REPEATED;
    set_meaning(out, bit_key_meaning(desc, field->name));
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        set_choices(out, field);
    if (is_number(field))
        set_range(out, field);
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
        set_presets(out, s);
        set_default(out, field, s);
    }
    return out;
}

/* ---- all fields */

static void add(struct bit_spec_fields *fields, Bit__SpecField *one)
{
    Bit__SpecField **more = realloc(fields->field, (fields->count + 1) * sizeof(Bit__SpecField *));

    BIT_ASSERT(more != NULL);
    fields->field = more;
    fields->field[fields->count++] = one;
}

static void add_message(struct bit_spec_fields *fields, const ProtobufCMessageDescriptor *desc, const char *prefix,
                        const struct sources *s)
{
    char path[PATH_MAX_BYTES];

    for (unsigned i = 0; i < desc->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[i];
        const bool group = field->type == PROTOBUF_C_TYPE_MESSAGE, list = field->label == PROTOBUF_C_LABEL_REPEATED;
        const int used = snprintf(path, sizeof path, "%s%s", prefix, field->name);
        BIT_ASSERT(used < (int)sizeof path - 4);
        add(fields, describe(desc, field, path, s));
        if (group) {
            snprintf(path + used, sizeof path - (size_t)used, "%s", list ? "[]." : ".");
            add_message(fields, field->descriptor, path, s);
        }
    }
}

int bit_spec_fields_init(struct bit_spec_fields *fields)
{
    struct sources *s = calloc(1, sizeof *s);
    int err = s != NULL && open_sources(s) ? 0 : bit_fail(-ENOMEM, "the specification's fields");

    *fields = (struct bit_spec_fields){0};
    if (err == 0)
        add_message(fields, &bit__run_spec__descriptor, "", s);
    if (s != NULL)
        close_sources(s);
    free(s);
    return err;
}

void bit_spec_fields_finish(struct bit_spec_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        bit_msg_free(fields->field[i]);
    free(fields->field);
}

/* Whether word is path or one of its leading parts; the [] of lists may be missing in word. */
static bool path_begins(const char *path, const char *word)
{
    for (; *word != '\0'; path++, word++) {
        if (strncmp(path, "[]", 2) == 0 && *word != '[')
            path += 2;
        if (*path != *word)
            return false;
    }
    return *path == '\0' || *path == '.' || *path == '[';
}

bool bit_spec_field_is(const Bit__SpecField *field, const char *word)
{
    for (const char *part = field->path; part != NULL; part = strchr(part, '.')) {
        part += *part == '.';
        if (path_begins(part, word))
            return true;
    }
    return false;
}

int bit_spec_field_depth(const Bit__SpecField *field)
{
    int dots = 0;

    for (const char *c = field->path; *c != '\0'; c++)
        dots += *c == '.';
    return dots;
}

bool bit_spec_field_is_group(const Bit__SpecField *field)
{
    return strcmp(field->type, GROUP) == 0;
}
