"""Items that need several GPUs of one machine: on two, four, eight, as many as there are."""
import os

import bench
import evaluated
import faults
import runs
import shared
import snapshot
from report import json_lines, run, tail

MICRO, MICRO_STEPS = 8, 16  # for the rows that compare different numbers of GPUs
STEP_TOKENS_INSTANCES = 2048  # instances of 2048 tokens: the batch of 4M tokens
FABRIC_LIMIT_S = 90


def counts(gpus):
    """Numbers of GPUs to test, the largest first."""
    return [n for n in (64, 32, 16, 8, 4, 2) if n <= gpus]


def with_bed(report, host, what, function, *args, config=""):
    with runs.Bed(host, config) as bed:
        report.guarded(what, function, report, host, bed, *args)


def collectives(report, host, ranks):
    shared.collectives(report, host, (ranks,))


def losses(report, host, ranks):
    with_bed(report, host, f"{ranks} GPUs and one", faults.ranks_and_one, ranks)


def killed(report, host, ranks):
    with_bed(report, host, "a rank killed", faults.rank_killed, ranks)


def lost(report, host, ranks):
    if host.gpus == 0:
        report.skip("a GPU lost", "no GPU to lose")
        return
    with faults.faults_bed(host) as bed:
        report.guarded("a GPU lost", faults.gpu_lost, report, host, bed, ranks)


def missing(report, host, ranks):
    with_bed(report, host, "a GPU missing", faults.gpu_missing, ranks)


def tasks(report, host, ranks):
    with_bed(report, host, "downstream tasks", evaluated.on_several, ranks)


def stall(report, host, ranks):
    with_bed(report, host, "checkpoints beside training", snapshot.beside_training, ranks)


def no_nccl(report, host):
    if host.gpus == 0:
        report.skip("NCCL cannot start", "no GPU, no NCCL")
        return
    with_bed(report, host, "NCCL", faults.nccl_cannot_start, config="launch_patience = 1\n")


def scaling(report, host, phase, ranks, micro_steps=MICRO_STEPS, steps=2, limit=120):
    bench.own(report, host, phase, MICRO, steps=steps, micro_steps=micro_steps, ranks=ranks, limit=limit)


def whole_batch(report, host, phase, ranks):
    """The batch of 4M tokens, divided among the ranks."""
    scaling(report, host, phase, ranks, STEP_TOKENS_INSTANCES // (MICRO * ranks), steps=1, limit=240)


def rooted(report, host, ranks):
    """64 rooted collectives in a group against the one collective that does the same."""
    program = os.path.join(host.build, "tests", "gpu", "rooted")
    log = os.path.join(report.out, f"rooted-{ranks}.log")
    if host.gpus == 0 or not os.path.exists(program):
        report.skip(f"rooted collectives of {ranks}", "no GPU" if host.gpus == 0 else f"no {program}: a build with NCCL has it")
        return
    code, out = run(["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), program], log, report.left(FABRIC_LIMIT_S))
    lines = json_lines(out)
    report.check(f"rooted collectives of {ranks}", code == 0 and len(lines) > 0, f"exit {code}: {tail(log)}" if code != 0 else f"{len(lines)} figures",
                 "results are correct", rooted=lines)
    for size in sorted({line["bytes"] for line in lines}):
        at = {line["way"]: line for line in lines if line["bytes"] == size}
        for of, one in (("broadcasts", "one all-gather"), ("reductions", "one reduce-scatter")):
            up, down, whole = at[f"{of}, roots up"], at[f"{of}, roots down"], at[one]
            report.add(f"  {up['calls']} {of} of {size / 2**20:.0f} MiB on {ranks}", "ok",
                       f"roots up {up['ms']:.3f} ms, down {down['ms']:.3f} ms; {one} {whole['ms']:.3f} ms, {whole['gb_s']:.0f} GB/s", "told only")


def peer(report, host, phase, ranks, sharing):
    """PyTorch with the same micro-batches on the same cards."""
    import peers
    peers.measure(report, host, phase, MICRO, ranks=ranks, sharing=sharing, micro_steps=MICRO_STEPS)
