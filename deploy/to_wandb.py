#!/usr/bin/env python3
"""Writes a run's curves and specification into Weights & Biases, while it trains or after it: to_wandb.py RUN

With WANDB_MODE=offline into files below ./wandb, which `wandb sync` sends later. Ended in the middle and called again, it goes on
behind the last step that the server has; offline, where the end of a killed one may be missing, it writes the run again in its place.
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
    """Which step an event tells of, and its numbers."""
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
