"""kcheck on the GPU, and under compute-sanitizer."""
import os
import re
import shutil

from report import run, tail

# Operators with shared memory, possible races or odd edges, and shapes that a sanitizer finishes in seconds.
SANITIZED = {"memcheck": ("swiglu", "rope", "quantise", "norm", "xent", "attention_own", "attention_branches", "bitlinear"),
             "racecheck": ("quantise", "norm", "xent", "sumsq", "attention_own", "attention_branches")}
SANITIZERS = ("/usr/local/cuda/bin/compute-sanitizer", "/usr/local/cuda/compute-sanitizer/compute-sanitizer")


def kcheck_row(report, what, command, log, limit):
    code, out = run(command, log, report.left(limit))
    told = re.search(r"kcheck: (\d+) calls, (\d+) failures", out)
    figure = told.group(0)[8:] if told else f"exit {code}: {tail(log)}"
    if code is None:
        figure = f"not done in {limit} s; {tail(log)}"
    report.check(what, code == 0 and told is not None and told.group(2) == "0", figure, "0 failures", log=log)


def kcheck(report, host):
    program = os.path.join(host.build, "tests", "kcheck", "kcheck")
    kcheck_row(report, "kcheck, all operators", [program, "--backend", host.kcheck_backend], os.path.join(report.out, "kcheck.log"), 100)
    if host.gpus > 0:
        kcheck_row(report, "bitlinear, as on an older chip", [program, "--backend", "cuda", "--chip", "80", "bitlinear"],
                   os.path.join(report.out, "kcheck-80.log"), 60)


def sanitize(report, host):
    sanitizer = shutil.which("compute-sanitizer") or next((p for p in SANITIZERS if os.path.exists(p)), None)
    if host.backend != "CUDA" or sanitizer is None:
        report.skip("compute-sanitizer", "not installed" if host.backend == "CUDA" else "no GPU")
        return
    program = os.path.join(host.build, "tests", "kcheck", "kcheck")
    known = run([program, "--list"], os.path.join(report.out, "kcheck-list.log"), 20)[1].split()
    for tool, names in SANITIZED.items():
        command = [sanitizer, "--tool", tool, "--error-exitcode", "9", program, "--backend", "cuda", *(n for n in names if n in known)]
        log = os.path.join(report.out, f"{tool}.log")
        code, out = run(command, log, report.left(40))
        summary = re.search(r"(ERROR|RACECHECK) SUMMARY: .*", out)
        figure = summary.group(0).lower() if summary else f"exit {code}: {tail(log)}"
        if code is None:
            figure = "not done in 40 s"
        report.check(f"{tool}, {len(names)} operators", code == 0, figure, "0 errors", log=log)
