#!/usr/bin/env python3
"""The model against PyTorch on the same weights and tokens: loss, logits, every gradient.

    parity.py MODEL_DUMP        BIT_PEER_PYTHON=... runs it under another interpreter, say one that has `bitlinear`

A tensor's error is the L2 norm of the difference from PyTorch in f32 over the L2 norm of PyTorch's. For bf16 operands the
last column says how far PyTorch's own bf16 (torch.autocast) is from its f32: rounding in the ternary model moves codes,
so errors grow by about 1% a linear in either program. The bf16 cases have one layer for that reason, and where a
tensor's own bf16 error in PyTorch is already near the tolerance, ours may be a quarter above it.
"""
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace

PEER = os.environ.get("BIT_PEER_PYTHON")
if PEER and "BIT_PEER_RUNNING" not in os.environ:
    os.environ["BIT_PEER_RUNNING"] = "1"
    os.execv(PEER, [PEER] + sys.argv)

try:
    import numpy as np
    import torch
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from olmo_torch import Olmo, Quantizer, Shape, borders, ternary_name  # noqa: E402

TOLERANCE = {"FP32": 1e-4, "BF16": 2e-2}
PEER_FACTOR = 1.25
INSTANCES, MICRO = 2, 1
# Nearer than this to the border between two codes, in codes, f32 sums in another order may round across. Activations
# differ by some 1e-6 of their row's largest value, which is 128 codes.
BORDER = {"activation": 4e-4, "weight": 1e-6}

PRESETS = {
    "continual": Quantizer("AbsMedian", "AbsMax", 128, "LayerNorm", False),
    "reloaded": Quantizer("AbsMedian", "AbsMax", 128, "LayerNorm", True),
    "b158": Quantizer("AbsMean", "AbsMax", 127, "RMSNorm", True),
    "mean activations": Quantizer("AbsMedian", "AbsMean", 127, "LayerNorm", False),
    "median activations": Quantizer("AbsMean", "AbsMedian", 128, "RMSNorm", False),
    "no inner norm": Quantizer("AbsMean", "AbsMax", 128, "None", True),
}
OURS = {"AbsMax": "ABSMAX", "AbsMean": "MEAN", "AbsMedian": "MEDIAN", "LayerNorm": "LAYERNORM", "RMSNorm": "RMSNORM",
        "None": "NO_NORM"}


@dataclass
class Case:
    name: str
    operands: str
    shape: Shape
    quantizer: Quantizer = None
    strength: float = 1.0
    backend: str = "cpu"


# Few values where none may lie on a border, many where a few do not matter.
SMALL = Shape(width=32, heads=2, hidden=48, vocab=90, vocab_padded=96, context=8)
LARGE = Shape(width=64, heads=4, hidden=96, vocab=250, vocab_padded=256, context=40, layers=1)


def cases():
    for operands, shape in (("FP32", SMALL), ("BF16", LARGE)):
        shapes = {
            "tied": shape,
            "untied": replace(shape, tied=False),
            "clip_qkv": replace(shape, clip_qkv=0.6 if operands == "FP32" else 3.2),
            "wide": replace(shape, layers=1, width=2 * shape.width, heads=1, hidden=5 * shape.width),
            "long": replace(LARGE, context=1100),
        }
        for name, variant in shapes.items():
            yield Case("16-bit, " + name, operands, variant)
        yield Case("16-bit, reference kernels", operands, shape, backend="ref")
        for strength in (1.0, 0.5):
            for name, quantizer in PRESETS.items():
                yield Case("ternary, " + name, operands, shape, quantizer, strength)
            for name in ("untied", "clip_qkv", "wide"):
                yield Case("continual, " + name, operands, shapes[name], PRESETS["continual"], strength)
            yield Case("b158, reference kernels", operands, shape, PRESETS["b158"], strength, "ref")


def spec_text(case):
    s, q = case.shape, case.quantizer or Quantizer()
    return """
        model {{ layers: {s.layers} width: {s.width} heads: {s.heads} mlp_hidden: {s.hidden} vocab: {s.vocab}
                 vocab_padded: {s.vocab_padded} context: {s.context} tied: {tied} clip_qkv: {s.clip_qkv}
                 rope_theta: {s.rope_theta} norm_eps: {s.norm_eps} operands: {operands} }}
        batch {{ instances: {instances} micro_instances: {micro} }}
        quantizer {{ weight_measure: {weight} activation_measure: {activation} activation_levels: {q.levels}
                     inner_norm: {norm} granularity: {granularity} eps: {q.eps} }}
    """.format(s=s, q=q, tied=str(s.tied).lower(), operands=case.operands, instances=INSTANCES, micro=MICRO,
               weight=OURS[q.weight_measure], activation=OURS[q.activation_measure], norm=OURS[q.norm],
               granularity="PROJECTION" if q.by_projection else "FUSED")


def start_std(name, fan_in):
    """OLMo's own start: what is added to the residual stream shrinks with depth."""
    site = name.split(".")[-2]
    if site in ("attn_out", "ff_out") and "blocks" in name:
        return 1 / np.sqrt(2 * fan_in * (int(name.split(".")[2]) + 1))
    return 1 / np.sqrt(fan_in)


def draw(model, seed):
    """Initial weights, and tokens of which some come often."""
    random = np.random.default_rng(seed)
    vector = [random.standard_normal(sum(p.numel() for p in parts)) * start_std(name, parts[0].shape[1])
              for name, parts in model.flat()]
    shape = (INSTANCES, model.shape.context)
    tokens = np.where(random.random(shape) < 0.3, random.integers(0, 5, shape),
                      random.integers(0, model.shape.vocab, shape))
    return np.concatenate(vector).astype(np.float32), tokens.astype(np.uint16)


def run_theirs(model, case, tokens, bf16):
    ids = torch.from_numpy(tokens.astype(np.int64))
    model.zero_grad()
    model.set_strength(case.strength)
    borders.update(watch=not bf16, activation=1.0, weight=1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        logits = model(ids)
        loss = model.loss(ids, logits)
    loss.backward()
    grads = {name: torch.cat([p.grad for p in parts]).float().numpy() for name, parts in model.flat()}
    return {"loss": np.array(loss.item()), "logits": logits.detach().float().numpy(), **grads}


def run_ours(program, model, case, weights, tokens):
    with tempfile.TemporaryDirectory() as folder:
        def at(name):
            return os.path.join(folder, name)

        with open(at("spec.txtpb"), "w") as f:
            f.write(spec_text(case))
        weights.tofile(at("weights.f32"))
        tokens.tofile(at("tokens.u16"))
        subprocess.run([program, at("spec.txtpb"), folder, "ternary" if case.quantizer else "16", str(case.strength),
                        case.backend], check=True)
        out = {"loss": np.fromfile(at("loss.f64")).reshape(()), "logits": np.fromfile(at("logits.f32"), np.float32)}
        grad, begin = np.fromfile(at("grad.f32"), np.float32), 0
    for name, parts in model.flat():
        rows = sum(p.shape[0] for p in parts)
        end = begin + rows * parts[0].shape[1]
        out[name] = grad[begin:end].reshape(rows, -1)
        begin = end
    out["logits"] = out["logits"].reshape(*tokens.shape, model.shape.vocab_padded)
    assert begin == grad.size
    return out


def error(ours, theirs):
    scale = np.linalg.norm(theirs.astype(np.float64))
    difference = np.linalg.norm(ours.astype(np.float64) - theirs.astype(np.float64))
    return difference / scale if scale > 0 else float(difference > 0)


def compare(program, case):
    """Errors by tensor, ours and of PyTorch's own bf16. A drawing that puts a value on a border between two codes is
    drawn anew; with bf16 operands many lie on one whatever is drawn."""
    model = Olmo(case.shape, case.quantizer)
    bf16 = case.operands == "BF16"
    for seed in range(1, 200):
        weights, tokens = draw(model, seed)
        model.load_flat(torch.from_numpy(weights))
        truth = run_theirs(model, case, tokens, False)
        if bf16 or all(borders[what] > BORDER[what] for what in BORDER):
            break
    ours = run_ours(program, model, case, weights, tokens)
    theirs = run_theirs(model, case, tokens, True) if bf16 else truth
    return {name: error(ours[name], truth[name]) for name in truth}, \
        {name: error(theirs[name], truth[name]) for name in truth}, seed


def report(case, seed, errors, peer, good):
    worst = max((name for name in errors if name.startswith("transformer.")), key=lambda name: errors[name])
    print("%-30s %-5s %-8s %-4d %9.1e %9.1e %9.1e  %-18s %s%s" % (
        case.name, case.operands, case.strength if case.quantizer else "", seed, errors["loss"], errors["logits"],
        errors[worst], worst.replace("transformer.", "").replace(".weight", ""),
        "%.1e" % max(peer.values()) if case.operands == "BF16" else "", "" if good else "  FAILED"))


def main():
    program = sys.argv[1]
    torch.set_num_threads(1)  # small tensors
    print("PyTorch %s, ternary linears: %s" % (torch.__version__, ternary_name()))
    print("%-30s %-5s %-8s %-4s %9s %9s %9s  %-18s %s" % (
        "case", "", "strength", "seed", "loss", "logits", "gradients", "worst gradient", "PyTorch's own"))
    failed = 0
    for case in cases():
        errors, peer, seed = compare(program, case)
        good = all(e <= max(TOLERANCE[case.operands], PEER_FACTOR * peer[name]) for name, e in errors.items())
        failed += not good
        report(case, seed, errors, peer, good)
    print("tolerance %s: %s" % (TOLERANCE, "%d cases failed" % failed if failed else "all within"))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
