#include "ctl/export/hf_bitlinear.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "ctl/export/export.h"
#include "ctl/export/hf.h"
#include "proto/check.h"
#include "proto/err.h"

#define BITLINEAR_EPS 1e-5 /* epsilon of an activation's measure, fixed in transformers' BitLinear */
#define HALF_MAX      65504
#define INT8_MAX_CODE 127

static const Bit__QuantizerSpec *quantizer_of(const struct bit_export *e)
{
    return e->source.manifest->spec->quantizer;
}

/* ---- both forms */

/* Four rows of each projection are packed into one row of bytes. */
static int refuse_rows(const struct bit_export *e)
{
    const Bit__ModelSpec *m = e->source.manifest->spec->model;

    if (m->width % 4 == 0 && m->mlp_hidden % 4 == 0)
        return 0;
    return bit_fail(-ENOTSUP,
                    "%s packs four rows into one, and model.width %" PRIu32 " or model.mlp_hidden %" PRIu32
                    " does not divide by 4; train with those that do, or export hf",
                    e->form->name, m->width, m->mlp_hidden);
}

/* transformers accumulates the products of codes in the type in which the model is loaded. */
static int refuse_half(const struct bit_export *e)
{
    const Bit__ModelSpec *m = e->source.manifest->spec->model;
    const uint32_t most = BIT_MAX(m->width, m->mlp_hidden);

    if (e->type != BIT_NUMBERS_F16 || most * INT8_MAX_CODE <= HALF_MAX)
        return 0;
    return bit_fail(-ENOTSUP,
                    "loaded as f16, sums of %" PRIu32
                    " codes pass its largest number, %d; export with --type f32 or bf16",
                    most, HALF_MAX);
}

/* ---- hf-bitnet */

static int refuse_quantizer(const struct bit_export *e)
{
    const Bit__QuantizerSpec *q = quantizer_of(e);

    if (q->inner_norm == BIT__INNER_NORM__LAYERNORM)
        return bit_fail(-ENOTSUP,
                        "transformers' BitLinear cannot hold inner norm LAYERNORM, only none or RMS; train with "
                        "quantizer { inner_norm: NO_NORM } (preset \"export\"), or export hf-paper");
    if (q->activation_levels != INT8_MAX_CODE)
        return bit_fail(-ENOTSUP,
                        "activation_levels %" PRIu32
                        " have no place in transformers' BitLinear, which has 127; train with "
                        "quantizer { activation_levels: 127 } (preset \"export\"), or export hf-paper",
                        q->activation_levels);
    if (q->activation_measure != BIT__MEASURE__ABSMAX)
        return bit_fail(-ENOTSUP,
                        "an activation_measure but ABSMAX has no place in transformers' BitLinear; train with "
                        "quantizer { activation_measure: ABSMAX } (preset \"export\"), or export hf-paper");
    if ((float)q->eps != (float)BITLINEAR_EPS)
        return bit_fail(
            -ENOTSUP,
            "quantizer.eps %g has no place in transformers' BitLinear, which has %g; train with quantizer { "
            "eps: 1e-5 } (preset \"export\"), or export hf-paper",
            q->eps, BITLINEAR_EPS);
    return 0;
}

int bit_hf_bitlinear_refuse(const struct bit_export *e)
{
    int err = bit_hf_refuse(e);

    if (err >= 0)
        err = refuse_quantizer(e);
    if (err >= 0)
        err = refuse_rows(e);
    return err < 0 ? err : refuse_half(e);
}

/*
 * bitlinear divides by weight_scale, which is our scale. The related autobitlinear multiplies by it; llama.cpp's
 * converter treats the one as the other without a warning.
 */
void bit_hf_bitlinear_configure(const struct bit_export *e, void *config)
{
    const Bit__ModelSpec *m = e->source.manifest->spec->model;
    json_t *settings = json_pack("{s:s, s:s, s:s, s:[s], s:b, s:f}", "quant_method", "bitnet", "linear_class",
                                 "bitlinear", "quantization_mode", "offline", "modules_to_not_convert", "lm_head",
                                 "use_rms_norm", (int)(quantizer_of(e)->inner_norm == BIT__INNER_NORM__RMSNORM),
                                 "rms_norm_eps", m->norm_eps);

    json_object_set_new(config, "quantization_config", settings);
}

/* ---- hf-paper */

static const char modeling[] =
#include "ctl/export/modeling_bitd.h"
    ;

int bit_hf_bitlinear_refuse_paper(const struct bit_export *e)
{
    int err = bit_hf_refuse(e);

    return err < 0 ? err : refuse_rows(e);
}

int bit_hf_bitlinear_write_paper(struct bit_export *e)
{
    int err = bit_output_file(&e->output, "modeling_bitd.py", modeling, strlen(modeling));

    return err < 0 ? err : bit_hf_write(e);
}

static const char *norm_name(Bit__InnerNorm norm)
{
    return norm == BIT__INNER_NORM__LAYERNORM ? "layer" : norm == BIT__INNER_NORM__RMSNORM ? "rms" : "none";
}

static const char *measure_name(Bit__Measure measure)
{
    return measure == BIT__MEASURE__MEAN ? "mean" : measure == BIT__MEASURE__MEDIAN ? "median" : "absmax";
}

void bit_hf_bitlinear_configure_paper(const struct bit_export *e, void *config)
{
    const Bit__QuantizerSpec *q = quantizer_of(e);
    json_t *more = json_pack(
        "{s:[s], s:{s:s}, s:{s:s, s:f, s:I, s:s, s:f}}", "architectures", "OlmoBitLinearForCausalLM", "auto_map",
        "AutoModelForCausalLM", "modeling_bitd.OlmoBitLinearForCausalLM", "bitlinear", "norm", norm_name(q->inner_norm),
        "norm_eps", e->source.manifest->spec->model->norm_eps, "levels", (json_int_t)q->activation_levels, "measure",
        measure_name(q->activation_measure), "eps", q->eps);

    json_object_update(config, more);
    json_decref(more);
}
