"""`bitctl status` on a training run: the time of a call, and what 1000 of them cost the training. Figures only; nothing is asserted.

Training runs on two ranks, so on two cores every call competes with it. Steps are compared in turns (asked, left alone, asked, ...)
so that a machine that grows slower or faster in the meantime does not count.
"""
import statistics
import sys
import time

import fixture

CALLS = 1000
TURNS = 10


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(p / 100 * len(values)))]


def ms_between(d, run, first, last):
    return [e["step"]["ms"] for e in d.events(run, steps=True) if "step" in e and first < e["step"]["step"] <= last]


def main():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=1000000, at_step=500000, every=0),
                       "--set", "model.width=128", "--set", "model.mlp_hidden=512", "--set", "model.layers=4", "--set", "batch.instances=16")
        d.wait(run, "--for", "step=20")
        calls, asked, alone = [], [], []
        for _ in range(TURNS):
            start = d.status(run)["step"]
            begin_turn = time.monotonic()
            for i in range(CALLS // TURNS):
                begin = time.monotonic()
                code, _, err = d.ctl("status", run, "--json")
                calls.append((time.monotonic() - begin) * 1000)
                assert code == 0, err
                # At most 20 calls a second: what a person, a dashboard and a watcher together would ask.
                time.sleep(max(0, begin + 0.05 - time.monotonic()))
            middle = d.status(run)["step"]
            time.sleep(time.monotonic() - begin_turn)
            end = d.status(run)["step"]
            asked.append((start, middle))
            alone.append((middle, end))
        with_calls = [ms for a, b in asked for ms in ms_between(d, run, a, b)]
        without = [ms for a, b in alone for ms in ms_between(d, run, a, b)]
        print(f"bitctl status, {CALLS} calls while training (process start to exit): p50 {percentile(calls, 50):.2f} ms, "
              f"p99 {percentile(calls, 99):.2f} ms, max {max(calls):.2f} ms")
        a, b = statistics.mean(with_calls), statistics.mean(without)
        print(f"training step: {b:.2f} ms left alone ({len(without)} steps), {a:.2f} ms while asked 20 times a second "
              f"({len(with_calls)} steps): {100 * (a / b - 1):+.2f}%")
        d.ctl("cancel", run, "--now")
    return 0


sys.exit(main())
