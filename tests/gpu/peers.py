"""PyTorch as the peer: variants are compiled all at once, then measured one by one, each in a process of its own."""
import os
import subprocess
import sys
import time

from bench import NAMES, steps_of
from report import json_lines, run, tail

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_torch.py")
# (phase, micro-batch, residual stream), the fastest of earlier measurements first.
ALONE = (("16bit", 24, "fp32"), ("ternary", 24, "fp32"), ("16bit", 16, "fp32"), ("ternary", 16, "fp32"), ("16bit", 8, "fp32"), ("ternary", 8, "fp32"),
         ("16bit", 24, "bf16"), ("16bit", 16, "bf16"), ("16bit", 8, "bf16"))
SMALL = ["--model", "tiny", "--device", "cpu", "--compile", "no", "--steps", "1"]
COMPILE_S = 240  # at most, for all of them at once


def name(phase, micro, residual, ranks=1, sharing=None):
    return f"PyTorch, {NAMES[phase]}, micro-batch {micro}" + (", bf16 residual" if residual == "bf16" else "") + \
        (f", {sharing}, {ranks} GPUs" if ranks > 1 else "")


def command_of(host, phase, micro, residual, micro_steps, *more):
    return [sys.executable, PEER, "--phase", phase, "--micro-batch", str(2 if host.small else micro), "--micro-steps",
            str(2 if host.small else micro_steps), "--residual", residual, *more, *(SMALL if host.small else [])]


def environment(host, **more):
    """Environment with one cache of kernels for all processes, in the build folder, so that later calls find it, too."""
    return {"TORCHINDUCTOR_CACHE_DIR": os.path.join(host.build, "gpu-inductor")} | more


def compile_all(report, host, variants):
    """Compile all variants at once, a few GiB each. One that fails here is compiled when it is measured, which takes longer."""
    if host.small:
        report.skip("PyTorch compiled", "tiny models are not")
        return
    begin, limit = time.monotonic(), report.left(COMPILE_S)
    threads = max(4, len(os.sched_getaffinity(0)) // len(variants))  # for the kernels, which come in bursts
    running = []
    for phase, micro, residual in variants:
        log = open(os.path.join(report.out, f"compile-{phase}-{micro}-{residual}.log"), "w")
        process = subprocess.Popen(command_of(host, phase, micro, residual, steps_of(micro), "--only-compile", str(len(variants))), stdout=subprocess.PIPE,
                                   stderr=log, text=True, env={**os.environ, **environment(host, TORCHINDUCTOR_COMPILE_THREADS=str(threads))})
        running.append((process, log, (phase, micro, residual)))
    told = [finish(process, log, variant, begin + limit) for process, log, variant in running]
    done = [line for line in told if isinstance(line, dict)]
    wrong = [line for line in told if not isinstance(line, dict)]
    if all(line == "skipped" for line in told):
        report.skip("PyTorch compiled", "no PyTorch, or no GPU that it sees")
        return
    seconds = ", ".join(f"{line['phase']} {line['micro_batch']} {line['residual']} {line['compile_s']:.0f} s" for line in done)
    # A variant that failed is compiled when it is measured: slower, but not an error of bitd.
    report.add("PyTorch compiled, all at once", "skipped" if wrong else "ok",
               "; ".join([f"{time.monotonic() - begin:.0f} s in all"] + ([seconds] if done else []) + wrong), f"{len(variants)} variants", compiled=done)


def finish(process, log, variant, deadline):
    """Its line of JSON, or why there is none."""
    try:
        out = process.communicate(timeout=max(1.0, deadline - time.monotonic()))[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"{' '.join(map(str, variant))}: not done in time"
    finally:
        log.close()
    lines = json_lines(out)
    if process.returncode == 77:
        return "skipped"
    return lines[0] if process.returncode == 0 and lines else f"{' '.join(map(str, variant))}: {tail(log.name)}"


def measure(report, host, phase, micro, residual="fp32", ranks=1, sharing=None, micro_steps=None, limit=200):
    what = name(phase, micro, residual, ranks, sharing)
    log = os.path.join(report.out, f"peer-{phase}-{micro}-{residual}-{ranks}-{sharing}.log")
    more = ["--ranks", str(ranks), "--sharing", sharing] if ranks > 1 else []
    limit = report.left(limit)
    code, out = run(command_of(host, phase, micro, residual, micro_steps or steps_of(micro), *more), log, limit, environment(host))
    lines = json_lines(out)
    if code == 77:
        report.skip(what, out.strip().removeprefix("skipped: "))
        return
    if code != 0 or not lines or "does_not_fit" in lines[0]:
        report.skip(what, lines[0]["does_not_fit"] if lines and code == 0 else f"not done in {limit:.0f} s" if code is None else f"exit {code}: {tail(log)}")
        return
    line = lines[0]
    memory = f", {line['memory_gib']} GiB" if line["memory_gib"] else ""
    rest = line["step_ms"] - line["micro_steps"] * line["forward_backward_ms"] - line["optimizer_ms"]
    between = f", between ranks and else {rest:.1f}" if ranks > 1 else ""
    report.add(what, "ok", f"{line['tokens_per_s']:.0f} tokens/s a GPU, {line['step_ms']:.1f} ms ({line['forward_backward_ms']:.1f} a micro-batch, "
               f"optimizer {line['optimizer_ms']:.1f}{between}){memory}",
               f"x {line['micro_steps']}, {line['warm_s']:.0f} s warm, {line['cached']} of {line['cached'] + line['compiled']} graphs cached", peer=line,
               asked_micro=micro)
