#!/usr/bin/env python3
"""The model against PyTorch on the same weights and tokens: loss, logits, every gradient.

    parity.py MODEL_DUMP

A tensor's error is the L2 norm of the difference over the L2 norm of the reference. The reference for f32 operands is
PyTorch in f32, with the package `bitlinear` for the ternary linears if Python has it; for bf16 operands it is
olmo_bf16.py, PyTorch in f32 that rounds to bf16 where bitworker does. The last two columns show the cost of rounding, the
largest error of any tensor from PyTorch in f32: ours, and that of PyTorch's own bf16 (torch.autocast). In the ternary
phase rounding changes codes, by about 1% of the result for each linear in either program; there our error may be a
quarter above PyTorch's, if that is more than the tolerance.
"""
import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace

DEBIAN = "/usr/bin/python3"  # has Debian's python3-torch, where another python3 comes first

try:
    import numpy as np
    import torch
except ImportError as missing:
    if os.path.exists(DEBIAN) and not os.path.samefile(DEBIAN, sys.executable):
        os.execv(DEBIAN, [DEBIAN] + sys.argv)
    print("skipped: %s" % missing)
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import olmo_bf16  # noqa: E402
from olmo_bf16 import Arithmetic  # noqa: E402
from olmo_torch import Olmo, Quantizer, Shape, borders, ternary_name  # noqa: E402

TOLERANCE = {"FP32": 1e-5, "BF16": 2e-2}
PEER_FACTOR = 1.25
INSTANCES, MICRO = 2, 1
# Closer than this to the border between two codes, in codes, f32 sums in another order may round to the other code.
# Activations differ by less than 2^-20 of their row's largest value (codes.py measures it), which is 128 codes, or more if
# the scale is not that of the maximum.
BORDER = {"activation": 2e-4, "weight": 1e-6}

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
    residual: str = "FP32"
    data_gradient: str = "OPERANDS"


# SMALL has few values, for cases where none may lie on a border; LARGE many, for cases where a few do not matter.
SMALL = Shape(width=32, heads=2, hidden=48, vocab=90, vocab_padded=96, context=8)
LARGE = Shape(width=64, heads=4, hidden=96, vocab=250, vocab_padded=256, context=40, layers=2)


def deep(shape, layers):
    return shape if layers is None else replace(shape, layers=layers)


def cases():
    for operands, shape in (("FP32", SMALL), ("BF16", LARGE)):
        depths = (1, 2) if operands == "BF16" else (None,)  # None: the shape's own
        shapes = {
            "tied": shape,
            "untied": replace(shape, tied=False),
            "clip_qkv": replace(shape, clip_qkv=0.6 if operands == "FP32" else 3.2),
            "wide": replace(shape, layers=1, width=2 * shape.width, heads=1, hidden=5 * shape.width),
            "long": replace(LARGE, layers=1, context=1100),
        }
        for name, variant in shapes.items():
            yield Case("16-bit, " + name, operands, variant)
        yield Case("16-bit, three layers", operands, replace(shape, layers=3))
        yield Case("16-bit, reference kernels", operands, shape, backend="ref")
        if operands == "BF16":
            for name in ("tied", "untied"):
                yield Case("16-bit, bf16 stream, " + name, operands, replace(shapes[name], layers=3), residual="BF16")
            yield Case("16-bit, bf16 stream, ref", operands, shape, backend="ref", residual="BF16")
        for strength, depth in itertools.product((1.0, 0.5), depths):
            for name, quantizer in PRESETS.items():
                yield Case("ternary, " + name, operands, deep(shape, depth), quantizer, strength)
            for name in ("untied", "clip_qkv", "wide"):
                yield Case("continual, " + name, operands, deep(shapes[name], depth), PRESETS["continual"], strength)
            yield Case("b158, reference kernels", operands, deep(shape, depth), PRESETS["b158"], strength, "ref")
        for name in ("continual", "b158") if operands == "BF16" else ():
            yield Case(name + ", int8 data gradient", operands, deep(shape, 1), PRESETS[name], data_gradient="INT8")


def spec_text(case):
    s, q = case.shape, case.quantizer or Quantizer()
    return """
        model {{ layers: {s.layers} width: {s.width} heads: {s.heads} mlp_hidden: {s.hidden} vocab: {s.vocab}
                 vocab_padded: {s.vocab_padded} context: {s.context} tied: {tied} clip_qkv: {s.clip_qkv}
                 rope_theta: {s.rope_theta} norm_eps: {s.norm_eps} operands: {operands} residual: {residual} }}
        batch {{ instances: {instances} micro_instances: {micro} }}
        quantizer {{ weight_measure: {weight} activation_measure: {activation} activation_levels: {q.levels}
                     inner_norm: {norm} granularity: {granularity} eps: {q.eps} data_gradient: {data_gradient} }}
    """.format(s=s, q=q, tied=str(s.tied).lower(), operands=case.operands, residual=case.residual,
               data_gradient=case.data_gradient,
               instances=INSTANCES, micro=MICRO,
               weight=OURS[q.weight_measure], activation=OURS[q.activation_measure], norm=OURS[q.norm],
               granularity="PROJECTION" if q.by_projection else "FUSED")


def start_std(name, fan_in):
    """OLMo's initial standard deviation: for what is added to the residual stream it shrinks with depth."""
    site = name.split(".")[-2]
    if site in ("attn_out", "ff_out") and "blocks" in name:
        return 1 / np.sqrt(2 * fan_in * (int(name.split(".")[2]) + 1))
    return 1 / np.sqrt(fan_in)


def draw(model, seed):
    """(initial weights, tokens of which some are frequent)"""
    random = np.random.default_rng(seed)
    vector = [random.standard_normal(sum(p.numel() for p in parts)) * start_std(name, parts[0].shape[1])
              for name, parts in model.flat()]
    shape = (INSTANCES, model.shape.context)
    tokens = np.where(random.random(shape) < 0.3, random.integers(0, 5, shape),
                      random.integers(0, model.shape.vocab, shape))
    return np.concatenate(vector).astype(np.float32), tokens.astype(np.uint32)


def gradients(model):
    return {name: torch.cat([p.grad for p in parts]).float().numpy() for name, parts in model.flat()}


def run_theirs(model, case, tokens, autocast=False, watch=False):
    """Results of PyTorch in f32, or in its own mixture of f32 and bf16 (autocast)."""
    ids = torch.from_numpy(tokens.astype(np.int64))
    model.zero_grad()
    model.set_strength(case.strength)
    model.set_watched(watch)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        logits = model(ids)
        loss = model.loss(ids, logits)
    loss.backward()
    return {"loss": np.array(loss.item()), "logits": logits.detach().float().numpy(), **gradients(model)}


def run_bf16(model, case, tokens, isa):
    """Results of PyTorch in f32, rounded to bf16 where bitworker rounds."""
    ids = torch.from_numpy(tokens.astype(np.int64))
    model.zero_grad()
    logits = olmo_bf16.forward(model, ids, Arithmetic(case.quantizer, case.strength, case.backend == "ref",
                                                      isa == "avx512", case.residual == "BF16",
                                                      case.data_gradient == "INT8"))
    loss = model.loss(ids, logits)
    loss.backward()
    return {"loss": np.array(loss.item()), "logits": logits.detach().numpy(), **gradients(model)}


def run_ours(program, model, case, weights, tokens, folder):
    """Results of model_dump; its inputs and outputs stay in `folder`."""
    def at(name):
        return os.path.join(folder, name)

    with open(at("spec.txtpb"), "w") as f:
        f.write(spec_text(case))
    weights.tofile(at("weights.f32"))
    tokens.tofile(at("tokens.u32"))
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


def errors(result, reference):
    return {name: error(result[name], reference[name]) for name in reference}


@dataclass
class Outcome:
    reference: str
    seed: int
    ours: dict  # tensor -> our error from the reference
    ours_f32: dict = None  # tensor -> our error from PyTorch in f32, if that is not the reference
    peer_f32: dict = None  # tensor -> torch.autocast's error from PyTorch in f32

    def good(self, case):
        limit = TOLERANCE[case.operands]
        if not all(e <= limit for e in self.ours.values()):
            return False
        if self.peer_f32 is None:
            return True
        if case.shape.layers > 1:  # which program is better for a single tensor is chance
            return max(self.ours_f32.values()) <= max(limit, PEER_FACTOR * max(self.peer_f32.values()))
        return all(e <= max(limit, PEER_FACTOR * self.peer_f32[name]) for name, e in self.ours_f32.items())


def compare_f32(program, model, case):
    """Compare with f32 operands. Draws again while a value lies on a border between two codes."""
    for seed in range(1, 200):
        weights, tokens = draw(model, seed)
        model.load_flat(torch.from_numpy(weights))
        run_theirs(model, case, tokens, watch=True)
        if all(borders[what] > BORDER[what] for what in BORDER):
            break
    else:
        raise SystemExit("%s: no drawing keeps away from the borders" % case.name)
    truth = run_theirs(model, case, tokens)
    with tempfile.TemporaryDirectory() as folder:
        ours = run_ours(program, model, case, weights, tokens, folder)
    return Outcome(ternary_name(case.quantizer) if case.quantizer else "PyTorch f32", seed, errors(ours, truth))


def compare_bf16(program, model, case, isa):
    weights, tokens = draw(model, 1)
    model.load_flat(torch.from_numpy(weights))
    with tempfile.TemporaryDirectory() as folder:
        ours = run_ours(program, model, case, weights, tokens, folder)
    truth = run_theirs(model, case, tokens)
    return Outcome("bf16 operands", 1, errors(ours, run_bf16(model, case, tokens, isa)), errors(ours, truth),
                   errors(run_theirs(model, case, tokens, autocast=True), truth))


HEAD = ("case", "", "strength", "layers", "reference", "seed", "loss", "logits", "gradients", "worst gradient",
        "ours-f32", "autocast-f32")
ROW = "%-28s %-5s %-8s %-6s %-26s %-4s %8s %8s %9s  %-18s %8s %s"


def report(case, outcome):
    worst = max((name for name in outcome.ours if name.startswith("transformer.")), key=lambda name: outcome.ours[name])
    figures = ["%.1e" % outcome.ours[name] for name in ("loss", "logits", worst)]
    from_f32 = ["" if e is None else "%.1e" % max(e.values()) for e in (outcome.ours_f32, outcome.peer_f32)]
    print((ROW % (case.name, case.operands, case.strength if case.quantizer else "", case.shape.layers,
                  outcome.reference, outcome.seed, *figures,
                  worst.replace("transformer.", "").replace(".weight", ""), *from_f32)).rstrip()
          + ("" if outcome.good(case) else "  FAILED"), flush=True)


def main():
    program = sys.argv[1]
    isa = subprocess.run([program, "isa"], check=True, capture_output=True, text=True).stdout.strip()
    torch.set_num_threads(1)  # small tensors
    print("PyTorch %s, ternary linears: %s, kernels for %s" % (torch.__version__, ternary_name(), isa))
    print(ROW % HEAD)
    failed, worst = 0, dict.fromkeys(TOLERANCE, 0.0)
    for case in cases():
        model = Olmo(case.shape, case.quantizer)
        outcome = compare_bf16(program, model, case, isa) if case.operands == "BF16" else \
            compare_f32(program, model, case)
        report(case, outcome)
        failed += not outcome.good(case)
        worst[case.operands] = max(worst[case.operands], *outcome.ours.values())
    for operands, limit in TOLERANCE.items():
        print("%s: at most %.1e from the reference, tolerance %.0e" % (operands, worst[operands], limit))
    print("%d cases failed" % failed if failed else "all within")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
