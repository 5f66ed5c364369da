"""A checkpoint's downstream tasks on one rank and on several: every item's sum, bit for bit."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
import tasks  # noqa: E402


def evaluate(bed, run, folder, ranks):
    p = subprocess.run([bed.bitctl, "eval", "--socket", bed.socket, run, "--task", folder, "--set", f"launch.ranks={ranks}", "-dq"],
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    made = p.stdout.strip()
    bed.finish(made, timeout=200)
    return tasks.sums(bed, made), tasks.results(bed, made)


def on_several(report, host, bed, ranks=2):
    """Scores the checkpoint after the last 16-bit step, so that both precisions are scored."""
    run = bed.train("evaluated", host.backend, steps=21, at_step=20, every=20)
    folder = tasks.make_requests(bed, times=4)
    one, scores = evaluate(bed, run + "@20", folder, 1)
    several, other = evaluate(bed, run + "@20", folder, ranks)
    items = sum(len(sums) for sums in one.values())
    differing = sum(a != b for key in one for a, b in zip(one[key], several[key])) if one.keys() == several.keys() else items
    report.check(f"sums of downstream tasks, one rank and {ranks}", differing == 0 and items > 0,
                 f"{differing} of {items} differ, {len(one)} tasks and precisions", "0")
    report.check(f"scores of downstream tasks, one rank and {ranks}", tasks.same(scores, other), f"{len(scores)} scores", "equal")
