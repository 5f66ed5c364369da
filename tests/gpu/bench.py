"""Whole training steps of bitworker: one row for each configuration, on any number of GPUs."""
import os

from report import json_lines, run, tail

STEP_INSTANCES = 64  # about so many a step, so that the optimizer's share is the same on both sides for every micro-batch
NAMES = {"16bit": "16-bit", "ternary": "ternary"}
MICROS = (8, 16, 24)
MEMORY_GIB = {"16bit": 47, "ternary": 45}  # PyTorch's at micro-batch 8, with its optimizer
OPTIMIZER_MS = 20
SMALL = ["--set", "launch.backend=CPU", "--set", "model.context=64", "--set", "model.layers=2", "--set", "model.vocab=1024", "--set", "model.vocab_padded=1024"]
# Options, each compared with the same configuration without it: (phase, micro-batch, setting).
OPTIONS = (("16bit", 24, "model.residual=BF16"), ("16bit", 16, "model.residual=BF16"), ("ternary", 16, "quantizer.data_gradient=INT8"),
           ("16bit", 16, "optimizer.moments=BF16"), ("16bit", 8, "launch.deterministic=true"), ("16bit", 16, "launch.fused_products=NEVER"))


def steps_of(micro):
    return max(1, round(STEP_INSTANCES / micro))


def name(phase, micro, more=(), ranks=1, micro_steps=None):
    of = f" x {micro_steps}" if micro_steps else ""
    return f"bitworker, {NAMES[phase]}, micro-batch {micro}{of}" + (f", {ranks} GPUs" if ranks > 1 else "") + "".join(f", {m}" for m in more)


def own(report, host, phase, micro, more=(), steps=3, micro_steps=None, ranks=1, limit=90):
    """The line of JSON, or None after a row that says why."""
    what = name(phase, micro, more, ranks, micro_steps)
    command = [os.path.join(host.build, "worker", "bitworker"), "bench", "--model", "olmo_20m" if host.small else "olmo_1b", "--micro-batch",
               "2" if host.small else str(micro), "--micro-steps", str(2 if host.small else micro_steps or steps_of(micro)), "--phase", phase,
               "--steps", str(steps), "--json", "--set", "quantizer.weight_measure=MEAN", *(word for m in more for word in ("--set", m)),
               *(SMALL if host.small else [])]
    log = os.path.join(report.out, f"bench-{phase}-{micro}-{micro_steps or 0}-{ranks}{''.join(m.replace('=', '-') for m in more)}.log")
    code, out = run(command + (["--ranks", str(ranks)] if ranks > 1 else []), log, report.left(limit))
    found = json_lines(out)
    if code != 0 or len(found) != 1:
        report.add(what, "FAILED", f"exit {code}: {tail(log)}")
        return None
    line = found[0]
    report.add(what, "ok", f"{line['tokens_per_s_per_rank']:.0f} tokens/s a GPU, {line['step_ms']:.1f} ms, MFU {100 * line.get('mfu', 0):.1f} %, "
               f"{line['taken_gib']:.1f} GiB{drawn(line)}", f"{line['micro_steps']} x {line['micro_batch']} a step", bench=line, options=list(more),
               asked_micro=micro)
    report.add("  of a step, ms", "ok", ", ".join(f"{k} {v:.1f}" for k, v in line["split_ms"].items()), f"{line['traced_ms']:.1f} in all")
    return line


def drawn(line):
    if "power_w" not in line or "clock_mhz" not in line:
        return ""
    capped = f", capped {100 * line['power_capped']:.0f} % of the time" if "power_capped" in line else ""
    return f", {line['power_w']} W at {line['clock_mhz']} MHz{capped}"


def single(report, host, phase, micro, more=()):
    """One configuration on one GPU, and its targets."""
    line = own(report, host, phase, micro, more)
    if line is None or host.small or more:
        return
    report.at_most(f"optimizer step, {NAMES[phase]}, micro-batch {micro}", line["split_ms"]["optimizer"], OPTIMIZER_MS, " ms")
    if micro == 8:
        report.at_most(f"GPU memory, {NAMES[phase]}, micro-batch 8", line["taken_gib"], MEMORY_GIB[phase], " GiB")
