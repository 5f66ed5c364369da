#include "ctl/report/spec_chosen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/problems.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

struct search {
    Bit__RunSpec *spec; /* becomes shorter; owned until the end */
    uint8_t *whole;     /* its original normalised form, packed; owned */
    size_t bytes;
    int err;
};

/* ---- meaning */

/* Make a normalised copy; heap. */
static int normalise(const Bit__RunSpec *spec, Bit__RunSpec **out)
{
    struct bit_problems *problems = calloc(1, sizeof *problems);
    Bit__RunSpec *copy = bit_msg_clone(spec);
    int err = problems == NULL || copy == NULL ? bit_fail(-ENOMEM, "a specification") : 0;

    if (err == 0)
        err = bit_spec_normalise(copy, NULL, problems);
    free(problems);
    if (err < 0)
        bit_msg_free(copy);
    else
        *out = copy;
    return err < 0 ? err : 0;
}

static int pack(const Bit__RunSpec *spec, uint8_t **out, size_t *bytes)
{
    Bit__RunSpec *normal;
    int err = normalise(spec, &normal);

    if (err < 0)
        return err;
    *bytes = bit__run_spec__get_packed_size(normal);
    *out = malloc(*bytes + 1);
    if (*out != NULL)
        bit__run_spec__pack(normal, *out);
    bit_msg_free(normal);
    return *out != NULL ? 0 : bit_fail(-ENOMEM, "a specification");
}

/* Whether the specification still normalises to the same bytes. */
static bool is_same(struct search *s)
{
    uint8_t *now;
    size_t bytes;
    int err = pack(s->spec, &now, &bytes);

    if (err == -ENOMEM)
        s->err = err;
    if (err < 0)
        return false;
    const bool same = bytes == s->bytes && memcmp(now, s->whole, bytes) == 0;
    free(now);
    return same;
}

/* ---- shortening */

/* Clear the field, unless that changes the specification's meaning. */
static void keep_if_needed(struct search *s, ProtobufCMessage *in, const ProtobufCFieldDescriptor *field)
{
    ProtobufCMessage *before = bit_msg_clone(in);

    if (before == NULL) {
        s->err = bit_fail(-ENOMEM, "a specification");
        return;
    }
    bit_field_clear(in, field);
    if (!is_same(s) && bit_message_fill(in, before) < 0) /* this fills only what `in` lacks: the field */
        s->err = bit_fail(-ENOMEM, "a specification");
    bit_msg_free(before);
}

static bool is_group(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED;
}

/* The recursion is bounded: no message of a specification contains its own type. */
static void shorten(struct search *s, ProtobufCMessage *in)
{
    for (unsigned i = 0; i < in->descriptor->n_fields && s->err == 0; i++) {
        const ProtobufCFieldDescriptor *field = &in->descriptor->fields[i];
        if (bit_field_count(in, field) == 0)
            continue;
        keep_if_needed(s, in, field);
        if (is_group(field) && bit_field_count(in, field) > 0)
            shorten(s, bit_field_message(in, field, 0));
    }
}

int bit_spec_chosen(const Bit__RunSpec *spec, Bit__RunSpec **out)
{
    struct search s = {.spec = bit_msg_clone(spec)};

    if (s.spec == NULL)
        return bit_fail(-ENOMEM, "a specification");
    s.err = pack(spec, &s.whole, &s.bytes);
    if (s.err == 0)
        shorten(&s, &s.spec->base);
    free(s.whole);
    if (s.err < 0)
        bit_msg_free(s.spec);
    else
        *out = s.spec;
    return s.err;
}

/* ---- presets only */

static void clear_all_but_presets(ProtobufCMessage *in)
{
    for (unsigned i = 0; i < in->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &in->descriptor->fields[i];
        if (is_group(field) && bit_field_count(in, field) > 0 && strcmp(field->name, "phases") != 0)
            clear_all_but_presets(bit_field_message(in, field, 0));
        else if (strcmp(field->name, "preset") != 0)
            bit_field_clear(in, field);
    }
}

int bit_spec_chosen_base(const Bit__RunSpec *spec, Bit__RunSpec **out)
{
    Bit__RunSpec *bare = bit_msg_clone(spec);

    if (bare == NULL)
        return bit_fail(-ENOMEM, "a specification");
    clear_all_but_presets(&bare->base);
    int err = normalise(bare, out);
    bit_msg_free(bare);
    return err;
}
