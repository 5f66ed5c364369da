#include "daemon/run/changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"

struct bit_changes_state bit_changes_look(const struct bit_switch_plan *plan, const Bit__RunSpec *spec)
{
    struct bit_changes_state s = {.plan = *plan};

    if (spec != NULL && spec->launch != NULL)
        s.ranks = spec->launch->ranks;
    if (spec != NULL && spec->schedule != NULL) {
        s.steps = spec->schedule->steps;
        s.cosine_steps = spec->schedule->cosine_steps;
    }
    return s;
}

/* Which user asked for it, if the record has one. */
static bool find_uid(const Bit__JournalRecord *r, uint32_t *uid)
{
    const Bit__Mutation *asked = NULL;

    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_SWITCH_PLANNED) {
        *uid = r->switch_planned->uid;
        return r->switch_planned->has_uid;
    }
    if (r->what_case == BIT__JOURNAL_RECORD__WHAT_STATE)
        asked = r->state->asked;
    else if (r->what_case == BIT__JOURNAL_RECORD__WHAT_RESUMED)
        asked = r->resumed->asked;
    *uid = asked != NULL ? asked->uid : 0;
    return asked != NULL;
}

static void add(struct bit_changes *c, const struct bit_change *from, const char *setting, const char *was,
                const char *is)
{
    if (strcmp(was, is) == 0)
        return;
    struct bit_change *item = &c->item[c->count++ % BIT_CHANGES_MAX];
    *item = *from;
    item->setting = setting;
    snprintf(item->was, sizeof item->was, "%s", was);
    snprintf(item->is, sizeof item->is, "%s", is);
}

static void add_number(struct bit_changes *c, const struct bit_change *from, const char *setting, uint64_t was,
                       uint64_t is)
{
    char before[BIT_CHANGES_TEXT], after[BIT_CHANGES_TEXT];

    snprintf(before, sizeof before, "%" PRIu64, was);
    snprintf(after, sizeof after, "%" PRIu64, is);
    add(c, from, setting, before, after);
}

static const char *step_text(const struct bit_switch_plan *p, char out[BIT_CHANGES_TEXT])
{
    snprintf(out, BIT_CHANGES_TEXT, p->planned ? "%" PRIu64 : "-", p->at_step);
    return out;
}

static const char *optimizer_text(const struct bit_switch_plan *p)
{
    if (!p->planned)
        return "-";
    return p->optimizer == BIT__OPTIMIZER_AT_SWITCH__RESET ? "RESET" : "KEEP";
}

static bool are_equal(const struct bit_changes_state *a, const struct bit_changes_state *b)
{
    const bool step = a->plan.at_step == b->plan.at_step && a->plan.optimizer == b->plan.optimizer;

    return a->plan.planned == b->plan.planned && (step || !a->plan.planned) && a->ranks == b->ranks &&
           a->steps == b->steps && a->cosine_steps == b->cosine_steps;
}

int bit_changes_note(struct bit_changes **changes, const Bit__JournalRecord *record, uint64_t step,
                     const struct bit_changes_state *was, const struct bit_changes_state *is)
{
    char before[BIT_CHANGES_TEXT], after[BIT_CHANGES_TEXT];
    struct bit_change from = {.event = record->seq, .time_ns = record->time_ns, .step = step};

    if (are_equal(was, is))
        return 0;
    if (*changes == NULL)
        *changes = calloc(1, sizeof **changes);
    struct bit_changes *c = *changes;
    if (c == NULL)
        return bit_fail(-ENOMEM, "what was changed");
    from.has_uid = find_uid(record, &from.uid);
    add(c, &from, "phases.switch.at_step", step_text(&was->plan, before), step_text(&is->plan, after));
    add(c, &from, "phases.switch.optimizer", optimizer_text(&was->plan), optimizer_text(&is->plan));
    add_number(c, &from, "launch.ranks", was->ranks, is->ranks);
    add_number(c, &from, "schedule.steps", was->steps, is->steps);
    add_number(c, &from, "schedule.cosine_steps", was->cosine_steps, is->cosine_steps);
    return 0;
}

/* ---- settings from a step on */

static void scalar_text(const ProtobufCFieldDescriptor *field, const void *at, char out[BIT_CHANGES_TEXT])
{
    char number[32] = "";
    const ProtobufCEnumValue *value = NULL;

    if (field->type == PROTOBUF_C_TYPE_ENUM)
        value = protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)at);
    if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        bit_double_format(*(const double *)at, number);
    else if (field->type == PROTOBUF_C_TYPE_UINT64)
        snprintf(number, sizeof number, "%" PRIu64, *(const uint64_t *)at);
    else if (field->type == PROTOBUF_C_TYPE_UINT32)
        snprintf(number, sizeof number, "%" PRIu32, *(const uint32_t *)at);
    else if (field->type == PROTOBUF_C_TYPE_BOOL)
        snprintf(number, sizeof number, "%s", *(const protobuf_c_boolean *)at ? "true" : "false");
    bit_format(out, BIT_CHANGES_TEXT, "%s", value != NULL ? value->name : number);
}

/* "-" if unset; for a list the number of its elements. */
static void value_text(const ProtobufCMessage *msg, const char *path, size_t bytes, char out[BIT_CHANGES_TEXT])
{
    bit_format(out, BIT_CHANGES_TEXT, "-");
    for (size_t at = 0; msg != NULL && at < bytes;) {
        const size_t name = strcspn(path + at, ".+=");
        const ProtobufCFieldDescriptor *field = bit_field_find(msg->descriptor, path + at, name);
        const size_t count = field != NULL ? bit_field_count(msg, field) : 0;
        if (count == 0)
            return;
        at += name + 1;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            bit_format(out, BIT_CHANGES_TEXT, "%zu of them", count);
        else if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            scalar_text(field, bit_field_at(msg, field, 0), out);
        else if (at >= bytes)
            bit_format(out, BIT_CHANGES_TEXT, "{...}");
        if (field->label == PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
            return;
        msg = bit_field_message(msg, field, 0);
    }
}

static void add_path(struct bit_changes *c, const struct bit_change *from, const char *assignment, const char *was,
                     const char *is)
{
    const uint64_t before = c->count;

    add(c, from, "", was, is);
    if (c->count == before)
        return;
    struct bit_change *item = &c->item[before % BIT_CHANGES_MAX];
    bit_format(item->path, sizeof item->path, "%.*s", (int)strcspn(assignment, "+="), assignment);
    item->setting = item->path;
}

int bit_changes_note_sets(struct bit_changes **changes, const Bit__JournalRecord *record, const Bit__RunSpec *was,
                          const Bit__RunSpec *is)
{
    const Bit__RunChanged *m = record->changed;
    const struct bit_change from = {
        .event = record->seq, .time_ns = record->time_ns, .step = m->after_step, .has_uid = true, .uid = m->uid};
    char before[BIT_CHANGES_TEXT], after[BIT_CHANGES_TEXT];

    if (*changes == NULL && (*changes = calloc(1, sizeof **changes)) == NULL)
        return bit_fail(-ENOMEM, "what was changed");
    for (size_t i = 0; i < m->n_set; i++) {
        const size_t key = strcspn(m->set[i], "+=");
        value_text(&was->base, m->set[i], key, before);
        value_text(&is->base, m->set[i], key, after);
        add_path(*changes, &from, m->set[i], before, after);
    }
    if (m->has_skip_from && m->has_skip_to) {
        bit_format(after, sizeof after, "%" PRIu64 "-%" PRIu64, m->skip_from, m->skip_to);
        add(*changes, &from, "batches left out", "-", after);
    }
    return 0;
}

const struct bit_change *bit_changes_at(const struct bit_changes *c, size_t count, size_t i)
{
    BIT_ASSERT(i < count && count <= BIT_CHANGES_MAX && count <= c->count);
    return &c->item[(c->count - count + i) % BIT_CHANGES_MAX];
}

/* ---- the specification as it is carried out */

static int plan_into(Bit__PhaseSpec *phases, const struct bit_switch_plan *plan)
{
    if (!plan->planned) {
        bit_msg_free(phases->switch_);
        phases->switch_ = NULL;
        return 0;
    }
    if (phases->switch_ == NULL) { /* planned for a run that was submitted without a switch */
        phases->switch_ = malloc(sizeof *phases->switch_);
        if (phases->switch_ == NULL)
            return -ENOMEM;
        bit__switch_spec__init(phases->switch_);
    }
    phases->switch_->has_at_step = phases->switch_->has_optimizer = true;
    phases->switch_->at_step = plan->at_step;
    phases->switch_->optimizer = plan->optimizer;
    return 0;
}

Bit__RunSpec *bit_changes_effective(const Bit__RunSpec *spec, const struct bit_switch_plan *plan)
{
    Bit__RunSpec *copy = bit_msg_clone(spec);

    if (copy != NULL && copy->phases == NULL && plan->planned) {
        copy->phases = malloc(sizeof *copy->phases);
        if (copy->phases != NULL)
            bit__phase_spec__init(copy->phases);
    }
    if (copy != NULL && (copy->phases != NULL ? plan_into(copy->phases, plan) < 0 : plan->planned)) {
        bit_msg_free(copy);
        return NULL;
    }
    return copy;
}
