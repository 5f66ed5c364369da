#include "ctl/show/diff.h"

#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/spec/spec.h"
#include "proto/text/reflect.h"

#define STEPS_MAX ((uint64_t)1 << 28) /* largest distance between two steps: no journal holds more */

/* ---- steps */

void bit_diff_finish(struct bit_diff_steps *s)
{
    free(s->fact);
    free(s->known);
    s->fact = NULL;
    s->known = NULL;
    s->first = s->last = s->capacity = 0;
}

static int make_room(struct bit_diff_steps *s, uint64_t step)
{
    if (s->first == 0)
        s->first = step;
    if (step < s->first || step - s->first >= STEPS_MAX)
        return bit_fail(BIT_ELIMIT, "step %llu in a journal that begins with step %llu", (unsigned long long)step,
                        (unsigned long long)s->first);
    size_t need = (size_t)(step - s->first) + 1, capacity = BIT_MAX(s->capacity, (size_t)256);
    while (capacity < need)
        capacity *= 2;
    if (capacity == s->capacity)
        return 0;
    struct bit_fact *fact = realloc(s->fact, capacity * sizeof *fact);
    if (fact != NULL)
        s->fact = fact;
    bool *known = realloc(s->known, capacity * sizeof *known);
    if (known != NULL)
        s->known = known;
    if (fact == NULL || known == NULL)
        return bit_fail(-ENOMEM, "%zu steps", capacity);
    memset(known + s->capacity, 0, (capacity - s->capacity) * sizeof *known);
    s->capacity = capacity;
    return 0;
}

static int note_step(struct bit_diff_steps *s, const Bit__StepReport *m)
{
    int err = make_room(s, m->step);

    if (err < 0)
        return err;
    bit_fact_from_report(&s->fact[m->step - s->first], m);
    s->known[m->step - s->first] = true;
    s->last = BIT_MAX(s->last, m->step);
    return 0;
}

/* A rewind, or a resume from an older step, drops the steps after it. */
static void note_rewound(struct bit_diff_steps *s, uint64_t to)
{
    for (uint64_t step = BIT_MAX(s->first, to + 1); s->first != 0 && step <= s->last; step++)
        s->known[step - s->first] = false;
    s->last = s->first != 0 && to >= s->first ? BIT_MIN(s->last, to) : s->first;
}

/* Changes from here on belong to the next attempt. */
static bool ends_attempt(const Bit__JournalRecord *r)
{
    if (r->what_case != BIT__JOURNAL_RECORD__WHAT_STATE)
        return r->what_case == BIT__JOURNAL_RECORD__WHAT_LOST || r->what_case == BIT__JOURNAL_RECORD__WHAT_LAUNCHED;
    switch (r->state->state) {
    case BIT__RUN_STATE__QUEUED:
    case BIT__RUN_STATE__PAUSED:
    case BIT__RUN_STATE__COMPLETED:
    case BIT__RUN_STATE__CANCELLED:
    case BIT__RUN_STATE__FAILED:
        return true;
    default:
        return false;
    }
}

int bit_diff_note(struct bit_diff_steps *s, const Bit__JournalRecord *r)
{
    if (s->until == 0 && s->wanted != 0 && s->attempt == s->wanted && ends_attempt(r))
        s->until = r->seq;
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_LAUNCHED)
        s->attempt = r->launched->attempt;
    if (s->wanted != 0 && s->wanted != s->attempt)
        return 0;
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_READY)
        bit_machine_from_ready(&s->machine, r->ready, 0);
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_REWOUND && s->wanted == 0)
        note_rewound(s, r->rewound->to_step);
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_RESUMED && s->wanted == 0 && r->resumed->has_given_up &&
        r->resumed->given_up)
        note_rewound(s, r->resumed->from_step);
    return r->what_case == BIT__JOURNAL_RECORD__WHAT_STEP ? note_step(s, r->step) : 0;
}

const struct bit_fact *bit_diff_fact(const struct bit_diff_steps *s, uint64_t step)
{
    bool there = s->first != 0 && step >= s->first && step <= s->last && s->known[step - s->first];

    return there ? &s->fact[step - s->first] : NULL;
}

void bit_diff_compare(const struct bit_diff_steps *a, const struct bit_diff_steps *b, struct bit_diff_result *out)
{
    *out = (struct bit_diff_result){.from = BIT_MAX(a->first, b->first), .to = BIT_MIN(a->last, b->last)};
    out->comparable = bit_machine_equal(&a->machine, &b->machine, out->machines, sizeof out->machines);
    if (a->first == 0 || b->first == 0) {
        out->from = 1;
        out->to = 0;
    }
    for (uint64_t step = out->from; step <= out->to && out->step == 0; step++) {
        const struct bit_fact *was = bit_diff_fact(a, step), *is = bit_diff_fact(b, step);
        if (was != NULL && is != NULL && !bit_fact_equal(was, is, out->comparable, &out->first))
            out->step = step;
    }
}

/* ---- settings */

struct settings {
    struct bit_diff_setting *out;
    const char *always;
    size_t count;
};

static void print_scalar(const ProtobufCFieldDescriptor *field, const void *at, char *out, size_t room)
{
    char number[32];

    switch (field->type) {
    case PROTOBUF_C_TYPE_DOUBLE:
        bit_double_format(*(const double *)at, number);
        snprintf(out, room, "%s", number);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        snprintf(out, room, "%s", *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_STRING:
        snprintf(out, room, "%s", *(char *const *)at);
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
        snprintf(out, room, "%s", v != NULL ? v->name : "?");
        break;
    }
    case PROTOBUF_C_TYPE_UINT64:
        snprintf(out, room, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    default:
        snprintf(out, room, "%u", *(const uint32_t *)at);
    }
}

static void note_setting(struct settings *s, const char *path, const ProtobufCFieldDescriptor *field, const void *a,
                         const void *b)
{
    struct bit_diff_setting one;

    snprintf(one.path, sizeof one.path, "%s", path);
    snprintf(one.a, sizeof one.a, "-");
    snprintf(one.b, sizeof one.b, "-");
    if (a != NULL)
        print_scalar(field, a, one.a, sizeof one.a);
    if (b != NULL)
        print_scalar(field, b, one.b, sizeof one.b);
    const bool always = s->always != NULL && strcmp(path, s->always) == 0;
    if ((always || strcmp(one.a, one.b) != 0) && s->count < BIT_DIFF_SETTINGS_MAX)
        s->out[s->count++] = one;
}

/* Messages have no cycles. In a message that a side lacks, all of that side's fields are NULL. */
static void compare_messages(struct settings *s, const ProtobufCMessageDescriptor *desc, const ProtobufCMessage *a,
                             const ProtobufCMessage *b, const char *prefix)
{
    for (unsigned f = 0; f < desc->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &desc->fields[f];
        size_t in_a = a != NULL ? bit_field_count(a, field) : 0, in_b = b != NULL ? bit_field_count(b, field) : 0;
        for (size_t i = 0; i < BIT_MAX(in_a, in_b); i++) {
            char path[96], index[24] = "";
            if (field->label == PROTOBUF_C_LABEL_REPEATED)
                snprintf(index, sizeof index, "[%zu]", i);
            snprintf(path, sizeof path, "%s%s%s%s", prefix, prefix[0] ? "." : "", field->name, index);
            if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                compare_messages(s, field->descriptor, i < in_a ? bit_field_message(a, field, i) : NULL,
                                 i < in_b ? bit_field_message(b, field, i) : NULL, path);
            else
                note_setting(s, path, field, i < in_a ? bit_field_at(a, field, i) : NULL,
                             i < in_b ? bit_field_at(b, field, i) : NULL);
        }
    }
}

size_t bit_diff_settings(const Bit__RunSpec *a, const Bit__RunSpec *b, const char *always, struct bit_diff_setting *out)
{
    struct settings s = {.out = out, .always = always};

    compare_messages(&s, &bit__run_spec__descriptor, a != NULL ? &a->base : NULL, b != NULL ? &b->base : NULL, "");
    return s.count;
}

/* ---- changes */

static int set_back(Bit__RunSpec *spec, const Bit__Change *c)
{
    static struct bit_problems problems;
    char text[160];

    if (strcmp(c->was, "-") != 0) {
        snprintf(text, sizeof text, "%s=%s", c->setting, c->was);
        return bit_spec_set(spec, text, &problems);
    }
    if (spec->phases != NULL) /* of all settings that can be changed, only a switch can be absent */
        bit_field_clear(&spec->phases->base, bit_field_find(&bit__phase_spec__descriptor, "switch", strlen("switch")));
    return 0;
}

int bit_diff_take_back(Bit__RunSpec *spec, Bit__Change *const *change, size_t count, uint64_t until)
{
    int err = 0;

    for (; count > 0 && until != 0 && change[count - 1]->event >= until && err == 0; count--)
        err = set_back(spec, change[count - 1]);
    return err < 0 ? err : (int)count;
}

bool bit_diff_changed_midway(Bit__Change *const *change, size_t count, const char *setting)
{
    for (size_t i = count; i-- > 0;)
        if (strcmp(change[i]->setting, setting) == 0)
            return change[i]->step > 0;
    return false;
}
