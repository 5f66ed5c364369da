#!/usr/bin/env python3
"""The peer: the same architecture in PyTorch, compiled, one configuration. Prints one line of JSON.

    peer_torch.py --phase 16bit|ternary --micro-batch N [--micro-steps 8] [--residual fp32|bf16]
                  [--ranks N --sharing ddp|fsdp2] [--compile whole|block|no] [--only-compile N]
                  [--model olmo_1b] [--device cuda] [--steps 3]

bf16 autocast over fp32 weights, causal scaled_dot_product_attention, fused AdamW and a clip at 1. ternary is BitLinear:
weights by their mean, activations by their largest magnitude, an inner LayerNorm, straight-through gradients. --residual
bf16 has the residual stream and its gradient in bf16, as OLMo's own mixed precision and our model.residual: BF16.

Whole steps of --micro-steps micro-batches are timed, and the fastest counts; forward and backward, and the optimizer, are
also timed separately. Several ranks (peer_ranks.py) have a micro-batch each; the slowest rank counts.

--compile whole compiles the model and its loss as one graph, which is fastest on one GPU; block compiles each block and
is the default for several ranks. --only-compile N, as one of N processes at once, fills the cache that
TORCHINDUCTOR_CACHE_DIR names and exits: they fit a GPU together, because each may use only its share, and compiles both
passes before it begins the first.
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
import peer_ranks  # noqa: E402

MODELS = {
    "olmo_1b": olmo_torch.Shape(layers=16, width=2048, heads=16, hidden=8192, vocab=50280, vocab_padded=50304, context=2048),
    "tiny": olmo_torch.Shape(layers=2, width=64, heads=2, hidden=128, vocab=500, vocab_padded=512, context=64),
}
MEAN = olmo_torch.Quantizer("AbsMean", "AbsMax", 128, "LayerNorm", False)
olmo_torch.reference = None  # the formula itself, so that the package's Python overhead is not timed
COMPILING_GIB = 14           # most memory of a process that only compiles: the weights, and what it needs to begin


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phase", choices=("16bit", "ternary"), default="16bit")
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--micro-steps", type=int, default=8)
    parser.add_argument("--residual", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--sharing", choices=peer_ranks.KINDS, default="ddp")
    parser.add_argument("--compile", choices=("whole", "block", "no"))
    parser.add_argument("--only-compile", type=int, metavar="N", default=0)
    parser.add_argument("--model", choices=sorted(MODELS), default="olmo_1b")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=3)
    args = parser.parse_args()
    args.compile = args.compile or ("whole" if args.ranks == 1 else "block")
    if args.ranks > 1 and (args.only_compile or args.compile == "whole"):
        parser.error("ranks compile blocks, or nothing, and all at once")
    return args


def head_loss(x, weight, targets, eps):
    logits = F.linear(F.layer_norm(x, x.shape[-1:], eps=eps), weight)
    return F.cross_entropy(logits.view(-1, logits.shape[-1]).float(), targets, ignore_index=-100, reduction="sum")


class Trained(torch.nn.Module):
    """The model with its loss over one micro-batch of a step."""

    def __init__(self, args):
        super().__init__()
        self.olmo = olmo_torch.Olmo(MODELS[args.model], MEAN if args.phase == "ternary" else None)
        self.device_type, self.micro_steps = args.device, args.micro_steps
        self.stream = torch.bfloat16 if args.residual == "bf16" else torch.float32
        self.head = head_loss
        for p in self.parameters():
            torch.nn.init.normal_(p, 0, 0.02)
        if args.compile == "block":
            self.head = torch.compile(head_loss, dynamic=False)
            for i, block in enumerate(self.olmo.blocks):
                self.olmo.blocks[i] = torch.compile(block, dynamic=False)
        elif args.compile == "whole":
            self.compile(dynamic=False)

    def forward(self, ids, targets):
        olmo = self.olmo
        with torch.autocast(self.device_type, dtype=torch.bfloat16):
            x = olmo.wte(ids).to(self.stream)
            for block in olmo.blocks:
                x = block(x, olmo.cos, olmo.sin)
            total = self.head(x, olmo.wte.weight, targets, olmo.shape.norm_eps)
        return total / (ids.numel() * self.micro_steps)


class Peer:
    def __init__(self, args, ranks):
        self.args, self.ranks = args, ranks
        shape = MODELS[args.model]
        torch.manual_seed(42)
        with torch.device(args.device):
            self.model = ranks.wrap(Trained(args))
        everybody = torch.randint(0, shape.vocab, (ranks.size * args.micro_batch, shape.context), generator=torch.Generator().manual_seed(43))
        self.ids = everybody[ranks.rank * args.micro_batch:][:args.micro_batch].to(args.device)
        self.targets = F.pad(self.ids[:, 1:], (0, 1), value=-100).reshape(-1)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.1,
                                           fused=args.device == "cuda")

    def accumulate(self, times, whole_step=True):
        """Forward and backward of `times` micro-batches. Unless whole_step, gradients are not synchronised between ranks."""
        for i in range(times):
            with self.ranks.last(self.model, whole_step and i + 1 == times):
                loss = self.model(self.ids, self.targets)
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
        """Milliseconds of the slowest rank."""
        self.wait()
        self.ranks.barrier()
        self.wait()
        begin = time.perf_counter()
        function(*args)
        self.wait()
        return self.ranks.slowest((time.perf_counter() - begin) * 1e3)

    def wait(self):
        if self.args.device == "cuda":
            torch.cuda.synchronize()


def cache_hits():
    from torch._dynamo.utils import counters
    return counters["aot_autograd"]["autograd_cache_hit"], counters["aot_autograd"]["autograd_cache_miss"]


def compile_both_at_once():
    """Compile the backward pass together with the forward pass, before either runs. Always, because it is part of the cache's key."""
    import torch._functorch.config as functorch
    functorch.force_non_lazy_backward_lowering = True


def name(args):
    how = {"whole": ", compiled", "block": ", compiled by block", "no": ""}[args.compile]
    return f"PyTorch {torch.__version__}{how}" + (f", {args.sharing}" if args.ranks > 1 else "")


def measure(args, ranks):
    if args.compile != "no":
        compile_both_at_once()
    peer = Peer(args, ranks)
    begin = time.perf_counter()
    for _ in range(2):  # compiles
        peer.step(2)
    peer.wait()
    warm_s = time.perf_counter() - begin
    whole = [peer.timed(peer.step, args.micro_steps) for _ in range(args.steps)]
    step_ms = min(whole)
    times = max(2, args.micro_steps // 2)
    forward_backward = peer.timed(peer.accumulate, times, False) / times
    peer.accumulate(1)  # synchronised gradients for the update
    update = min(peer.timed(peer.update) for _ in range(3))
    peer.optimizer.zero_grad(set_to_none=True)
    loss = ranks.mean(peer.step(1).item() * args.micro_steps)
    cuda = args.device == "cuda"
    hits, misses = cache_hits()
    if ranks.rank > 0:
        return
    tokens = peer.ids.numel() * args.micro_steps  # of one rank
    print(json.dumps({
        "peer": name(args), "model": args.model, "phase": args.phase, "residual": args.residual, "ranks": ranks.size,
        "sharing": args.sharing if ranks.size > 1 else None, "micro_batch": args.micro_batch, "micro_steps": args.micro_steps,
        "forward_backward_ms": round(forward_backward, 3), "optimizer_ms": round(update, 3), "step_ms": round(step_ms, 3),
        "slowest_step_ms": round(max(whole), 3), "warm_s": round(warm_s, 1), "cached": hits, "compiled": misses,
        "tokens_per_s": round(tokens / step_ms * 1e3, 1), "loss": round(loss, 4),
        "memory_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if cuda else None,
        "device": torch.cuda.get_device_name() if cuda else "cpu",
    }), flush=True)


def only_compile(args, ranks):
    compile_both_at_once()
    if args.device == "cuda":
        total = torch.cuda.mem_get_info()[1]
        torch.cuda.set_per_process_memory_fraction(min(0.9 / args.only_compile, COMPILING_GIB * 2**30 / total))
    peer, begin = Peer(args, ranks), time.perf_counter()
    try:
        peer.model(peer.ids, peer.targets)
        peer.wait()
    except torch.OutOfMemoryError:
        pass  # it had begun to run, so everything is compiled
    hits, misses = cache_hits()
    print(json.dumps({"phase": args.phase, "micro_batch": args.micro_batch, "residual": args.residual, "compiled": misses, "cached": hits,
                      "compile_s": round(time.perf_counter() - begin, 1)}), flush=True)


def main():
    args = arguments()
    if args.device == "cuda" and torch.cuda.device_count() < args.ranks:
        print(f"skipped: PyTorch sees {torch.cuda.device_count()} GPUs")
        return 77
    try:
        if args.ranks > 1:
            peer_ranks.start(measure, args)
        else:
            (only_compile if args.only_compile else measure)(args, peer_ranks.Alone())
    except (torch.OutOfMemoryError, torch.multiprocessing.ProcessRaisedException) as e:
        said = [line for line in str(e).splitlines() if "OutOfMemory" in line or "out of memory" in line]
        if not said:
            raise
        print(json.dumps({"phase": args.phase, "micro_batch": args.micro_batch, "does_not_fit": said[-1][:200]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
