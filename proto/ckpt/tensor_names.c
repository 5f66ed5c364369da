#include "proto/ckpt/tensor_names.h"

#include <stdio.h>
#include <string.h>

#include "proto/check.h"

#define HEAD "transformer.ff_out.weight"

static const struct {
    const char *lead;     /* prefix of our name, or of Hugging Face's */
    const char *tells[2]; /* prefixes of names that only this form has */
} forms[BIT_NAMES_FORMS] = {
    [BIT_NAMES_OWN] = {"", {"transformer."}},
    [BIT_NAMES_ALLENAI] = {"model.", {"model.transformer."}},
    [BIT_NAMES_HF] = {"model.", {"model.layers.", "model.embed_tokens."}},
    [BIT_NAMES_HF_INSIDE] = {"", {"layers.", "embed_tokens."}},
};

/* Hugging Face's linears of a block, and the number of equal parts of ours. */
static const struct {
    const char *ours;
    const char *theirs[BIT_NAMES_PARTS_MAX];
    int count;
} linears[] = {
    {"att_proj.weight", {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight"}, 3},
    {"attn_out.weight", {"self_attn.o_proj.weight"}, 1},
    {"ff_proj.weight", {"mlp.up_proj.weight", "mlp.gate_proj.weight"}, 2},
    {"ff_out.weight", {"mlp.down_proj.weight"}, 1},
};

static bool begins_with(const char *name, const char *lead)
{
    return strncmp(name, lead, strlen(lead)) == 0;
}

enum bit_names bit_tensor_names_tell(const char *name)
{
    for (int f = 0; f < BIT_NAMES_FORMS; f++)
        for (size_t i = 0; i < BIT_COUNT(forms[f].tells); i++)
            if (forms[f].tells[i] != NULL && begins_with(name, forms[f].tells[i]))
                return (enum bit_names)f;
    return BIT_NAMES_FORMS;
}

/* ---- our tensors by their names */

static int one(struct bit_tensor_part *out, int64_t rows, const char *lead, const char *name)
{
    *out = (struct bit_tensor_part){.rows = rows};
    BIT_ASSERT(snprintf(out->name, sizeof out->name, "%s%s", lead, name) < (int)sizeof out->name);
    return 1;
}

/* "transformer.blocks.12.att_proj.weight" is in Hugging Face's layer 12. */
static int parts_of_block(const struct bit_tensor *tensor, const char *lead, struct bit_tensor_part *out)
{
    unsigned block;
    int used = 0;

    BIT_ASSERT(sscanf(tensor->name, "transformer.blocks.%u.%n", &block, &used) == 1 && used > 0);
    for (size_t i = 0; i < BIT_COUNT(linears); i++)
        for (int p = 0; strcmp(tensor->name + used, linears[i].ours) == 0 && p < linears[i].count; p++) {
            const int64_t rows = tensor->rows / linears[i].count;
            char name[sizeof out[p].name];
            snprintf(name, sizeof name, "layers.%u.%s", block, linears[i].theirs[p]);
            one(&out[p], rows, lead, name);
            out[p].row = p * rows;
            if (p + 1 == linears[i].count)
                return p + 1;
        }
    BIT_ASSERT(!"a linear that has no name there");
    return 0;
}

int bit_tensor_names_parts(enum bit_names names, const struct bit_tensor *tensor,
                           struct bit_tensor_part out[BIT_NAMES_PARTS_MAX])
{
    const char *lead = forms[names].lead;

    if (names == BIT_NAMES_OWN || names == BIT_NAMES_ALLENAI)
        return one(out, tensor->rows, lead, tensor->name);
    if (bit_tensor_is_linear(tensor))
        return parts_of_block(tensor, lead, out);
    if (strcmp(tensor->name, HEAD) == 0)
        return one(out, tensor->rows, "", "lm_head.weight");
    return one(out, tensor->rows, lead, "embed_tokens.weight");
}

/* ---- properties of names */

/* The first dot-separated part that is a number, or NULL; *rest is the text after it. */
static const char *find_number(const char *name, const char **rest)
{
    for (const char *part = name; part != NULL; part = strchr(part, '.')) {
        part += part != name;
        const size_t digits = strspn(part, "0123456789");
        if (digits > 0 && part[digits] == '.') {
            *rest = part + digits;
            return part;
        }
    }
    return NULL;
}

bool bit_tensor_names_alike(const char *a, const char *b)
{
    const char *rest_a, *rest_b;
    const char *in_a = find_number(a, &rest_a), *in_b = find_number(b, &rest_b);

    return in_a != NULL && in_b != NULL && in_a - a == in_b - b && strncmp(a, b, (size_t)(in_a - a)) == 0 &&
           strcmp(rest_a, rest_b) == 0;
}

bool bit_tensor_names_is_head(const char *name)
{
    return strcmp(name, "lm_head.weight") == 0 || strcmp(name, HEAD) == 0 || strcmp(name, "model." HEAD) == 0;
}

bool bit_tensor_names_is_foreign(const char *name)
{
    const size_t bytes = strlen(name);

    return strstr(name, "norm") != NULL || strstr(name, "ln_f") != NULL || strstr(name, ".wpe.") != NULL ||
           (bytes > 5 && strcmp(name + bytes - 5, ".bias") == 0);
}
