/* `--set key=value`: a path of field names, and a value in text format or a bare string. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/spec/spec.h"
#include "proto/text/reflect.h"
#include "proto/utf8.h"
#include "proto/wire/msg.h"

struct assignment {
    char key[128];
    const char *value;
    bool append;
};

static int split(const char *text, struct assignment *a, struct bit_problems *problems)
{
    const char *equals = strchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : 0;

    a->append = len > 0 && text[len - 1] == '+';
    len -= a->append;
    if (len == 0 || len >= sizeof a->key) {
        bit_problems_add(problems, NULL, 0, 0, "'%.80s' is not key=value, as in schedule.peak_lr=3e-4", text);
        return bit_fail(BIT_ESPEC, "assignment '%.80s'", text);
    }
    memcpy(a->key, text, len);
    a->key[len] = '\0';
    a->value = equals + 1;
    return 0;
}

/* Explains that a key goes into a field without fields of its own. `behind` is the rest of the key after its name. */
static void explain_no_fields(const ProtobufCFieldDescriptor *field, const char *key, const char *behind,
                              struct bit_problems *problems)
{
    const ProtobufCMessageDescriptor *desc = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
    char fields[128] = "";

    if (desc == NULL) {
        bit_problems_add(problems, key, 0, 0, "%s is one value, and has no fields", field->name);
        return;
    }
    for (unsigned i = 0; i < BIT_MIN(desc->n_fields, 2u); i++)
        bit_format_more(fields, sizeof fields, "%s%s: %s", i > 0 ? " " : "", desc->fields[i].name,
                        desc->fields[i].type == PROTOBUF_C_TYPE_STRING ? "\"...\"" : "...");
    bit_problems_add(problems, key, 0, 0, "%s is a list, one of which is added whole: %.*s+={%s}", field->name,
                     (int)(behind - key), key, fields);
}

/* Follow all names of the key but the last, creating absent messages. *field is the last name's field, in *parent. */
static int resolve(ProtobufCMessage *root, const char *key, ProtobufCMessage **parent,
                   const ProtobufCFieldDescriptor **field, struct bit_problems *problems)
{
    ProtobufCMessage *msg = root;

    for (const char *name = key;;) {
        size_t len = strcspn(name, ".");
        *field = bit_field_find(msg->descriptor, name, len);
        if (*field == NULL) {
            bit_text_unknown_field(root->descriptor, msg->descriptor, key, name, len, 0, 0, problems);
            return bit_fail(BIT_ESPEC, "key '%s'", key);
        }
        *parent = msg;
        if (name[len] == '\0')
            return 0;
        if ((*field)->type != PROTOBUF_C_TYPE_MESSAGE || (*field)->label == PROTOBUF_C_LABEL_REPEATED) {
            explain_no_fields(*field, key, name + len, problems);
            return bit_fail(BIT_ESPEC, "key '%s'", key);
        }
        if (bit_field_count(msg, *field) == 0) {
            ProtobufCMessage *made = bit_message_new((*field)->descriptor);
            if (made == NULL || bit_field_add(msg, *field, &made) < 0)
                return bit_fail(-ENOMEM, "message %s", (*field)->name);
        }
        msg = bit_field_message(msg, *field, 0);
        name += len + 1;
    }
}

/* A string without quotes is taken whole; every other value is text format. */
static int read_value(ProtobufCMessage *into, const ProtobufCFieldDescriptor *field, const struct assignment *a,
                      struct bit_problems *problems)
{
    if (field->type != PROTOBUF_C_TYPE_STRING || strchr("\"'[", a->value[0]) != NULL)
        return bit_text_parse_value(into, field, a->key, a->value, strlen(a->value), problems);
    if (!bit_utf8_valid(a->value, strlen(a->value))) {
        bit_problems_add(problems, a->key, 0, 0, "the string is not UTF-8");
        return bit_fail(BIT_ESPEC, "value of %s", a->key);
    }
    char *copy = strdup(a->value);
    int err = copy == NULL ? bit_fail(-ENOMEM, "value of %s", a->key) : bit_field_add(into, field, &copy);
    if (err < 0)
        free(copy);
    return err;
}

static int apply(ProtobufCMessage *spec, const struct assignment *a, struct bit_problems *problems)
{
    const ProtobufCFieldDescriptor *field = NULL;
    ProtobufCMessage *parent = NULL;
    int err = resolve(spec, a->key, &parent, &field, problems);

    if (err < 0)
        return err;
    bool list = field->label == PROTOBUF_C_LABEL_REPEATED;
    if (a->append && (!list || a->value[0] == '\0')) {
        bit_problems_add(problems, a->key, 0, 0, list ? "nothing to append" : "not a list: use = instead of +=");
        return bit_fail(BIT_ESPEC, "key '%s'", a->key);
    }
    if (!a->append)
        bit_field_clear(parent, field);
    return a->value[0] == '\0' ? 0 : read_value(parent, field, a, problems);
}

/* Removes the positions of an assignment's problems: they have no line in the file. */
static void displace(struct bit_problems *problems, int first)
{
    for (int i = first; i < bit_problems_kept(problems); i++)
        problems->item[i].line = problems->item[i].column = 0;
}

int bit_spec_set(Bit__RunSpec *spec, const char *assignment, struct bit_problems *problems)
{
    struct assignment a;
    int before = problems->count, err = split(assignment, &a, problems);

    if (err < 0)
        return err;
    /* Assign in a copy, so that a refused assignment changes nothing; on success swap the two. */
    Bit__RunSpec *copy = bit_msg_clone(spec);
    if (copy == NULL)
        return bit_fail(-ENOMEM, "copy of the specification");
    err = apply(&copy->base, &a, problems);
    if (err == 0) {
        Bit__RunSpec old = *spec;
        *spec = *copy;
        *copy = old;
        bit_problems_place(problems, a.key, 0, 0);
    }
    displace(problems, before);
    bit_msg_free(copy);
    return err;
}
