#!/usr/bin/env python3
"""bitworker score against OLMo's own model and scorer, on the same weights, in f32.

    score.py BITWORKER [--requests 100]

Requests of all lengths, some longer than the context, four continuations to most contexts. The peer is OLMo's model class
and ICLMetric of the package `ai2-olmo`, request by request; the ternary model's blocks have the linears of the package
`bitlinear`. In 16-bit every sum is within 1e-3. In the ternary phase f32 may round a value on a border between codes either
way, in either program: so about as many of our requests as of PyTorch's in f32 may differ from PyTorch in f64.
Two ranks print the same as one, and so do the requests in another order.
"""
import argparse
import importlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "run"), os.path.dirname(HERE)]
import trajectory  # noqa: E402
from trajectory import CONTEXT, HEADS, HIDDEN, LAYERS, VOCAB, WIDTH, Case  # noqa: E402

import torch  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

LIMIT = 1e-3
LIMIT_FLIPPED = 0.5  # for a request in which a code was rounded the other way
PEER_FACTOR = 2      # between our number of such requests and PyTorch's
CASES = [Case("tied, LayerNorm, fused"), Case("untied, RMSNorm, by projection", tied=False, weight="MEAN", norm="RMSNORM", granularity="PROJECTION")]


def requests(count):
    rng, found = random.Random(3), []
    while len(found) < count:
        context = [rng.randrange(VOCAB) for _ in range(rng.choice((1, rng.randrange(2, 40), rng.randrange(2, 40), rng.randrange(30, 90))))]
        for _ in range(rng.choice((1, 4, 4))):
            found.append((context, [rng.randrange(VOCAB) for _ in range(rng.choice((1, rng.randrange(1, 25))))]))
    return found[:count]


# ---- ours


def command(bitworker, case, weights, threads=1):
    fields = {
        "model.layers": LAYERS, "model.width": WIDTH, "model.heads": HEADS, "model.mlp_hidden": HIDDEN, "model.vocab": VOCAB,
        "model.vocab_padded": VOCAB, "model.context": CONTEXT, "model.tied": str(case.tied).lower(), "model.operands": "FP32",
        "model.init_from": weights, "quantizer.weight_measure": case.weight, "quantizer.activation_measure": "ABSMAX",
        "quantizer.activation_levels": 128, "quantizer.inner_norm": case.norm, "quantizer.granularity": case.granularity,
        "launch.backend": "CPU", "launch.threads": threads}
    return [bitworker, "score", "--model", "olmo_20m", "--precision", "both"] + [f"--set={key}={value}" for key, value in fields.items()]


def ours(argv, asked, more=()):
    """[(16-bit, ternary)] of each request."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps({"context": context, "continuation": continuation}) + "\n" for context, continuation in asked)
        file.flush()
        done = subprocess.run([*argv, *more, file.name], stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["request"] for line in lines] == list(range(len(asked))) * 2, "a line for each request, in order"
    return list(zip([line["sum"] for line in lines[:len(asked)]], [line["sum"] for line in lines[len(asked):]]))


# ---- the peer


def batch_of(context, continuation):
    """The batch that OLMo's dataset makes of one example."""
    query = (context + continuation[:-1])[-CONTEXT:]
    return {"input_ids": torch.tensor([query]), "continuation": torch.tensor([continuation]), "cont_len": torch.tensor([len(continuation)]),
            "ctx_len": torch.tensor([len(query) - len(continuation) + 1]), "doc_id": torch.tensor([0]), "cont_id": torch.tensor([0]),
            "label_id": torch.tensor([0])}


def theirs(downstream, made, asked):
    metric = downstream.ICLMetric("acc")
    metric.reset()
    with torch.no_grad():
        for context, continuation in asked:
            batch = batch_of(context, continuation)
            metric.update(batch, made(batch["input_ids"]).logits)
    return [found[2].item() for found in metric.loglikelihoods]


# ---- comparisons


def distances(a, b):
    return [abs(x - y) for x, y in zip(a, b)]


def compare(name, mine, f32, f64):
    """Print the differences and return whether they are within the limits."""
    to_f32, to_f64, peer = distances(mine, f32), distances(mine, f64), distances(f32, f64)
    off, peer_off = (sum(distance > LIMIT for distance in found) for found in (to_f64, peer))
    print("%-42s from f32 %.1e at most; from f64 median %.1e, most %.1e, %d off; PyTorch f32 from f64 %.1e, %.1e, %d off" % (
        name, max(to_f32), statistics.median(to_f64), max(to_f64), off, statistics.median(peer), max(peer), peer_off), flush=True)
    if "16-bit" in name:
        return max(to_f32) <= LIMIT
    return statistics.median(to_f64) <= LIMIT / 10 and off <= PEER_FACTOR * peer_off + len(mine) / 25 and max(to_f64) <= LIMIT_FLIPPED


def compare_case(downstream, bitworker, case, asked, folder):
    weights, path = trajectory.draw(case), os.path.join(folder, "weights.safetensors")
    # Four times the initial weights, so that continuations differ by more than rounding.
    save_file({key: 4 * value for key, value in weights.items()}, path)
    argv = command(bitworker, case, path)
    mine, wrong = ours(argv, asked), []
    for index, phase in enumerate(("16-bit", "ternary")):
        peer = []
        for dtype in (torch.float32, torch.float64):
            made = trajectory.make_model(case, {key: 4 * value for key, value in weights.items()}, dtype).eval()
            peer.append(theirs(downstream, trajectory.make_ternary(made, case) if index else made, asked))
        if not compare("%s, %s" % (phase, case.name), [pair[index] for pair in mine], *peer):
            wrong.append("%s, %s" % (phase, case.name))
    if ours(argv, asked, ["--ranks", "2"]) != mine:
        wrong.append("two ranks, %s" % case.name)
    if ours(command(bitworker, case, path, threads=2), asked[::-1])[::-1] != mine:
        wrong.append("another order and two threads, %s" % case.name)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bitworker")
    parser.add_argument("--requests", type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1")
    downstream = importlib.import_module("olmo.eval.downstream")  # trajectory has already loaded the package
    asked, wrong = requests(args.requests), []
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            wrong += compare_case(downstream, args.bitworker, case, asked, folder)
    print("\n".join("FAILED: " + line for line in wrong) if wrong else "all within, the same bits on 1 and 2 ranks")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
