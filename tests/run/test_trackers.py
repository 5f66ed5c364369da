"""deploy/to_mlflow.py and to_wandb.py: every step and evaluation is sent once, also when they are killed in the middle. The trackers are
stand-ins; the real ones were tested by hand."""
import functools
import json
import os
import subprocess
import sys

import fixture

HERE = os.path.dirname(os.path.abspath(__file__))
DEPLOY = os.path.join(HERE, "..", "..", "deploy")


@functools.lru_cache
def daemon():
    d = fixture.Daemon()
    d.start()
    d.finish(d.submit(d.spec(name="told", steps=24, at_step=12, eval_every=6)))
    os.mkdir(os.path.join(d.dir, "packages"))
    for package in ("mlflow", "mlflow/entities", "wandb"):
        os.mkdir(os.path.join(d.dir, "packages", package))
        with open(os.path.join(d.dir, "packages", package, "__init__.py"), "w") as f:
            f.write("from stand_ins import *\n")
    return d


def tell(script, run="told", ends=-1):
    d = daemon()
    env = os.environ | {"PYTHONPATH": f"{d.dir}/packages:{HERE}", "BITD_SOCKET": d.socket, "TRACKED": os.path.join(d.dir, script), "WANDB_DIR": d.dir,
                        "TRACKED_ENDS": str(ends), "PATH": f"{os.path.dirname(d.bitctl)}:{os.environ['PATH']}"}
    return subprocess.run([sys.executable, os.path.join(DEPLOY, script), *([run] if run else [])], env=env, capture_output=True, text=True, timeout=300)


def kept(script):
    with open(os.path.join(daemon().dir, script)) as f:
        return [json.loads(line) for line in f]


def check(points):
    """Assert that the points (name, step, value) are complete, without duplicates, and right."""
    losses = daemon().losses("told")
    assert sorted(s for key, s, _ in points if key == "train/loss") == list(range(1, 25)), points
    for key, step, value in points:
        assert key != "train/loss" or value == losses[step][0]
    assert sorted(s for key, s, _ in points if key == "eval/held-16bit") == [6, 12]
    assert sorted(s for key, s, _ in points if key == "eval/held-ternary") == [6, 12, 18, 24]


def mlflow_has_every_number_once():
    assert tell("to_mlflow.py", ends=9).returncode == 9
    assert tell("to_mlflow.py", ends=17).returncode == 9
    reply = tell("to_mlflow.py")
    assert reply.returncode == 0, reply.stderr
    lines = kept("to_mlflow.py")
    check([(m["key"], m["step"], m["value"]) for line in lines for m in line.get("metrics", [])])
    params = [line["params"] for line in lines if "params" in line]
    assert len(params) == 1 and params[0]["schedule.steps"] == 24, params
    seqs = [int(t["value"]) for line in lines for t in line.get("tags", [])]
    assert seqs == [e["seq"] for e in daemon().events("told", steps=True)], seqs


def wandb_has_every_number_once():
    assert tell("to_wandb.py", ends=9).returncode == 9
    reply = tell("to_wandb.py")
    assert reply.returncode == 0, reply.stderr
    check([(key, line["step"], value) for line in kept("to_wandb.py") for key, value in line["numbers"].items()])


def a_run_that_is_not_there_is_told_in_a_line():
    for script in ("to_mlflow.py", "to_wandb.py"):
        for run, text in (("nosuch", "there is no run 'nosuch'"), (None, "which RUN?")):
            reply = tell(script, run)
            assert reply.returncode == 1 and text in reply.stderr and reply.stderr.count("\n") == 1, reply


try:
    fixture.main([mlflow_has_every_number_once, wandb_has_every_number_once, a_run_that_is_not_there_is_told_in_a_line])
finally:
    if daemon.cache_info().currsize:
        daemon().__exit__(None, None, None)
