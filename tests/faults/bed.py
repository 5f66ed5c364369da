"""The bed for the faults: a daemon with the shim preloaded around its system calls, a tiny model, and the measurements."""
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "run"))
import fixture  # noqa: E402

SHIM = os.path.join(fixture.build_root(), "tests", "faults", "libfaults.so")
STEPS, AT, EVERY = 80, 40, 10
# Steps that a loss may cost: those of an interval, and those trained while the checkpoint at its end was still being written.
LOST = EVERY + 5

# About 20 ms a step on two ranks of one thread each.
SPEC = """
name: "{name}"
model {{ layers: 2 width: 128 heads: 4 mlp_hidden: 256 vocab: 256 vocab_padded: 256 context: 64 tied: false
        init: NORMAL init_std: 0.02 operands: BF16 }}
data {{ train: "train.npy" seed: 7 }}
batch {{ instances: {instances} micro_instances: 4 }}
schedule {{ steps: {steps} peak_lr: 3e-3 warmup_steps: 5 }}
phases {{ switch {{ at_step: {at} optimizer: RESET }} }}
checkpoint {{ every: {every} keep_last: 3 }}
eval {{ set {{ name: "held" path: "valid.npy" }} every: {eval_every} instances: 4 }}
launch {{ backend: CPU ranks: {ranks} threads: 1 max_restarts: {restarts} }}
"""


def shared_memory(since):
    """Names in /dev/shm that MPI and NCCL made after that time. Names come from process numbers, so that an older leftover of somebody
    else may have the name of a new launch."""
    made = set()
    for entry in os.scandir("/dev/shm"):
        try:
            if entry.name.startswith(("vader_segment", "ompi", "pmix", "ucx", "nccl")) and entry.stat().st_mtime >= since:
                made.add(entry.name)
        except FileNotFoundError:
            pass
    return made


def mapped_memory():
    mapped = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/maps") as f:
                mapped |= set(re.findall(r"/dev/shm/(\S+)", f.read()))
        except OSError:
            pass
    return mapped


# After a fault: seconds from `since` until the loss was detected and until a step was trained again, seconds between the two; steps
# trained twice; how many of them a checkpoint held that was complete before the loss, which must be 0; and the cause as bitd recorded it.
Recovery = namedtuple("Recovery", "detect again between lost needless cause")


class Bed(fixture.Daemon):
    """A Daemon with the shim: rules(text) sets its faults until heal()."""

    def __init__(self, config="", seed=0, preload=True, hold=()):
        super().__init__("restart_delay_max = 0.2\nkill_grace = 2\ncheckpoint_retry = 0.5\n" + config, hold)
        self.plan = os.path.join(self.dir, "faults")
        self.once = os.path.join(self.dir, "once")
        self.preload = preload
        self.rng = random.Random(seed)
        self.since = time.time() - 1  # files' times are those of the kernel's last tick

    def launch(self):
        old = {k: os.environ.get(k) for k in ("LD_PRELOAD", "BIT_FAULTS")}
        if self.preload:
            os.environ.update(LD_PRELOAD=SHIM, BIT_FAULTS=self.plan)
        try:
            super().launch()
        finally:
            for k, v in old.items():
                os.environ.pop(k, None)
                if v is not None:
                    os.environ[k] = v

    def rules(self, *lines):
        text = "\n".join(lines).replace("ONCE", self.once).replace("who=bitworker", "who=" + os.path.basename(self.worker))
        with open(self.plan + ".new", "w") as f:
            f.write(text + "\n")
        os.rename(self.plan + ".new", self.plan)

    def heal(self):
        for path in (self.plan, self.once):
            if os.path.exists(path):
                os.unlink(path)

    def fired(self):
        return os.path.exists(self.once)

    def bed_spec(self, steps=STEPS, at=AT, every=EVERY, ranks=2, restarts=8, eval_every=0, instances=8):
        path = os.path.join(self.dir, "bed.txtpb")
        with open(path, "w") as f:
            f.write(SPEC.format(name="bed", steps=steps, at=at, every=every, ranks=ranks, restarts=restarts,
                                eval_every=eval_every, instances=instances))
        return path

    def ranks(self, run):
        """rank -> process."""
        found = {}
        for pid in self.worker_pids(run):
            try:
                with open(f"/proc/{pid}/environ") as f:
                    rank = re.search(r"OMPI_COMM_WORLD_RANK=(\d+)", f.read())
            except OSError:
                continue
            if rank:
                found[int(rank.group(1))] = pid
        return found

    def until(self, what, limit=300):
        """Poll a condition that has no event to wait for. Returns what() once it is true."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            got = what()
            if got:
                return got
            time.sleep(0.01)
        raise AssertionError(f"not within {limit} s: {what.__doc__ or what}")

    def step(self, run):
        return int(self.status(run).get("step", 0))

    def wait_step(self, run, step):
        code = self.wait(run, "--for", f"step={step}")
        assert code in (0, 101), f"waiting for step {step} ended with {code}: {self.status(run)}"

    def records(self, run, kind=None):
        """[(time in seconds, kind, content)] of the journal's records, all or those of one kind."""
        out = []
        for e in self.events(run, True):
            name = next(k for k in e if k not in ("schema", "seq", "time_ns", "time"))
            if kind in (None, name):
                out.append((int(e["time_ns"]) / 1e9, name, e[name]))
        return out

    def was_lost(self, run, since):
        return any(at > since for at, _, _ in self.records(run, "lost"))

    def recoveries(self, run, since=0):
        """A Recovery for each loss in the journal after wall time `since` after which training went on."""
        out, lost, newest = [], None, 0
        for at, kind, what in self.records(run):
            if kind == "checkpoint" and not int(what["error"]):
                newest = int(what["after_step"])
            elif kind == "lost" and at >= since and lost is None:
                lost, resumed = (at, int(what["step"]), newest, what["cause"]), None
            elif kind == "ready" and lost is not None and resumed is None:
                resumed = int(what["step"])
            elif kind == "step" and lost is not None:
                lost_at, step, complete, cause = lost
                out.append(Recovery(lost_at - since, at - since, at - lost_at, step - resumed, max(complete - resumed, 0), cause))
                lost = None
        return out

    def recovery(self, run, since):
        """The Recovery of the first loss."""
        found = self.recoveries(run, since)
        assert found, f"a loss is in the journal, and a step after it: {self.records(run)[-8:]}"
        return found[0]

    def completed(self, run):
        """Whether the run is completed; False if bitd does not answer, because it may be killed at any moment."""
        code, out, _ = self.ctl("status", run, "--json")
        return code == 0 and json.loads(out)["state"] == "completed"

    def left_behind(self, run):
        """What a run that has ended must not leave behind: processes, partial checkpoints, shared memory that nobody maps."""
        left = [f"process {pid}" for pid in self.worker_pids(run)]
        folder = os.path.join(self.state, "runs", run, "checkpoints")
        left += [name for name in os.listdir(folder) if ".partial" in name] if os.path.isdir(folder) else []
        return left + [f"/dev/shm/{name}" for name in self.orphaned_memory()]

    def orphaned_memory(self):
        """Shared memory of this daemon's launches that no process maps and that is still there after bitd had time to clean up."""
        with open(os.path.join(self.dir, "bitd.log"), errors="replace") as f:
            jobs = {job_of(int(pid)) for pid in re.findall(r"launched .* pid=(\d+)", f.read())}
        deadline = time.monotonic() + 60
        while True:
            orphans = {name for name in shared_memory(self.since) - mapped_memory() if any(f".{job:x}0001." in name for job in jobs)}
            if not orphans or time.monotonic() > deadline:
                return orphans
            time.sleep(0.2)


_host = []


def job_of(pid):
    """Open MPI's job number for the mpirun with this pid: its low 16 bits XORed with a number of the host."""
    if not _host:
        p = subprocess.Popen(["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "1", "printenv", "PMIX_NAMESPACE"],
                             stdout=subprocess.PIPE, text=True)
        _host.append(int(p.communicate()[0]) >> 16 ^ p.pid & 0xffff)
    return _host[0] ^ pid & 0xffff


def key(**spec):
    return tuple(sorted(spec.items()))


_undisturbed = {}


def undisturbed(**spec):
    """(weights digest, loss and norm of every step, median seconds between steps) of the run without faults; cached."""
    if key(**spec) not in _undisturbed:
        with Bed(preload=False) as d:
            run = d.submit(d.bed_spec(**spec))
            status = d.finish(run)
            times = [at for at, _, _ in d.records(run, "step")]
            gaps = sorted(b - a for a, b in zip(times, times[1:]))
            _undisturbed[key(**spec)] = (status["weights_digest"], d.losses(run), gaps[len(gaps) // 2])
    return _undisturbed[key(**spec)]


def is_same(d, run, **spec):
    """Whether the run ended with the weights, losses and norms of the undisturbed one, to the bit."""
    want = undisturbed(**spec)
    status = d.finish(run)
    return status["weights_digest"] == want[0] and d.losses(run) == want[1]


def is_gone(pid):
    """Whether the process has ended. A zombie counts: when its parent reaps it is not up to this daemon."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def kill(pid, sig=signal.SIGKILL):
    if pid <= 0:  # to the kernel it means several processes
        return False
    try:
        os.kill(pid, sig)
        return True
    except ProcessLookupError:
        return False
