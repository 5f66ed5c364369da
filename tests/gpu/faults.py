"""What a user is told where a GPU is not as it should be, and what becomes of the run."""
import os
import re
import signal
import time

import runs


def refused(bed, spec):
    """(exit code, text) of a run that cannot be: submit refuses it, or it fails."""
    code, out, err = bed.ctl("submit", "-q", spec)
    if code == 0:
        run = out.strip()
        code, err = bed.wait(run, timeout=90), bed.status(run).get("reason", "")
    return code, " ".join(err.split())


def told(report, what, bed, spec, wanted):
    code, text = refused(bed, spec)
    report.check(what, code not in (0, 124) and re.search(wanted, text) is not None, f"exit {code}: {text[-150:]}", f"says {wanted}", text=text)


def cannot_be(report, host, bed):
    if host.gpus > 0:
        ranks = next(n for n in (2, 4, 8, 16, 32) if n > host.gpus)
        told(report, f"{ranks} ranks, fewer GPUs", bed, bed.run_spec("many", "CUDA", ranks=ranks), rf"{ranks} ranks.*{host.gpus} GPU")
    bed.restart(CUDA_VISIBLE_DEVICES="")
    told(report, "no GPU to be seen", bed, bed.run_spec("none", "CUDA"), "no NVIDIA GPU")
    bed.restart()
    # 2M tokens at once: activations of terabytes.
    path = bed.run_spec("huge", host.backend, model='preset: "olmo_1b" context: 8192', instances=256, micro=256)
    told(report, "a micro-batch that does not fit", bed, path, r"needs [\d.]+ GiB.*may use [\d.]+")


def gone(bed, run, pids, limit):
    """Seconds until this daemon's run has none of these ranks, at most `limit`."""
    begin = time.monotonic()
    while set(pids) & set(bed.worker_pids(run)) and time.monotonic() - begin < limit:
        time.sleep(0.01)  # other processes' children: nothing tells
    return time.monotonic() - begin


def rank_killed(report, host, bed):
    """One of two ranks killed in the middle of training: the other leaves, the run goes on from its checkpoint to the same end."""
    changes = {"steps": runs.LONG, "at_step": runs.LONG_AT, "every": 40, "ranks": 2}
    plain = bed.train("two-plain", host.backend, **changes)
    run = bed.submit(bed.run_spec("two-killed", host.backend, **changes))
    bed.wait(run, "--for", f"step={runs.LONG // 2}")
    pids = bed.worker_pids(run)
    assert len(pids) == 2, f"{len(pids)} ranks at step {runs.LONG // 2}"
    os.kill(pids[0], signal.SIGKILL)
    report.at_most("a rank killed: the other is gone", gone(bed, run, pids[1:], 30), 10, " s")
    bed.finish(run, timeout=120)
    events = bed.events(run)
    lost, ready = [e["lost"] for e in events if "lost" in e], bed.ready(run)
    want, got = bed.losses(plain), bed.losses(run)
    wrong = [s for s in want if got.get(s) != want[s]]
    report.check("and the run resumed", len(lost) >= 1 and len(ready) >= 2 and not wrong,
                 f"from step {ready[-1]['step']}; {len(wrong)} losses of {len(want)} differ", "the same bits as undisturbed")


def two_ranks(report, host, bed):
    """The same global batch on one and on two."""
    one, two = (bed.train(f"on-{n}", host.backend, steps=50, at_step=25, ranks=n) for n in (1, 2))
    difference, step = runs.worst(bed.losses(one), bed.losses(two))
    report.at_most("losses on two GPUs and on one, 50 steps", difference, 1e-3, "", step=step)
