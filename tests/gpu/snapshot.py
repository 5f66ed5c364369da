"""Checkpoints of OLMo-1B in a real run: how long training stalls for one, and how long it takes until it is durable."""
import statistics

# So many steps that a checkpoint is on disk, at 1 GB/s, before the next is due.
EVERY, STEPS = 44, 88


def beside_training(report, host, bed, ranks=1):
    size = {"micro": 2} if host.small else {"model": 'preset: "olmo_1b"', "instances": 16 * ranks, "micro": 8, "threads": max(1, host.cpu_threads // ranks)}
    run = bed.train("snapshot", host.backend, "--set", "checkpoint.keep_last=1", steps=STEPS, at_step=0, every=EVERY, quantizer="b158", ranks=ranks, **size)
    backend = bed.ready(run)[0]["backend"]
    ms = {s: e["ms"] for s, e in bed.steps_of(run).items() if s > 2}
    saved = [e["checkpoint"] for e in bed.events(run) if "checkpoint" in e]
    usual = statistics.median(ms.values())
    for c in saved:
        at = c["after_step"]
        if at == STEPS:
            continue  # nothing is trained after it
        after = ms.get(at + 1, usual)
        report.check(f"checkpoint of {c['bytes'] / 2**30:.1f} GiB after step {at}" + (f", {ranks} GPUs" if ranks > 1 else ""), "beside training" in backend and c["stall_ms"] < c["ms"],
                     f"training stood still for {c['stall_ms']:.1f} ms, on disk after {c['ms']:.0f} ms; the step after it took {after:.1f} ms, "
                     f"the usual one {usual:.1f} ms", "beside training")
