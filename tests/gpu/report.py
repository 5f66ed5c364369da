"""The results, as JSON lines while they come and as a table at the end; runs programs with a time limit and a log each."""
import json
import os
import signal
import subprocess
import sys
import threading
import time

OK, FAILED, MISSED, SKIPPED = "ok", "FAILED", "below", "skipped"


class Report:
    """Any thread may add rows. FAILED and below make the whole command fail; skipped rows give the reason.

    Each row is written at once as a line of JSON to `lines`, and as text to stderr if `told`.
    """

    def __init__(self, out, seconds, lines, told=True):
        os.makedirs(out, exist_ok=True)
        self.out, self.begin, self.told = out, time.monotonic(), told
        self.deadline = self.begin + seconds
        self.lock, self.rows, self.lines = threading.Lock(), [], lines

    def add(self, what, result, figure="", target="", **more):
        self.add_row({"what": what, "result": result, "figure": str(figure), "target": str(target), **more})

    def add_row(self, row):
        with self.lock:
            row["at_s"] = round(time.monotonic() - self.begin, 1)
            self.rows.append(row)
            self.lines.write(json.dumps(row) + "\n")
            self.lines.flush()
            if self.told:
                print(f"{row['at_s']:6.1f} s  {row['result']:<8} {row['what']}: {row['figure']}", file=sys.stderr, flush=True)

    def took(self, item, seconds, expected):
        """Write an item's real and expected seconds to `lines`; this is no row."""
        with self.lock:
            self.lines.write(json.dumps({"item": item, "took_s": round(seconds, 1), "expected_s": expected}) + "\n")
            self.lines.flush()

    def check(self, what, holds, figure="", target="", **more):
        self.add(what, OK if holds else FAILED, figure, target, **more)

    def skip(self, what, why):
        self.add(what, SKIPPED, why)

    def at_least(self, what, value, target, unit="", **more):
        self.add(what, OK if value >= target else MISSED, f"{value:.3f}{unit}", f">= {target:.2f}{unit}", value=value, **more)

    def at_most(self, what, value, target, unit="", **more):
        self.add(what, OK if value <= target else MISSED, f"{value:.3g}{unit}", f"<= {target:g}{unit}", value=value, **more)

    def left(self, limit):
        """`limit`, or the seconds left until the deadline if they are fewer."""
        return max(0.0, min(limit, self.deadline - time.monotonic()))

    def guarded(self, what, function, *args):
        """Run a part; an exception becomes a FAILED row and does not end the other parts."""
        try:
            function(*args)
        except (AssertionError, OSError, ValueError, KeyError, IndexError, subprocess.SubprocessError) as e:
            self.add(what, FAILED, " ".join(f"{type(e).__name__}: {e}".split())[:400])

    def table(self):
        heads = ("what", "result", "figure", "target")
        widths = [max([len(h)] + [len(r[h]) for r in self.rows]) for h in heads]
        widths[2] = min(widths[2], 100)
        for row in [dict(zip(heads, heads))] + self.rows:
            print("  ".join(row[h].ljust(w) for h, w in zip(heads, widths)).rstrip())
        bad = sum(r["result"] in (FAILED, MISSED) for r in self.rows)
        skipped = sum(r["result"] == SKIPPED for r in self.rows)
        print(f"{len(self.rows) - bad - skipped} ok, {bad} not, {skipped} skipped; "
              f"{time.monotonic() - self.begin:.0f} s; {self.out}")
        return 1 if bad else 0


def run(command, log, limit, env=None):
    """(exit code, stdout), with stderr and then stdout in the file `log`; the code is None if `limit` seconds were not enough.

    The program has its own process group, which is killed as a whole at the limit, with mpirun's ranks.
    """
    if limit <= 1:
        return None, ""
    with open(log, "wb") as to:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=to, text=True, errors="replace", start_new_session=True,
                                   env={**os.environ, **(env or {})})
        out, code = "", None
        try:
            out, code = process.communicate(timeout=limit)[0], process.returncode
        except subprocess.TimeoutExpired:
            pass
        finally:  # also when this program itself is ending
            if code is None:
                os.killpg(process.pid, signal.SIGKILL)
                out = process.communicate()[0]
            to.write(out.encode())
    return code, out


def json_lines(text):
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found


def tail(path):
    """The last line of our programs in a log, before any output of mpirun; otherwise the log's last line."""
    if not os.path.exists(path):
        return "not begun: no time left"
    with open(path, errors="replace") as f:
        said = [line.strip() for line in f if line.strip().strip("-")]
    own = [line for line in said if line.startswith(("bitworker", "rooted:"))]
    return (own or said or ["nothing"])[-1][-200:]
