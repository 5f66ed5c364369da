#!/usr/bin/env python3
"""Writes a run's curves and specification to MLflow, during training or afterwards: to_mlflow.py RUN

MLFLOW_TRACKING_URI is the address, as for every client of MLflow. If it is interrupted and started again, it continues
after the last event that MLflow has.
"""
import json
import subprocess
import sys

import mlflow
from mlflow.entities import Metric, RunTag


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
    return 0, {}


status = ask("status")
name, made = f"{status['name']}-{status['run']}", status["created_ns"]
old = mlflow.search_runs(search_all_experiments=True, filter_string=f"tags.created_ns = '{made}'", output_format="list")
with mlflow.start_run(old[0].info.run_id if old else None, run_name=name, tags={"created_ns": made}) as run:
    if not old:
        mlflow.log_params({f"{part}.{key}": value for part, fields in ask("show").items() if isinstance(fields, dict)
                           for key, value in fields.items() if value is not None})
    after = old[0].data.tags.get("event", "0") if old else "0"
    command = ["bitctl", "events", status["run"], "--follow", "--steps", "--json", "--after", after]
    for line in subprocess.Popen(command, stdout=subprocess.PIPE).stdout:
        event = json.loads(line)
        step, numbers = curves(event)
        at = int(event["time_ns"]) // 1000000
        mlflow.MlflowClient().log_batch(run.info.run_id, [Metric(key, value, at, step) for key, value in numbers.items()],
                                        tags=[RunTag("event", str(event["seq"]))])
