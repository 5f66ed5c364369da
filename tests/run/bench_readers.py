"""Readers beside a training run: the time of `bitctl status` and the speed of the training while others repeatedly read a journal of
1.5 million steps. It prints figures and asserts nothing. `bench_readers.py FORGE STATUS_CALLS [STEPS]`
"""
import os
import subprocess
import sys
import threading
import time

import fixture

FORGE, CALLS = sys.argv[1:3]
STEPS = int(sys.argv[3]) if len(sys.argv) > 3 else 1500000
READERS, ASKED, INTERVAL_MS = 4, 200, 20


class Readers:
    """`count` processes of bitctl at once, each restarted when it has ended."""

    def __init__(self, d, count, *args):
        self.d, self.args, self.stopped, self.finished = d, args, False, 0
        self.threads = [threading.Thread(target=self.read) for _ in range(count)]
        self.running = set()

    def read(self):
        while not self.stopped:
            p = subprocess.Popen([self.d.bitctl, self.args[0], "--socket", self.d.socket, *self.args[1:]], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            self.running.add(p)
            p.wait()
            self.running.discard(p)
            self.finished += not self.stopped

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        while any(t.is_alive() for t in self.threads):
            for p in list(self.running):
                p.kill()
            time.sleep(0.01)


def forge(d):
    run = d.submit(d.spec(steps=8, at_step=4, every=0, ranks=1))
    d.finish(run)
    d.stop()
    folder = os.path.join(d.state, "runs", run)
    bytes = int(subprocess.run([FORGE, os.path.join(folder, "journal"), str(STEPS)], capture_output=True, check=True).stdout)
    os.truncate(os.path.join(folder, "logs", "worker-1.log"), 2 << 30)  # 2 GiB without a newline
    d.start()
    return run, bytes


def measure(d, run, what):
    begin, before = time.monotonic(), d.status(run)["step"]
    times = subprocess.run([CALLS, d.socket, run, str(ASKED), str(INTERVAL_MS)], capture_output=True, text=True, check=True).stdout
    p50, p99, most = (float(x) for x in times.split()[-3:])
    rate = (d.status(run)["step"] - before) / (time.monotonic() - begin)
    print(f"{what}: status p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms; training {rate:.0f} steps/s", flush=True)


def main():
    with fixture.Daemon() as d:
        read, bytes = forge(d)
        print(f"journal of {STEPS} steps: {bytes >> 20} MiB; bitd: {d.rss_mib()} MiB")
        run = d.submit(d.spec(steps=10000000, at_step=5000000, every=0, ranks=1), "--set", "batch.instances=2")
        d.wait(run, "--for", "step=20")
        measure(d, run, "nobody reads")
        for args in (("events", read), ("events", read, "--steps", "--json"), ("log", read, "--tail", "10")):
            with Readers(d, READERS, *args) as readers:
                measure(d, run, f"{READERS} x bitctl {' '.join(args)}")
            print(f"  {readers.finished} readings came to their end; bitd: {d.rss_mib()} MiB")
        d.ctl("cancel", run, "--now")
    return 0


sys.exit(main())
