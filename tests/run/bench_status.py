"""`bitctl status` on a training run: the time of a call, and what 1000 of them cost the training. It prints figures and asserts nothing.

Training runs on two ranks, so on two cores every call competes with it. Turns with and without calls alternate, so that a machine
that gets slower or faster in the meantime does not distort the comparison.
"""
import statistics
import subprocess
import sys
import time

import fixture

CALLS = 1000
TURNS = 5
INTERVAL_MS = 20  # 50 calls a second: many more than people, dashboards and watchers make together


def calls(d, run, count, interval_ms, *bitctl):
    out = subprocess.run([sys.argv[1], d.socket, run, str(count), str(interval_ms), *bitctl], capture_output=True, text=True, check=True).stdout
    return [float(x) for x in out.split()[-3:]]


def mean_ms(d, run, spans):
    ms = [e["step"]["ms"] for e in d.events(run, steps=True) if "step" in e and any(a < e["step"]["step"] <= b for a, b in spans)]
    return statistics.mean(ms), len(ms)


def main():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=1000000, at_step=500000, every=0),
                       "--set", "model.width=128", "--set", "model.mlp_hidden=512", "--set", "model.layers=4", "--set", "batch.instances=16")
        d.wait(run, "--for", "step=20")
        worst, asked, alone = [], [], []
        for _ in range(TURNS):
            start = d.status(run)["step"]
            begin = time.monotonic()
            worst.append(calls(d, run, CALLS // TURNS, INTERVAL_MS))
            took = time.monotonic() - begin
            middle = d.status(run)["step"]
            time.sleep(took)
            asked.append((start, middle))
            alone.append((middle, d.status(run)["step"]))
        p50, p99, most = (max(w[i] for w in worst) for i in range(3))
        print(f"status of a training run, {CALLS} calls, connect to reply: p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms (worst of {TURNS} turns)")
        p50, p99, most = calls(d, run, 200, INTERVAL_MS, d.bitctl)
        print(f"bitctl status, 200 processes, spawn to exit: p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {most:.2f} ms")
        (a, n), (b, m) = mean_ms(d, run, asked), mean_ms(d, run, alone)
        print(f"training step: {b:.2f} ms left alone ({m} steps), {a:.2f} ms while asked {1000 // INTERVAL_MS} times a second ({n} steps): {100 * (a / b - 1):+.2f}%")
        d.ctl("cancel", run, "--now")
    return 0


sys.exit(main())
