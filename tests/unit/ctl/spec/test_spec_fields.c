/* The fields of the specification in `bitctl help spec` and bit-run(5), and that none is missing. */
#include "ctl/spec/spec_fields.h"
#include "ctl/spec/spec_page.h"
#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "proto/text/reflect.h"
#include "proto/wire/msg.h"
#include "tests/test.h"

static struct bit_spec_fields fields;

static const Bit__SpecField *field(const char *path)
{
    if (fields.count == 0)
        EXPECT_EQ(bit_spec_fields_init(&fields), 0);
    for (size_t i = 0; i < fields.count; i++)
        if (strcmp(fields.field[i]->path, path) == 0)
            return fields.field[i];
    fprintf(stderr, "    there is no %s\n", path);
    exit(1);
}

TEST(every_field_has_a_meaning)
{
    field("name");
    for (size_t i = 0; i < fields.count; i++)
        if (!EXPECT(fields.field[i]->meaning[0] != '\0'))
            fprintf(stderr,
                    "    %s: comment it in proto/bit.proto, behind the field on its line: what it is, then its "
                    "default where that follows from others, as in \"; default: 4 x width\"\n",
                    fields.field[i]->path);
}

TEST(what_is_said_of_fields)
{
    EXPECT_STREQ(field("schedule.steps")->type, "integer");
    EXPECT_STREQ(field("schedule.steps")->unit, "steps");
    EXPECT_STREQ(field("schedule.steps")->default_, "10000");
    EXPECT_EQ(field("model.layers")->least, 1);
    EXPECT_EQ(field("model.layers")->most, BIT_LAYERS_MAX);
    EXPECT(field("model.layers")->needed);
    EXPECT_STREQ(field("model.mlp_hidden")->default_, "4 x width");
    EXPECT_STREQ(field("model.init")->default_, "MITCHELL");
    EXPECT_EQ(field("model.init")->n_choice, 2);
    EXPECT(field("optimizer.eps")->above);
    EXPECT_STREQ(field("quantizer.weight_measure")->default_, "MEDIAN"); /* from the default preset */
    EXPECT_STREQ(field("phases.switch.ramp_k")->default_, "5 for TANH, as the reference, and 15 for SIGMOID");
    EXPECT_EQ(field("data.source[].weight")->most, 1e6);
}

/* Each model preset sets model.layers, and the field's description lists the value of each. */
TEST(what_presets_set_is_said)
{
    const Bit__SpecField *layers = field("model.layers");
    size_t kinds, models = 0;
    const struct bit_preset_kind *kind = bit_spec_preset_kinds(&kinds);
    const struct bit_preset *model = NULL;

    for (size_t k = 0; k < kinds; k++)
        if (strcmp(kind[k].field, "model.preset") == 0)
            model = kind[k].list(&models);
    if (!EXPECT(models > 0) || !EXPECT_EQ(layers->n_preset, models))
        return;
    for (size_t i = 0; i < models; i++)
        EXPECT_STREQ(layers->preset[i]->preset, model[i].name);
    EXPECT_STREQ(layers->preset[0]->value, "16");
}

/* Each field that takes a preset's name has one kind of presets, and each kind one field. */
TEST(every_preset_is_explained)
{
    size_t count, presets = 0;
    const struct bit_preset_kind *kind = bit_spec_preset_kinds(&count);

    for (size_t k = 0; k < count; k++)
        EXPECT_STREQ(field(kind[k].field)->type, "string");
    for (size_t i = 0; i < fields.count; i++) {
        const char *dot = strrchr(fields.field[i]->path, '.');
        presets += dot != NULL && strcmp(dot, ".preset") == 0;
    }
    if (!EXPECT_EQ(presets, count))
        fprintf(stderr, "    a kind of presets is missing in bit_spec_preset_kinds (proto/spec/presets.c)\n");
}

TEST(what_has_to_be_given)
{
    static const char *const needed[] = {"model.layers",     "model.width",          "model.heads",
                                         "data.train",       "data.source[].name",   "data.source[].path",
                                         "eval.set[].name",  "eval.set[].path",      "eval.task[].path",
                                         "schedule.peak_lr", "phases.switch.at_step"};
    static const char *const not_needed[] = {
        "model.preset",      "model.init_from",  "data.tokenizer", "eval.task[].name",
        "launch.slurm.gres", "launch.slurm.env", "eval.set",       "name"};

    for (size_t i = 0; i < BIT_COUNT(needed); i++)
        if (!EXPECT(field(needed[i])->needed))
            fprintf(stderr, "    %s\n", needed[i]);
    for (size_t i = 0; i < BIT_COUNT(not_needed); i++)
        if (!EXPECT(!field(not_needed[i])->needed))
            fprintf(stderr, "    %s\n", not_needed[i]);
}

TEST(a_word_means_a_field_or_a_group)
{
    const Bit__SpecField *lr = field("schedule.peak_lr"), *weight = field("data.source[].weight");

    EXPECT(bit_spec_field_is(lr, "schedule.peak_lr") && bit_spec_field_is(lr, "peak_lr"));
    EXPECT(bit_spec_field_is(lr, "schedule") && !bit_spec_field_is(lr, "sched") && !bit_spec_field_is(lr, "lr"));
    EXPECT(bit_spec_field_is(weight, "data.source.weight") && bit_spec_field_is(weight, "data.source[].weight"));
    EXPECT(bit_spec_field_is(weight, "data.source") && !bit_spec_field_is(weight, "data.train"));
}

/* ---- texts that could be out of date */

static Bit__RunSpec *normal(const char *text)
{
    static struct bit_problems problems;
    ProtobufCMessage *msg = NULL;

    problems = (struct bit_problems){0};
    EXPECT_EQ(bit_text_parse(&bit__run_spec__descriptor, text, strlen(text), &msg, &problems), 0);
    EXPECT_EQ(bit_spec_normalise((Bit__RunSpec *)msg, NULL, &problems), 0);
    return (Bit__RunSpec *)msg;
}

/* The message's text with this field alone, empty if it is not set; the caller frees it. */
static char *text_of(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
    ProtobufCMessage *alone = bit_msg_clone(msg);
    char *text = NULL;

    for (unsigned i = 0; i < msg->descriptor->n_fields; i++)
        if (&msg->descriptor->fields[i] != f)
            bit_field_clear(alone, &msg->descriptor->fields[i]);
    EXPECT_EQ(bit_text_print(alone, &text, NULL), 0);
    bit_msg_free(alone);
    return text;
}

/* A field that was not given, but differs in a and b, must document a rule as its default, not a value. */
static void compare(const ProtobufCMessage *a, const ProtobufCMessage *b, const char *prefix)
{
    char path[128];

    for (unsigned i = 0; i < a->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &a->descriptor->fields[i];
        snprintf(path, sizeof path, "%s%s", prefix, f->name);
        if (f->label == PROTOBUF_C_LABEL_REPEATED)
            continue;
        if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
            strcat(path, ".");
            if (bit_field_count(a, f) > 0 && bit_field_count(b, f) > 0)
                compare(bit_field_message(a, f, 0), bit_field_message(b, f, 0), path);
            continue;
        }
        char *one = text_of(a, f), *other = text_of(b, f), *value = strchr(one, ' ');
        if (strcmp(one, other) != 0 && value != NULL && field(path)->default_ != NULL) {
            value[strcspn(value, "\n")] = '\0';
            const bool is_default = strcmp(value + 1, field(path)->default_) == 0;
            if (!EXPECT(!is_default))
                fprintf(stderr,
                        "    %s follows from other fields: say \"; default: RULE\" in its comment in "
                        "proto/bit.proto\n",
                        path);
        }
        free(one);
        free(other);
    }
}

TEST(defaults_that_follow_from_other_fields_are_told_as_rules)
{
    Bit__RunSpec *plain = normal("phases { switch { } } launch { launcher: SRUN slurm { } } eval { set { } task { } } "
                                 "model { width: 64 } schedule { stage { } }");
    Bit__RunSpec *other = normal("phases { switch { } } launch { launcher: SRUN slurm { } ranks: 3 } eval { } "
                                 "model { width: 96 vocab: 70000 } schedule { steps: 777 peak_lr: 0.5 stage { } } "
                                 "optimizer { weight_decay: 0.3 beta1: 0.5 beta2: 0.6 }");

    /* Fields given only in `other` are made equal, so that only defaults differ. */
    other->model->width = plain->model->width;
    other->model->vocab = plain->model->vocab;
    other->schedule->steps = plain->schedule->steps;
    other->optimizer->weight_decay = plain->optimizer->weight_decay;
    other->optimizer->beta1 = plain->optimizer->beta1;
    other->optimizer->beta2 = plain->optimizer->beta2;
    other->launch->ranks = plain->launch->ranks;
    compare(&plain->base, &other->base, "");
    bit_msg_free(plain);
    bit_msg_free(other);
}

TEST(the_pages_example_is_a_specification)
{
    static struct bit_problems problems;
    Bit__RunSpec *spec = normal(bit_spec_page_example);

    if (!EXPECT_EQ(bit_spec_validate(spec, &problems), 0))
        fprintf(stderr, "    %s: %s\n", problems.item[0].field, problems.item[0].text);
    bit_msg_free(spec);
}

TEST_MAIN
