#include "proto/spec/model_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "tests/test.h"

#define OLMO(more)                                                                                                     \
    "{\"d_model\":64,\"n_heads\":2,\"n_layers\":3,\"mlp_ratio\":8,\"vocab_size\":50280,\"embedding_size\":50304,"      \
    "\"rope\":true,\"include_bias\":false,\"layer_norm_with_affine\":false,\"max_sequence_length\":2048" more "}"
#define HF(more)                                                                                                       \
    "{\"model_type\":\"olmo\",\"hidden_size\":64,\"num_attention_heads\":2,\"num_hidden_layers\":3,"                   \
    "\"intermediate_size\":256,\"vocab_size\":50304" more "}"

static struct bit_problems problems;
static struct bit_model_config config;

static int parse(const char *text)
{
    problems = (struct bit_problems){.count = 0};
    return bit_model_config_parse(text, strlen(text), "config.json", "model.from", &config, &problems);
}

static void taken(const char *text)
{
    if (!EXPECT_EQ(parse(text), 0))
        printf("%s: %s\n", text, problems.count > 0 ? problems.item[0].text : bit_fail_text());
}

static void refused(const char *text, const char *words)
{
    EXPECT_EQ(parse(text), BIT_ESPEC);
    EXPECT_EQ(problems.count, 1);
    EXPECT_CONTAINS(problems.item[0].text, words);
    EXPECT_STREQ(problems.item[0].field, "model.from");
}

static void expect_sizes(const Bit__ModelSpec *m)
{
    EXPECT_EQ(m->layers, 3);
    EXPECT_EQ(m->width, 64);
    EXPECT_EQ(m->heads, 2);
    EXPECT_EQ(m->mlp_hidden, 256);
    EXPECT_EQ(m->vocab_padded, 50304);
    EXPECT_EQ(m->context, 2048);
    EXPECT(m->rope_theta == 10000);
    EXPECT(m->norm_eps == 1e-5);
}

TEST(both_sets_of_keys_say_the_same_model)
{
    taken(OLMO(""));
    expect_sizes(&config.says);
    EXPECT_EQ(config.says.vocab, 50280);
    EXPECT(config.says.tied);
    EXPECT(config.says.clip_qkv == 0);
    taken(HF(""));
    expect_sizes(&config.says);
    EXPECT_EQ(config.says.vocab, 50304);
    EXPECT(!config.says.tied);
    EXPECT(config.says.clip_qkv == 0);
    taken(OLMO(",\"weight_tying\":false,\"clip_qkv\":8,\"mlp_hidden_size\":512,\"n_kv_heads\":null,"
               "\"multi_query_attention\":false"));
    expect_sizes(&config.says);
    EXPECT(!config.says.tied);
    EXPECT(config.says.clip_qkv == 8);
    taken(HF(",\"tie_word_embeddings\":true,\"clip_qkv\":8.0,\"num_key_value_heads\":2,\"rope_scaling\":null,"
             "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":10000.0}"));
    expect_sizes(&config.says);
    EXPECT(config.says.tied);
    EXPECT(config.says.clip_qkv == 8);
    taken(
        HF(",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":500000},\"max_position_embeddings\":4096"));
    EXPECT(config.says.rope_theta == 500000);
    EXPECT_EQ(config.says.context, 4096);
}

TEST(what_bitd_cannot_do_is_refused_by_key_and_value)
{
    refused(HF(",\"num_key_value_heads\":1"), "has num_key_value_heads 1: ");
    refused(HF(",\"rms_norm_eps\":0.5"), "has rms_norm_eps 0.5: ");
    refused(HF(",\"hidden_act\":\"gelu\""), "has hidden_act \"gelu\": ");
    refused(HF(",\"attention_bias\":true"), "has attention_bias true: ");
    refused(HF(",\"rope_scaling\":{\"type\":\"linear\"}"), "has rope_scaling {");
    refused(HF(",\"rope_parameters\":{\"rope_type\":\"llama3\"}"), "rope_parameters.rope_type \"llama3\": ");
    refused(HF(",\"attention_dropout\":0.1"), "has attention_dropout 0.1: ");
    refused(HF(",\"quantization_config\":{\"quant_method\":\"bitnet\"}"), "quantised already");
    refused(HF(",\"head_dim\":64"), "has head_dim 64: ");
    refused(OLMO(",\"model_type\":\"olmo2\""), "has model_type \"olmo2\": its norms have weights");
    refused(OLMO(",\"n_kv_heads\":1"), "has n_kv_heads 1: ");
    refused(OLMO(",\"multi_query_attention\":true"), "has multi_query_attention true: ");
    refused(OLMO(",\"layer_norm_type\":\"rms\""), "has layer_norm_type \"rms\": ");
    refused(OLMO(",\"attention_layer_norm\":true"), "has attention_layer_norm true: ");
    refused(OLMO(",\"norm_after\":true"), "has norm_after true: ");
    refused(OLMO(",\"block_type\":\"llama\""), "has block_type \"llama\": ");
    refused(OLMO(",\"activation_type\":\"gelu\""), "has activation_type \"gelu\": ");
    refused(OLMO(",\"embedding_dropout\":0.1"), "has embedding_dropout 0.1: ");
}

TEST(an_absent_key_has_its_class_value)
{
    static const char text[] = "{\"d_model\":64,\"n_heads\":2,\"n_layers\":3,\"mlp_ratio\":8,\"vocab_size\":256}";

    EXPECT_EQ(parse(text), BIT_ESPEC); /* OLMo's defaults: no rotary positions, but biases, and norms with weights */
    EXPECT_EQ(problems.count, 3);
    EXPECT_CONTAINS(problems.item[0].text, "has no rope, which OLMo takes for false");
    refused("{\"hidden_size\":64,\"num_attention_heads\":2,\"intermediate_size\":256,\"vocab_size\":256}",
            "has no num_hidden_layers");
    refused(OLMO(",\"mlp_hidden_size\":511"), "even number of rows");
    refused(HF(",\"max_position_embeddings\":-1"), "max_position_embeddings -1: it should be a whole number");
    refused(HF(",\"clip_qkv\":\"8\""), "has clip_qkv \"8\": it should be a number");
    refused(HF(",\"tie_word_embeddings\":1"), "it should be true or false");
    EXPECT_EQ(parse("{"), BIT_ECORRUPT);
    EXPECT_EQ(parse("[]"), BIT_ECORRUPT);
}

TEST(a_specification_may_not_say_otherwise)
{
    Bit__ModelSpec model = BIT__MODEL_SPEC__INIT;

    taken(HF(""));
    model.has_context = model.has_vocab = 1;
    model.context = 1024; /* a shorter context, and the tokenizer's vocabulary below the padded one */
    model.vocab = 50280;
    EXPECT_EQ(bit_model_config_fill(&config, "config.json", &model, &problems), 0);
    EXPECT_EQ(model.context, 1024);
    EXPECT_EQ(model.vocab, 50280);
    EXPECT_EQ(model.width, 64);
    model.context = 4096;
    model.tied = 1;
    model.clip_qkv = 8;
    EXPECT_EQ(bit_model_config_fill(&config, "config.json", &model, &problems), BIT_ESPEC);
    EXPECT_EQ(problems.count, 3);
    EXPECT_STREQ(problems.item[0].field, "model.context");
    EXPECT_STREQ(problems.item[0].text, "4096, and 'config.json' says 2048");
    EXPECT_STREQ(problems.item[1].field, "model.tied");
    EXPECT_STREQ(problems.item[1].text, "true, and 'config.json' says false");
    EXPECT_STREQ(problems.item[2].text, "8, and 'config.json' says 0");
}

TEST_MAIN
