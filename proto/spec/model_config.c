#include "proto/spec/model_config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/check.h"
#include "proto/err.h"
#include "proto/format.h"
#include "proto/json_bound.h"
#include "proto/regular_file.h"
#include "proto/text/reflect.h"

#define BYTES_MAX  (1u << 20)
#define DEPTH_MAX  16
#define TOKENS_MAX 10000
#define VALUE_TEXT 80

/* The state of reading one file. */
struct reading {
    json_t *root;
    bool is_olmo; /* has OLMo's keys; else Hugging Face's */
    const char *path, *field;
    struct bit_problems *problems;
};

static const char *value_text(const json_t *value, char out[VALUE_TEXT])
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));

    bit_format(out, VALUE_TEXT, "%s", text != NULL ? text : "(no text)");
    free(text);
    return out;
}

/* The value of a key such as "rope_parameters.rope_theta"; NULL if it is absent or null. */
static json_t *find(const json_t *root, const char *key)
{
    const char *dot = strchr(key, '.');
    char outer[64];

    if (dot != NULL) {
        snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
        root = json_object_get(root, outer);
        key = dot + 1;
    }
    json_t *value = json_object_get(root, key);
    return json_is_null(value) ? NULL : value;
}

static void refuse(struct reading *r, const char *key, const json_t *value, const char *why)
{
    char text[VALUE_TEXT];

    bit_problems_add(r->problems, r->field, 0, 0, "'%s' has %s %s: %s", r->path, key, value_text(value, text), why);
}

/* ---- keys with one supported value */

enum keys { EITHER, HF, OLMO };

/*
 * Keys with only one value that bitd supports. An absent key has the default of its class; for a `due` key that default
 * is not the supported value.
 */
static const struct rule {
    enum keys keys;
    const char *key, *value; /* the value as JSON; NULL: the key must be absent */
    bool due;
    const char *why;
} rules[] = {
    {HF, "hidden_act", "\"silu\"", false, "bitd's MLP is SwiGLU, which is silu"},
    {HF, "attention_bias", "false", false, "bitd's linears have no biases"},
    {HF, "mlp_bias", "false", false, "bitd's linears have no biases"},
    {HF, "rope_scaling", NULL, false, "bitd's rotary positions are not scaled"},
    {HF, "rope_parameters.rope_type", "\"default\"", false, "bitd's rotary positions are not scaled"},
    {HF, "attention_dropout", "0", false, "bitd trains without dropout"},
    {HF, "rms_norm_eps", NULL, false, "bitd's norms before the linears are LayerNorm without a weight"},
    {EITHER, "quantization_config", NULL, false, "its weights are quantised already; take the 16-bit ones"},
    {OLMO, "activation_type", "\"swiglu\"", false, "bitd's MLP is SwiGLU"},
    {OLMO, "block_type", "\"sequential\"", false, "bitd's blocks are OLMo's sequential ones"},
    {OLMO, "rope", "true", true, "bitd's positions are rotary"},
    {OLMO, "alibi", "false", false, "bitd's positions are rotary"},
    {OLMO, "layer_norm_type", "\"default\"", false, "bitd's norms before the linears are LayerNorm without a weight"},
    {OLMO, "layer_norm_with_affine", "false", true, "bitd's norms have no weights"},
    {OLMO, "attention_layer_norm", "false", false, "bitd does not norm queries and keys"},
    {OLMO, "norm_after", "false", false, "bitd's norms come before attention and MLP"},
    {OLMO, "include_bias", "false", true, "bitd's linears have no biases"},
    {OLMO, "scale_logits", "false", false, "bitd does not scale logits"},
    {OLMO, "embedding_layer_norm", "false", false, "bitd does not norm the embedding"},
    {OLMO, "attention_dropout", "0", false, "bitd trains without dropout"},
    {OLMO, "residual_dropout", "0", false, "bitd trains without dropout"},
    {OLMO, "embedding_dropout", "0", false, "bitd trains without dropout"},
};

static bool is_of(const struct reading *r, enum keys keys)
{
    return keys == EITHER || (keys == OLMO) == r->is_olmo;
}

static bool is_value(const json_t *is, const char *want)
{
    json_t *value = json_loads(want, JSON_DECODE_ANY, NULL);
    const bool same = json_is_number(is) ? json_is_number(value) && json_number_value(is) == json_number_value(value)
                                         : json_equal(is, value) == 1;

    json_decref(value);
    return same;
}

static void check_rule(struct reading *r, const struct rule *rule)
{
    const json_t *value = find(r->root, rule->key);

    if (!is_of(r, rule->keys))
        return;
    if (value == NULL && rule->due)
        bit_problems_add(r->problems, r->field, 0, 0, "'%s' has no %s, which OLMo takes for %s: %s", r->path, rule->key,
                         strcmp(rule->value, "true") == 0 ? "false" : "true", rule->why);
    else if (value != NULL && (rule->value == NULL || !is_value(value, rule->value)))
        refuse(r, rule->key, value, rule->why);
}

static const struct {
    const char *type, *why;
} known_types[] = {
    {"olmo", NULL},
    {"hf_olmo", NULL},
    {"olmo2", "its norms have weights and come after attention and MLP, and it norms queries and keys"},
    {"olmo3", "its norms have weights and come after attention and MLP, and it norms queries and keys"},
    {"llama", "its norms are RMS with weights"},
    {"mistral", "its norms are RMS with weights"},
};

static void check_type(struct reading *r)
{
    const json_t *value = find(r->root, "model_type");
    const char *type = json_string_value(value), *why = "bitd trains OLMo models (model_type olmo)";

    if (value == NULL)
        return;
    for (size_t i = 0; i < BIT_COUNT(known_types) && type != NULL; i++)
        if (strcmp(type, known_types[i].type) == 0) {
            if (known_types[i].why == NULL)
                return;
            why = known_types[i].why;
        }
    refuse(r, "model_type", value, why);
}

/* ---- sizes and numbers */

static bool read_whole(struct reading *r, const char *key, uint32_t *out)
{
    const json_t *value = find(r->root, key);

    if (value == NULL)
        return false;
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > UINT32_MAX) {
        refuse(r, key, value, "it should be a whole number from 1 on");
        return false;
    }
    *out = (uint32_t)json_integer_value(value);
    return true;
}

static bool read_number(struct reading *r, const char *key, double *out)
{
    const json_t *value = find(r->root, key);

    if (value == NULL)
        return false;
    if (!json_is_number(value)) {
        refuse(r, key, value, "it should be a number");
        return false;
    }
    *out = json_number_value(value);
    return true;
}

static bool read_truth(struct reading *r, const char *key, bool absent)
{
    const json_t *value = find(r->root, key);

    if (value != NULL && !json_is_boolean(value))
        refuse(r, key, value, "it should be true or false");
    return value == NULL ? absent : json_is_true(value);
}

/* A size without a useful default in either class. */
static uint32_t need(struct reading *r, const char *olmo, const char *hf)
{
    const char *key = r->is_olmo ? olmo : hf;
    uint32_t value = 0;

    if (!read_whole(r, key, &value) && find(r->root, key) == NULL)
        bit_problems_add(r->problems, r->field, 0, 0, "'%s' has no %s", r->path, key);
    return value;
}

static uint32_t read_hidden(struct reading *r, uint32_t width)
{
    double ratio = 4;
    uint32_t rows = 0;

    if (!r->is_olmo)
        return need(r, "mlp_hidden_size", "intermediate_size");
    if (!read_whole(r, "mlp_hidden_size", &rows) && read_number(r, "mlp_ratio", &ratio))
        rows = ratio >= 1 && ratio * width <= UINT32_MAX ? (uint32_t)(ratio * width) : 0;
    if (rows == 0 || rows % 2 != 0)
        bit_problems_add(
            r->problems, r->field, 0, 0,
            "'%s': an even number of rows for up and gate comes neither of mlp_hidden_size nor of mlp_ratio "
            "times d_model",
            r->path);
    return rows / 2;
}

/* Grouped-query attention has fewer heads of keys and values. */
static void check_heads(struct reading *r, const Bit__ModelSpec *m)
{
    static const char *const keys[] = {"num_key_value_heads", "n_kv_heads"};
    uint32_t is;

    for (size_t i = 0; i < BIT_COUNT(keys); i++)
        if (read_whole(r, keys[i], &is) && is != m->heads)
            refuse(r, keys[i], find(r->root, keys[i]),
                   "bitd has as many heads of keys and values as of queries (no grouped-query attention)");
    if (find(r->root, "n_kv_heads") == NULL && read_truth(r, "multi_query_attention", false))
        refuse(r, "multi_query_attention", find(r->root, "multi_query_attention"),
               "bitd has as many heads of keys and values as of queries");
    if (read_whole(r, "head_dim", &is) && (uint64_t)is * m->heads != m->width)
        refuse(r, "head_dim", find(r->root, "head_dim"), "bitd's heads together have the model's width");
}

#define SET(m, field, value) ((m)->has_##field = 1, (m)->field = (value))

static void read_sizes(struct reading *r, Bit__ModelSpec *m)
{
    uint32_t context = r->is_olmo ? 1024 : 2048, padded;

    SET(m, layers, need(r, "n_layers", "num_hidden_layers"));
    SET(m, width, need(r, "d_model", "hidden_size"));
    SET(m, heads, need(r, "n_heads", "num_attention_heads"));
    SET(m, mlp_hidden, read_hidden(r, m->width));
    SET(m, vocab, need(r, "vocab_size", "vocab_size"));
    padded = m->vocab;
    read_whole(r, "embedding_size", &padded);
    SET(m, vocab_padded, padded);
    read_whole(r, r->is_olmo ? "max_sequence_length" : "max_position_embeddings", &context);
    SET(m, context, context);
    check_heads(r, m);
}

static void read_numbers(struct reading *r, Bit__ModelSpec *m)
{
    double theta = 10000, eps = 1e-5, clip = 0;

    if (!read_number(r, "rope_theta", &theta))
        read_number(r, "rope_parameters.rope_theta", &theta);
    read_number(r, "layer_norm_eps", &eps);
    read_number(r, "clip_qkv", &clip);
    SET(m, rope_theta, theta);
    SET(m, norm_eps, eps);
    SET(m, clip_qkv, clip);
    SET(m, tied, r->is_olmo ? read_truth(r, "weight_tying", true) : read_truth(r, "tie_word_embeddings", false));
}

int bit_model_config_parse(const char *text, size_t bytes, const char *path, const char *field,
                           struct bit_model_config *out, struct bit_problems *problems)
{
    const int known = problems->count;
    struct reading r = {.path = path, .field = field, .problems = problems};
    struct bit_model_config config;
    int err = bit_json_bound_parse(text, bytes, "a model's description", DEPTH_MAX, TOKENS_MAX, 0, &r.root);

    if (err < 0)
        return bit_fail_within(err, "'%s'", path);
    r.is_olmo = find(r.root, "d_model") != NULL;
    bit__model_spec__init(&config.says);
    check_type(&r);
    for (size_t i = 0; i < BIT_COUNT(rules); i++)
        check_rule(&r, &rules[i]);
    read_sizes(&r, &config.says);
    read_numbers(&r, &config.says);
    json_decref(r.root);
    if (problems->count > known)
        return bit_fail(BIT_ESPEC, "'%s' is of another architecture", path);
    *out = config;
    return 0;
}

int bit_model_config_read(int fd, const char *path, const struct stat *st, const char *field,
                          struct bit_model_config *out, struct bit_problems *problems)
{
    uint8_t *text = NULL;
    size_t bytes = 0;
    int err = bit_regular_file_read(fd, path, st, BYTES_MAX, &text, &bytes);

    if (err >= 0)
        err = bit_model_config_parse((const char *)text, bytes, path, field, out, problems);
    free(text);
    return err;
}

/* ---- comparing with a model */

static const char *const compared[] = {"layers",  "width",      "heads",    "mlp_hidden", "vocab",   "vocab_padded",
                                       "context", "rope_theta", "norm_eps", "tied",       "clip_qkv"};

static double number(const Bit__ModelSpec *model, const ProtobufCFieldDescriptor *field)
{
    const void *at = bit_field_at(&model->base, field, 0);

    if (field->type == PROTOBUF_C_TYPE_DOUBLE)
        return *(const double *)at;
    return field->type == PROTOBUF_C_TYPE_BOOL ? *(const protobuf_c_boolean *)at : *(const uint32_t *)at;
}

static const char *text_of(const Bit__ModelSpec *model, const ProtobufCFieldDescriptor *field, char out[32])
{
    const double value = number(model, field);

    if (field->type == PROTOBUF_C_TYPE_BOOL)
        snprintf(out, 32, "%s", value != 0 ? "true" : "false");
    else
        bit_double_format(value, out);
    return out;
}

/* Whether both have the field, with different values. */
static bool differs(const Bit__ModelSpec *file, const Bit__ModelSpec *model, const ProtobufCFieldDescriptor *field)
{
    if (bit_field_count(&model->base, field) == 0 || bit_field_count(&file->base, field) == 0)
        return false;
    const double says = number(file, field);
    if (number(model, field) == says)
        return false;
    if (strcmp(field->name, "context") == 0)
        return number(model, field) > says;
    /* The file has only one size, that of the embedding; the tokenizer determines how many of its rows are tokens. */
    return strcmp(field->name, "vocab") != 0 || file->vocab != file->vocab_padded || number(model, field) > says;
}

static void tell_differences(const struct bit_model_config *config, const char *path, const Bit__ModelSpec *model,
                             struct bit_problems *to)
{
    char name[64], is[32], says[32];

    for (size_t i = 0; i < BIT_COUNT(compared); i++) {
        const ProtobufCFieldDescriptor *field = bit_field_find(&bit__model_spec__descriptor, compared[i],
                                                               strlen(compared[i]));
        if (!differs(&config->says, model, field))
            continue;
        snprintf(name, sizeof name, "model.%s", field->name);
        bit_problems_add(to, name, 0, 0, "%s, and '%s' says %s", text_of(model, field, is), path,
                         text_of(&config->says, field, says));
    }
}

int bit_model_config_fill(const struct bit_model_config *config, const char *path, Bit__ModelSpec *model,
                          struct bit_problems *problems)
{
    const int known = problems->count;

    tell_differences(config, path, model, problems);
    if (problems->count > known)
        return bit_fail(BIT_ESPEC, "the model is not that of '%s'", path);
    return bit_message_fill(&model->base, &config->says.base);
}

void bit_model_config_compare(const struct bit_model_config *config, const char *path, const Bit__ModelSpec *model,
                              struct bit_problems *notes)
{
    tell_differences(config, path, model, notes);
}
