"""Every shape of the learning rate against independent formulas: OLMo's scheduler classes (ai2-olmo), PyTorch's
schedulers, and numpy if neither has the shape. Usage: schedules.py SCHEDULE_DUMP

Each step's rate is compared, to the precision of a double.
"""
import importlib.util
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import olmo_package  # noqa: E402

for missing in ("torch", "numpy"):
    if importlib.util.find_spec(missing) is None:
        print(f"skipped: Python has no {missing}")
        sys.exit(77)
import numpy  # noqa: E402
import torch  # noqa: E402

STEPS, WARMUP, PEAK = 400, 50, 3e-4
CLOSE = 1e-14  # of the largest rate: near the end digits cancel, and PyTorch multiplies from step to step
failures = 0


def ours(text):
    """(learning rates, weight decays) of all steps, from 1."""
    with tempfile.NamedTemporaryFile("w", suffix=".txtpb") as spec:
        spec.write('model { preset: "olmo_20m" } data { train: "/a" }\n' + text)
        spec.flush()
        out = subprocess.run([sys.argv[1], spec.name], capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"{text}: {out.stderr}")
    rows = [line.split() for line in out.stdout.splitlines()]
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    return numpy.array([float(row[1]) for row in rows]), numpy.array([float(row[2]) for row in rows])


def expect(what, got, want):
    global failures
    want = numpy.asarray(want, dtype=float)
    off = numpy.abs(got - want) / numpy.max(want)
    if got.shape == want.shape and off.max() <= CLOSE:
        print(f"ok  {what}: {len(got)} steps, at most {off.max():.1e} off")
        return
    failures += 1
    worst = int(off.argmax())
    print(f"BAD {what}: step {worst + 1} has {got[worst]:.17g}, expected {want[worst]:.17g}")


def schedule(shape, more="", after=""):
    return (f"schedule {{ shape: {shape} steps: {STEPS} warmup_steps: {WARMUP} peak_lr: {PEAK} {more} }} {after}")


def by_torch(*parts, ends):
    """The rates by torch.optim.lr_scheduler: the parts in sequence, each after the first beginning after the step in `ends`."""
    lr = torch.optim.lr_scheduler
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    chain = lr.SequentialLR(optimizer, [part(lr, optimizer) for part in parts], milestones=list(ends))
    rates = []
    for _ in range(STEPS + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        chain.step()
    return rates[1:]


def warm(lr, optimizer):
    return lr.LinearLR(optimizer, start_factor=0.1, end_factor=1.0, total_iters=WARMUP)


def compare_torch():
    rest = STEPS - WARMUP
    expect("LINEAR beside PyTorch's LinearLR", ours(schedule("LINEAR"))[0],
           by_torch(warm, lambda lr, o: lr.LinearLR(o, 1.0, 0.1, total_iters=rest), ends=[WARMUP]))
    expect("CONSTANT beside PyTorch's ConstantLR", ours(schedule("CONSTANT"))[0],
           by_torch(warm, lambda lr, o: lr.ConstantLR(o, 1.0, total_iters=1), ends=[WARMUP]))
    expect("WSD beside PyTorch's LinearLR after ConstantLR", ours(schedule("WSD", "decay_steps: 80"))[0],
           by_torch(warm, lambda lr, o: lr.ConstantLR(o, 1.0, total_iters=1),
                    lambda lr, o: lr.LinearLR(o, 1.0, 0.1, total_iters=80), ends=[WARMUP, STEPS - 80]))


def compare_olmo():
    loaded = olmo_package.load("olmo.optim")
    if loaded is None:
        return
    optim = loaded[0]
    common = {"grad_clip_warmup_steps": None, "grad_clip_warmup_factor": None, "warmup_min_lr": None}

    def rates(scheduler, first=1):
        return [scheduler.get_lr(PEAK, step, STEPS) for step in range(first, STEPS + 1)]

    cosine = optim.CosWithWarmup(**common, warmup_steps=WARMUP, alpha_f=0.1)
    linear = optim.LinearWithWarmup(**common, warmup_steps=WARMUP, alpha_f=0.1)
    longer = optim.CosWithWarmup(**common, warmup_steps=WARMUP, alpha_f=0.02, t_max=7 * STEPS)
    shorter = optim.LinearWithWarmup(**common, warmup_steps=WARMUP, alpha_f=0.02, t_max=STEPS // 2)
    constant = optim.ConstantWithWarmupScheduler(**common, warmup_steps=WARMUP)
    expect("COSINE beside OLMo's", ours(schedule("COSINE"))[0], rates(cosine))
    expect("LINEAR beside OLMo's", ours(schedule("LINEAR"))[0], rates(linear))
    expect("CONSTANT beside OLMo's", ours(schedule("CONSTANT"))[0], rates(constant))
    expect("a longer COSINE beside OLMo's", ours(schedule("COSINE", f"final: 0.02 cosine_steps: {7 * STEPS}"))[0],
           rates(longer))
    expect("a shorter LINEAR beside OLMo's", ours(schedule("LINEAR", f"final: 0.02 cosine_steps: {STEPS // 2}"))[0],
           rates(shorter))
    for name, inner in (("COSINE", cosine), ("LINEAR", linear)):
        sw = "phases { switch { at_step: 150 optimizer: RESET lr: REWARM rewarm_steps: 60 lr_factor: 0.25 } }"
        bolted = optim.BoltOnWarmupScheduler.wrap(inner, 150, 210)
        want = [inner.get_lr(PEAK, step, STEPS) for step in range(1, 151)]
        want += [0.25 * rate for rate in rates(bolted, 151)]
        expect(f"{name}, rewarmed after the switch to a quarter, beside OLMo's", ours(schedule(name, after=sw))[0], want)


def compare_numpy():
    t = numpy.arange(1, 2001)
    for name, first, second in (("700m", 1.5e-3, 1e-3), ("1b3", 1.2e-3, 8e-4), ("3b", 1.2e-3, 6.4e-4), ("7b", 1e-3, 6e-4)):
        rate, decay = ours(f'schedule {{ preset: "b158_{name}" steps: 2000 }}')
        peak = numpy.where(t <= 1000, first, second)
        expect(f"b158_{name}'s rate", rate, numpy.interp(t, [0, 375, 2000], [0, 1, 0]) * peak)
        expect(f"b158_{name}'s weight decay", decay, numpy.where(t <= 1000, 0.1, 0))
    t = numpy.arange(1, STEPS + 1)
    decay = "stage { at_step: 120 weight_decay: 0.02 }"
    expect("weight decay from a step on", ours(schedule("CONSTANT", decay))[1], numpy.where(t <= 120, 0.1, 0.02))
    expect("a rate that such a stage leaves alone", ours(schedule("COSINE", decay))[0], ours(schedule("COSINE"))[0])
    sw = "phases { switch { at_step: 60 weight_decay: 0.01 lr_factor: 2 } }"
    expect("the switch's weight decay", ours(schedule("CONSTANT", after=sw))[1], numpy.where(t <= 60, 0.1, 0.01))
    warmed = numpy.minimum(0.1 + 0.9 * t / WARMUP, 1) * PEAK
    expect("the switch's factor", ours(schedule("CONSTANT", after=sw))[0], numpy.where(t <= 60, 1, 2) * warmed)


compare_numpy()
compare_torch()
compare_olmo()
sys.exit(failures > 0)
