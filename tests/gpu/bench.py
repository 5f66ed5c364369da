"""Whole training steps, ours and PyTorch's, one after the other on the same GPU."""
import os
import sys

from report import json_lines, run, tail

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_torch.py")
STEP_INSTANCES = 64  # of one step, or nearly: on both sides the optimizer has the same part of it, whatever the micro-batch
OWN = (("16bit", "8"), ("16bit", "16"), ("16bit", "24"), ("ternary", "8"), ("ternary", "16"), ("ternary", "24"))
# Those that were best where they were tried come first, for when the time runs out. Compiling the ternary model takes 100 s.
PEERS = (("16bit", 16), ("ternary", 24), ("16bit", 24), ("ternary", 16), ("16bit", 8), ("ternary", 8))
NAMES = {"16bit": "16-bit", "ternary": "ternary"}
MUST = {"16bit": 1.0, "ternary": 1.2}  # ours over the peer's, each at its best micro-batch
MEMORY_GIB = {"16bit": 47, "ternary": 45}  # at micro-batch 8: PyTorch's, with its optimizer
OPTIMIZER_MS = 20


def steps_of(micro):
    return max(1, round(STEP_INSTANCES / int(micro)))


def own(report, host, phase, micro, *more, steps=3, micro_steps=None, ranks=1):
    """The line of JSON, or None after a row that says why."""
    what = f"bitworker, {NAMES[phase]}, micro-batch {micro}" + (f", {ranks} GPUs" if ranks > 1 else "") + "".join(f" {m}" for m in more)
    command = [os.path.join(host.build, "worker", "bitworker"), "bench", "--model", "olmo_20m" if host.small else "olmo_1b", "--micro-batch",
               "2" if host.small else micro, "--micro-steps", str(2 if host.small else micro_steps or steps_of(micro)), "--phase", phase, "--steps", str(steps), "--json",
               "--set", "quantizer.weight_measure=MEAN", *more, *(["--set", "launch.backend=CPU", "--set", "model.context=64"] if host.small else [])]
    log = os.path.join(report.out, f"bench-{phase}-{micro}-{ranks}{''.join(more)}.log")
    code, out = run(command + (["--ranks", str(ranks)] if ranks > 1 else []), log, report.left(90))
    found = json_lines(out)
    if code != 0 or len(found) != 1:
        report.add(what, "FAILED", f"exit {code}: {tail(log)}")
        return None
    line = found[0]
    report.add(what, "ok", f"{line['tokens_per_s_per_rank']:.0f} tokens/s a GPU, {line['step_ms']:.1f} ms, MFU {100 * line.get('mfu', 0):.1f} %, "
               f"{line['taken_gib']:.1f} GiB{drawn(line)}", f"{line['micro_steps']} x {line['micro_batch']} a step", bench=line)
    report.add("  of a step, ms", "ok", ", ".join(f"{k} {v:.1f}" for k, v in line["split_ms"].items()), f"{line['traced_ms']:.1f} in all")
    return line


def drawn(line):
    if "power_w" not in line or "clock_mhz" not in line:
        return ""
    capped = f", capped {100 * line['power_capped']:.0f} % of the time" if "power_capped" in line else ""
    return f", {line['power_w']} W at {line['clock_mhz']} MHz{capped}"


def bench(report, host, found):
    """Adds to found[phase] every line of ours."""
    for phase, micro in OWN if not host.small else OWN[::3]:
        line = own(report, host, phase, micro)
        if line:
            found.setdefault(phase, []).append(line)
            judge(report, host, line, phase, micro)
    if len(found) == 2 and not host.small:
        report.at_least("ternary over own 16-bit", best(found["ternary"]) / best(found["16bit"]), 1.0)
    line = own(report, host, "16bit", "8", "--deterministic", steps=1)
    if line and "16bit" in found:
        report.add("the same bits on every run cost", "ok",
                   f"{100 * (1 - line['tokens_per_s_per_rank'] / found['16bit'][0]['tokens_per_s_per_rank']):.1f} % of the speed")


def judge(report, host, line, phase, micro):
    if host.small:
        return
    report.at_most(f"optimizer step, {NAMES[phase]}, micro-batch {micro}", line["split_ms"]["optimizer"], OPTIMIZER_MS, " ms")
    if micro == "8":
        report.at_most(f"GPU memory, {NAMES[phase]}, micro-batch 8", line["taken_gib"], MEMORY_GIB[phase], " GiB")


def best(lines):
    return max(line.get("tokens_per_s_per_rank") or line["tokens_per_s"] for line in lines)


def peers(report, host, found):
    theirs = {}
    for phase, micro in PEERS:
        what = f"PyTorch, {NAMES[phase]}, micro-batch {micro}"
        log = os.path.join(report.out, f"peer-{phase}-{micro}.log")
        command = [sys.executable, PEER, "--phase", phase, "--micro-batch", str(micro), "--micro-steps", str(steps_of(micro))]
        limit = report.left(200)
        code, out = run(command + (["--model", "tiny", "--device", "cpu", "--eager"] if host.small else []), log, limit)
        if code == 77:
            report.skip("PyTorch", out.strip())
            return
        lines = json_lines(out)
        if code != 0 or not lines or "does_not_fit" in lines[0]:
            report.skip(what, lines[0]["does_not_fit"] if lines else f"not done in {limit:.0f} s" if code is None else f"exit {code}: {tail(log)}")
            continue
        line = lines[0]
        theirs.setdefault(phase, []).append(line)
        memory = f", {line['memory_gib']} GiB" if line["memory_gib"] else ""
        report.add(what, "ok", f"{line['tokens_per_s']:.0f} tokens/s, {line['step_ms']:.1f} ms ({line['forward_backward_ms']:.1f} a micro-batch, "
                   f"optimizer {line['optimizer_ms']:.1f}){memory}", f"x {line['micro_steps']}", peer=line)
    for phase in NAMES:
        if host.small or phase not in found or phase not in theirs:
            report.skip(f"{NAMES[phase]} over PyTorch's best", "not two models of one size" if host.small else "one side has no figure")
        else:
            tried = "/".join(str(line["micro_batch"]) for line in theirs[phase])
            report.at_least(f"{NAMES[phase]} over PyTorch's best of micro-batch {tried}", best(found[phase]) / best(theirs[phase]), MUST[phase])


def two(report, host):
    """Two GPUs beside one at 16 micro-steps, and the bytes that each step moves."""
    moved = {}
    for phase in NAMES:
        one = own(report, host, phase, "8", steps=2, micro_steps=16)
        both = own(report, host, phase, "8", steps=2, micro_steps=16, ranks=2)
        if one and both:
            moved[phase] = both
        if one and both and not host.small:
            report.at_least(f"2 GPUs over 2 x one, {NAMES[phase]}", both["tokens_per_s_per_rank"] / one["tokens_per_s_per_rank"], 0.95)
    for phase, line in moved.items():
        report.add(f"bytes a step and GPU, {NAMES[phase]}", "ok", f"reduced {line['reduced_bytes'] / 1e6:.1f} MB, gathered {line['gathered_bytes'] / 1e6:.1f} MB")
