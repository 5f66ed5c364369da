"""A private daemon with real workers, in a temporary folder, driven through bitctl as a user would."""
import contextlib
import json
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

SKIP = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def build_root():
    root = os.environ.get("BIT_BUILD")
    if not root:
        skip("BIT_BUILD names no build folder")
    return root


def write_tokens(path, count, vocab, seed):
    """Learnable tokens: each mostly follows from the one before it, by rules that do not depend on the seed."""
    rules = random.Random("rules")
    follows = [[rules.randrange(vocab) for _ in range(4)] for _ in range(vocab)]
    rng, token, out = random.Random(seed), 0, []
    for _ in range(count):
        token = rng.randrange(vocab) if rng.random() < 0.1 else rng.choice(follows[token])
        out.append(token)
    with open(path, "wb") as f:
        f.write(struct.pack(f"<{count}H", *out))


def write_safetensors(path, shapes, value=0.01):
    """fp32 tensors of these shapes, all of one value."""
    header, data = {}, b""
    for name, (rows, cols) in shapes.items():
        header[name] = {"dtype": "F32", "shape": [rows, cols], "data_offsets": [len(data), len(data) + 4 * rows * cols]}
        data += struct.pack("<f", value) * (rows * cols)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


# Small enough for a few milliseconds a step, large enough that each of two ranks owns a part of it.
SPEC = """
name: "{name}"
model {{ layers: 2 width: 64 heads: 2 mlp_hidden: 128 vocab: 256 vocab_padded: 256 context: 64 tied: false
        init: NORMAL init_std: 0.02 operands: {operands} }}
data {{ train: "train.npy" seed: 7 }}
batch {{ instances: 8 micro_instances: 2 }}
schedule {{ steps: {steps} peak_lr: 3e-3 warmup_steps: 5 }}
phases {{ switch {{ at_step: {at_step} optimizer: {optimizer} ramp_steps: {ramp} }} }}
checkpoint {{ every: {every} keep_last: 3 }}
eval {{ set {{ name: "held" path: "valid.npy" }} every: {eval_every} instances: 4 {tasks} }}
launch {{ backend: CPU ranks: {ranks} threads: 1 max_restarts: 5 }}
{extra}
"""


# Timeouts so long that no rank is lost and no request given up because the machine is busy or a test holds a step. A test of one of
# these timeouts sets its own.
PATIENT = """
heartbeat_timeout = 60
stall_timeout = 300
plan_timeout = 300
reconnect_timeout = 120
client_timeout = 120
"""


def let_in(fd):
    """Let the reader that waits at the gate go on, and only that one: fd is a write end of the FIFO. A later reader waits again."""
    gone = select.poll()
    gone.register(fd, 0)
    gone.poll()  # until the reader has closed the FIFO
    os.close(fd)


class Daemon:
    """hold: steps that a run begins only after let_on() or held_no_more(), so that a test's request before such a step arrives in
    time, however busy the machine is. A checkpoint that began two or more steps before a held step is complete when it is reached.
    hold_parts: the same for each part of an evaluation's tasks except the first of a launch."""

    def __init__(self, config="", hold=(), hold_parts=False):
        root = build_root()
        self.bitd = os.path.join(root, "daemon", "bitd")
        self.bitctl = os.path.join(root, "ctl", "bitctl")
        self.worker = os.path.join(root, *(("tests", "run", "bitworker_faults") if hold or hold_parts else ("worker", "bitworker")))
        for program in (self.bitd, self.bitctl, self.worker):
            if not os.path.exists(program):
                skip(f"no {program}")
        if not shutil.which("mpirun"):
            skip("no mpirun")
        self.dir = tempfile.mkdtemp(prefix="bit-")
        self.state = os.path.join(self.dir, "state")
        self.socket = os.path.join(self.dir, "s")
        self.config = os.path.join(self.dir, "bitd.conf")
        self.hold, self.hold_parts, self.gate = hold, hold_parts, os.path.join(self.dir, "gate")
        if hold or hold_parts:
            config += f"worker = {self.worker}\n"
            os.mkfifo(self.gate)
        with open(self.config, "w") as f:
            f.write(PATIENT + config)  # if a setting occurs twice, the later one counts
        write_tokens(os.path.join(self.dir, "train.npy"), 64 * 2000, 256, 1)
        write_tokens(os.path.join(self.dir, "valid.npy"), 64 * 8, 256, 2)
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not SystemExit:
            self.dump()
        self.stop()
        if os.environ.get("BIT_KEEP"):
            print(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def launch(self):
        """Start bitd without waiting until it answers."""
        self.log = open(os.path.join(self.dir, "bitd.log"), "ab")
        held = {"BIT_FAULT_STAND": f"{','.join(map(str, self.hold))}:{self.gate}"} if self.hold else {}
        held |= {"BIT_FAULT_PARTS": self.gate} if self.hold_parts else {}
        self.process = subprocess.Popen(
            [self.bitd, "--state", self.state, "--socket", self.socket, "--config", self.config], stderr=self.log, stdout=self.log,
            env=os.environ | held)

    def start(self):
        self.launch()
        deadline = time.monotonic() + 120
        while self.ctl("ps", "-q")[0] != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.dump()
                raise AssertionError("bitd did not start")
            time.sleep(0.02)

    def let_on(self, limit=300):
        """Wait until a run reaches a step of `hold` and let it begin that step. Fails if none does within `limit` seconds."""
        def late(*_):
            raise AssertionError(f"no run came to a step of {self.hold} within {limit} s")

        before = signal.signal(signal.SIGALRM, late)
        signal.alarm(limit)
        try:
            let_in(os.open(self.gate, os.O_WRONLY))
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    def let_on_who_stands(self):
        """Let a run go on that waits at a step of `hold` now; does nothing if none does."""
        try:
            fd = os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return
        let_in(fd)

    @contextlib.contextmanager
    def held_no_more(self):
        """Within this context no run waits at a step of `hold`. For a run that may or may not reach one, because orders were sent
        before the test's request."""
        if not os.path.exists(self.gate):
            yield
            return
        fd = os.open(self.gate, os.O_RDWR)  # a writer, without waiting for a reader
        try:
            yield
        finally:
            os.close(fd)

    def stop(self):
        for run in self.ids():
            self.ctl("cancel", run, "--now")
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def dump(self):
        with open(os.path.join(self.dir, "bitd.log"), errors="replace") as f:
            print("---- bitd.log\n" + f.read()[-6000:])
        for folder, _, names in os.walk(os.path.join(self.state, "runs")):
            for name in names:
                if name.startswith("worker-"):
                    with open(os.path.join(folder, name), errors="replace") as f:
                        print(f"---- {name}\n" + f.read()[-3000:])

    def ctl(self, *args, timeout=300, check=False):
        p = subprocess.run([self.bitctl, args[0], "--socket", self.socket, *args[1:]], capture_output=True, text=True,
                           timeout=timeout)
        if check and p.returncode != 0:
            raise AssertionError(f"bitctl {' '.join(args)} ended with {p.returncode}: {p.stderr}{p.stdout}")
        return p.returncode, p.stdout, p.stderr

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

    def ids(self):
        code, out, _ = self.ctl("ps", "-q")
        return out.split() if code == 0 else []

    def status(self, run):
        return json.loads(self.ctl("status", run, "--json", check=True)[1])

    def events(self, run, steps=False):
        out = self.ctl("events", run, "--json", *(["--steps"] if steps else []), check=True)[1]
        return [json.loads(line) for line in out.splitlines()]

    def losses(self, run):
        """step -> (loss, grad_norm), as last trained."""
        return {e["step"]["step"]: (e["step"]["loss"], e["step"]["grad_norm"]) for e in self.events(run, True) if "step" in e}

    def spec(self, name="t", steps=30, at_step=15, optimizer="KEEP", ramp=0, every=10, eval_every=0, ranks=2, operands="BF16", tasks="", extra=""):
        path = os.path.join(self.dir, f"{name}.txtpb")
        with open(path, "w") as f:
            f.write(SPEC.format(name=name, steps=steps, at_step=at_step, optimizer=optimizer, ramp=ramp, every=every,
                                eval_every=eval_every, ranks=ranks, operands=operands, tasks=tasks, extra=extra))
        return path

    def submit(self, path, *args):
        return self.ctl("submit", "-q", path, *args, check=True)[1].strip()

    def wait(self, run, *args, timeout=300):
        return self.ctl("wait", run, "-q", *args, timeout=timeout)[0]

    def finish(self, run, timeout=300):
        code = self.wait(run, timeout=timeout)
        if code != 0:
            raise AssertionError(f"{run} ended with {code}: {self.status(run).get('reason')}")
        return self.status(run)

    def worker_pids(self, run):
        """Process ids of the run's ranks under this daemon, recognised by their environment."""
        pids = []
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    env = f.read()
                with open(f"/proc/{pid}/comm") as f:
                    comm = f.read().strip()
            except OSError:
                continue
            if comm.startswith("bitworker") and self.dir.encode() in env and f"BITD_RUN={run}\0".encode() in env + b"\0":
                pids.append(int(pid))
        return pids


def main(tests):
    """Run the functions named on the command line, or all, and print a line for each; exit 1 if one failed."""
    failed = 0
    wanted = sys.argv[1:]
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begin = time.monotonic()
        try:
            test()
            print(f"ok     {test.__name__} {time.monotonic() - begin:.1f} s")
        except AssertionError as e:
            failed += 1
            print(f"FAILED {test.__name__}: {e}")
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
