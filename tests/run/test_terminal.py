"""`top` and `submit --follow` on terminals of several sizes, as the characters that tmux shows."""
import os
import re
import shutil
import subprocess
import time

import fixture

if not shutil.which("tmux"):
    fixture.skip("no tmux")


FIELDS = "state|step|phase|loss|speed|step time|codes|checkpoint|held out|resume|anomalies|workers|submitted|folder|weights"


class Terminal:
    """A command in a terminal of its own; the shell waits after it, so that what it left can be read."""

    def __init__(self, d, columns, rows, command):
        self.tmux = ["tmux", "-u", "-S", os.path.join(d.dir, f"tmux-{columns}x{rows}"), "-f", "/dev/null"]
        self.columns, self.rows = columns, rows
        env = {**os.environ, "TERM": "screen", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), f"{command}; echo \"EXIT $?\"; cat"],
                       check=True, env=env)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.tmux, "kill-server"], capture_output=True)

    def screen(self, history=False):
        args = ["-S", "-"] if history else []
        out = subprocess.run([*self.tmux, "capture-pane", "-p", *args], check=True, capture_output=True, text=True).stdout
        return out.rstrip("\n").split("\n")

    def key(self, name):
        subprocess.run([*self.tmux, "send-keys", name], check=True)

    def until(self, pattern, history=False, seconds=60):
        """The screen once it shows that. tmux has no event for it."""
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
            # an event and a line of the summary may take several rows where the terminal is narrow
            assert len(lines) < 3 * events + 60, f"{len(lines)} lines of {events} events and 400 steps"


fixture.main([top_fits_every_screen, top_leaves_its_last_page_and_the_runs_exit_code, following_prints_a_line_an_event])
