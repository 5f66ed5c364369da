#!/usr/bin/env python3
"""Writes a run's curves and specification to Weights & Biases, during training or afterwards: to_wandb.py RUN

With WANDB_MODE=offline it writes files below ./wandb, which `wandb sync` uploads later. If it is interrupted and
started again, it continues after the last step that the server has. Offline, the files of a killed one may lack its last
steps; they are deleted, and the run is written again from its beginning.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

import wandb


def ask(verb):
    reply = subprocess.run(["bitctl", verb, *sys.argv[1:], "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answer = json.loads(reply.stdout)
    return answer if reply.returncode == 0 else sys.exit(f"bitctl {verb}: {answer['text']}")


def curves(event):
    """The step of an event, and its values by name."""
    if step := event.get("step"):
        return step["step"], {f"train/{key}": value for key, value in step.items() if isinstance(value, float)}
    if held := event.get("evaluated"):
        return held["after_step"], {f"eval/{held['set']}-{held['precision']}": held["loss"]}
    if task := (event.get("scored") or {}).get("result"):
        return task["after_step"], {f"eval/{task['task']}-{task['precision']}": task["score"]}
    return None, {}


status = ask("status")
name, key = f"{status['name']}-{status['run']}", f"{status['run']}-{status['created_ns']}"
for old in glob.glob(os.path.join(os.environ.get("WANDB_DIR", "."), "wandb", f"offline-run-*-{key}")):
    shutil.rmtree(old)
with wandb.init(project="bitd", id=key, name=name, resume="allow", config=ask("show")) as run:
    command, begun = ["bitctl", "events", status["run"], "--follow", "--steps", "--json"], run.step
    for line in subprocess.Popen(command, stdout=subprocess.PIPE).stdout:
        step, numbers = curves(json.loads(line))
        if numbers and step >= begun:
            run.log(numbers, step=step)
