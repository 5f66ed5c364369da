"""Rows 18 and 19: clients that do everything wrong, clocks that jump, settings read again, logs that cannot be written."""
import os
import random
import signal
import socket
import statistics
import subprocess
import threading
import time

from bed import Bed, fixture, is_same
from row import Row


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(path)
    return s


def misbehave(path, rng, count):
    """Random bytes, half a header and silence, a header that promises a megabyte, a frame byte by byte."""
    for _ in range(count):
        try:
            s = connect(path)
            kind = rng.randrange(4)
            if kind == 0:
                s.sendall(rng.randbytes(rng.randrange(1, 600)))
            elif kind == 1:
                s.sendall(b"BIT1" + rng.randbytes(rng.randrange(0, 20)))
            elif kind == 2:
                s.sendall(b"BIT1\x36\0\0\0" + b"\0" * 8 + b"\0\0\x10\0" + rng.randbytes(8))
            else:
                for byte in b"BIT1\x37\0\0\0\0\0\0\0":
                    s.sendall(bytes([byte]))
            s.close()
        except OSError:
            pass


def p99(values):
    return sorted(values)[max(0, int(0.99 * len(values)) - 1)]


def ask_status(d, run, count=60):
    """Milliseconds of one `bitctl status`, its process and all."""
    out = []
    for _ in range(count):
        begin = time.perf_counter()
        d.ctl("status", run, "-q")
        out.append((time.perf_counter() - begin) * 1000)
    return out


def bad_clients(r, rng, many):
    spec = {"steps": 400, "at": 200, "every": 50}
    with Bed(preload=False) as d:
        run = d.submit(d.bed_spec(**spec))
        d.wait_step(run, 60)
        before, quiet = rss(d.process.pid), ask_status(d, run)
        idle = []
        for _ in range(1000):
            try:
                idle.append(connect(d.socket))
            except OSError:
                pass
        first = d.step(run)
        begin = time.time()
        threads = [threading.Thread(target=misbehave, args=(d.socket, random.Random(rng.random()), many(400, 2500)))
                   for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for s in idle:
            s.close()
        end = time.time()
        busy = ask_status(d, run)
        grown = rss(d.process.pid) - before
        same = is_same(d, run, **spec)
        steps = [(at, float(what["ms"])) for at, _, what in d.records(run, "step")]
        during = [ms for at, ms in steps if begin <= at <= end]
        around = [ms for at, ms in steps if at < begin and int(at) and ms]
        r.check(grown <= 16 << 20, f"bitd grew by {grown >> 20} MiB")
        r.check(not d.records(run, "lost"), "a worker was lost")
        r.check(first < d.step(run), "the run stood still")
        r.trial(None, None, 0, same, d.left_behind(run))
        r.notes.append(f"bitd grew by {grown / (1 << 20):.1f} MiB; bitctl status p50 {statistics.median(quiet):.1f} -> "
                       f"{statistics.median(busy):.1f} ms, p99 {p99(quiet):.1f} -> {p99(busy):.1f} ms (its process included); "
                       f"step p50 {statistics.median(around):.1f} -> {statistics.median(during or around):.1f} ms meanwhile")


def clock_jumps(r, rng, many):
    with Bed() as d:
        run = d.submit(d.bed_spec())
        for shift in (3600, -3600):
            d.wait_step(run, 12 if shift > 0 else 45)
            d.rules(f"clock shift {shift}")
            time.sleep(0.3)  # some steps in that other hour
        d.heal()
        same = is_same(d, run)
        r.check(not d.records(run, "lost"), "a worker was lost")
        r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


def read_again(r, rng, many):
    """SIGHUP, again and again, with a file that is right, wrong, and gone."""
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
    """bitd's log on a full disk, the workers' too, and a service manager that does not answer."""
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
    Row("18", "1600 bad clients (10000), 1000 idle ones", None, None, 0, bad_clients),
    Row("19", "the wall clock jumps by an hour, twice", None, None, 0, clock_jumps),
    Row("19", "SIGHUP with a right, wrong and missing file", None, None, 0, read_again),
    Row("19", "no room for any log, nobody to notify", None, None, 0, no_logs),
]
