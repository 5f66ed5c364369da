"""`top`, `submit --follow` and every table on terminals of several sizes, as the characters that tmux shows.

    test_terminal.py FAKE_WORKER FAKE_MPIRUN [FUNCTION]...
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

import fixture

if not shutil.which("tmux"):
    fixture.skip("no tmux")
FAKE_WORKER, FAKE_MPIRUN = sys.argv[1:3]
del sys.argv[1:3]
SIZES = ((80, 24), (40, 15), (120, 40))

FIELDS = "state|step|phase|loss|speed|step time|codes|checkpoint|held out|resume|anomalies|workers|submitted|folder|weights"


class Terminal:
    """A command in its own terminal; the shell waits after it, so that its output stays on the screen."""

    count = 0

    def __init__(self, d, columns, rows, command):
        Terminal.count += 1  # a new tmux server, because the previous one may not have ended
        self.tmux = ["tmux", "-u", "-S", os.path.join(d.dir, f"tmux-{Terminal.count}"), "-f", "/dev/null"]
        self.columns, self.rows = columns, rows
        env = {**os.environ, "TERM": "screen", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), f"{command}; echo \"EXIT $?\"; cat"],
                       check=True, env=env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.tmux, "kill-server"], capture_output=True)

    def screen(self, history=False, joined=False):
        args = (["-S", "-"] if history else []) + (["-J"] if joined else [])
        out = subprocess.run([*self.tmux, "capture-pane", "-p", *args], check=True, capture_output=True, text=True).stdout
        return out.rstrip("\n").split("\n")

    def check_unwrapped(self):
        """Assert that no line was wrapped; tmux can join the rows of a wrapped line."""
        lines, joined = self.screen(history=True), self.screen(history=True, joined=True)
        wrapped = [line.rstrip() for line in joined if len(line.rstrip()) > self.columns]
        assert len(lines) == len(joined) and not wrapped, f"{self.columns}x{self.rows}: these wrapped: {wrapped}"

    def key(self, name):
        subprocess.run([*self.tmux, "send-keys", name], check=True)

    def until(self, pattern, history=False, seconds=300):
        """Poll the screen until a line matches, and return it: tmux has no event for that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            lines = self.screen(history)
            if any(re.search(pattern, line) for line in lines):
                return lines
            time.sleep(0.05)
        raise AssertionError(f"{self.columns}x{self.rows} never showed {pattern!r}, but:\n" + "\n".join(lines))


def long_run(d):
    run = d.submit(d.spec(steps=100000, at_step=50000, every=0))
    d.wait(run, "--for", "step=20")
    return run


def top_fits_every_screen():
    with fixture.Daemon() as d:
        run = long_run(d)
        for columns, rows in ((80, 24), (40, 15), (100, 40)):
            with Terminal(d, columns, rows, f"{d.bitctl} top {run} --socket {d.socket}") as t:
                lines = t.until("^q leaves; the run goes on")
                assert lines[0].startswith(run), lines
                assert lines[rows - 1].startswith("q leaves"), lines
                for number, name in enumerate(("state", "step", "phase", "loss", "speed"), 1):
                    assert lines[number].startswith(name), f"{columns}x{rows}: line {number} is {lines[number]!r}"
                page = lines[1:lines.index("")] if "" in lines else lines[1:-1]
                assert all(re.match(f"({FIELDS}) |  ", line) for line in page), f"{columns}x{rows}: a line wrapped: {page}"
                curve = any("⠀" < c <= "⣿" for line in lines for c in line)
                assert curve == (rows == 40) or rows == 24, f"{columns}x{rows}: the curve takes what is left: {lines}"
                t.key("q")
                assert any("EXIT 0" in line for line in t.until("EXIT"))
        d.ctl("cancel", run, "--now", check=True)


def top_leaves_its_last_page_and_the_runs_exit_code():
    with fixture.Daemon() as d:
        run = long_run(d)
        with Terminal(d, 80, 40, f"{d.bitctl} top {run} --socket {d.socket}") as t:
            t.until("^q leaves")
            d.ctl("cancel", run, "--now", check=True)
            lines = t.until("^EXIT")
            assert "EXIT 103" in lines, lines
            assert any(re.match(r"state +cancelled", line) for line in lines), lines


def following_prints_a_line_an_event():
    with fixture.Daemon() as d:
        for columns, rows in ((80, 24), (40, 15)):
            spec = d.spec(name=f"at{columns}", steps=400, at_step=200, every=100)
            with Terminal(d, columns, rows, f"{d.bitctl} submit --follow {spec} --socket {d.socket}") as t:
                lines = t.until("^EXIT", history=True)
            assert "EXIT 0" in lines, lines
            assert not [line for line in lines if "tokens/s" in line and "left" in line], "\n".join(lines)
            events = len(d.events("@last"))
            # on a narrow terminal an event or a line of the summary may take several rows
            assert len(lines) < 3 * events + 60, f"{len(lines)} lines of {events} events and 400 steps"


def top_shows_all_runs():
    with fixture.Daemon() as d:
        ended = d.submit(d.spec(name="ended-early", steps=10, at_step=5, every=0))
        d.finish(ended)
        run = long_run(d)
        waits = d.submit(d.spec(name="a-name-that-is-long-enough-to-be-cut-somewhere", steps=10, at_step=5))
        for columns, rows in SIZES:
            with Terminal(d, columns, rows, f"{d.bitctl} top --socket {d.socket}") as t:
                lines = t.until("^q leaves; the runs go on")
                assert lines[0] == "1 under way, 1 queued, 1 ended", lines
                assert lines[2].split()[0] == "RUN" and all(name in lines[2].split() for name in ("STATE", "STEP", "LOSS")), lines
                for name in ("NAME", "PHASE", "TOKENS/S", "LEFT"):
                    assert name in lines[2] or columns < 80, f"{columns}x{rows} lacks {name}: {lines[2]}"
                assert [line.split()[0] for line in lines[3:6]] == [run, waits, ended], lines
                assert re.search(r"training +\d+/100000 .*\d\.\d{4}", lines[3]), lines
                assert "queued" in lines[4] and "completed" in lines[5], lines
                assert columns > 80 or "a-name-that-is-long-enough-to-be-cut-somewhere" not in lines[4], lines
                t.check_unwrapped()
                t.key("q")
                assert any("EXIT 0" in line for line in t.until("EXIT"))
        out = subprocess.Popen([d.bitctl, "top", "--socket", d.socket, "--json", "-n", "0.1"], stdout=subprocess.PIPE, text=True)
        said = [json.loads(out.stdout.readline())["run"] for _ in range(6)]
        out.kill()
        assert sorted(said) == sorted(2 * [run, waits, ended]), said
        d.ctl("cancel", waits, check=True)
        d.ctl("cancel", run, "--now", check=True)


def top_waits_for_a_bitd_that_went_away():
    with fixture.Daemon() as d:
        run = long_run(d)
        for what in (run, ""):
            with Terminal(d, 80, 24, f"{d.bitctl} top {what} --socket {d.socket}") as t:
                t.until("^q leaves")
                d.kill()
                lines = t.until("^bitd is away; q leaves, or wait for it")
                assert any(run in line for line in lines), lines
                d.start()
                t.until("^q leaves")
                t.key("q")
                t.until("EXIT 0")
        d.ctl("cancel", run, "--now", check=True)
        with Terminal(d, 80, 24, f"{d.bitctl} top nobody --socket {d.socket}") as t:
            assert any("there is no run 'nobody'" in line for line in t.until("EXIT 102"))


def nothing_wraps():
    with fixture.Daemon() as d:
        runs = [d.submit(d.spec(name="a-run-with-a-name-of-some-length", steps=20, at_step=10, every=5)) for _ in range(2)]
        for run in runs:
            d.finish(run)
        long = long_run(d)
        for columns, rows in SIZES:
            for verb in ("ps", "ps -a", f"status {runs[0]}", f"status {long} --curve", f"events {runs[0]}", f"doctor {runs[0]}", f"doctor {long}",
                         f"ckpt ls {runs[0]}", f"diff {runs[0]} {runs[1]}", f"diff {runs[0]} {long}"):
                with Terminal(d, columns, rows, f"{d.bitctl} {verb} --socket {d.socket}") as t:
                    try:
                        t.until("^EXIT", history=True)
                        t.check_unwrapped()
                    except AssertionError as e:
                        raise AssertionError(f"bitctl {verb}: {e}")
            spec = d.spec(name="dry", steps=20000, at_step=10000, ramp=400)
            with Terminal(d, columns, rows, f"{d.bitctl} check {spec}") as t:
                t.until("^EXIT 0", history=True)
                joined = [line.rstrip() for line in t.screen(history=True, joined=True)]
            bad = f"--set data.train=gone-{'x' * 20}.npy --set schedule.steps=many --set model.heads=5"
            with Terminal(d, columns, rows, f"cd {d.dir}; {d.bitctl} check dry.txtpb {bad}") as t:
                t.until("^EXIT 64", history=True)
                t.check_unwrapped()
            page = joined[next(i for i, line in enumerate(joined) if line.startswith("parameters")):]  # the specification before it has long paths
            assert all(len(line) <= columns for line in page) and any("ramp" in line for line in page), "\n".join(page)
        whole = d.ctl("ps", "-a", check=True)[1]
        assert "a-run-with-a-name-of-some-length" in whole, f"off a terminal nothing is cut: {whole}"
        d.ctl("cancel", long, "--now", check=True)


def help_fits_a_terminal():
    """All lines fit except examples, which are never broken so that they can be copied."""
    with fixture.Daemon() as d:
        verbs = re.findall("^  ([a-z]+)  ", d.ctl("help", check=True)[1], re.M)
        assert {"submit", "export", "help"} <= set(verbs), verbs
        pages = ["help", "help json", "help json status", "help spec", "help spec schedule.peak_lr", "help presets", *(f"{verb} --help" for verb in verbs)]
        script = "; ".join(f"{d.bitctl} {page}" for page in pages)
        for columns in (80, 60):
            with Terminal(d, columns, 24, f"{{ {script}; }}") as t:
                t.until("^EXIT 0", history=True)
                long = [line for line in t.screen(history=True, joined=True) if len(line.rstrip()) > columns and not re.match(" *[$] ", line)]
                assert not long, f"at {columns} columns: {long}"


def mistakes_are_folded():
    """Between words, as wide as the terminal; in a pipe a message is one line."""
    with fixture.Daemon() as d:
        mistakes = [f"{d.bitctl} {line} --socket {d.socket}" for line in (
            "eval some-run --precision 1.58", "submit", "status a-run-that-nobody-has-submitted-yet", "plot r1 --y accuracy",
            "prune --older-than yesterday", "ps --where state=trainning")]
        for columns in (80, 60):
            with Terminal(d, columns, 24, f"{{ {'; '.join(mistakes)}; }} 2>&1 || true") as t:
                t.until("^EXIT 0", history=True)
                t.check_unwrapped()
        for line in mistakes:
            err = subprocess.run(line, shell=True, capture_output=True, text=True).stderr.splitlines()
            assert len(err) in (1, 3) and err[0].startswith("bitctl"), err


def ten_thousand_steps_are_as_many_lines_as_events():
    with fixture.Daemon(f"worker = {FAKE_WORKER}\nmpirun = {FAKE_MPIRUN}\n") as d:
        spec = d.spec(steps=10000, at_step=5000, every=2500)
        with Terminal(d, 80, 24, f"{d.bitctl} submit --follow {spec} --socket {d.socket}") as t:
            t.until("^EXIT 0", history=True)
            lines = t.screen(history=True, joined=True)
            t.check_unwrapped()
        events = d.ctl("events", "@last", check=True)[1].strip().split("\n")
        times = [line for line in lines if re.match(r"\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d", line)]
        assert len(times) == len(events) > 8, f"{len(times)} lines of {len(events)} events:\n" + "\n".join(lines)
        assert len(lines) < len(events) * 3 + 40, f"{len(lines)} lines of {len(events)} events and 10000 steps"


fixture.main([top_fits_every_screen, top_leaves_its_last_page_and_the_runs_exit_code, following_prints_a_line_an_event, top_shows_all_runs,
              top_waits_for_a_bitd_that_went_away, nothing_wraps, help_fits_a_terminal, mistakes_are_folded, ten_thousand_steps_are_as_many_lines_as_events])
