"""The soak: a queue of small runs through the switch while faults come at random; the results must equal those without faults."""
import collections
import heapq
import itertools
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

from bed import SHIM, Bed, kill, undisturbed
from rows_world import CLIENTS, rss
from soak_faults import Faults
from soak_plan import KINDS, TICK_S, plan

QUEUE = 4        # runs that have not ended, at any time
SAY_S = 15       # between two lines of progress
DRAIN_S = 900    # limit until all runs have ended after the last fault
# bitd may have so much more memory than one just started on the same state folder. It uses the same; malloc keeps the memory of
# its largest replies and readers.
GROWTH = 8 << 20
VARIANTS = [
    {"steps": 160, "at": 60, "every": 20},
    {"steps": 240, "at": 200, "every": 15, "eval_every": 40},
    {"steps": 100, "at": 10, "every": 50},
]
CONFIG = "slots = 2\nshutdown_timeout = 20\nheartbeat_timeout = 2.5\nstall_timeout = 10\n"


class Soak(Faults, Bed):
    def __init__(self, seconds, seed):
        super().__init__(config=CONFIG, seed=seed)
        self.seconds, self.seed = seconds, seed
        self.plan_log = open(os.path.join(self.dir, "plan.jsonl"), "w")
        self.tmp = os.path.join(self.dir, "tmp")
        os.mkdir(self.tmp)
        os.environ["TMPDIR"] = self.tmp  # so that only Open MPI's folders of this soak are in it
        self.planted, self.met = collections.Counter(), collections.Counter()
        self.active = {}        # rules of the shim, by kind of fault
        self.healed = 0.0       # when a rule of the shim was last removed
        self.due = []           # heap of (when, number, function to call then)
        self.numbers = itertools.count()
        self.submitting, self.runs, self.waiting = None, {}, {}
        self.ended_by_us, self.deaths, self.starts = False, [], 0
        self.lending = []       # processes of clients, and of commands under way
        self.wrong = []

    # ---- bitd

    def launch_bitd(self):
        self.ended_by_us = False
        env = dict(os.environ, LD_PRELOAD=SHIM, BIT_FAULTS=self.plan)
        self.log = open(os.path.join(self.dir, "bitd.log"), "ab")
        self.process = subprocess.Popen([self.bitd, "--state", self.state, "--socket", self.socket, "--config", self.config],
                                        stderr=self.log, stdout=self.log, env=env)
        self.log.close()
        self.starts += 1

    def look_after_bitd(self):
        """Restart bitd whenever it has ended, like a service manager."""
        code = self.process.poll()
        if code is None or self.ended_by_us:
            return
        disk = time.monotonic() - self.healed < 2 or {"full disk", "full journal", "failing sync"} & set(self.active)
        self.deaths.append(code)
        if code < 0 or not disk:
            self.wrong.append(f"bitd ended by itself with {code}")
        self.ended_by_us = True
        self.later(0.5, self.launch_bitd)

    # ---- runs

    def spec_of(self, variant):
        path = self.bed_spec(**VARIANTS[variant], restarts=100000)
        own = os.path.join(self.dir, f"variant-{variant}.txtpb")
        os.rename(path, own)
        return own

    def submit_next(self):
        """Submit one run at a time, retried with the same request id until bitd answers."""
        if self.submitting is None:
            if len(self.waiting) >= QUEUE:
                return
            number = len(self.runs)
            variant = number % len(VARIANTS)
            self.submitting = (number, variant, None)
        number, variant, process = self.submitting
        if process is None:
            process = subprocess.Popen([self.bitctl, "submit", "--socket", self.socket, "-q", "--request-id", f"soak-{number}",
                                        os.path.join(self.dir, f"variant-{variant}.txtpb")], stdout=subprocess.PIPE,
                                       stderr=self.said, text=True)
        elif process.poll() is not None:
            run = process.stdout.read().strip()
            process.stdout.close()
            if process.returncode == 0:
                self.runs[run] = variant
                self.wait_for(run)
                self.submitting = None
                return
            process = None
        self.submitting = (number, variant, process)

    def wait_for(self, run):
        self.waiting[run] = subprocess.Popen([self.bitctl, "wait", "--socket", self.socket, "-q", run], stdout=self.said,
                                             stderr=self.said)

    def look_after_runs(self):
        for run, process in list(self.waiting.items()):
            code = process.poll()
            if code is None:
                continue
            if code == 0:
                del self.waiting[run]
            elif code in (1, 69, 70, 75):  # bitd was away for too long: wait again
                self.met["wait asked again"] += 1
                self.wait_for(run)
            else:
                del self.waiting[run]
                self.wrong.append(f"{run} ended with {code}")

    def busy_runs(self):
        return sorted(self.waiting)

    def later(self, seconds, what):
        heapq.heappush(self.due, (time.monotonic() + seconds, next(self.numbers), what))

    # ---- the hour

    def tick(self, until):
        """Until this time, call what is due and look after bitd and the runs."""
        while True:
            while self.due and self.due[0][0] <= time.monotonic():
                heapq.heappop(self.due)[2]()
            self.look_after_bitd()
            self.look_after_runs()
            self.lending = [p for p in self.lending if p.poll() is None or p.args[0] == CLIENTS]
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, TICK_S, max(0, self.due[0][0] - time.monotonic()) if self.due else TICK_S))
            if time.monotonic() < self.submit_until:
                self.submit_next()
            self.say()

    def say(self, now=False):
        if not now and time.monotonic() - self.said_at < SAY_S:
            return
        self.said_at = time.monotonic()
        try:
            size = f"bitd {rss(self.process.pid) / (1 << 20):.1f} MiB, {descriptors(self.process.pid)} descriptors"
        except (OSError, StopIteration):
            size = "bitd is away"
        wrong = f"; WRONG: {self.wrong[-1]}" if self.wrong else ""
        print(f"{self.said_at - self.begun:6.0f} s  {len(self.runs)} runs, {len(self.waiting)} not ended; "
              f"{sum(self.planted.values())} faults, {self.starts} bitds; {size}{wrong}", file=sys.stderr, flush=True)

    def soak(self):
        self.said = open(os.path.join(self.dir, "bitctl.log"), "a")
        for variant in range(len(VARIANTS)):
            self.spec_of(variant)
        self.launch_bitd()
        self.until(lambda: self.ctl("ps", "-q")[0] == 0)
        self.began_with = descriptors(self.process.pid)
        self.begun, self.said_at = time.monotonic(), 0.0
        self.submit_until = self.begun + self.seconds
        for p in plan(self.seed, self.seconds):
            self.tick(self.begun + p.at)
            self.plant(p)
        self.tick(self.begun + self.seconds)

    def drain(self):
        """Inject no more faults; wait until the active faults, the commands and all runs have ended."""
        deadline = time.monotonic() + DRAIN_S
        self.submit_until = deadline if self.submitting else 0  # a submission under way must be answered
        looked = 0.0
        while self.due or self.waiting or self.submitting or self.lending:
            if time.monotonic() > deadline:
                self.wrong.append(f"not ended in {DRAIN_S} s: {', '.join(self.busy_runs()) or 'a command'}")
                return
            self.tick(time.monotonic() + TICK_S)
            self.submit_until = deadline if self.submitting else 0
            if time.monotonic() - looked > 2 and not self.due:
                looked = time.monotonic()
                self.resume_paused()

    def resume_paused(self):
        """Resume runs whose resume came before their pause, or while bitd was away for too long."""
        code, out, _ = self.ctl("ps", "--json")
        for status in map(json.loads, out.splitlines() if code == 0 else []):
            if status["state"] == "paused":
                self.ask("resume", status["run"])

    # ---- the verdict

    def check(self, holds, what):
        if not holds:
            self.wrong.append(what)

    def check_runs(self):
        ids = self.ctl("ps", "-q", "--all")[1].split()
        self.check(sorted(ids) == sorted(self.runs), f"runs {sorted(set(ids) ^ set(self.runs))} were lost, or made twice")
        for run, variant in self.runs.items():
            status = self.status(run)
            if status["state"] != "completed":
                self.wrong.append(f"{run} is {status['state']}: {status.get('reason')}")
                continue
            digest, losses, _ = undisturbed(**VARIANTS[variant])
            self.check(status["weights_digest"] == digest, f"{run} has weights {status['weights_digest']}, undisturbed {digest}")
            got = self.losses(run)
            differ = [step for step in losses if got.get(step) != losses[step]]
            self.check(not differ, f"{run}: step {differ[:1]} and {len(differ) - 1} more have another loss or norm")

    def check_left(self):
        left = self.orphaned_memory()
        self.check(not left, f"left in /dev/shm: {sorted(left)[:4]}")
        left = self.processes(("bitworker", "mpirun", "orted", "prte"))
        self.check(not left, f"processes left: {left}")
        kept = [os.path.join(at, name) for at, folders, names in os.walk(self.state) for name in folders + names
                if name.endswith((".partial", ".new", ".tmp", ".removed"))]
        self.check(not kept, f"half-made files left: {kept[:4]}")
        inside = [os.path.join(at, name) for at, _, names in os.walk(self.tmp) for name in names]
        sessions = [name for at, folders, _ in os.walk(self.tmp) for name in folders if name.startswith("pid.")]
        self.check(not inside and not sessions, f"temporary files left: {(inside + sessions)[:4]} of {len(inside) + len(sessions)}")

    def check_bitd(self):
        """Compare bitd with one just started on the same state folder."""
        held = rss(self.process.pid), self.fewest_descriptors(), children(self.process.pid)
        self.check(not held[2], f"bitd has children: {held[2]}")
        self.ended_by_us = True
        self.process.terminate()
        try:
            self.check(self.process.wait(300) == 0, f"told to go, bitd ended with {self.process.returncode}")
        except subprocess.TimeoutExpired:
            self.wrong.append("told to go, bitd was still there after 300 s")
            self.kill()
        sockets = [os.path.join(at, name) for at, _, names in os.walk(self.dir) for name in names
                   if stat.S_ISSOCK(os.lstat(os.path.join(at, name)).st_mode)]
        self.check(not sockets, f"sockets left: {sockets}")
        self.launch_bitd()
        self.until(lambda: self.ctl("ps", "-q")[0] == 0)
        self.ctl("ps", "--all", "--json")
        fresh = rss(self.process.pid), self.fewest_descriptors()
        self.notes = (f"bitd in the end {held[0] / (1 << 20):.1f} MiB and {held[1].total()} descriptors, "
                      f"a new one {fresh[0] / (1 << 20):.1f} MiB and {fresh[1].total()}")
        self.check(held[0] <= fresh[0] + GROWTH, f"bitd grew: {self.notes}")
        self.check(held[1].total() <= fresh[1].total(), f"bitd kept descriptors: {dict(held[1] - fresh[1])} of {self.notes}")

    def fewest_descriptors(self):
        """The lowest count of bitd's descriptors over up to 30 s, or until no more than the first bitd began with: descriptors of clients
        that are just leaving do not count, leaked ones are always there."""
        fewest, deadline = descriptors_of(self.process.pid), time.monotonic() + 30
        while time.monotonic() < deadline and fewest.total() > self.began_with:
            fewest = min(fewest, descriptors_of(self.process.pid), key=lambda c: c.total())
            time.sleep(TICK_S)
        return fewest

    def table(self, took):
        print(f"{'fault':<18} {'planted':>8} {'met something':>14}")
        for kind in KINDS:
            print(f"{kind.name:<18} {self.planted[kind.name]:>8} {self.met[kind.name]:>14}")
        print(f"{len(self.runs)} runs, {self.losses_seen} losses of workers, {self.starts} bitds, {took:.0f} s; "
              f"{self.met['wait asked again']} times bitctl wait gave up and was asked again; {self.notes}")

    def count_losses(self):
        return sum(len(self.records(run, "lost")) for run in self.runs)


def open_files(pid):
    """[] where only root may look: bitd is not dumpable, so its own user cannot list them, and they are not compared."""
    try:
        return os.listdir(f"/proc/{pid}/fd")
    except PermissionError:
        return []


def descriptors(pid):
    return len(open_files(pid))


def descriptors_of(pid):
    """Counts of descriptors by kind, without the numbers of sockets and pipes. One inotify is not counted: libuv creates it when the
    first file is followed and keeps it."""
    kinds = collections.Counter()
    for fd in open_files(pid):
        try:
            kinds[os.readlink(f"/proc/{pid}/fd/{fd}").split(":[")[0]] += 1
        except OSError:
            pass
    kinds["anon_inode:inotify"] = max(0, kinds["anon_inode:inotify"] - 1)
    return kinds


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return f.read().split()


def run(minutes, seed, as_json):
    """Returns 0 if the results equal those without faults; otherwise 1, and keeps the folder."""
    print(f"seed {seed}, {minutes:g} minutes", file=sys.stderr, flush=True)
    for variant in VARIANTS:
        undisturbed(**variant)
    begin = time.monotonic()
    s = Soak(minutes * 60, seed)
    s.notes, s.losses_seen = "", 0
    try:
        s.soak()
        s.drain()
        s.say(now=True)
        if not s.waiting:
            s.check_runs()
            s.losses_seen = s.count_losses()
            s.check_left()
            s.check_bitd()
    except (Exception, KeyboardInterrupt) as e:  # an exception is reported as an error, so that the folder is kept
        s.wrong.append(f"the soak itself: {e!r}")
    for process in s.lending + list(s.waiting.values()):
        process.kill()
        process.wait()
    if s.process.poll() is None:
        kill(s.process.pid, signal.SIGCONT)
    s.heal()
    s.stop()
    took = time.monotonic() - begin
    if as_json:
        print(json.dumps({"seed": seed, "minutes": minutes, "runs": len(s.runs), "losses": s.losses_seen, "bitds": s.starts,
                          "planted": s.planted, "met": s.met, "bitd": s.notes, "wrong": s.wrong, "took_s": round(took, 1),
                          "kept": s.dir if s.wrong else None}))
    else:
        s.table(took)
        for what in s.wrong:
            print(f"WRONG: {what}")
    if s.wrong:
        print(f"FAILED, seed {seed}: {len(s.wrong)} things are wrong; everything is kept in {s.dir} "
              "(plan.jsonl: what was planted)", file=sys.stderr)
        return 1
    shutil.rmtree(s.dir, ignore_errors=True)
    return 0
