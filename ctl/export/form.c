#include "ctl/export/form.h"

#include <stddef.h>
#include <string.h>

#include "ctl/export/hf.h"
#include "proto/check.h"

#define FLOATS (1u << BIT_NUMBERS_F32 | 1u << BIT_NUMBERS_F16 | 1u << BIT_NUMBERS_BF16)

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
