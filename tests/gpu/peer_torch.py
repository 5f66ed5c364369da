#!/usr/bin/env python3
"""The peer: the same architecture in PyTorch, compiled, one configuration. Prints one line of JSON.

    peer_torch.py --phase 16bit|ternary --micro-batch N [--micro-steps 8] [--model olmo_1b] [--device cuda] [--eager]

bf16 autocast over fp32 weights, causal scaled_dot_product_attention, fused AdamW and a clip at 1. ternary is BitLinear:
weights by their mean, activations by their largest, an inner LayerNorm, gradients straight through. Whole steps of
--micro-steps micro-batches are timed as they run, and the fastest counts; forward and backward, and the optimizer, are
timed by themselves too.
"""
import argparse
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "train"))
import olmo_torch  # noqa: E402

MODELS = {
    "olmo_1b": olmo_torch.Shape(layers=16, width=2048, heads=16, hidden=8192, vocab=50280, vocab_padded=50304, context=2048),
    "tiny": olmo_torch.Shape(layers=2, width=64, heads=2, hidden=128, vocab=500, vocab_padded=512, context=64),
}
MEAN = olmo_torch.Quantizer("AbsMean", "AbsMax", 128, "LayerNorm", False)
olmo_torch.reference = None  # the formula itself: the package's Python around it is not what is timed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phase", choices=("16bit", "ternary"), default="16bit")
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--micro-steps", type=int, default=8)
    parser.add_argument("--model", choices=sorted(MODELS), default="olmo_1b")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--eager", action="store_true", help="without torch.compile")
    return parser.parse_args()


class Peer:
    def __init__(self, args):
        self.args, self.shape = args, MODELS[args.model]
        torch.manual_seed(42)
        with torch.device(args.device):
            self.model = olmo_torch.Olmo(self.shape, MEAN if args.phase == "ternary" else None)
            for p in self.model.parameters():
                torch.nn.init.normal_(p, 0, 0.02)
            self.ids = torch.randint(0, self.shape.vocab, (args.micro_batch, self.shape.context))
        self.targets = F.pad(self.ids[:, 1:], (0, 1), value=-100).reshape(-1)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.1,
                                           fused=args.device == "cuda")
        self.loss = self.plain_loss if args.eager else torch.compile(self.plain_loss, dynamic=False)

    def plain_loss(self, ids, targets):
        with torch.autocast(self.args.device, dtype=torch.bfloat16):
            logits = self.model(ids)
            loss = F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets, ignore_index=-100, reduction="sum")
        return loss / (ids.numel() * self.args.micro_steps)

    def accumulate(self, times):
        for _ in range(times):
            loss = self.loss(self.ids, self.targets)
            loss.backward()
        return loss

    def update(self):
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0, foreach=True)
        self.optimizer.step()

    def step(self, micro_steps):
        loss = self.accumulate(micro_steps)
        self.update()
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def timed(self, function, *args):
        """Milliseconds."""
        self.wait()
        begin = time.perf_counter()
        function(*args)
        self.wait()
        return (time.perf_counter() - begin) * 1e3

    def wait(self):
        if self.args.device == "cuda":
            torch.cuda.synchronize()


def measure(args):
    peer = Peer(args)
    begin = time.perf_counter()
    for _ in range(2):  # compiles
        peer.step(2)
    peer.wait()
    warm_s = time.perf_counter() - begin
    whole = [peer.timed(peer.step, args.micro_steps) for _ in range(args.steps)]
    step_ms = min(whole)
    times = max(2, args.micro_steps // 2)
    forward_backward = peer.timed(peer.accumulate, times) / times
    update = min(peer.timed(peer.update) for _ in range(3))
    cuda = args.device == "cuda"
    return {
        "peer": f"PyTorch {torch.__version__}" + ("" if args.eager else ", compiled"), "model": args.model, "phase": args.phase,
        "micro_batch": args.micro_batch, "micro_steps": args.micro_steps, "forward_backward_ms": round(forward_backward, 3),
        "optimizer_ms": round(update, 3), "step_ms": round(step_ms, 3), "slowest_step_ms": round(max(whole), 3), "warm_s": round(warm_s, 1),
        "tokens_per_s": round(peer.ids.numel() * args.micro_steps / step_ms * 1e3, 1), "loss": round(peer.step(1).item() * args.micro_steps, 4),
        "memory_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if cuda else None,
        "device": torch.cuda.get_device_name() if cuda else "cpu",
    }


def main():
    args = arguments()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("skipped: PyTorch sees no GPU")
        return 77
    try:
        print(json.dumps(measure(args)), flush=True)
    except torch.OutOfMemoryError as e:
        print(json.dumps({"phase": args.phase, "micro_batch": args.micro_batch, "does_not_fit": str(e).splitlines()[0][:200]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
