"""Whole runs through bitctl, bitd and bitworker: a GPU's compared with the CPU's, and with other runs on the GPU."""
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
import fixture  # noqa: E402

SPEC = """
name: "{name}"
model {{ {model} }}
data {{ train: "{tokens}" seed: 7 }}
batch {{ instances: {instances} micro_instances: {micro} }}
schedule {{ steps: {steps} peak_lr: 1e-3 warmup_steps: {warmup} }}
phases {{ switch {{ at_step: {at_step} optimizer: {optimizer} }} }}
quantizer {{ preset: "{quantizer}" }}
checkpoint {{ every: {every} keep_last: 3 }}
launch {{ backend: {backend} ranks: {ranks} threads: {threads} max_restarts: 3 search_products: false }}
"""
# 34M parameters, 2048 tokens a step; SMALL is for tests of this folder on a machine without a GPU.
MODEL = 'preset: "olmo_20m" context: 256'
SMALL = "layers: 2 width: 64 heads: 2 mlp_hidden: 128 vocab: 1024 vocab_padded: 1024 context: 64 tied: false init: NORMAL init_std: 0.02"
STEPS, AT = 60, 30
LONG, LONG_AT = 240, 120
# Both choices of the optimizer, with different measures and granularities of the scales: (optimizer, preset, measure, by projection).
CHOICES = (("KEEP", "continual", "median", False), ("RESET", "b158", "mean", True))


class Bed(fixture.Daemon):
    """A daemon for runs on `host`."""

    def __init__(self, host, config=""):
        super().__init__(config)
        self.host = host

    def stop(self):
        """Stop bitd and copy all logs to host.out."""
        super().stop()
        logs = os.path.join(self.host.out, os.path.basename(self.dir))
        os.makedirs(logs, exist_ok=True)
        for folder, _, names in os.walk(self.dir):
            for name in names:
                if name == "bitd.log" or name.startswith("worker-"):
                    shutil.copy(os.path.join(folder, name), os.path.join(logs, f"{os.path.basename(folder)}-{name}"))

    def run_spec(self, name, backend, steps=STEPS, at_step=AT, optimizer="KEEP", quantizer="continual", every=0, ranks=1, model=None,
                 instances=8, micro=4, threads=None):
        path = os.path.join(self.dir, f"{name}.txtpb")
        threads = threads or (2 if backend == "CUDA" else self.host.cpu_threads)
        with open(path, "w") as f:
            f.write(SPEC.format(name=name, model=model or (SMALL if self.host.small else MODEL), tokens=self.host.tokens, steps=steps,
                                at_step=at_step, optimizer=optimizer, quantizer=quantizer, every=every, ranks=ranks, backend=backend,
                                threads=threads, warmup=min(10, steps - 1), instances=instances, micro=micro))
        return path

    def train(self, name, backend, *args, timeout=200, **changes):
        """Train a run to its end and return its id."""
        run = self.submit(self.run_spec(name, backend, **changes), *args)
        self.finish(run, timeout=timeout)
        return run

    def steps_of(self, run):
        return {e["step"]["step"]: e["step"] for e in self.events(run, True) if "step" in e}

    def ready(self, run):
        return [e["ready"] for e in self.events(run) if "ready" in e]

    def checkpoint(self, run, step=None):
        """The newest checkpoint, or the one after `step`."""
        found = [json.loads(line) for line in self.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines()]
        return found[-1] if step is None else next(c for c in found if c["name"] == f"step-{step:08d}")

    def restart(self, **environment):
        """Restart the daemon with these variables for it and its workers."""
        self.stop_daemon()
        with variables(**environment):
            self.start()

    def stop_daemon(self):
        self.process.terminate()
        self.process.wait(60)


@contextlib.contextmanager
def variables(**environment):
    """Within this context the process has these variables: only if no other thread starts programs."""
    old = {k: os.environ.get(k) for k in environment}
    os.environ.update(environment)
    try:
        yield
    finally:
        for k, v in old.items():
            os.environ.pop(k, None)
            if v is not None:
                os.environ[k] = v


def worst(a, b):
    """(largest relative difference of the losses, its step)"""
    assert sorted(a) == sorted(b), f"{len(a)} steps beside {len(b)}"
    return max((abs(a[s][0] - b[s][0]) / abs(a[s][0]), s) for s in a)


class Trained:
    """The results of a finished run of the comparison."""

    def __init__(self, bed, run, at):
        self.losses, self.steps = bed.losses(run), bed.steps_of(run)
        self.switch = bed.checkpoint(run, at)["path"]
        self.backend = bed.ready(run)[0]["backend"].split(",")[0]


class Comparison:
    """The same runs on the CPU and on a GPU, each side with its own bed, which must stay until both are compared."""

    def __init__(self, report, host):
        self.report, self.host, self.done = report, host, {}

    def train(self, side, bed, backend):
        for optimizer, quantizer, _, _ in CHOICES:
            begin = time.monotonic()
            run = bed.train(f"{side}-{optimizer}".lower(), backend, optimizer=optimizer, quantizer=quantizer)
            trained = self.done[side, optimizer] = Trained(bed, run, AT)
            first, last = trained.losses[1][0], trained.losses[STEPS][0]
            self.report.check(f"{STEPS} steps, {optimizer.lower()}, {quantizer}", last < first,
                              f"loss {first:.3f} to {last:.3f}, {time.monotonic() - begin:.0f} s on {trained.backend}", "the loss falls")

    def same_weights(self, bed, name, backend, path, quantizer):
        """Two ternary steps from the weights of `path`: (zero fraction, loss) of the first, and the weights' digest."""
        run = bed.train(name, backend, "--set", f"model.init_from={path}", steps=2, at_step=0, quantizer=quantizer)
        first = bed.steps_of(run)[1]
        return first["zero_fraction"], first["loss"], bed.ready(run)[0]["weights_digest"]

    def compare(self, cpu_bed, gpu_bed):
        for optimizer, quantizer, measure, split in CHOICES:
            cpu, gpu = self.done["cpu", optimizer], self.done["gpu", optimizer]
            difference, step = worst(cpu.losses, gpu.losses)
            self.report.at_most(f"losses, CPU and GPU, {optimizer.lower()}", 100 * difference, 1.0, " %", step=step)
            self.codes(optimizer, quantizer, measure, split, cpu, gpu, cpu_bed, gpu_bed)

    def codes(self, optimizer, quantizer, measure, split, cpu, gpu, cpu_bed, gpu_bed):
        """Compare the zeros among the codes of each backend and of numpy, all from the GPU's checkpoint at the switch."""
        here = self.same_weights(cpu_bed, f"codes-cpu-{optimizer}".lower(), "CPU", gpu.switch, quantizer)
        there = self.same_weights(gpu_bed, f"codes-gpu-{optimizer}".lower(), self.host.backend, gpu.switch, quantizer)
        self.report.check(f"GPU's checkpoint loaded on both, {optimizer.lower()}", here[2] == there[2], f"weights {here[2]}", "one digest")
        self.report.at_most(f"first ternary loss of it, CPU and GPU, {measure}", 100 * abs(here[1] - there[1]) / here[1], 1.0, " %")
        try:
            import codes
        except ImportError as e:
            self.report.check(f"zeros among its codes, {measure}", abs(here[0] - there[0]) <= 1e-6, f"{here[0]:.9f} and {there[0]:.9f} ({e})")
            return
        mine = codes.codes(os.path.join(gpu.switch, "model.safetensors"), measure, split)
        zeros, count = codes.zeros(mine)
        got = [round(f * count) for f in (gpu.steps[AT + 1]["zero_fraction"], here[0], there[0])]
        self.report.check(f"zeros of {count} codes at the switch, {measure}", max(abs(g - zeros) for g in got) <= 1e-6 * count,
                          f"{got[0]} in the run, {got[1]} on the CPU, {got[2]} on the GPU, {zeros} by numpy", "equal but for ties (1e-6)")
        other = codes.codes(os.path.join(cpu.switch, "model.safetensors"), measure, split)
        self.report.add(f"codes of the two runs at the switch, {optimizer.lower()}", "ok",
                        f"{100 * codes.differing(mine, other):.3f} % differ", "told only: trained apart for 30 steps")


def resumed(report, host, bed):
    """A run paused twice and resumed on one backend has the same bits. Then the same run moves to the CPU and back."""
    plain = bed.train("plain", host.backend, steps=LONG, at_step=LONG_AT, optimizer="RESET")
    want = bed.losses(plain)
    run = bed.submit(bed.run_spec("paused", host.backend, steps=LONG, at_step=LONG_AT, optimizer="RESET"))
    legs = pause(bed, run, LONG // 6) + pause(bed, run, LONG_AT + 10)
    bed.finish(run, timeout=120)
    got = bed.losses(run)
    wrong = [s for s in want if got.get(s) != want[s]]
    report.check("paused and resumed on the GPU", not wrong and bed.status(run)["weights_digest"] == bed.status(plain)["weights_digest"],
                 f"{len(want) - len(wrong)} of {len(want)} losses and norms the same bits, "
                 + (f"first other one at step {wrong[0]}" if wrong else f"resumed at {legs}"), "all, and the weights")
    if host.gpus > 0:
        without_graphs(report, host, bed, plain, want)
        searched(report, host, bed)
    crossed(report, host, bed, want)


def without_graphs(report, host, bed, plain, want):
    """Operators launched one by one compute the same bits as graphs; both times are reported."""
    run = bed.train("one-by-one", host.backend, "--set", "launch.graphs=false", steps=LONG, at_step=LONG_AT, optimizer="RESET")
    got = bed.losses(run)
    usual = {r: statistics.median(e["ms"] for s, e in bed.steps_of(r).items() if s > 2) for r in (plain, run)}
    chosen = [bed.ready(r)[0]["backend"] for r in (plain, run)]
    report.check("graphs, and operators launched one by one", got == want and ", graphs" in chosen[0] and ", no graphs" in chosen[1],
                 f"{sum(got.get(s) == want[s] for s in want)} of {len(want)} losses the same bits; a step {usual[plain]:.2f} and {usual[run]:.2f} ms", "all")


def searched(report, host, bed):
    """Products by the fastest algorithms: the table found at the first launch is used by later launches and by other runs."""
    search = ("--set", "launch.search_products=true")
    run = bed.submit(bed.run_spec("searched", host.backend, steps=LONG, at_step=LONG_AT, optimizer="RESET"), *search)
    bed.wait(run, "--for", f"step={LONG // 6}")
    kept = [table(bed, run)]
    for step in (LONG // 6 + 2, LONG_AT + 10):
        pause(bed, run, step)
        kept.append(table(bed, run))
    bed.finish(run, timeout=120)
    timed = {re.search(r"products timed \([^)]*\)", r["backend"]).group(0) for r in bed.ready(run)}
    report.check("products by the fastest algorithms, paused and resumed", len(set(kept)) == 1 and len(timed) == 1,
                 f"{len(kept[0]) - 1} products, {', '.join(sorted(timed))}", "one table")
    want, known = bed.losses(run), os.path.join(bed.state, "products")
    for name, forget in (("known", False), ("killed", True)):
        other = bed.submit(bed.run_spec(f"products-{name}", host.backend, steps=LONG, at_step=LONG_AT, optimizer="RESET", every=40), *search)
        if forget:  # bitd's table is deleted: the run's checkpoint has the whole table
            bed.wait(other, "--for", f"step={LONG_AT + 10}")
            os.unlink(known)
            for pid in bed.worker_pids(other):
                os.kill(pid, signal.SIGKILL)
        bed.finish(other, timeout=120)
        got, used = bed.losses(other), bed.ready(other)[-1]["product"][0]
        whence = {k: used[k] for k in ("from_checkpoint", "from_run", "from_state", "timed") if used[k]}
        report.check("  another run, by what bitd knows of them" if not forget else "  killed, and resumed by its checkpoint's",
                     got == want and list(whence) == ["from_checkpoint" if forget else "from_state"],
                     f"{sum(got.get(s) == want[s] for s in want)} of {len(want)} losses the same bits; {whence}", "all, and none timed")


def table(bed, run):
    """The run's products and their algorithms, sorted: a launch puts the products of its own phase first (proto/ckpt/product_set.h)."""
    with open(os.path.join(bed.state, "runs", run, "checkpoints", "products"), "rb") as f:
        content = f.read()
    heading, rows = content[:96], content[96:-4]
    return heading, *sorted(rows[at:at + 160] for at in range(0, len(rows), 160))


def pause(bed, run, step, resume=True):
    """Pause at about this step, then resume if `resume`. Returns [the step at which it was paused]."""
    bed.wait(run, "--for", f"step={step}")
    bed.ctl("pause", run, check=True)
    at = int(bed.status(run)["step"])
    if resume:
        bed.ctl("resume", run, check=True)
    return [at]


def crossed(report, host, bed, want):
    """launch.backend AUTO uses a GPU if bitd's environment shows one: in its middle part the run trains on the CPU."""
    run = bed.submit(bed.run_spec("crossed", "AUTO" if host.backend == "CUDA" else "CPU", steps=LONG, at_step=LONG_AT, optimizer="RESET"))
    for step, environment in ((LONG // 8, {"CUDA_VISIBLE_DEVICES": ""}), (None, {})):
        at = step or int(bed.status(run)["step"]) + 3
        bed.wait(run, "--for", f"step={at}")
        bed.ctl("pause", run, check=True)
        bed.restart(**environment)
        bed.ctl("resume", run, check=True)
        bed.wait(run, "--for", f"step={int(bed.status(run)['step']) + 1}")
    bed.finish(run, timeout=120)
    saved = {c["after_step"]: c for c in (e["checkpoint"] for e in bed.events(run) if "checkpoint" in e)}
    legs = bed.ready(run)
    same = all(r["weights_digest"] == saved[r["step"]]["weights_digest"] and r.get("moments_digest") == saved[r["step"]].get("moments_digest")
               for r in legs[1:])
    devices = [r["backend"].split()[0] for r in legs]
    other = host.backend != "CUDA" or devices == ["cuda", "cpu", "cuda"]
    report.check("checkpoint to the CPU and back", same and other and len(legs) == 3,
                 f"{', '.join(devices)} from steps {', '.join(str(r['step']) for r in legs)}", "weights and moments by digest")
    got = bed.losses(run)
    before = [{s: losses[s] for s in losses if s <= LONG_AT} for losses in (want, got)]
    difference, step = worst(*before)
    report.at_most("its losses beside the GPU's alone, to the switch", 100 * difference, 1.0, " %", step=step)
    difference, step = worst(want, got)
    report.add("  and after it, where a difference grows with the spike", "ok", f"{100 * difference:.3g} % at step {step}", "told only")
