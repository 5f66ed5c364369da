#include "proto/ckpt/tensor_names.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

static const struct {
    const char *ours, *parts[BIT_NAMES_PARTS_MAX]; /* Hugging Face's, in the order of our rows */
} pairs[] = {
    {"transformer.wte.weight", {"embed_tokens.weight"}},
    {"transformer.blocks.0.att_proj.weight",
     {"layers.0.self_attn.q_proj.weight", "layers.0.self_attn.k_proj.weight", "layers.0.self_attn.v_proj.weight"}},
    {"transformer.blocks.0.attn_out.weight", {"layers.0.self_attn.o_proj.weight"}},
    {"transformer.blocks.0.ff_proj.weight", {"layers.0.mlp.up_proj.weight", "layers.0.mlp.gate_proj.weight"}},
    {"transformer.blocks.0.ff_out.weight", {"layers.0.mlp.down_proj.weight"}},
};

static struct bit_tensor *tensors(int *count)
{
    Bit__ModelSpec model = BIT__MODEL_SPEC__INIT;
    struct bit_tensor *out = NULL;

    model.layers = 12;
    model.width = 64;
    model.mlp_hidden = 128;
    model.vocab_padded = 256;
    model.tied = 0;
    *count = bit_checkpoint_tensors(&model, &out);
    return out;
}

TEST(each_of_ours_is_made_of_theirs_in_the_order_of_its_rows)
{
    int count;
    struct bit_tensor *t = tensors(&count);
    struct bit_tensor_part part[BIT_NAMES_PARTS_MAX];
    char name[160];

    for (int i = 0; i < 5; i++) {
        EXPECT_STREQ(t[i].name, pairs[i].ours);
        for (int form = BIT_NAMES_HF; form <= BIT_NAMES_HF_INSIDE; form++) {
            const int parts = bit_tensor_names_parts((enum bit_names)form, &t[i], part);
            int64_t row = 0;
            for (int p = 0; p < parts; p++) {
                snprintf(name, sizeof name, "%s%s", form == BIT_NAMES_HF ? "model." : "", pairs[i].parts[p]);
                EXPECT_STREQ(part[p].name, name);
                EXPECT_EQ(part[p].row, row);
                row += part[p].rows;
            }
            EXPECT_EQ(row, t[i].rows);
            EXPECT(parts == BIT_NAMES_PARTS_MAX || pairs[i].parts[parts] == NULL);
        }
    }
    EXPECT_EQ(bit_tensor_names_parts(BIT_NAMES_HF, &t[count - 1], part), 1);
    EXPECT_STREQ(part[0].name, "lm_head.weight");
    EXPECT_EQ(bit_tensor_names_parts(BIT_NAMES_HF, &t[count - 2], part), 1);
    EXPECT_STREQ(part[0].name, "model.layers.11.mlp.down_proj.weight");
    EXPECT_EQ(bit_tensor_names_parts(BIT_NAMES_ALLENAI, &t[1], part), 1);
    EXPECT_STREQ(part[0].name, "model.transformer.blocks.0.att_proj.weight");
    EXPECT_EQ(part[0].rows, 192);
    EXPECT_EQ(bit_tensor_names_parts(BIT_NAMES_OWN, &t[1], part), 1);
    EXPECT_STREQ(part[0].name, t[1].name);
    free(t);
}

TEST(a_name_tells_its_form)
{
    EXPECT_EQ(bit_tensor_names_tell("transformer.blocks.3.ff_out.weight"), BIT_NAMES_OWN);
    EXPECT_EQ(bit_tensor_names_tell("model.transformer.wte.weight"), BIT_NAMES_ALLENAI);
    EXPECT_EQ(bit_tensor_names_tell("model.embed_tokens.weight"), BIT_NAMES_HF);
    EXPECT_EQ(bit_tensor_names_tell("model.layers.3.mlp.up_proj.weight"), BIT_NAMES_HF);
    EXPECT_EQ(bit_tensor_names_tell("layers.3.mlp.up_proj.weight"), BIT_NAMES_HF_INSIDE);
    EXPECT_EQ(bit_tensor_names_tell("lm_head.weight"), BIT_NAMES_FORMS);
    EXPECT_EQ(bit_tensor_names_tell(""), BIT_NAMES_FORMS);
}

TEST(names_that_differ_in_their_number_alone_are_alike)
{
    EXPECT(bit_tensor_names_alike("model.layers.0.mlp.up_proj.weight", "model.layers.11.mlp.up_proj.weight"));
    EXPECT(!bit_tensor_names_alike("model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.gate_proj.weight"));
    EXPECT(!bit_tensor_names_alike("model.layers.0.a", "model.layer.1.a"));
    EXPECT(!bit_tensor_names_alike("model.a", "model.b"));
    EXPECT(!bit_tensor_names_alike("", "0."));
    EXPECT(bit_tensor_names_alike("0.a", "1.a"));
}

TEST(what_would_make_another_model_is_known)
{
    EXPECT(bit_tensor_names_is_foreign("model.layers.0.input_layernorm.weight"));
    EXPECT(bit_tensor_names_is_foreign("model.norm.weight"));
    EXPECT(bit_tensor_names_is_foreign("transformer.ln_f.weight"));
    EXPECT(bit_tensor_names_is_foreign("transformer.wpe.weight"));
    EXPECT(bit_tensor_names_is_foreign("transformer.blocks.0.att_proj.bias"));
    EXPECT(!bit_tensor_names_is_foreign("model.layers.0.self_attn.rotary_emb.inv_freq"));
    EXPECT(!bit_tensor_names_is_foreign(".bia"));
    EXPECT(bit_tensor_names_is_head("lm_head.weight"));
    EXPECT(bit_tensor_names_is_head("model.transformer.ff_out.weight"));
    EXPECT(!bit_tensor_names_is_head("transformer.blocks.0.ff_out.weight"));
}

TEST_MAIN
