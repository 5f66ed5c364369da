/*
 * Presets and defaults, in text format, read by the same parser as users' specifications.
 * mlp_hidden: OLMo's mlp_ratio counts the fused up and gate rows, so its 8 is a hidden width of 4 x width.
 */
#include "proto/check.h"
#include "proto/spec/spec.h"

/* The number of parameters is about the paper's. Its models are not OLMo; layers, widths and the rate are our choice.
 */
#define RELOADED(size, parameters, width, heads, mlp_hidden)                                                           \
    {                                                                                                                  \
        "reloaded_" size,                                                                                              \
            parameters " parameters, tied: an OLMo of a size of BitNet b1.58 Reloaded (arXiv 2407.09527); layers, "    \
                       "width and rate are ours",                                                                      \
            "model { layers: 8 width: " width " heads: " heads " mlp_hidden: " mlp_hidden                              \
            " tied: true init: NORMAL init_std: 0.02 } schedule { peak_lr: 1e-3 }"                                     \
    }

static const struct bit_preset models[] = {
    {"olmo_1b", "1,176,764,416 parameters, tied (allenai/OLMo configs/official-0724/OLMo-1B.yaml; arXiv 2502.11895)",
     "model { layers: 16 width: 2048 heads: 16 mlp_hidden: 8192 tied: true init: MITCHELL }"
     " schedule { peak_lr: 4e-4 }"},
    {"olmo_300m",
     "371,458,048 parameters, untied (OLMo configs/tiny/OLMo-300M.yaml; there one key-value head and clip_qkv 8, here "
     "16 and none)",
     "model { layers: 16 width: 1024 heads: 16 mlp_hidden: 4096 tied: false init: MITCHELL }"
     " schedule { peak_lr: 6e-4 }"},
    {"olmo_150m", "190,513,152 parameters, untied (OLMo configs/tiny/OLMo-150M.yaml; context there 4096, here 2048)",
     "model { layers: 12 width: 768 heads: 12 mlp_hidden: 3072 tied: false init: NORMAL init_std: 0.02 }"
     " schedule { peak_lr: 6e-4 }"},
    {"olmo_60m", "85,065,728 parameters, untied (OLMo configs/tiny/OLMo-60M.yaml; context there 4096, here 2048)",
     "model { layers: 8 width: 512 heads: 8 mlp_hidden: 2048 tied: false init: NORMAL init_std: 0.02 }"
     " schedule { peak_lr: 1e-3 }"},
    {"olmo_20m", "34,144,256 parameters, untied (OLMo configs/tiny/OLMo-20M.yaml; context there 4096, here 2048)",
     "model { layers: 8 width: 256 heads: 8 mlp_hidden: 1024 tied: false init: NORMAL init_std: 0.02 }"
     " schedule { peak_lr: 1e-3 }"},
    RELOADED("6m", "6,008,832", "96", "6", "384"),
    RELOADED("12m", "12,063,744", "168", "7", "672"),
    RELOADED("24m", "24,120,320", "280", "7", "1120"),
    RELOADED("48m", "48,226,304", "448", "7", "1792"),
};

static const struct bit_preset quantizers[] = {
    {"continual",
     "median weights, absmax activations in 128 levels, inner LayerNorm, one scale for fused matrices (arXiv "
     "2502.11895, bitlinear 2.4.0)",
     "quantizer { weight_measure: MEDIAN activation_measure: ABSMAX activation_levels: 128 inner_norm: LAYERNORM"
     " granularity: FUSED eps: 1e-5 }"},
    {"reloaded", "the same with a scale for each projection (arXiv 2407.09527)",
     "quantizer { weight_measure: MEDIAN activation_measure: ABSMAX activation_levels: 128 inner_norm: LAYERNORM"
     " granularity: PROJECTION eps: 1e-5 }"},
    {"b158",
     "mean weights, absmax activations in 127 levels, inner RMSNorm, a scale for each projection (BitNet b1.58)",
     "quantizer { weight_measure: MEAN activation_measure: ABSMAX activation_levels: 127 inner_norm: RMSNORM"
     " granularity: PROJECTION eps: 1e-5 }"},
    {"export",
     "what other programs can run (bitctl export): mean weights, absmax activations in 127 levels, no inner norm, a "
     "scale for each projection",
     "quantizer { weight_measure: MEAN activation_measure: ABSMAX activation_levels: 127 inner_norm: NO_NORM"
     " granularity: PROJECTION eps: 1e-5 }"},
};

/* BitNet b1.58's training tips, with the table of arXiv 2411.04965, appendix A: linear decay to 0, with another peak
 * and without weight decay from the middle on. */
#define B158(before, after)                                                                                            \
    "schedule { shape: LINEAR warmup_steps: 375 warmup_start: 0 final: 0 peak_lr: " before " stage { peak_lr: " after  \
    " weight_decay: 0 } } optimizer { weight_decay: 0.1 beta1: 0.9 beta2: 0.95 }"

static const struct bit_preset schedules[] = {
    {"continual", "OLMo's: 2000 steps of warm-up from a tenth of the peak, a cosine to a tenth (arXiv 2502.11895)",
     "schedule { shape: COSINE warmup_steps: 2000 warmup_start: 0.1 final: 0.1 } optimizer { weight_decay: 0.1 }"},
    {"b158_700m", "two stages, the peak 1.5e-3 and then 1e-3, weight decay 0.1 and then 0 (BitNet b1.58)",
     B158("1.5e-3", "1e-3")},
    {"b158_1b3", "two stages, 1.2e-3 and 8e-4, weight decay 0.1 and 0", B158("1.2e-3", "8e-4")},
    {"b158_3b", "two stages, 1.2e-3 and 6.4e-4, weight decay 0.1 and 0", B158("1.2e-3", "6.4e-4")},
    {"b158_7b", "two stages, 1e-3 and 6e-4, weight decay 0.1 and 0", B158("1e-3", "6e-4")},
};

/* OLMo-core's StabilityMonitor and SkipStepOptimizer use 6 standard deviations over 128 steps; PaLM (arXiv 2204.02311,
 * 5.1) went back about 100 steps and left out 200 to 500 batches. */
static const struct bit_preset guards[] = {
    {"watch", "skip steps with a NaN or infinite loss or gradient; report spikes",
     "guard { nan: SKIP_STEP spike: WARN }"},
    {"olmo", "skip the update for both (OLMo-core SkipStepOptimizer)", "guard { nan: SKIP_STEP spike: SKIP_STEP }"},
    {"palm", "go back 100 steps and leave 200 batches out (arXiv 2204.02311)",
     "guard { nan: REWIND spike: REWIND rewind_steps: 100 skip_batches: 200 }"},
};

/* OLMo's default, if OLMo has one. */
static const char defaults[] =
    "name: 'run' shared: false "
    "model { vocab: 50280 context: 2048 rope_theta: 10000 norm_eps: 1e-5 tied: true clip_qkv: 0 init: MITCHELL"
    " init_std: 0.02 init_seed: 6198 operands: BF16 residual: FP32 }"
    "data { seed: 6198 }"
    "batch { instances: 2048 micro_instances: 0 }"
    "schedule { shape: COSINE steps: 10000 warmup_steps: 2000 warmup_start: 0.1 final: 0.1 }"
    "phases { }"
    "quantizer { data_gradient: OPERANDS }"
    "optimizer { beta1: 0.9 beta2: 0.95 eps: 1e-5 weight_decay: 0.1 clip_norm: 1 decay_embeddings: false"
    " moments: FP32 }"
    "checkpoint { every: 1000 keep_last: 2 keep_every: 0 codes: false }"
    "eval { instances: 32 }"
    "launch { backend: AUTO ranks: 1 threads: 0 launcher: MPIRUN max_restarts: 3 memory_gib: 0"
    " deterministic: false graphs: true recompute: AUTO search_products: true shard_ranks: 0"
    " fused_products: AUTO }"
    "guard { loss_sigmas: 6 norm_sigmas: 6 window: 128 settle_steps: 200 settle_band: 4 most: 3 rewind_steps: 100"
    " skip_batches: 200 straggler_ratio: 1.3 straggler_steps: 50 replica_every: 100 replica: STOP resume: WARN }";

const struct bit_preset *bit_spec_model_presets(size_t *count)
{
    *count = BIT_COUNT(models);
    return models;
}

const struct bit_preset *bit_spec_quantizer_presets(size_t *count)
{
    *count = BIT_COUNT(quantizers);
    return quantizers;
}

const struct bit_preset *bit_spec_schedule_presets(size_t *count)
{
    *count = BIT_COUNT(schedules);
    return schedules;
}

const struct bit_preset *bit_spec_guard_presets(size_t *count)
{
    *count = BIT_COUNT(guards);
    return guards;
}

static const struct bit_preset_kind kinds[] = {
    {"model.preset", "the model's sizes, and a peak learning rate", bit_spec_model_presets},
    {"schedule.preset", "a published schedule of the learning rate", bit_spec_schedule_presets},
    {"quantizer.preset", "how numbers become codes; continual if none is named", bit_spec_quantizer_presets},
    {"guard.preset", "what is done about anomalies of steps; watch if none is named", bit_spec_guard_presets},
};

const struct bit_preset_kind *bit_spec_preset_kinds(size_t *count)
{
    *count = BIT_COUNT(kinds);
    return kinds;
}

const char *bit_spec_defaults(void)
{
    return defaults;
}
