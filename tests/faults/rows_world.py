"""Rows 18 and 19: clients that send garbage, clocks that jump, settings read again, logs that cannot be written."""
import os
import re
import signal
import statistics
import subprocess
import time

from bed import Bed, fixture, is_same
from row import Row


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


CLIENTS = os.path.join(fixture.build_root(), "tests", "faults", "clients")
STATUS_CALLS = os.path.join(fixture.build_root(), "tests", "faults", "status_calls")
RATE = 400  # bad clients a second
TURN = 200  # bad clients in a turn: half a second


def p99(values):
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)]


class Turns:
    """Training steps in turns of half a second: alone, with bad clients at bitd, with the same ones at the yardstick, a server that
    does almost nothing. Because the turns alternate, a machine that gets slower meanwhile does not distort the comparison."""

    def __init__(self, d, run, yardstick, seed):
        self.d, self.run, self.seed = d, run, seed
        self.sockets = {"left alone": None, "bad clients": d.socket, "the same at the yardstick": yardstick}
        self.spans = {name: [] for name in self.sockets}
        self.asked = {"bitd": [], "the yardstick": []}

    def take(self, number):
        for name, path in self.sockets.items():
            begin, step = time.time(), self.d.step(self.run)
            if path is None:
                time.sleep(TURN / RATE)  # as long as a turn with clients
            else:
                self.bad(path, number).wait()
            self.d.until(lambda: self.d.step(self.run) >= step + 2)  # so that at least one whole step is in the turn, however slow the machine is
            self.spans[name].append((begin, time.time()))
        for name, path, ask in (("bitd", self.d.socket, [STATUS_CALLS, self.d.socket, self.run]),
                                ("the yardstick", self.sockets["the same at the yardstick"], [CLIENTS, "ask"])):
            bad = self.bad(path, number)
            args = [*ask, *([path] if ask[0] == CLIENTS else []), "50", "10"]
            out = subprocess.run(args, capture_output=True, text=True, check=True).stdout
            self.asked[name].append([float(x) for x in out.split()])
            bad.wait()

    def bad(self, path, number):
        return subprocess.Popen([CLIENTS, "bad", path, str(TURN), str(RATE), str(self.seed + number)], stdout=subprocess.DEVNULL)

    def steps(self):
        """Milliseconds of the steps of each kind of turn."""
        took = [(at, float(what["ms"])) for at, _, what in self.d.records(self.run, "step")]
        return {name: [ms for at, ms in took if any(a <= at - ms / 1000 and at <= b for a, b in spans)]
                for name, spans in self.spans.items()}

    def status_ms(self, which):
        """[p50, p99]: each the median over the turns."""
        return [statistics.median(turn[i] for turn in self.asked[which]) for i in (0, 1)]


def idle_clients(path, count):
    p = subprocess.Popen([CLIENTS, "idle", path, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert int(p.stdout.readline()) == count, "not all idle clients were let in"
    return p


def tell_clients(r, turns):
    ms = turns.steps()
    alone = ms["left alone"]
    assert all(ms.values()), f"steps in turns: { {k: len(v) for k, v in ms.items()} }"
    for name, values in ms.items():
        r.notes.append(f"step {name}: p50 {statistics.median(values):.2f} ms ({100 * statistics.median(values) / statistics.median(alone) - 100:+.1f} %), "
                       f"p99 {p99(values):.2f} ms ({100 * p99(values) / p99(alone) - 100:+.1f} %), {len(values)} steps")
    for name in turns.asked:
        p50, most = turns.status_ms(name)
        r.notes.append(f"{'status of bitd' if name == 'bitd' else 'an answer of ' + name}, bad clients meanwhile: p50 {p50:.2f} ms, p99 {most:.2f} ms")
    r.aim("step p99 with bad clients over that with the yardstick's", p99(ms["bad clients"]) / p99(ms["the same at the yardstick"]), 1.01)
    r.aim("status p99, ms", turns.status_ms("bitd")[1], 5)


def is_same_so_far(d, run, step, **spec):
    """Whether loss and norm of the first steps equal those of a run without clients."""
    with Bed(preload=False) as alone:
        other = alone.submit(alone.bed_spec(**spec))
        alone.wait_step(other, step)
        want, got = alone.losses(other), d.losses(run)
    return all(got[i] == want[i] for i in list(want)[:step])


def bad_clients(r, rng, many):
    """Bad clients at a given rate, beside a thousand idle ones. bitd's own cost is the difference to the yardstick."""
    turns_count = -(-many(1600, 10000) // (2 * TURN))  # each turn has TURN bad clients at bitd twice: beside steps, beside status calls
    spec = {"steps": 100000, "at": 200, "every": 0}
    with Bed(preload=False) as d:
        run = d.submit(d.bed_spec(**spec))
        d.wait_step(run, 60)
        yardstick = os.path.join(d.dir, "yardstick")
        server = subprocess.Popen([CLIENTS, "serve", yardstick], stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "up\n", "no yardstick"
        before = rss(d.process.pid)
        idle = [idle_clients(path, 1000) for path in (d.socket, yardstick)]
        turns = Turns(d, run, yardstick, rng.randrange(1 << 30))
        begin = time.monotonic()
        for number in range(turns_count):
            turns.take(number)
        took = time.monotonic() - begin
        grown = rss(d.process.pid) - before
        for p in (*idle, server):
            p.kill()
            p.wait()
        tell_clients(r, turns)
        r.check(grown <= 16 << 20, f"bitd grew by {grown >> 20} MiB")
        r.notes.append(f"bitd grew by {grown / (1 << 20):.1f} MiB (<= 16)")
        with open(os.path.join(d.dir, "bitd.log")) as f:
            log = f.read()
        told, untold = log.count(": client dropped"), sum(map(int, re.findall(r"clients dropped untold=(\d+)", log)))
        r.notes.append(f"{told} lines about bad clients, {untold} more of them counted, in {took:.0f} s")
        r.check(0 < told < 11 * (took + 1), f"{told} lines about bad clients in {took:.0f} s, at most ten a second")
        r.check(told + untold > TURN * turns_count / 2, f"{told} lines about bad clients, {untold} more of them counted, of {2 * TURN * turns_count}")
        done = d.step(run)
        d.ctl("pause", run, check=True)
        d.until(lambda: d.status(run)["state"] == "paused")
        r.check(not d.records(run, "lost"), "a worker was lost")
        r.check(done > 60, "the run stood still")
        r.trial(None, None, 0, is_same_so_far(d, run, min(done, 400), **spec), d.left_behind(run))
        r.n = 2 * TURN * turns_count


def clock_jumps(r, rng, many):
    with Bed(hold=(13, 41)) as d:
        run = d.submit(d.bed_spec())
        for shift, step in ((3600, 12), (-3600, 40)):
            d.wait_step(run, step)
            d.rules(f"clock shift {shift}")
            d.let_on()
            d.wait_step(run, step + 10)  # some steps with the shifted clock
        d.heal()
        same = is_same(d, run)
        r.check(not d.records(run, "lost"), "a worker was lost")
        r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


def read_again(r, rng, many):
    """Repeated SIGHUP with a settings file that is right, wrong, and missing."""
    with Bed() as d:
        run = d.submit(d.bed_spec())
        with open(d.config) as f:
            good = f.read()
        for i, text in enumerate((good + "log_level = debug\n", "no such = thing\n", None, good)):
            d.wait_step(run, 10 * (i + 1))
            if text is None:
                os.unlink(d.config)
            else:
                with open(d.config, "w") as f:
                    f.write(text)
            d.process.send_signal(signal.SIGHUP)
        same = is_same(d, run)
        r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


def no_logs(r, rng, many):
    """The logs of bitd and the workers are on a full disk, and the service manager does not answer."""
    d = Bed()
    try:
        env = dict(os.environ, NOTIFY_SOCKET=os.path.join(d.dir, "nobody"), LD_PRELOAD=os.path.join(
            fixture.build_root(), "tests", "faults", "libfaults.so"), BIT_FAULTS=d.plan)
        d.rules("write path=/logs/ error 28")
        with open("/dev/full", "w") as full:
            d.process = subprocess.Popen([d.bitd, "--state", d.state, "--socket", d.socket, "--config", d.config], env=env,
                                         stdout=full, stderr=full)
        d.until(lambda: d.ctl("ps", "-q")[0] == 0)
        with open(os.path.join(d.dir, "bitd.log"), "w"):
            pass
        run = d.submit(d.bed_spec())
        same = is_same(d, run)
        r.check(not d.records(run, "lost"), "a worker was lost")
        r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))
    finally:
        d.__exit__(None, None, None)


ROWS = [
    Row("18", "bad clients: 10000 (short 1600), 1000 idle", None, None, 0, bad_clients),
    Row("19", "the wall clock jumps by an hour, twice", None, None, 0, clock_jumps),
    Row("19", "SIGHUP with a right, wrong and missing file", None, None, 0, read_again),
    Row("19", "no room for any log, nobody to notify", None, None, 0, no_logs),
]
