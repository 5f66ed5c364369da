#include "proto/ckpt/explain.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/err.h"

/* The value's name in the specification. */
static const char *enum_name(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);

    return known != NULL ? known->name : "?";
}

#define MEASURE(v)   enum_name(&bit__measure__descriptor, (v))
#define NORM(v)      enum_name(&bit__inner_norm__descriptor, (v))
#define GRAIN(v)     enum_name(&bit__granularity__descriptor, (v))
#define OPERANDS(v)  enum_name(&bit__operands__descriptor, (v))
#define PRECISION(v) enum_name(&bit__precision__descriptor, (v))

static json_t *quantizer(const Bit__QuantizerSpec *q)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:s, s:f}", "weight_measure", MEASURE(q->weight_measure), "granularity",
                     GRAIN(q->granularity), "activation_measure", MEASURE(q->activation_measure), "activation_levels",
                     (json_int_t)q->activation_levels, "inner_norm", NORM(q->inner_norm), "eps", q->eps);
}

static json_t *training(const Bit__Manifest *m)
{
    const Bit__RunSpec *spec = m->spec;
    json_t *out = json_pack("{s:s, s:I, s:s, s:f, s:I, s:s}", "run", m->run, "step", (json_int_t)m->step, "phase",
                            PRECISION(m->phase->precision), "strength", m->strength, "optimizer_step",
                            (json_int_t)m->phase->optimizer_step, "writer", m->writer);

    if (m->phase->precision == BIT__PRECISION__TERNARY)
        json_object_set_new(out, "switched_after", json_integer((json_int_t)m->phase->switched_after));
    if (m->identity != NULL)
        json_object_set_new(out, "identity", json_string(m->identity));
    if (m->has_next_batch) {
        json_t *data = json_pack("{s:I, s:I, s:I, s:I}", "next_batch", (json_int_t)m->next_batch, "instances",
                                 (json_int_t)spec->batch->instances, "context", (json_int_t)spec->model->context,
                                 "seed", (json_int_t)spec->data->seed);
        json_object_set_new(out, "data", data);
    }
    json_object_set_new(out, "quantizer", quantizer(spec->quantizer));
    return out;
}

/* ---- config.json */

static json_t *hugging_face(const Bit__ModelSpec *m)
{
    json_t *out = json_pack("{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:s, s:b, s:f, s:s}",
                            "architectures", "OlmoForCausalLM", "model_type", "olmo", "hidden_size",
                            (json_int_t)m->width, "intermediate_size", (json_int_t)m->mlp_hidden, "num_hidden_layers",
                            (json_int_t)m->layers, "num_attention_heads", (json_int_t)m->heads, "num_key_value_heads",
                            (json_int_t)m->heads, "max_position_embeddings", (json_int_t)m->context, "vocab_size",
                            (json_int_t)m->vocab_padded, "rope_theta", m->rope_theta, "tie_word_embeddings", m->tied,
                            "hidden_act", "silu", "attention_bias", 0, "attention_dropout", 0.0, "torch_dtype",
                            "float32");

    json_object_set_new(out, "clip_qkv", m->clip_qkv > 0 ? json_real(m->clip_qkv) : json_null());
    /* These depend on the tokenizer, which a checkpoint does not know. */
    json_object_set_new(out, "bos_token_id", json_null());
    json_object_set_new(out, "eos_token_id", json_null());
    json_object_set_new(out, "pad_token_id", json_null());
    return out;
}

static json_t *olmo(const Bit__ModelSpec *m)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:s, s:f, s:b, s:b, s:b, s:b, s:b, s:s, s:s}", "d_model",
                     (json_int_t)m->width, "n_heads", (json_int_t)m->heads, "n_layers", (json_int_t)m->layers,
                     "mlp_hidden_size", 2 * (json_int_t)m->mlp_hidden, "max_sequence_length", (json_int_t)m->context,
                     "embedding_size", (json_int_t)m->vocab_padded, "weight_tying", m->tied, "rope", 1,
                     "layer_norm_type", "default", "layer_norm_eps", m->norm_eps, "layer_norm_with_affine", 0,
                     "attention_layer_norm", 0, "include_bias", 0, "bias_for_layer_norm", 0, "multi_query_attention", 0,
                     "activation_type", "swiglu", "block_type", "sequential");
}

/* Takes root's reference; root is NULL after a failed allocation. */
static int print(json_t *root, size_t flags, char **out)
{
    char *text = root != NULL ? json_dumps(root, flags | JSON_PRESERVE_ORDER) : NULL;

    json_decref(root);
    if (text == NULL)
        return bit_fail(-ENOMEM, "what a checkpoint says of itself");
    *out = text;
    return 0;
}

int bit_explain_config(const Bit__Manifest *manifest, char **out)
{
    const Bit__ModelSpec *model = manifest->spec->model;
    json_t *root = hugging_face(model), *ours = training(manifest);

    json_object_update_new(root, olmo(model));
    json_object_set_new(ours, "vocab", json_integer(model->vocab));
    json_object_set_new(ours, "operands", json_string(OPERANDS(model->operands)));
    json_object_set_new(ours, "residual", json_string(OPERANDS(model->residual)));
    json_object_set_new(ours, "moments", json_string(OPERANDS(manifest->spec->optimizer->moments)));
    json_object_set_new(root, "bitd", ours);
    return print(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15), out);
}

/* ---- metadata */

/* Prints with the fewest digits, 15 to 17, that read back as the same number. */
static void print_real(double value, char *out, size_t room)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, room, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}

static json_t *as_text(const json_t *value)
{
    char text[40];

    if (json_is_string(value))
        return json_string(json_string_value(value));
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        print_real(json_real_value(value), text, sizeof text);
    return json_string(text);
}

/* Keys of nested objects become "quantizer.eps" and so on. */
static void flatten(json_t *to, const char *before, json_t *from)
{
    const char *key;
    char name[80];
    json_t *value;

    json_object_foreach(from, key, value)
    {
        snprintf(name, sizeof name, "%s%s%s", before, *before ? "." : "", key);
        if (json_is_object(value))
            flatten(to, name, value);
        else
            json_object_set_new(to, name, as_text(value));
    }
}

static void put_digest(json_t *to, const char *name, uint64_t digest)
{
    char text[17];

    snprintf(text, sizeof text, "%016" PRIx64, digest);
    json_object_set_new(to, name, json_string(text));
}

int bit_explain_metadata(const Bit__Manifest *manifest, const struct bit_explain_digests *digests, char **out)
{
    json_t *root = json_pack("{s:s}", "format", "pt"), *facts = training(manifest);

    flatten(root, "", facts);
    json_decref(facts);
    if (digests != NULL) {
        put_digest(root, "weights_digest", digests->weights);
        put_digest(root, "moments_digest", digests->moments);
    }
    return print(root, JSON_COMPACT, out);
}
