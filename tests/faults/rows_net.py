"""Rows 5 to 7: nodes cut off, on a bad line, or reachable in one direction only. tests/slurm/test_nodes.py injects these faults on a
cluster of namespaces; this file turns its figures into rows of the table."""
import json
import os
import subprocess
import sys

from row import Row

NODES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "slurm", "test_nodes.py")


def nodes(test):
    def run_row(r, rng, many):
        env = dict(os.environ, BIT_SEED=str(rng.randrange(1 << 32)), BIT_BUILD=os.path.abspath(os.environ["BIT_BUILD"]))
        if many.long:
            env["BIT_BAD_LINE_S"] = "600"
        p = subprocess.run([sys.executable, NODES, test], env=env, capture_output=True, text=True)
        if p.returncode == 77:
            r.skipped = (p.stdout.strip().splitlines() or ["no reason given"])[-1].removeprefix("skipped: ")
            return
        for line in p.stdout.splitlines():
            if line.startswith("row "):
                f = json.loads(line[4:])
                r.trial(f.get("detect_s"), f.get("again_s"), f.get("steps_lost"), f.get("same_weights"))
                r.check(f.get("restarts", 0) <= f.get("restarts_target", 9), f"{f.get('restarts')} restarts")
                if "orphan_gone_s" in f:
                    r.notes.append(f"the rank that was cut off ended itself after {f['orphan_gone_s']} s (<= 10)")
                if "by" in f:
                    r.notes.append(f"{f['seconds']} s, {f['steps']} steps on that line, made by {f['by']}: {f['line']}")
                r.notes += [f"gaps between heartbeats of rank {h['rank']}: {h['gaps']}, the longest {h['max_ms']} ms; ms {h['ms']}"
                            for h in f.get("heartbeats", ())]
        r.check(p.returncode == 0, (p.stdout + p.stderr).strip()[-600:])
    return run_row


ROWS = [
    Row("5", "a node cut off for ever", 2.5, 5, 25, nodes("a_node_cut_off_for_ever")),
    Row("6", "a node cut off for a second", None, None, 0, nodes("cut_for_a_second")),
    Row("6", "one packet in ten lost, 200 ms", None, None, 0, nodes("one_packet_in_ten_lost")),
    Row("7", "a node that hears nobody", 5, 8, 25, nodes("a_node_that_hears_nobody")),
    Row("7", "a node that nobody hears", 5, 8, 25, nodes("a_node_that_nobody_hears")),
]
