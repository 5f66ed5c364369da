#include "ctl/cli/json_page.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/cli/key_meanings.h"
#include "ctl/show/fold.h"
#include "ctl/show/show.h"
#include "proto/bit.pb-c.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/text/json.h"
#include "proto/text/precision.h"

#define NARROW    90 /* a page narrower than this has no room for three columns */
#define KEY       20 /* columns of the keys, and of their types */
#define TYPE      26
#define TYPES_MAX 128

static int columns; /* of the page that is printed */

static const char rules[] =
    "Every verb that reads has --json: it prints objects on stdout, one per line, and nothing else. `bitctl\n"
    "help json VERB` and `bitctl help json OBJECT` print one part of this page.\n\n"
    "Every object has \"schema\": %d. The number grows with a change that could break a script; a new key\n"
    "alone does not raise it, so scripts should ignore keys that they do not know.\n\n"
    "All keys below are always there. What is not known, not set or does not apply is null; a list is never\n"
    "null, but []. A JournalRecord has exactly one of the keys that say what happened.\n\n"
    "Only keys that are called a list below are lists, whatever their name: anomaly, point and finding are;\n"
    "anomalies is a number (and so is anomaly_count, which is the same).\n\n"
    "Numbers are exact in readers that have only doubles, such as jq 1.6: an integer beyond 2^53 is a string\n"
    "of its digits (seeds can be so large). A key that ends in _ns, nanoseconds since 1970, is always such a\n"
    "string; next to it, the key without _ns has the same time in UTC, as 2026-11-22T12:40:01.123456789Z.\n"
    "Digests are strings of hex digits. NaN and infinity are null. Names end in their units: _s, _ms, _ns,\n"
    "bytes.\n\n"
    "A precision is \"16bit\" or \"ternary\", here and in options; options take 16-bit, 1.58-bit, SIXTEEN_BIT and\n"
    "TERNARY, too. Other enumerations are those of the specification in lower case.\n\n"
    "A failure is an ErrorReply with bitctl's exit_code (with several runs: the first failure's). A wrong\n"
    "command line gives one, too. Only a bad checkpoint or file of verify has a verdict instead. Failed\n"
    "objects are those with an \"error\" that is not null: jq 'select(.error)'.\n";

/* ---- the types that are described */

/* Messages and enumerations, in the order in which they are found. */
struct types {
    const ProtobufCMessageDescriptor *message[TYPES_MAX];
    const ProtobufCEnumDescriptor *enumeration[TYPES_MAX];
    size_t messages, enumerations;
};

static void add_enumeration(struct types *t, const ProtobufCEnumDescriptor *desc)
{
    for (size_t i = 0; i < t->enumerations; i++)
        if (t->enumeration[i] == desc)
            return;
    BIT_ASSERT(t->enumerations < TYPES_MAX);
    t->enumeration[t->enumerations++] = desc;
}

static void add_message(struct types *t, const ProtobufCMessageDescriptor *desc)
{
    for (size_t i = 0; i < t->messages; i++)
        if (t->message[i] == desc)
            return;
    BIT_ASSERT(t->messages < TYPES_MAX);
    t->message[t->messages++] = desc;
}

/* Messages that are added during the second loop are visited by it, too. */
static void collect(struct types *t, const struct bit_cli_verb *const *verbs)
{
    add_message(t, &bit__error_reply__descriptor);
    for (size_t v = 0; verbs[v]; v++)
        for (const struct bit_verb_object *o = verbs[v]->json; o && o->type; o++)
            add_message(t, o->type);
    for (size_t i = 0; i < t->messages; i++)
        for (unsigned f = 0; f < t->message[i]->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &t->message[i]->fields[f];
            if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                add_message(t, field->descriptor);
            else if (field->type == PROTOBUF_C_TYPE_ENUM)
                add_enumeration(t, field->descriptor);
        }
}

/* ---- printing */

static const char *type_name(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name;
    case PROTOBUF_C_TYPE_ENUM:
        return ((const ProtobufCEnumDescriptor *)field->descriptor)->short_name;
    case PROTOBUF_C_TYPE_STRING:
        return "string";
    case PROTOBUF_C_TYPE_BYTES:
        return "hex";
    case PROTOBUF_C_TYPE_BOOL:
        return "true or false";
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return "number";
    case PROTOBUF_C_TYPE_FIXED64:
        return "16 hex digits";
    default:
        return bit_json_is_time(field) ? "nanoseconds" : "integer";
    }
}

static void print_key(FILE *f, const char *key, const char *type, const char *comment)
{
    const int after_key = 2 + BIT_MAX(KEY, (int)strlen(key)) + 1;

    if (columns < NARROW && *comment != '\0') {
        bit_show(f, "  %-*s %s\n      ", KEY, key, type);
        bit_fold_wrapped(f, comment, 6, 6, columns);
        return;
    }
    bit_show(f, "  %-*s %-*s", KEY, key, *comment != '\0' ? TYPE : 0, type);
    if (*comment != '\0')
        fputc(' ', f);
    bit_fold_wrapped(f, comment, after_key + BIT_MAX(TYPE, (int)strlen(type)) + 1, 2 + KEY + 1 + TYPE + 1, columns);
}

static void print_field(FILE *f, const ProtobufCMessageDescriptor *desc, const ProtobufCFieldDescriptor *field)
{
    const bool list = field->label == PROTOBUF_C_LABEL_REPEATED, real = strcmp(type_name(field), "number") == 0;
    const bool null = !list && (field->label == PROTOBUF_C_LABEL_OPTIONAL || real);
    const bool one = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    char type[96], date[64];

    snprintf(type, sizeof type, "%s%s%s", list ? "list of " : "", type_name(field),
             one    ? ", or no key"
             : null ? " or null"
                    : "");
    print_key(f, field->name, type, bit_key_meaning(desc, field->name));
    if (bit_json_is_time(field)) {
        snprintf(date, sizeof date, "%.*s", (int)strlen(field->name) - 3, field->name);
        print_key(f, date, null ? "date or null" : "date", "the same in UTC");
    }
}

static void print_message(FILE *f, const ProtobufCMessageDescriptor *desc)
{
    const char *comment = bit_key_meaning(desc, "");

    bit_show(f, "\n%s\n", desc->short_name);
    if (*comment != '\0') {
        bit_show(f, "    ");
        bit_fold_wrapped(f, comment, 4, 4, columns);
    }
    for (unsigned i = 0; i < desc->n_fields; i++)
        print_field(f, desc, &desc->fields[i]);
}

static void print_enumeration(FILE *f, const ProtobufCEnumDescriptor *desc)
{
    char text[512], word[64];
    size_t used = 0;

    for (unsigned i = 0; i < desc->n_values; i++) {
        const bool precision = desc == &bit__precision__descriptor;
        snprintf(word, sizeof word, "%s", precision ? bit_precision_name(desc->values[i].value) : desc->values[i].name);
        for (char *c = word; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? ", " : "", word);
        BIT_ASSERT(used < sizeof text);
    }
    bit_show(f, "  %-*s ", KEY, desc->short_name);
    bit_fold_wrapped(f, text, 2 + KEY + 1, 2 + KEY + 1, columns);
}

static void print_errors(FILE *f)
{
    char system[128];

    bit_show(f, "\nErrors: name, error, exit_code\n");
    for (int err = BIT_EUSAGE; bit_err_name(err) != NULL; err--)
        bit_show(f, "  %-16s %5d %4d  %s\n", bit_err_name(err), err, bit_exit_code(err), bit_strerror(err));
    snprintf(system, sizeof system,
             "Those of the system have its names and the negative of its numbers: ENOENT is %d. Others have none.",
             -ENOENT);
    bit_show(f, "  ");
    bit_fold_wrapped(f, system, 2, 2, columns);
}

/* Prints the objects of one verb; 0 if there is no such verb. */
static int print_verb(FILE *f, const struct bit_cli_verb *const *verbs, const char *name)
{
    const struct bit_cli_verb *verb = bit_verb_find(verbs, name);

    for (const struct bit_verb_object *o = verb ? verb->json : NULL; o && o->type; o++) {
        bit_show(f, "%s%s: %s\n", o == verb->json ? "" : "\n", o->type->short_name, o->when);
        print_message(f, o->type);
    }
    return verb != NULL;
}

int bit_json_page_print_one(FILE *f, const struct bit_cli_verb *const *verbs, const char *what)
{
    static struct types types;

    columns = bit_fold_page_columns();
    if (print_verb(f, verbs, what))
        return 0;
    collect(&types, verbs);
    for (size_t i = 0; i < types.messages; i++)
        if (strcasecmp(types.message[i]->short_name, what) == 0) {
            print_message(f, types.message[i]);
            return 0;
        }
    for (size_t i = 0; i < types.enumerations; i++)
        if (strcasecmp(types.enumeration[i]->short_name, what) == 0) {
            print_enumeration(f, types.enumeration[i]);
            return 0;
        }
    return bit_fail(BIT_EUSAGE, "no verb prints '%s' as JSON; `bitctl help json` lists them all", what);
}

static void print_rules(FILE *f)
{
    char text[sizeof rules + 16];

    snprintf(text, sizeof text, rules, BIT_JSON_SCHEMA);
    bit_fold_paragraphs(f, text, columns);
}

static void print_verbs(FILE *f, const struct bit_cli_verb *const *verbs)
{
    bit_show(f, "\nVerbs, and what they print\n");
    for (size_t v = 0; verbs[v]; v++)
        for (const struct bit_verb_object *o = verbs[v]->json; o && o->type; o++) {
            bit_show(f, "  %-12s %-18s ", verbs[v]->name, o->type->short_name);
            bit_fold_wrapped(f, o->when, 34, 34, columns);
        }
}

void bit_json_page_print(FILE *f, const struct bit_cli_verb *const *verbs, int width)
{
    static struct types types; /* zero, and used once */

    columns = width;
    collect(&types, verbs);
    print_rules(f);
    print_verbs(f, verbs);
    print_errors(f);
    bit_show(f, "\nObjects: key, type, meaning; of a printed one, \"schema\" is the first\n");
    for (size_t i = 0; i < types.messages; i++)
        print_message(f, types.message[i]);
    bit_show(f, "\nEnumerations\n");
    for (size_t i = 0; i < types.enumerations; i++)
        print_enumeration(f, types.enumeration[i]);
}
