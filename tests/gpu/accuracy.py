"""What data gradients of int8 (quantizer.data_gradient: INT8) change in a run through a switch: losses, codes, gradients.

The runs with bf16 and with int8 begin with the same checkpoint, the one before the switch. Other runs with bf16 show what differences
mean: two that also begin with it, one with other micro-batches, so that only last bits of sums differ, and one with other batches; and a
run with another seed, which has a twin with int8.
"""
import dataclasses
import os
import statistics

import runs
from report import json_lines, run, tail

KINDS = ("att_proj", "attn_out", "ff_proj", "ff_out")
LOSS_PERCENT, FLIP_PERCENT = 1.0, 10.0  # int8's from bf16's, at most
TURN, NORM_PERCENT = 0.01, 2.0          # the same of gradients: 1 - cosine, and the norm
WAYS = ("next", "int8", "bf16", "bf16", "f32")


@dataclasses.dataclass
class Size:
    model: str
    context: int
    instances: int  # of a step
    micro: int
    other_micro: int
    at: int         # the last 16-bit step
    steps: int
    every: int      # steps between checkpoints, and between evaluations
    last: int       # steps at the end whose mean loss is compared


FULL = Size('preset: "olmo_20m" context: 512', 512, 32, 16, 8, 200, 800, 100, 50)
SMALL = Size(runs.SMALL, 64, 8, 4, 2, 20, 80, 20, 20)


def int8_gradients(report, host, bed):
    size = SMALL if host.small else FULL
    host.tokens, held = split(host.tokens, bed.dir, 2 * size.instances * size.context)
    trained = train(report, host, bed, size, held)
    losses(report, trained, size)
    step_flips(report, trained)
    try:
        import codes
    except ImportError as e:
        report.skip("codes", str(e))
    else:
        code_changes(report, codes, trained, size)
    gradients(report, host, size, held, "at the switch", trained["bf16"].checkpoint[size.at])
    gradients(report, host, size, held, "at the end of bf16", trained["bf16"].checkpoint[size.steps])
    gradients(report, host, size, held, "at the end of int8", trained["int8"].checkpoint[size.steps])


def split(path, folder, held):
    """(training tokens, held-out tokens): the file of 2-byte ids without its last `held` ids, and those."""
    with open(path, "rb") as f:
        ids = f.read()
    paths = os.path.join(folder, "trained-on.npy"), os.path.join(folder, "held-out.npy")
    for to, part in zip(paths, (ids[:-2 * held], ids[-2 * held:])):
        with open(to, "wb") as f:
            f.write(part)
    return paths


# ---- the runs


class Trained:
    """The results of a finished run; checkpoint: step -> folder. A fork has its parent's checkpoint at the switch."""

    def __init__(self, bed, run, size, parent=None):
        self.steps = bed.steps_of(run)
        ready = bed.ready(run)[0]
        self.begins, self.is_int8 = ready["weights_digest"], "ternary data gradients in int8" in ready["backend"]
        marks = range(size.at + size.every if parent else size.at, size.steps + 1, size.every)
        self.checkpoint = {step: bed.checkpoint(run, step)["path"] for step in marks}
        if parent:
            self.checkpoint[size.at] = parent.checkpoint[size.at]
        evaluated = [e["evaluated"] for e in bed.events(run) if "evaluated" in e]
        self.held = next(e["loss"] for e in evaluated if e["after_step"] == size.steps and e["precision"] == "ternary")
        self.loss = statistics.fmean(self.steps[s]["loss"] for s in range(size.steps - size.last + 1, size.steps + 1))
        flips = [e["flip_rate"] for e in self.steps.values() if "flip_rate" in e]
        self.flips = 100 * statistics.fmean(flips[-size.last:])


def train(report, host, bed, size, held):
    """name -> Trained, of all runs."""
    def beginning(name, seed):
        path = bed.run_spec(name, host.backend, steps=size.steps, at_step=size.at, every=size.every, model=size.model, instances=size.instances,
                            micro=size.micro)
        with open(path, "a") as f:
            f.write(f'eval {{ set {{ name: "held" path: "{held}" }} every: {size.every} instances: {2 * size.instances} }}\n')
        sets = ("checkpoint.keep_last=1000", f"model.init_seed={seed}", f"data.seed={seed}", f"schedule.warmup_steps={size.at // 4}")
        run = bed.submit(path, *(word for s in sets for word in ("--set", s)))
        bed.finish(run)
        return run, Trained(bed, run, size)

    def fork(of, name, *sets):
        parent, results = of
        words = [word for s in sets for word in ("--set", s)]
        run = bed.ctl("fork", parent, "-q", "--from", str(size.at), "--name", name, *words, check=True)[1].strip()
        bed.finish(run)
        return Trained(bed, run, size, results)

    int8 = "quantizer.data_gradient=INT8"
    first, second = beginning("bf16", 7), beginning("seed", 8)
    trained = {
        "bf16": first[1],
        "int8": fork(first, "int8", int8),
        "other sums": fork(first, "sums", f"batch.micro_instances={size.other_micro}"),
        "other batches": fork(first, "batches", "data.seed=9"),
        "other seed": second[1],
        "other seed, int8": fork(second, "seed-int8", int8),
    }
    switch = [bed.checkpoint(of[0], size.at)["weights_digest"] for of in (first, second)]
    forks = [(name, run.begins, switch[name.startswith("other seed")]) for name, run in trained.items() if name not in ("bf16", "other seed")]
    report.check(f"{size.steps} steps, {size.at} of them in 16-bit", all(begins == of for _, begins, of in forks),
                 f"{len(forks)} forks of 2 runs", "each begins with the weights of the switch")
    report.check("  data gradients of int8", all(run.is_int8 == ("int8" in name) for name, run in trained.items()),
                 ", ".join(name for name, run in trained.items() if run.is_int8), "in the runs named so")
    return trained


def told(trained, value, digits, names=None):
    return ", ".join(f"{name} {value(trained[name]):.{digits}f}" for name in names or trained)


# ---- losses and codes


def losses(report, trained, size):
    for what, of in ((f"mean loss of the last {size.last} steps", lambda t: t.loss), ("held-out loss", lambda t: t.held)):
        report.add(what, "ok", told(trained, of, 4), "told only", accuracy={name: of(t) for name, t in trained.items()})
        for name, int8 in (("bf16", "int8"), ("other seed", "other seed, int8")):
            change = of(trained[int8]) / of(trained[name]) - 1
            report.at_most(f"  {int8}: from bf16's, {100 * change:+.3f} %", 100 * abs(change), LOSS_PERCENT, " %")


def step_flips(report, trained):
    report.add("codes that a step changes, %", "ok", told(trained, lambda t: t.flips, 4), "told only", accuracy={name: t.flips for name, t in trained.items()})


def kind_of(name):
    return name.split(".")[-2]


def differing(a, b):
    """Percent of the codes that differ: of each kind of matrix, and of all."""
    share = {}
    for kind in KINDS + ("all",):
        names = [name for name in a if kind in ("all", kind_of(name))]
        share[kind] = 100 * sum(int((a[name] != b[name]).sum()) for name in names) / sum(a[name].size for name in names)
    return share


def code_changes(report, codes, trained, size):
    """Two figures: how many codes a run changes between its own checkpoints, and how many differ between two runs at the same step."""
    marks = range(size.at, size.steps + 1, size.every)
    changed = {name: [] for name in trained}
    apart = {name: [] for name in trained if name != "bf16"}
    before = {}
    for step in marks:
        now = {name: codes.codes(os.path.join(t.checkpoint[step], "model.safetensors"), "median", False) for name, t in trained.items()}
        for name in before:
            changed[name].append(differing(before[name], now[name]))
        for name, found in apart.items():
            found.append(differing(now["other seed" if name == "other seed, int8" else "bf16"], now[name]))
        before = now
    means = {name: {kind: statistics.fmean(c[kind] for c in found) for kind in KINDS + ("all",)} for name, found in changed.items()}
    for kind in KINDS + ("all",):
        report.add(f"codes of {kind} changed in {size.every} steps, %", "ok", ", ".join(f"{name} {mean[kind]:.2f}" for name, mean in means.items()),
                   "told only", accuracy={name: [c[kind] for c in found] for name, found in changed.items()})
    for name, int8 in (("bf16", "int8"), ("other seed", "other seed, int8")):
        far = max((means[int8][kind] / means[name][kind] - 1 for kind in KINDS + ("all",)), key=abs)
        report.at_most(f"  {int8}: from bf16's, the kind that differs most, {100 * far:+.2f} %", 100 * abs(far), FLIP_PERCENT, " %")
    for k, step in enumerate(marks):
        report.add(f"codes that differ from bf16's after step {step}, %", "ok", ", ".join(f"{name} {found[k]['all']:.2f}" for name, found in apart.items()),
                   "told only; the last: from the other seed's", accuracy={name: found[k] for name, found in apart.items()})
    end = {name: found[-1]["all"] for name, found in apart.items()}
    report.check("  at the end, fewer by int8 than by other batches", end["int8"] < end["other batches"],
                 f"{end['int8']:.2f} and {end['other batches']:.2f} %", "fewer")


# ---- gradients


def gradients(report, host, size, held, what, checkpoint):
    """Rows for the gradients of held-out tokens at the checkpoint's weights."""
    folder = os.path.join(report.out, what.replace(" ", "-"))
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, "gradient_cosines.log")
    command = [os.path.join(host.build, "tests", "gpu", "gradient_cosines"), "--instances", str(size.instances), "--micro-batch", str(size.micro),
               "--set", f"launch.backend={host.backend}", "--set", f"launch.threads={host.cpu_threads}", *(("--dump", folder) if host.small else ()),
               checkpoint, held, *WAYS]
    code, out = run(command, log, report.left(120))
    lines = json_lines(out)
    if code != 0 or not lines:
        report.add(f"gradients {what}", "FAILED", f"exit {code}: {tail(log)}")
        return
    found = {(line["range"], line["i"], line["j"]): line for line in lines if "range" in line}
    loss = [line["loss"] for line in lines if "way" in line]
    if host.small:
        by_numpy(report, folder, found)
    told_gradients(report, what, found, loss)


def told_gradients(report, what, found, loss):
    ranges = list(dict.fromkeys(name for name, _, _ in found))
    following, int8, bf16, again, f32 = range(len(WAYS))
    same = all(found[name, bf16, again]["cosine"] == 1 and found[name, bf16, again]["difference"] == 0 for name in ranges)
    report.check(f"gradients {what}: bf16 twice, and the loss of int8", same and loss[bf16] == loss[again] == loss[int8],
                 f"loss {loss[bf16]:.5f}, {loss[f32]:.5f} in f32", "the same bits", accuracy=list(found.values()))
    report.check("  int8", found["all", int8, bf16]["difference"] > 0, f"{found['all', int8, bf16]['difference']:.2g} from bf16's", "another gradient")
    for name in ["all"] + [name for name in ranges if name.startswith("layer")]:
        turn = {(i, j): f"{1 - found[name, i, j]['cosine']:.2g}" for i, j in ((int8, bf16), (bf16, f32), (int8, f32), (following, bf16))}
        pair = found[name, int8, bf16]
        report.add(f"  {name}: 1 - cosine", "ok", f"int8 and bf16 {turn[int8, bf16]} (norm {pair['norm']:.4f}, difference {pair['difference']:.2g}); "
                   f"f32 and bf16 {turn[bf16, f32]}, f32 and int8 {turn[int8, f32]}; bf16 of two batches {turn[following, bf16]}", "told only")
    for title, of, most, unit in (("1 - cosine of int8 and bf16", lambda p: 1 - p["cosine"], TURN, ""),
                                  ("norms of int8 and bf16", lambda p: 100 * abs(p["norm"] - 1), NORM_PERCENT, " %")):
        worst = max(ranges, key=lambda name: of(found[name, int8, bf16]))
        report.at_most(f"  {title}, {worst.removeprefix('transformer.')}", of(found[worst, int8, bf16]), most, unit)


def by_numpy(report, folder, found):
    """The program's figures against numpy's, from the gradients that it wrote."""
    try:
        import numpy as np
    except ImportError as e:
        report.skip("cosines, norms and differences by numpy", str(e))
        return
    whole = [np.fromfile(os.path.join(folder, f"{k}.f32"), "<f4").astype(np.float64) for k in range(len(WAYS))]
    far = 0.0
    for (_, i, j), line in found.items():
        a, b = (whole[k][line["begin"]:line["end"]] for k in (i, j))
        norms = np.linalg.norm(a), np.linalg.norm(b)
        far = max(far, abs(a @ b / (norms[0] * norms[1]) - line["cosine"]), abs(norms[0] / norms[1] - line["norm"]),
                  abs(np.linalg.norm(a - b) / norms[1] - line["difference"]))
    report.at_most(f"{len(found)} cosines, norms and differences, from numpy's", far, 1e-9)
