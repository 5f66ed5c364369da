"""Repeats test_adamw's trace with torch.optim.AdamW, clip_grad_norm_ and OLMo's schedule, and compares.

With bf16 moments each step starts from the rounded moments, is torch's step in f32, and rounds the moments again. The random bits are
computed here in integer arithmetic of Python and numpy, by the formula of kernels/stochastic_rounding.h.
"""
import math
import struct
import sys

try:
    import numpy as np
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

PEAK, WARMUP, STEPS_IN_ALL = 3e-3, 6, 20
START, FINAL = 0.1 * PEAK, 0.1 * PEAK
SEED = 6198  # model.init_seed
NAMES = ("exp_avg", "exp_avg_sq")


def olmo_lr(step):
    if step < WARMUP:
        return START + (PEAK - START) * step / WARMUP
    if step >= STEPS_IN_ALL:
        return FINAL
    return FINAL + (PEAK - FINAL) * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS_IN_ALL - WARMUP))) / 2


def near(what, ours, theirs, tolerance):
    error = float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)))
    if not error <= tolerance:
        sys.exit(f"{what}: relative error {error:.3g}, more than {tolerance:.3g}")


# ---- moments of bf16

def words(update, count):
    """32 random bits per element."""
    mask = (1 << 64) - 1
    z = (SEED * 0xd1342543de82ef95 + update * 0x9e3779b97f4a7c15) & mask
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & mask
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & mask
    z ^= z >> 31
    low, high = np.uint32(z & 0xffffffff), np.uint32(z >> 32)
    x = np.arange(count, dtype=np.uint32) + low
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7feb352d)
    x ^= high
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846ca68b)
    return x ^ (x >> np.uint32(16))


def rounded(values, random):
    """Rounds to one of the two neighbouring bf16 values, chosen by the value's distance from them and 16 random bits."""
    scaled = values.astype("f8")
    unit = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(scaled), 2.0 ** -126))) - 7)
    below = np.floor(np.abs(scaled) / unit)
    up = (np.abs(scaled) / unit - below) * 65536 + random >= 65536
    return (np.copysign((below + up) * unit, scaled)).astype("f4")


def round_moments(optimizer, groups, update, count):
    """Rounds the moments of both groups, which are contiguous in the flat vector."""
    random, at = words(update, count), 0
    for group in groups:
        state, n = optimizer.state[group], group.numel()
        for name, bits in zip(NAMES, (random & np.uint32(0xffff), random >> np.uint32(16))):
            state[name].copy_(torch.from_numpy(rounded(state[name].numpy(), bits[at:at + n])))
        at += n


def same_but_few(what, ours, theirs):
    """Few values may differ, and none by much: f32 errors can move a value past the point where its random bits round it up."""
    other = ours != theirs
    far = np.abs(ours - theirs) > 2.0 ** -6 * np.abs(theirs) + 2.0 ** -8 * np.max(np.abs(theirs))
    if other.mean() > 0.003 or far.any():
        sys.exit(f"{what}: {other.mean():.2%} of the values are others, {far.sum()} of them far")


# ----

def main():
    file = open(sys.argv[1], "rb")
    steps, count, begin, end, bf16 = struct.unpack("<5q", file.read(40))
    beta2, = struct.unpack("<d", file.read(8))

    def floats():
        return np.frombuffer(file.read(4 * count), dtype="<f4").copy()

    def halves():
        return (np.frombuffer(file.read(2 * count), dtype="<u2").astype("<u4") << np.uint32(16)).view("<f4")

    start = torch.from_numpy(floats())
    # First the embedding, which does not decay, then the linears and the untied head, which do.
    groups = [torch.nn.Parameter(start[:begin].clone()), torch.nn.Parameter(start[begin:].clone())]
    assert end < count
    optimizer = torch.optim.AdamW(
        [{"params": [groups[0]], "weight_decay": 0.0}, {"params": [groups[1]], "weight_decay": 0.1}],
        lr=PEAK, betas=(0.9, beta2), eps=1e-5)
    clipped = 0
    for step in range(1, steps + 1):
        lr, norm = struct.unpack("<2d", file.read(16))
        grad = torch.from_numpy(floats())
        groups[0].grad, groups[1].grad = grad[:begin].clone(), grad[begin:].clone()
        near(f"lr of step {step}", np.array(lr), np.array(olmo_lr(step)), 1e-12)
        found = torch.nn.utils.clip_grad_norm_(groups, 1.0)
        near(f"norm of step {step}", np.array(norm), found.numpy().astype("f8"), 1e-6)
        clipped += norm > 1
        for group in optimizer.param_groups:
            group["lr"] = olmo_lr(step)
        optimizer.step()
        if bf16:
            round_moments(optimizer, groups, step, count)
    if not 0 < clipped < steps:
        sys.exit(f"{clipped} of {steps} steps were clipped: the trace does not test both sides")
    near("weights", floats(), torch.cat(groups).detach().numpy(), 1e-4 if bf16 else 1e-6)
    for name in NAMES:
        theirs = torch.cat([optimizer.state[group][name] for group in groups]).numpy()
        if bf16:
            same_but_few(name, halves(), theirs)
        else:
            near(name, floats(), theirs, 1e-6)


main()
