#include "ctl/export/form.h"

#include <stddef.h>
#include <string.h>

#include "ctl/export/gguf.h"
#include "ctl/export/hf.h"
#include "ctl/export/hf_bitlinear.h"
#include "proto/check.h"

#define FLOATS (1u << BIT_NUMBERS_F32 | 1u << BIT_NUMBERS_F16 | 1u << BIT_NUMBERS_BF16)
#define BLOCKS (1u << BIT_NUMBERS_TQ1_0 | 1u << BIT_NUMBERS_TQ2_0 | 1u << BIT_NUMBERS_Q2_0)

const struct bit_export_form bit_export_forms[] = {
    {
        .name = "hf",
        .summary = "Hugging Face's OlmoForCausalLM, 16-bit or f32",
        .types = FLOATS,
        .type = BIT_NUMBERS_BF16,
        .refuse = bit_hf_refuse,
        .write = bit_hf_write,
        .verify = bit_hf_verify,
    },
    {
        .name = "hf-bitnet",
        .summary = "the same with transformers' own BitLinear",
        .types = FLOATS,
        .type = BIT_NUMBERS_F32,
        .ternary = FLOATS,
        .rms_weights = true,
        .refuse = bit_hf_bitlinear_refuse,
        .configure = bit_hf_bitlinear_configure,
        .write = bit_hf_write,
        .verify = bit_hf_verify,
    },
    {
        .name = "hf-paper",
        .summary = "the same with code of ours, for every quantizer",
        .types = FLOATS,
        .type = BIT_NUMBERS_F32,
        .ternary = FLOATS,
        .refuse = bit_hf_bitlinear_refuse_paper,
        .configure = bit_hf_bitlinear_configure_paper,
        .write = bit_hf_bitlinear_write_paper,
        .verify = bit_hf_verify,
    },
    {
        .name = "gguf",
        .summary = "one file for llama.cpp: ternary, 16-bit or f32",
        .types = FLOATS | BLOCKS,
        .type = BIT_NUMBERS_TQ2_0,
        .ternary = BLOCKS,
        .runs = true,
        .note = bit_gguf_note,
        .refuse = bit_gguf_refuse,
        .write = bit_gguf_write,
        .verify = bit_gguf_verify,
    },
    {0},
};

const struct bit_export_form *bit_export_form_find(const char *name)
{
    for (const struct bit_export_form *form = bit_export_forms; form->name != NULL; form++)
        if (strcmp(form->name, name) == 0)
            return form;
    return NULL;
}

bool bit_export_form_is_ternary(const struct bit_export_form *form, enum bit_number_type type)
{
    return (form->ternary >> type & 1) != 0;
}
