#!/usr/bin/env python3
"""Whole runs of bitd with f32 operands against OLMo's own classes and `bitlinear`, through the switch.

    trajectory.py               BIT_BUILD names the build folder

The peer consists of published code: OLMo's model, IterableDataset, get_param_groups, AdamW and CosWithWarmup of the
package `ai2-olmo`, and the linears of the package `bitlinear`. Both start from the initial weights of OLMo's model.

1. Trajectories of 40 steps with the switch after 20. In the 16-bit phase losses and norms are as close to PyTorch's in
   f32 as that is to PyTorch's in f64; the first ternary step is as close to f64 as a few codes on borders allow. After
   it f32 rounding flips codes in either program, and AdamW accumulates that: those figures are printed, not judged.
2. Single steps: loss and gradient of every ternary step from bitd's own weights before it, against PyTorch in f64, so
   that errors do not accumulate. Ours come from the run: the loss from the journal, the clipped gradient from the moments
   of two checkpoints. The medians over all cases are compared with PyTorch's own error in f32 from the same weights.
"""
import math
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "run"), os.path.dirname(HERE)]
import olmo_package  # noqa: E402
from fixture import Daemon, skip  # noqa: E402

try:
    import bitlinear
    import numpy as np
    import torch
    from safetensors.numpy import load_file, save_file
except ImportError as missing:
    skip(missing)

loaded = olmo_package.load("olmo.config", "olmo.model", "olmo.optim", "olmo.data.iterable_dataset", "olmo.data.memmap_dataset")
if loaded is None:
    sys.exit(77)
config, model, optim, iterable_dataset, memmap_dataset = loaded

STEPS, SWITCH, WARMUP, PEAK, BATCH, CONTEXT = 40, 20, 8, 2e-3, 8, 48
WIDTH, HEADS, LAYERS, HIDDEN, VOCAB = 96, 3, 3, 192, 256
LIMIT_16BIT = {"loss": 3e-7, "norm": 1e-6}  # relative, over the first 20 steps
# f32 may round a value on a border between codes either way, once in some ten steps here; it changes the loss by 1e-5.
LIMIT_FIRST_TERNARY = {"loss": 5e-5, "norm": 5e-4}
PEER_FACTOR = 2  # between medians over 100 steps, which such codes change by some 40% either way

class Case:
    def __init__(self, name, tied=True, weight="MEDIAN", norm="LAYERNORM", granularity="FUSED", clip=None):
        self.name, self.tied, self.weight, self.norm, self.granularity = name, tied, weight, norm, granularity
        self.clip = clip


CASES = [
    Case("tied, LayerNorm, fused"),
    Case("untied, LayerNorm, fused", tied=False),
    Case("RMSNorm, fused", weight="MEAN", norm="RMSNORM"),
    Case("LayerNorm, by projection", granularity="PROJECTION"),
    Case("RMSNorm, by projection", weight="MEAN", norm="RMSNORM", granularity="PROJECTION"),
]


# ---- bitd's run


def write_spec(daemon, case, weights):
    save_file(weights, os.path.join(daemon.dir, "start.safetensors"))
    path = os.path.join(daemon.dir, "trajectory.txtpb")
    with open(path, "w") as f:
        f.write("""
name: "trajectory"
model {{ layers: {layers} width: {width} heads: {heads} mlp_hidden: {hidden} vocab: {vocab} vocab_padded: {vocab}
        context: {context} tied: {tied} operands: FP32 init_from: "start.safetensors" }}
data {{ train: "train.npy" seed: 7 }}
batch {{ instances: {batch} micro_instances: 4 }}
schedule {{ steps: {steps} peak_lr: {peak} warmup_steps: {warmup} }}
phases {{ switch {{ at_step: {switch} optimizer: KEEP }} }}
quantizer {{ weight_measure: {weight} activation_measure: ABSMAX activation_levels: 128 inner_norm: {norm}
            granularity: {granularity} }}
checkpoint {{ every: 1 keep_last: 64 }}
launch {{ backend: CPU ranks: 2 threads: 1 }}
""".format(layers=LAYERS, width=WIDTH, heads=HEADS, hidden=HIDDEN, vocab=VOCAB, context=CONTEXT, batch=BATCH, steps=STEPS,
           peak=PEAK, warmup=WARMUP, switch=SWITCH, tied=str(case.tied).lower(), weight=case.weight, norm=case.norm,
           granularity=case.granularity))
    return path


class OurRun:
    """The results of bitd's run: (loss, norm) by step, and its checkpoints."""

    def __init__(self, daemon, spec):
        self.run = daemon.submit(spec)
        daemon.finish(self.run)
        self.steps = daemon.losses(self.run)
        self.folder = os.path.join(daemon.state, "runs", self.run, "checkpoints")
        assert sorted(self.steps) == list(range(1, STEPS + 1)), "the journal has steps %s" % sorted(self.steps)

    def tensors(self, step, what="model"):
        return load_file(os.path.join(self.folder, "step-%08d" % step, what + ".safetensors"))

    def clipped_gradient(self, step):
        """exp_avg(step) = beta1 exp_avg(step - 1) + (1 - beta1) gradient, in f32."""
        before, after = self.tensors(step - 1, "exp_avg"), self.tensors(step, "exp_avg")
        return {name: (after[name].astype("f8") - 0.9 * before[name].astype("f8")) / 0.1 for name in after}


# ---- the peer


def make_model(case, weights, dtype):
    """OLMo's model. weights: OLMo's state dict; None for its own initial weights."""
    cfg = config.ModelConfig(
        d_model=WIDTH, n_heads=HEADS, n_layers=LAYERS, mlp_hidden_size=2 * HIDDEN, vocab_size=VOCAB, embedding_size=VOCAB,
        max_sequence_length=CONTEXT, activation_type=config.ActivationType.swiglu, block_type=config.BlockType.sequential,
        rope=True, rope_full_precision=False, attention_dropout=0.0, residual_dropout=0.0, embedding_dropout=0.0,
        include_bias=False, bias_for_layer_norm=False, attention_layer_norm=False, layer_norm_with_affine=False,
        layer_norm_type=config.LayerNormType.default, weight_tying=case.tied, multi_query_attention=False, clip_qkv=case.clip,
        init_device="cpu")
    made = model.OLMo(cfg)
    if weights is None:
        return made
    made.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()}, strict=True)
    return made.to(dtype)


def draw(case):
    torch.manual_seed(1)
    return {name: w.numpy() for name, w in make_model(case, None, torch.float32).state_dict().items()}


class ByProjection(torch.nn.Module):
    """OLMo's fused matrix, split into its linears, each a BitLinear with its own scale."""

    def __init__(self, linears):
        super().__init__()
        self.linears = torch.nn.ModuleList(linears)

    def forward(self, x):
        return torch.cat([linear(x) for linear in self.linears], dim=-1)


def rms_norm(x):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


def settings(case):
    return {"weight_measure": {"MEDIAN": "AbsMedian", "MEAN": "AbsMean"}[case.weight], "activation_measure": "AbsMax",
            "norm": {"LAYERNORM": "LayerNorm", "RMSNORM": rms_norm}[case.norm]}


def make_ternary(made, case):
    """Replace the four linears of each block by ternary ones with the same weights."""
    bitlinear.bitlinearize(made, replacements=[{"match_name": r"\.blocks\.", **settings(case)}])
    if case.granularity == "FUSED":
        return made
    for block in made.transformer.blocks:
        block.att_proj = split(block.att_proj, 3, case)
        block.ff_proj = split(block.ff_proj, 2, case)
    return made


def split(fused, parts, case):
    linears = []
    for weight in fused.weight.detach().chunk(parts):
        linear = bitlinear.BitLinear(weight.shape[1], weight.shape[0], bias=False, **settings(case)).to(weight.dtype)
        linear.weight.data = weight.clone()
        linears.append(linear)
    return ByProjection(linears)


def gradients(made):
    """name in OLMo's state dict -> gradient."""
    found = {}
    for name, p in made.named_parameters():
        found.setdefault(name.split(".linears.")[0].removesuffix(".weight") + ".weight", []).append(p.grad.double().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def loss_of(made, ids):
    """The loss of OLMo's trainer: summed over the targets inside the instances, divided by all positions."""
    logits = made(ids).logits[:, :-1].reshape(-1, VOCAB)
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:].reshape(-1), reduction="sum") / ids.numel()


def batches(folder):
    data = memmap_dataset.MemMapDataset(os.path.join(folder, "train.npy"), chunk_size=CONTEXT, memmap_dtype=np.uint16)
    rows = iter(iterable_dataset.IterableDataset(data, BATCH, seed=7, epoch=0, drop_last=True, world_size=1, rank=0,
                                                 fs_local_rank=0, num_threads=0))
    return [torch.stack([next(rows)["input_ids"] for _ in range(BATCH)]) for _ in range(STEPS)]


def make_optimizer(made):
    cfg = type("TrainConfig", (), {"max_grad_norm": 1.0, "max_grad_norm_ratio": None, "optimizer": config.OptimizerConfig(
        decay_norm_and_bias=False, decay_embeddings=False)})()
    return optim.AdamW(optim.get_param_groups(cfg, made), lr=PEAK, betas=(0.9, 0.95), weight_decay=0.1, eps=1e-5)


def clip(optimizer, step, made, dtype):
    """Clip gradients and return their norm: by OLMo's own function, which works only in f32, or by torch's in f64."""
    if dtype == torch.float32:
        return optimizer.clip_grads_and_collect_metrics(step, collect_param_metrics=True)["total_grad_norm"]
    return torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)


def trajectory(case, weights, ids, dtype, switch=SWITCH):
    """(loss, norm) by step; ternary after `switch`."""
    made, found = make_model(case, weights, dtype), []
    optimizer = make_optimizer(made)
    schedule = optim.CosWithWarmup(grad_clip_warmup_steps=None, grad_clip_warmup_factor=None, warmup_min_lr=None,
                                   warmup_steps=WARMUP, alpha_f=0.1, t_max=STEPS)
    for step in range(1, STEPS + 1):
        if step == switch + 1:
            made = ternary_with_state(made, case, optimizer)
        for group in optimizer.param_groups:
            group["lr"] = schedule.get_lr(PEAK, step, STEPS)
        optimizer.zero_grad()
        loss = loss_of(made, ids[step - 1])
        loss.backward()
        norm = clip(optimizer, step, made, dtype)
        optimizer.step()
        found.append((loss.item(), float(norm)))
    return found


def ternary_with_state(made, case, optimizer):
    """Make the model ternary and keep the optimizer's state: it is moved to the parameters that replace the old ones."""
    before = dict(made.named_parameters())
    make_ternary(made, case)
    after = {id(before[name]): p for name, p in made.named_parameters()}
    for group in optimizer.param_groups:
        group["params"] = [after[id(p)] for p in group["params"]]
    optimizer.state = type(optimizer.state)(optimizer.state.default_factory,
                                            {after[id(p)]: state for p, state in optimizer.state.items()})
    return made


def single_step(case, weights, ids, dtype, ternary=True):
    """Loss and clipped gradient of one step."""
    made = make_model(case, weights, dtype)
    if ternary:
        make_ternary(made, case)
    loss = loss_of(made, ids)
    loss.backward()
    found = gradients(made)
    norm = math.sqrt(sum((g ** 2).sum() for g in found.values()))
    clip = min(1.0, 1.0 / (norm + 1e-6))
    return loss.item(), {name: g * clip for name, g in found.items()}


# ---- comparisons


def relative(a, b):
    return abs(a - b) / abs(b)


def farthest(ours, theirs, first, last):
    """[largest relative difference of the loss, of the norm] over steps first to last."""
    return [max(relative(ours[s - 1][i], theirs[s - 1][i]) for s in range(first, last + 1)) for i in (0, 1)]


def compare_trajectories(case, ours, weights, ids):
    ours = [ours.steps[s] for s in range(1, STEPS + 1)]
    f32, f64 = (trajectory(case, weights, ids, dtype) for dtype in (torch.float32, torch.float64))
    wrong = []
    for first, last in ((1, SWITCH), (SWITCH + 1, SWITCH + 1), (SWITCH + 2, STEPS)):
        mine, exact, peer = farthest(ours, f32, first, last), farthest(ours, f64, first, last), farthest(f32, f64, first, last)
        print("%-26s %2d-%2d  loss %.1e %.1e %.1e   norm %.1e %.1e %.1e" % (
            case.name, first, last, mine[0], exact[0], peer[0], mine[1], exact[1], peer[1]), flush=True)
        if last == SWITCH:
            wrong += ["%s: %s of steps %d to %d: %.1e, more than %.0e" % (case.name, what, first, last, found, LIMIT_16BIT[what])
                      for what, found in zip(LIMIT_16BIT, mine) if not found <= LIMIT_16BIT[what]]
        if first == last:
            wrong += ["%s: %s of step %d: %.1e from f64, more than %.0e" % (case.name, what, first, found, limit)
                      for (what, limit), found in zip(LIMIT_FIRST_TERNARY.items(), exact) if not found <= limit]
    return wrong


def worst_tensor(ours, theirs):
    return max(np.linalg.norm(ours[name] - theirs[name]) / np.linalg.norm(theirs[name]) for name in theirs)


def step_errors(case, ours, ids, first=SWITCH + 1, ternary=True):
    """"loss" and "gradient" -> [(our, PyTorch's f32) relative differences from f64] of each step."""
    found = {"loss": [], "gradient": []}
    for step in range(first, STEPS + 1):
        weights = ours.tensors(step - 1)
        loss64, gradient64 = single_step(case, weights, ids[step - 1], torch.float64, ternary)
        loss32, gradient32 = single_step(case, weights, ids[step - 1], torch.float32, ternary)
        found["loss"].append((relative(ours.steps[step][0], loss64), relative(loss32, loss64)))
        found["gradient"].append((worst_tensor(ours.clipped_gradient(step), gradient64), worst_tensor(gradient32, gradient64)))
    return found


def report_steps(name, what, pairs):
    """Print the figures and return the medians: (ours, PyTorch's)."""
    mine, theirs = zip(*pairs)
    medians = statistics.median(mine), statistics.median(theirs)
    print("%-26s each   %-8s median %.1e, PyTorch %.1e   most %.1e, %.1e" % (name, what, *medians, max(mine), max(theirs)),
          flush=True)
    return medians


def main():
    torch.set_num_threads(1)
    print("PyTorch %s; relative distances: ours to its f32, ours to f64, its f32 to f64" % torch.__version__)
    wrong, all_steps = [], {}
    with Daemon() as daemon:
        ids = batches(daemon.dir)
        for case in CASES:
            weights = draw(case)
            ours = OurRun(daemon, write_spec(daemon, case, weights))
            if case.granularity == "FUSED":
                wrong += compare_trajectories(case, ours, weights, ids)
            for what, pairs in step_errors(case, ours, ids).items():
                report_steps(case.name, what, pairs)
                all_steps.setdefault(what, []).extend(pairs)
    for what, pairs in all_steps.items():
        mine, theirs = report_steps("all", what, pairs)
        if not mine <= PEER_FACTOR * theirs:
            wrong.append("single steps, %s: median %.1e, PyTorch's %.1e" % (what, mine, theirs))
    print("\n".join(wrong) if wrong else "all within")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
