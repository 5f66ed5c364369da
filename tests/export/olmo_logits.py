"""Logits of OLMo's own model class on a checkpoint of bitd; a ternary model's blocks have the linears of PyPI's `bitlinear`.

    olmo_logits.py CHECKPOINT 16bit|ternary IDS.npy OUT.npy

A separate program, because olmo_package fakes missing modules, which would mislead other packages.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "train")]
import checkpoints as ck  # noqa: E402
import numpy as np  # noqa: E402
import olmo_package  # noqa: E402
import olmo_torch  # noqa: E402
import torch  # noqa: E402

MEASURES = {"MEAN": "AbsMean", "MEDIAN": "AbsMedian", "ABSMAX": "AbsMax"}
NORMS = {"LAYERNORM": "LayerNorm", "RMSNORM": "RMSNorm", "NO_NORM": "None"}
LINEARS = {"att_proj": 3, "attn_out": 1, "ff_proj": 2, "ff_out": 1}


def model_of(folder):
    """(the model, config.json of the checkpoint)"""
    config, model = olmo_package.load("olmo.config", "olmo.model") or sys.exit(77)
    with open(os.path.join(folder, "config.json")) as f:
        said = json.load(f)
    made = model.OLMo(config.ModelConfig(
        d_model=said["hidden_size"], n_heads=said["num_attention_heads"], n_layers=said["num_hidden_layers"],
        mlp_hidden_size=2 * said["intermediate_size"], vocab_size=said["vocab_size"], embedding_size=said["vocab_size"],
        max_sequence_length=said["max_position_embeddings"], activation_type=config.ActivationType.swiglu,
        block_type=config.BlockType.sequential, rope=True, rope_full_precision=False, attention_dropout=0.0, residual_dropout=0.0,
        embedding_dropout=0.0, include_bias=False, bias_for_layer_norm=False, attention_layer_norm=False, layer_norm_with_affine=False,
        layer_norm_type=config.LayerNormType.default, weight_tying=said["tie_word_embeddings"], multi_query_attention=False,
        clip_qkv=said["clip_qkv"], init_device="cpu"))
    weights = ck.read_safetensors(os.path.join(folder, "model.safetensors"))
    made.load_state_dict({name: torch.from_numpy(w.copy()) for name, w in weights.items()}, strict=True)
    return made.eval(), said


def quantised(matrix, parts, quantizer):
    """The package's linears that replace one of OLMo's."""
    made = olmo_torch.Projections(matrix.shape[1], [matrix.shape[0] // parts] * parts, quantizer)
    for part, weight in zip(made.parts, matrix.chunk(parts)):
        part.weight.data = weight.clone()
    return made


def main():
    folder, precision, ids, out = sys.argv[1:]
    made, said = model_of(folder)
    if precision == "ternary":
        assert olmo_torch.reference, "this Python has no bitlinear"
        q = said["bitd"]["quantizer"]
        quantizer = olmo_torch.Quantizer(MEASURES[q["weight_measure"]], MEASURES[q["activation_measure"]], q["activation_levels"],
                                         NORMS[q["inner_norm"]], q["granularity"] == "PROJECTION")
        for block in made.transformer.blocks:
            for name, parts in LINEARS.items():
                matrix = getattr(block, name).weight.data
                setattr(block, name, quantised(matrix, parts if quantizer.by_projection else 1, quantizer))
    with torch.no_grad():
        np.save(out, made(torch.from_numpy(np.load(ids))).logits.numpy())


if __name__ == "__main__":
    main()
