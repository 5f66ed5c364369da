#!/usr/bin/env python3
"""The peer of bitworker score: log-likelihoods of the same requests in PyTorch. Prints a line of JSON for each batch size.

    peer_score.py FILE [--phase 16bit|ternary] [--batch 32,64,128] [--gather] [--compile] [--model olmo_1b] [--device cuda]

As in evaluation harnesses: requests sorted by length, in batches padded at the right to the longest; bf16 weights, causal
scaled_dot_product_attention, logits at every position, log-softmax in f32, of which the continuation's values are taken.
--gather multiplies only the continuation's positions by the head. --compile compiles the blocks with dynamic lengths.
ternary is BitLinear: weights by their mean, activations by their largest magnitude, an inner LayerNorm.
"""
import argparse
import contextlib
import json
import os
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer_torch  # noqa: E402
from peer_torch import MEAN, MODELS, olmo_torch  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--phase", choices=("16bit", "ternary"), default="16bit")
    parser.add_argument("--batch", default="32,64,128")
    parser.add_argument("--gather", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--model", choices=sorted(MODELS), default="olmo_1b")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    return parser.parse_args()


class Peer:
    def __init__(self, args):
        self.args, self.shape = args, MODELS[args.model]
        torch.manual_seed(42)
        with torch.device(args.device) if args.device == "cuda" else contextlib.nullcontext():
            self.model = olmo_torch.Olmo(self.shape, MEAN if args.phase == "ternary" else None)
            for p in self.model.parameters():
                torch.nn.init.normal_(p, 0, 0.02)
        self.model = self.model.to(torch.bfloat16).eval()
        self.blocks = torch.compile(self.through_blocks, dynamic=True) if args.compile else self.through_blocks
        with open(args.file) as file:
            asked = [json.loads(line) for line in file]
        self.requests = sorted(((a["context"] + a["continuation"][:-1], a["continuation"]) for a in asked), key=lambda r: -len(r[0]))

    def through_blocks(self, x, cos, sin):
        for block in self.model.blocks:
            x = block(x, cos, sin)
        return F.layer_norm(x, x.shape[-1:], eps=self.shape.norm_eps)

    def head(self, x):
        return F.linear(x, self.model.wte.weight if self.model.head is None else self.model.head.weight)

    def batch(self, requests):
        time_ = min(max(len(query) for query, _ in requests), self.shape.context)
        ids = torch.tensor([query[-time_:] + [0] * (time_ - len(query)) for query, _ in requests], device=self.args.device)
        x = self.blocks(self.model.wte(ids), self.model.cos[:time_], self.model.sin[:time_])
        rows, columns, targets, owners = [], [], [], []
        for i, (query, continuation) in enumerate(requests):
            first = min(len(query), time_) - len(continuation)
            rows += [i] * len(continuation)
            columns += range(first, first + len(continuation))
            targets += continuation
            owners += [i] * len(continuation)
        where = [torch.tensor(w, device=self.args.device) for w in (rows, columns, targets, owners)]
        if self.args.gather:
            likely = F.log_softmax(self.head(x[where[0], where[1]]).float(), dim=-1).gather(1, where[2][:, None])[:, 0]
        else:
            likely = F.log_softmax(self.head(x).float(), dim=-1)[where[0], where[1], where[2]]
        return torch.zeros(len(requests), device=self.args.device).index_add_(0, where[3], likely)

    def all(self, size):
        found = [self.batch(self.requests[i:i + size]) for i in range(0, len(self.requests), size)]
        return torch.cat(found).cpu()

    def measure(self, size):
        for request in (self.requests[:size], self.requests[-size:]):  # warm up with the longest and the shortest: algorithms are chosen, blocks compiled
            self.batch(request)
        if self.args.device == "cuda":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        sums = self.all(size)
        ms = (time.perf_counter() - begin) * 1e3
        return {"peer": f"PyTorch {torch.__version__}" + (", compiled" if self.args.compile else ""), "phase": self.args.phase, "batch": size,
                "gather": self.args.gather, "requests": len(self.requests), "ms": round(ms, 2), "mean_sum": round(sums.mean().item(), 3),
                "requests_per_s": round(len(self.requests) / ms * 1e3, 1),
                "memory_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if self.args.device == "cuda" else None}


def main():
    args = arguments()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("skipped: PyTorch sees no GPU")
        return 77
    with torch.inference_mode():
        peer = Peer(args)
        for size in args.batch.split(","):
            print(json.dumps(peer.measure(int(size))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
