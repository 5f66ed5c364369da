"""Do what test_adamw wrote down again with torch.optim.AdamW, clip_grad_norm_ and OLMo's schedule, and compare."""
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


def main():
    file = open(sys.argv[1], "rb")
    steps, count, begin, end = struct.unpack("<4q", file.read(32))

    def floats():
        return np.frombuffer(file.read(4 * count), dtype="<f4").copy()

    start = torch.from_numpy(floats())
    # The embedding in front, then the linears and the untied head, which decay.
    groups = [torch.nn.Parameter(start[:begin].clone()), torch.nn.Parameter(start[begin:].clone())]
    assert end < count
    optimizer = torch.optim.AdamW(
        [{"params": [groups[0]], "weight_decay": 0.0}, {"params": [groups[1]], "weight_decay": 0.1}],
        lr=PEAK, betas=(0.9, 0.95), eps=1e-5)
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
    if not 0 < clipped < steps:
        sys.exit(f"{clipped} of {steps} steps were clipped: the trace does not test both sides")
    near("weights", floats(), torch.cat(groups).detach().numpy(), 1e-6)
    for name in ("exp_avg", "exp_avg_sq"):
        near(name, floats(), torch.cat([optimizer.state[group][name] for group in groups]).numpy(), 1e-6)


main()
