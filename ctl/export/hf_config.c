#include "ctl/export/hf_config.h"

#include <jansson.h>

#include "ctl/export/export.h"
#include "ctl/export/json_file.h"

static json_t *id_of(int64_t id)
{
    return id < 0 ? json_null() : json_integer(id);
}

static json_t *sizes(const Bit__ModelSpec *m)
{
    return json_pack("{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "architectures", "OlmoForCausalLM",
                     "model_type", "olmo", "hidden_size", (json_int_t)m->width, "intermediate_size",
                     (json_int_t)m->mlp_hidden, "num_hidden_layers", (json_int_t)m->layers, "num_attention_heads",
                     (json_int_t)m->heads, "num_key_value_heads", (json_int_t)m->heads, "vocab_size",
                     (json_int_t)m->vocab_padded, "max_position_embeddings", (json_int_t)m->context);
}

/* Releases of transformers before 5 read rope_theta, later ones rope_parameters. */
static json_t *settings(const Bit__ModelSpec *m)
{
    return json_pack("{s:s, s:f, s:{s:s, s:f}, s:o, s:b, s:b, s:f, s:f, s:b}", "hidden_act", "silu", "rope_theta",
                     m->rope_theta, "rope_parameters", "rope_type", "default", "rope_theta", m->rope_theta, "clip_qkv",
                     m->clip_qkv > 0 ? json_real(m->clip_qkv) : json_null(), "tie_word_embeddings", (int)m->tied,
                     "attention_bias", 0, "attention_dropout", 0.0, "initializer_range", m->init_std, "use_cache", 1);
}

/* One key under both names: releases before 5 read torch_dtype only. */
static void add_dtype(json_t *config, enum bit_number_type type)
{
    static const char *const names[] = {
        [BIT_NUMBERS_F32] = "float32", [BIT_NUMBERS_F16] = "float16", [BIT_NUMBERS_BF16] = "bfloat16"};

    json_object_set_new(config, "dtype", json_string(names[type]));
    json_object_set_new(config, "torch_dtype", json_string(names[type]));
}

static void add_ids(json_t *config, const struct bit_hf_vocabulary *v)
{
    json_object_set_new(config, "bos_token_id", json_null());
    json_object_set_new(config, "eos_token_id", id_of(v->end_of_text));
    json_object_set_new(config, "pad_token_id", id_of(v->padding));
}

static json_t *config_of(const struct bit_export *e, const struct bit_hf_vocabulary *vocabulary)
{
    const Bit__ModelSpec *model = e->source.manifest->spec->model;
    json_t *config = sizes(model), *more = settings(model);

    if (config != NULL && more != NULL) {
        json_object_update(config, more);
        add_dtype(config, e->type);
        add_ids(config, vocabulary);
        if (e->form->configure != NULL)
            e->form->configure(e, config);
    }
    json_decref(more);
    return config;
}

static int write_generation_config(struct bit_export *e, const struct bit_hf_vocabulary *v)
{
    json_t *config = json_object();

    add_ids(config, v);
    return bit_json_file_write(&e->output, "generation_config.json", config);
}

int bit_hf_config_write(struct bit_export *e, const struct bit_hf_vocabulary *vocabulary)
{
    int err = bit_json_file_write(&e->output, "config.json", config_of(e, vocabulary));

    return err < 0 ? err : write_generation_config(e, vocabulary);
}
