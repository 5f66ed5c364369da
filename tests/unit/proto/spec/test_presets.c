#include "proto/check.h"
#include "proto/err.h"
#include "proto/spec/spec.h"
#include "tests/spec_of.h"

static Bit__RunSpec *normalised(const char *text)
{
    return test_spec_normalised(text, "/d");
}

static Bit__RunSpec *model_of(const char *preset)
{
    char text[128];

    snprintf(text, sizeof text, "model { preset: '%s' } data { train: 'a' }", preset);
    return normalised(text);
}

static uint64_t parameters(const Bit__ModelSpec *m)
{
    uint64_t d = m->width, block = 4 * d * d + 3 * d * m->mlp_hidden;

    return m->layers * block + (m->tied ? 1 : 2) * m->vocab_padded * d;
}

TEST(models_have_the_published_shapes)
{
    static const struct {
        const char *name;
        uint32_t layers, width, heads, mlp_hidden;
        bool tied;
        Bit__Init init;
        double peak_lr;
        uint64_t parameters;
    } table[] = {
        {"olmo_1b", 16, 2048, 16, 8192, true, BIT__INIT__MITCHELL, 4e-4, 1176764416},
        {"olmo_300m", 16, 1024, 16, 4096, false, BIT__INIT__MITCHELL, 6e-4, 371458048},
        {"olmo_150m", 12, 768, 12, 3072, false, BIT__INIT__NORMAL, 6e-4, 190513152},
        {"olmo_60m", 8, 512, 8, 2048, false, BIT__INIT__NORMAL, 1e-3, 85065728},
        {"olmo_20m", 8, 256, 8, 1024, false, BIT__INIT__NORMAL, 1e-3, 34144256},
        {"reloaded_6m", 8, 96, 6, 384, true, BIT__INIT__NORMAL, 1e-3, 6008832},
        {"reloaded_12m", 8, 168, 7, 672, true, BIT__INIT__NORMAL, 1e-3, 12063744},
        {"reloaded_24m", 8, 280, 7, 1120, true, BIT__INIT__NORMAL, 1e-3, 24120320},
        {"reloaded_48m", 8, 448, 7, 1792, true, BIT__INIT__NORMAL, 1e-3, 48226304},
    };

    for (size_t i = 0; i < BIT_COUNT(table); i++) {
        Bit__RunSpec *spec = model_of(table[i].name);
        const Bit__ModelSpec *m = spec->model;
        EXPECT_EQ(m->layers, table[i].layers);
        EXPECT_EQ(m->width, table[i].width);
        EXPECT_EQ(m->heads, table[i].heads);
        EXPECT_EQ(m->mlp_hidden, table[i].mlp_hidden);
        EXPECT_EQ(m->tied, table[i].tied);
        EXPECT_EQ(m->init, table[i].init);
        EXPECT_EQ(spec->schedule->peak_lr, table[i].peak_lr);
        EXPECT_EQ(parameters(m), table[i].parameters);
        EXPECT_EQ(m->vocab, 50280);
        EXPECT_EQ(m->vocab_padded, 50304);
        EXPECT_EQ(m->context, 2048);
        EXPECT_EQ(m->init_std, 0.02);
        EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
        bit_msg_free(spec);
    }
}

/* The number in the summary, as in "1,176,764,416 parameters", must agree with the sizes. */
TEST(summaries_count_the_parameters)
{
    size_t count;
    const struct bit_preset *models = bit_spec_model_presets(&count);

    for (size_t i = 0; i < count; i++) {
        Bit__RunSpec *spec = model_of(models[i].name);
        uint64_t said = 0;
        for (const char *c = models[i].summary; *c != ' '; c++)
            if (*c != ',')
                said = 10 * said + (uint64_t)(*c - '0');
        EXPECT_EQ(said, parameters(spec->model));
        bit_msg_free(spec);
    }
}

TEST(quantizers_are_their_papers)
{
    static const struct {
        const char *name;
        Bit__Measure weights;
        uint32_t levels;
        Bit__InnerNorm norm;
        Bit__Granularity granularity;
    } table[] = {
        {"continual", BIT__MEASURE__MEDIAN, 128, BIT__INNER_NORM__LAYERNORM, BIT__GRANULARITY__FUSED},
        {"reloaded", BIT__MEASURE__MEDIAN, 128, BIT__INNER_NORM__LAYERNORM, BIT__GRANULARITY__PROJECTION},
        {"b158", BIT__MEASURE__MEAN, 127, BIT__INNER_NORM__RMSNORM, BIT__GRANULARITY__PROJECTION},
    };
    char text[160];

    for (size_t i = 0; i < BIT_COUNT(table); i++) {
        snprintf(text, sizeof text, "model { preset: 'olmo_20m' } data { train: 'a' } quantizer { preset: '%s' }",
                 table[i].name);
        Bit__RunSpec *spec = normalised(text);
        const Bit__QuantizerSpec *q = spec->quantizer;
        EXPECT_EQ(q->weight_measure, table[i].weights);
        EXPECT_EQ(q->activation_measure, BIT__MEASURE__ABSMAX);
        EXPECT_EQ(q->activation_levels, table[i].levels);
        EXPECT_EQ(q->inner_norm, table[i].norm);
        EXPECT_EQ(q->granularity, table[i].granularity);
        EXPECT_EQ(q->eps, 1e-5);
        EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
        bit_msg_free(spec);
    }
}

TEST(the_quantizer_is_continual_unless_said)
{
    Bit__RunSpec *spec = model_of("olmo_20m");

    EXPECT_STREQ(spec->quantizer->preset, "continual");
    bit_msg_free(spec);
}

TEST(guards_act_as_their_sources)
{
    static const struct {
        const char *name;
        Bit__GuardAction nan, spike;
    } table[] = {
        {"watch", BIT__GUARD_ACTION__SKIP_STEP, BIT__GUARD_ACTION__WARN},
        {"olmo", BIT__GUARD_ACTION__SKIP_STEP, BIT__GUARD_ACTION__SKIP_STEP},
        {"palm", BIT__GUARD_ACTION__REWIND, BIT__GUARD_ACTION__REWIND},
    };
    size_t count;
    char text[160];

    bit_spec_guard_presets(&count);
    EXPECT_EQ(count, BIT_COUNT(table));
    for (size_t i = 0; i < BIT_COUNT(table); i++) {
        snprintf(text, sizeof text, "model { preset: 'olmo_20m' } data { train: 'a' } guard { preset: '%s' }",
                 table[i].name);
        Bit__RunSpec *spec = normalised(text);
        EXPECT_EQ(spec->guard->nan, table[i].nan);
        EXPECT_EQ(spec->guard->spike, table[i].spike);
        EXPECT_EQ(bit_spec_validate(spec, &test_problems), 0);
        bit_msg_free(spec);
    }
}

TEST(a_field_given_beats_its_preset)
{
    Bit__RunSpec *spec = normalised("model { preset: 'olmo_1b' layers: 2 vocab: 300 } schedule { peak_lr: 1 }"
                                    "quantizer { preset: 'b158' inner_norm: NO_NORM } data { train: 'a' }");

    EXPECT_EQ(spec->model->layers, 2);
    EXPECT_EQ(spec->model->width, 2048);
    EXPECT_EQ(spec->model->vocab_padded, 384);
    EXPECT_EQ(spec->schedule->peak_lr, 1);
    EXPECT_EQ(spec->quantizer->inner_norm, BIT__INNER_NORM__NO_NORM);
    EXPECT_EQ(spec->quantizer->weight_measure, BIT__MEASURE__MEAN);
    bit_msg_free(spec);
}

/* `bitctl help presets` prints the text unchanged. */
TEST(words_of_a_preset_stand_apart)
{
    size_t kinds, count;
    const struct bit_preset_kind *kind = bit_spec_preset_kinds(&kinds);

    for (size_t k = 0; k < kinds; k++) {
        const struct bit_preset *list = kind[k].list(&count);
        for (size_t i = 0; i < count; i++)
            for (const char *end = strchr(list[i].text, '}'); end != NULL; end = strchr(end + 1, '}'))
                if (!EXPECT(end[1] == '\0' || end[1] == ' '))
                    fprintf(stderr, "    %s: '%s'\n", list[i].name, end);
    }
}

TEST(unknown_presets_name_the_nearest_and_change_nothing)
{
    Bit__RunSpec *spec = test_spec_parse("model { preset: 'olmo_1B5' }\nquantizer { preset: 'bitnet' }");
    const size_t before = protobuf_c_message_get_packed_size(&spec->base);

    EXPECT_EQ(bit_spec_normalise(spec, NULL, &test_problems), BIT_ESPEC);
    EXPECT_EQ(test_problems.count, 2);
    EXPECT_STREQ(test_problems.item[0].text, "no preset 'olmo_1B5'; did you mean olmo_1b?");
    EXPECT_EQ(test_problems.item[0].line, 1);
    EXPECT_EQ(test_problems.item[0].column, 17);
    EXPECT_STREQ(test_problems.item[1].text, "no preset 'bitnet'; there are continual, reloaded, b158, export");
    EXPECT_EQ(test_problems.item[1].line, 2);
    EXPECT_EQ(protobuf_c_message_get_packed_size(&spec->base), before);
    bit_msg_free(spec);
}

TEST_MAIN
