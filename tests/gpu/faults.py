"""The messages to the user when something is wrong with a GPU, and what happens to the run."""
import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time

import runs

# Fills the GPU except for the number of bytes in the argument, until stdin is closed.
HOG = """
import sys, torch
left = torch.cuda.mem_get_info()[0]
held = torch.empty(left - int(sys.argv[1]), dtype=torch.uint8, device="cuda")
print("full", flush=True)
sys.stdin.read()
"""


def refused(bed, spec):
    """(exit code, text) of an impossible run: submit refuses it, or it fails."""
    code, out, err = bed.ctl("submit", "-q", spec)
    if code == 0:
        run = out.strip()
        code, err = bed.wait(run, timeout=90), bed.status(run)["reason"] or ""
    return code, " ".join(err.split())


def told(report, what, bed, spec, wanted):
    code, text = refused(bed, spec)
    report.check(what, code not in (0, 124) and re.search(wanted, text) is not None, f"exit {code}: {text[-150:]}", f"says {wanted}", text=text)


def cannot_be(report, host, bed):
    if host.gpus > 0:
        ranks = next(n for n in (2, 4, 8, 16, 32) if n > host.gpus)
        told(report, f"{ranks} ranks, fewer GPUs", bed, bed.run_spec("many", "CUDA", ranks=ranks, micro=1), rf"{ranks} ranks.*{host.gpus} GPU")
    bed.restart(CUDA_VISIBLE_DEVICES="")
    told(report, "no GPU to be seen", bed, bed.run_spec("none", "CUDA"), "no NVIDIA GPU|this build has no CUDA")
    bed.restart()
    # 2M tokens at once: activations of terabytes.
    path = bed.run_spec("huge", host.backend, model='preset: "olmo_1b" context: 8192', instances=256, micro=256)
    told(report, "a micro-batch that does not fit", bed, path, r"needs [\d.]+ GiB.*may use [\d.]+")


def gone(bed, run, pids, limit):
    """Seconds until this daemon's run has none of these ranks, at most `limit`."""
    begin = time.monotonic()
    while set(pids) & set(bed.worker_pids(run)) and time.monotonic() - begin < limit:
        time.sleep(0.01)  # polled, because they are not children of this process
    return time.monotonic() - begin


def same_as(plain, bed, run):
    """(losses that differ, their count)"""
    got = bed.losses(run)
    return [s for s in plain if got.get(s) != plain[s]], len(plain)


def instances_of(ranks):
    """A step's shape for this many ranks: with these instances and micro-batches the result does not depend on the ranks' number."""
    return {"ranks": ranks, "instances": max(8, ranks), "micro": 1 if ranks > 2 else 4}


def rank_killed(report, host, bed, ranks=2):
    """A rank is killed in the middle of training: the others leave, and the run continues from its checkpoint to the same end."""
    changes = {"steps": runs.LONG, "at_step": runs.LONG_AT, "every": 40, **instances_of(ranks)}
    plain = bed.train("plain", host.backend, **changes)
    run = bed.submit(bed.run_spec("killed", host.backend, **changes))
    bed.wait(run, "--for", f"step={runs.LONG // 2}")
    pids = bed.worker_pids(run)
    assert len(pids) == ranks, f"{len(pids)} ranks at step {runs.LONG // 2}"
    victim = pids.pop(ranks // 2)
    os.kill(victim, signal.SIGKILL)
    report.at_most(f"a rank of {ranks} killed: the others are gone", gone(bed, run, pids, 30), 10, " s")
    bed.finish(run, timeout=120)
    events = bed.events(run)
    lost, ready = [e["lost"] for e in events if "lost" in e], bed.ready(run)
    wrong, count = same_as(bed.losses(plain), bed, run)
    report.check("and the run resumed", len(lost) >= 1 and len(ready) >= 2 and not wrong,
                 f"from step {ready[-1]['step']}; {len(wrong)} losses of {count} differ", "the same bits as undisturbed")


def ranks_and_one(report, host, bed, ranks=2):
    """The same global batch on one rank and on several: compare the losses."""
    one, several = (bed.train(f"on-{n}", host.backend, steps=50, at_step=25, **instances_of(ranks) | {"ranks": n}) for n in (1, ranks))
    difference, step = runs.worst(bed.losses(one), bed.losses(several))
    report.at_most(f"losses on {ranks} GPUs and on one, 50 steps", difference, 1e-3, "", step=step)


def faults_bed(host):
    """A daemon whose workers have faults (tests/run/faults.c)."""
    return runs.Bed(host, f"worker = {os.path.join(host.build, 'tests', 'run', 'bitworker_faults')}\n")


def number_lost(report, host, bed):
    """A gradient becomes NaN on the GPU: the step is skipped, and the NaN reaches neither weights nor moments."""
    bed.restart(BIT_FAULT="nan:0:20", BIT_FAULT_ONCE=os.path.join(bed.dir, "nan"))
    run = bed.train("nan", host.backend)
    steps = bed.steps_of(run)
    found = [(s, a["kind"], a["action"]) for s, e in steps.items() for a in e.get("anomaly", [])]
    loss = steps[runs.STEPS]["loss"]
    report.check("NaN in a gradient", found == [(20, "nan_gradient", "skip_step")] and loss == loss and loss < steps[1]["loss"],
                 f"{found}; loss {steps[1]['loss']:.3f} to {loss:.3f}", "the step is skipped and named")


def gpu_lost(report, host, bed, ranks):
    """Simulated: a kernel of the last rank accesses an invalid address, so that its context is destroyed and every later call
    fails, as on a GPU that fell off the bus; the card itself stays, and the next launch finds it. All ranks leave, the cause names
    rank and device, and the run continues from its checkpoint to the same end."""
    changes = {"steps": runs.LONG, "at_step": runs.LONG_AT, "every": 40, **(instances_of(ranks) if ranks > 1 else {})}
    plain = bed.losses(bed.train("undisturbed", host.backend, **changes))
    rank = ranks - 1
    bed.restart(BIT_FAULT=f"lost:{rank}:{runs.LONG // 2}", BIT_FAULT_ONCE=os.path.join(bed.dir, "lost"))
    begin = time.monotonic()
    run = bed.train("gpu-lost", host.backend, **changes)
    events = bed.events(run)
    lost, ready = [e["lost"] for e in events if "lost" in e], bed.ready(run)
    reason = " ".join(lost[0]["cause"].split()) if lost else "nothing was lost"
    wrong, count = same_as(plain, bed, run)
    report.check(f"a GPU lost in mid-step, rank {rank} of {ranks}", len(lost) == 1 and len(ready) == 2 and f"rank {rank}" in reason and
                 f"GPU {rank}" in reason and not wrong,
                 f"{reason[:120]}; from step {ready[-1]['step']}, {len(wrong)} of {count} losses differ, {time.monotonic() - begin:.0f} s in all",
                 "rank and device named, the same bits")


def visible(count):
    """CUDA_VISIBLE_DEVICES for the first `count` of the visible GPUs."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    return ",".join((shown.split(",") if shown else [str(k) for k in range(count)])[:count])


def gpu_missing(report, host, bed, ranks):
    """Simulated by CUDA_VISIBLE_DEVICES: at the next launch there are half as many GPUs. Checks the message to the user, and that the
    run continues with half as many ranks and losses close to those of all ranks."""
    changes = {"steps": runs.LONG // 2, "at_step": runs.LONG // 4, "every": 20, **instances_of(ranks)}
    plain = bed.losses(bed.train("with-all", host.backend, **changes))
    run = bed.submit(bed.run_spec("with-half", host.backend, **changes))
    at, = runs.pause(bed, run, runs.LONG // 6, resume=False)
    if host.gpus > 0:
        bed.restart(CUDA_VISIBLE_DEVICES=visible(ranks // 2))
        bed.ctl("resume", run, check=True)
        code = bed.ctl("wait", run, "--for=state=restarting", "--timeout=60")[0]
        reason = bed.status(run)["reason"] or ""
        report.check(f"{ranks} ranks on {ranks // 2} GPUs: launched again later, and why", code == 0 and f"{ranks // 2} GPU" in reason, reason[:150],
                     f"says {ranks // 2} GPU")
        bed.ctl("pause", run, check=True)
    bed.ctl("resume", run, f"--ranks={ranks // 2}", check=True)
    bed.finish(run, timeout=120)
    difference, step = runs.worst(plain, bed.losses(run))
    report.at_most(f"paused on {ranks} at step {at}, gone on with {ranks // 2}: losses beside those of {ranks}", 100 * difference, 1.0, " %", step=step)


@contextlib.contextmanager
def full_gpu(left):
    """Within this context the GPU is full except for `left` bytes. Yields False without a PyTorch that could fill it."""
    with subprocess.Popen([sys.executable, "-c", HOG, str(left)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as hog:
        readable = select.select([hog.stdout], [], [], 60)[0]
        try:
            yield bool(readable) and hog.stdout.readline().strip() == "full"
        finally:
            hog.stdin.close()


def gpu_full(report, host, bed):
    with full_gpu(4 << 30) as full:
        if not full:
            report.skip("a GPU that is full already", "no PyTorch to fill it")
            return
        told(report, "a GPU that is full already", bed, bed.run_spec("full", "CUDA", model='preset: "olmo_1b"', instances=8, micro=1),
             r"needs [\d.]+ GiB.*may use [\d.]+")


def nccl_cannot_start(report, host, bed):
    """NCCL must use a network interface that does not exist: the message to the user. The bed needs a short launch_patience, or bitd
    retries the launch for minutes."""
    bed.restart(NCCL_SOCKET_IFNAME="=none0", NCCL_IB_DISABLE="1")
    told(report, "NCCL cannot start", bed, bed.run_spec("no-nccl", host.backend, ranks=2), r"(?i)nccl")
    bed.restart()
