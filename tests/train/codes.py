#!/usr/bin/env python3
"""The int8 codes of the activations over a whole forward pass with f32 operands, against the reference in f64.

    codes.py MODEL_DUMP

The reference computes the block's norm and BitLinear's inner norm after it separately. If a drawing of weights has a
value within TIE codes of the border between two codes, it is drawn again: f32 rounding may move such a value over the
border, and change everything after it. Otherwise every code must equal the reference's: an omitted factor of 5e-6
somewhere changes about one code in a thousand. PyTorch in f32 runs as a control.
"""
import os
import subprocess
import sys
import tempfile
from dataclasses import replace

from parity import DEBIAN, PRESETS, SMALL, Case, draw, run_ours, run_theirs  # noqa: F401 (finds a Python with torch)

import numpy as np
import torch
from olmo_torch import Olmo, borders, ternary_name

# In codes; about the largest error of f32, 2^-21 of the 128 codes of a row's largest value.
TIE = 8e-5
DRAWINGS = 60

CASES = {
    "LayerNorm, fused": PRESETS["continual"],
    "LayerNorm, by projection": PRESETS["reloaded"],
    "RMSNorm, fused": replace(PRESETS["continual"], norm="RMSNorm"),
    "RMSNorm, by projection": PRESETS["b158"],
    "no inner norm": PRESETS["no inner norm"],
}


def first_parts(values, quantizer):
    """The input of each linear once: projections with scales of their own each quantise the same input."""
    if not quantizer.by_projection:
        return values
    return [v for i, v in enumerate(values) if i % 7 in (0, 3, 4, 6)]  # q k v, attention's output, up gate, MLP's output


def scaled_activations(model, case, tokens, dtype):
    """([(instances, context, columns) in codes] by linear, smallest distance of a value to a border)"""
    model.to(dtype)
    run_theirs(model, case, tokens, watch=True)
    values, nearest = first_parts(borders["activations"], case.quantizer), borders["activation"]
    model.set_watched(False)
    model.float()
    return [v.double().numpy() for v in values], nearest


def codes_of(values):
    return [np.clip(np.rint(v), -128, 127) for v in values]


def by_micro_batch(codes):
    """The codes in the order in which model_dump writes them: instance by instance, with all its linears."""
    return np.concatenate([c[i].ravel() for i in range(codes[0].shape[0]) for c in codes])


def compare(program, model, case, seed):
    """(number of codes, how many of ours and of PyTorch's in f32 differ, largest error of PyTorch's values); None if drawn too
    close to a border."""
    weights, tokens = draw(model, seed)
    model.load_flat(torch.from_numpy(weights))
    exact, nearest = scaled_activations(model, case, tokens, torch.float64)
    if nearest <= TIE:
        return None
    f32, _ = scaled_activations(model, case, tokens, torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        run_ours(program, model, case, weights, tokens, folder)
        ours = np.fromfile(os.path.join(folder, "codes.i8"), np.int8)
    want = by_micro_batch(codes_of(exact))
    assert ours.size == want.size, "%d codes, %d expected" % (ours.size, want.size)
    return np.array([want.size, np.count_nonzero(ours != want),
                     np.count_nonzero(by_micro_batch(codes_of(f32)) != want)]), \
        max(np.abs(a - b).max() for a, b in zip(exact, f32))


def run_case(program, name, quantizer, backend):
    case = Case(name, "FP32", SMALL, quantizer, 1.0, backend)
    model = Olmo(case.shape, quantizer)
    counts, farthest, done = np.zeros(3, np.int64), 0.0, 0
    for seed in range(1, 2000):
        found = compare(program, model, case, seed)
        if found is not None:
            counts, farthest, done = counts + found[0], max(farthest, found[1]), done + 1
        if done == DRAWINGS:
            break
    else:
        raise SystemExit("%s: only %d drawings keep away from the borders" % (name, done))
    print("%-26s %-5s %7d %10d %13d %18.1e%s" % (name, backend, *counts, farthest, "  FAILED" if counts[1] else ""), flush=True)
    return counts[1]


def main():
    program = sys.argv[1]
    isa = subprocess.run([program, "isa"], check=True, capture_output=True, text=True).stdout.strip()
    torch.set_num_threads(1)
    print("PyTorch %s, ternary linears: %s, kernels for %s" % (torch.__version__, ternary_name(), isa))
    print("%-26s %-5s %7s %10s %13s %18s" % ("inner norm, scales", "", "codes", "ours wrong", "PyTorch wrong",
                                             "PyTorch's distance"))
    wrong = sum(run_case(program, name, quantizer, backend)
                for backend in ("cpu", "ref") for name, quantizer in CASES.items())
    print("%d codes are not the reference's" % wrong if wrong else "every code is the reference's")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
