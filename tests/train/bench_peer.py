#!/usr/bin/env python3
"""Tokens a second of whole training steps, ours and PyTorch's, on the same cores in one run.

    bench_peer.py BENCH_MODEL [--model olmo_20m] [--micro 2] [--steps 3] [--threads 2] [--no-compile] [--only 16]

Both do forward, backward and AdamW of one micro-batch of random tokens. PyTorch runs under bf16 autocast, eager and
compiled, in 16-bit and with fake-quantised linears; the two alternate, so that both run under the same conditions.
With one thread, processor time is measured, which other programs on the machine hardly affect.
BIT_PEER_PYTHON names another interpreter to run under.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

PEER = os.environ.get("BIT_PEER_PYTHON")
if PEER and "BIT_PEER_RUNNING" not in os.environ:
    os.environ["BIT_PEER_RUNNING"] = "1"
    os.execv(PEER, [PEER] + sys.argv)

try:
    import torch
except ImportError as missing:
    print("skipped: %s" % missing)
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from olmo_torch import Olmo, Quantizer, Shape, ternary_name  # noqa: E402

SHAPES = {
    "olmo_20m": Shape(layers=8, width=256, heads=8, hidden=1024, vocab=50280, vocab_padded=50304, context=2048,
                      tied=False),
}
# name, our phase, our quantizer, the peer's quantizer
ROUNDS = (
    ("16-bit", "16", "continual", None),
    ("ternary, mean", "ternary", "b158", Quantizer("AbsMean", "AbsMax", 127, "RMSNorm", False)),
    ("ternary, median", "ternary", "continual", Quantizer("AbsMedian", "AbsMax", 128, "LayerNorm", False)),
)


def peer_model(shape, quantizer):
    model = Olmo(shape, quantizer)
    with torch.no_grad():
        for _, parts in model.flat():
            for p in parts:
                p.normal_(0, 0.02)
    return model


def peer(shape, quantizer, micro, steps, compiled, clock):
    """Tokens a second: the median step after two for warm-up (and compilation)."""
    torch.manual_seed(42)
    model = peer_model(shape, quantizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-4, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.1)
    ids = torch.randint(0, shape.vocab, (micro, shape.context))

    def loss_of(ids):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return model.loss(ids)

    if compiled:
        torch._dynamo.reset()
        loss_of = torch.compile(loss_of)
    seconds = []
    for _ in range(steps + 2):
        begin = clock()
        optimizer.zero_grad(set_to_none=True)
        loss_of(ids).backward()
        optimizer.step()
        seconds.append(clock() - begin)
    return micro * shape.context / statistics.median(seconds[2:])


def ours(program, args, phase, quantizer):
    """(the program's output, its tokens a second by the same clock as the peer's)"""
    out = subprocess.run([program, args.model, str(args.micro), str(args.steps), str(args.threads), phase, quantizer],
                         check=True, stdout=subprocess.PIPE)
    told = json.loads(out.stdout)
    if args.threads > 1:
        return told, told["tokens_per_s"]
    return told, told["tokens_per_s"] * told["step_ms"] / told["cpu_ms"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--model", default="olmo_20m", choices=sorted(SHAPES))
    parser.add_argument("--micro", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--only", help="the rounds whose names begin with this")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    can_compile = hasattr(torch, "compile") and not args.no_compile
    shape = SHAPES[args.model]
    clock = time.process_time if args.threads == 1 else time.perf_counter
    print("PyTorch %s, %s; %s, %d x %d tokens, %d threads; tokens/s%s" % (
        torch.__version__, ternary_name(), args.model, args.micro, shape.context, args.threads,
        " of processor time" if args.threads == 1 else ""))
    print("%-18s %9s %9s %9s  %s" % ("", "bitd", "eager", "compiled", "bitd / best"))
    for name, phase, preset, quantizer in ROUNDS:
        if not name.startswith(args.only or ""):
            continue
        _, first = ours(args.program, args, phase, preset)
        eager = peer(shape, quantizer, args.micro, args.steps, False, clock)
        compiled = peer(shape, quantizer, args.micro, args.steps, True, clock) if can_compile else None
        told, second = ours(args.program, args, phase, preset)
        speed = statistics.mean([first, second])
        print("%-18s %9.0f %9.0f %9s  %.2f" % (name, speed, eager, "%.0f" % compiled if compiled else "-",
                                               speed / max(eager, compiled or 0)), flush=True)
        print("    ms: forward %(forward_ms).0f backward %(backward_ms).0f update %(update_ms).0f publish "
              "%(publish_ms).0f  (%(backend)s)" % told, flush=True)


if __name__ == "__main__":
    sys.exit(main())
