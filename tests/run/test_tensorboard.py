"""A run's files for TensorBoard, read by TensorBoard's own reader and its hparams plugin; skipped where Python has no tensorboard."""
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import fixture

try:
    from tensorboard.backend.event_processing import event_accumulator
except ImportError as e:
    fixture.skip(f"{sys.executable} has no tensorboard: {e}")


@contextlib.contextmanager
def board(logdir, *options):
    """A tensorboard on a free port; yields a function that requests JSON from it."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "tensorboard.main", "--logdir", logdir, "--port", str(port), *options],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path, body=None, until=bool, seconds=300):
        end = time.monotonic() + seconds
        while True:  # until it has read the files: it has no event for that
            try:
                data = None if body is None else json.dumps(body).encode()
                request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", data, {"Content-Type": "application/json"})
                with urllib.request.urlopen(request) as reply:
                    answer = json.load(reply)
                if until(answer):
                    return answer
            except (urllib.error.URLError, ConnectionError) as e:
                answer = e
            if time.monotonic() > end:
                raise AssertionError(f"tensorboard's last answer to {path} was {answer}")
            time.sleep(0.1)

    try:
        yield ask
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@functools.lru_cache
def sweep():
    """Two runs through the switch that differ in three fields, and one that lost a worker on the way."""
    d = fixture.Daemon(hold=(14,))
    d.start()
    with d.held_no_more():
        for args in (("--name", "keep-12"), ("--name", "reset-8", "--set", "phases.switch.at_step=8", "--set", "phases.switch.optimizer=RESET",
                                             "--set", "schedule.peak_lr=1e-3")):
            d.finish(d.submit(d.spec(steps=16, at_step=12, eval_every=4), *args))
    lost = d.submit(d.spec(steps=16, at_step=12, eval_every=4, every=5), "--name", "lost")
    d.wait(lost, "--for", "step=13")
    os.kill(d.worker_pids(lost)[0], signal.SIGKILL)
    with d.held_no_more():
        d.finish(lost)
    return d


def read(name):
    """The run's curves by TensorBoard's own reader, with every point."""
    accumulator = event_accumulator.EventAccumulator(os.path.join(sweep().state, "tensorboard", name),
                                                     size_guidance={event_accumulator.SCALARS: 0})
    accumulator.Reload()
    return accumulator


def steps(accumulator, tag):
    return [e.step for e in accumulator.Scalars(tag)]


def every_tag_means_one_thing_across_the_switch():
    a = read("keep-12-r1")
    assert steps(a, "train/CrossEntropyLoss") == list(range(1, 17))
    assert steps(a, "eval/held-16bit/CrossEntropyLoss") == [4, 8, 12], steps(a, "eval/held-16bit/CrossEntropyLoss")
    assert steps(a, "eval/held-ternary/CrossEntropyLoss") == [4, 8, 12, 16], steps(a, "eval/held-ternary/CrossEntropyLoss")
    assert [e.value for e in a.Scalars("phase/ternary")] == 12 * [0] + 4 * [1]
    assert not [t for t in a.Tags()["scalars"] if t.startswith("eval/held/")], a.Tags()
    losses = sweep().losses("keep-12")
    for e in a.Scalars("train/CrossEntropyLoss"):
        assert abs(e.value - losses[e.step][0]) < 1e-6 * losses[e.step][0]


def a_lost_worker_leaves_no_step_out_and_none_twice():
    assert steps(read("lost-r3"), "train/CrossEntropyLoss") == list(range(1, 17))


def the_table_of_runs_can_be_sorted():
    """Sortable by the fields in which the three runs differ and by their final losses, with either of TensorBoard's readers."""
    d = sweep()
    for options in ((), ("--load_fast=false",)):
        with board(os.path.join(d.state, "tensorboard"), *options) as ask:
            runs = ask("data/runs", until=lambda a: len(a) == 3)
            assert sorted(runs) == ["keep-12-r1", "lost-r3", "reset-8-r2"], runs
            experiment = ask("data/plugin/hparams/experiment", {"experimentName": ""}, until=lambda a: a.get("hparamInfos"))
            infos = {i["name"]: i for i in experiment["hparamInfos"]}
            for name in ("phases.switch.at_step", "phases.switch.optimizer", "schedule.peak_lr"):
                assert infos[name]["differs"], infos[name]
            assert {"schedule.steps", "data.seed", "model.init_seed", "quantizer.weight_measure", "batch.instances"} <= infos.keys(), infos.keys()
            assert {i["name"]["tag"] for i in experiment["metricInfos"]} >= {"train/CrossEntropyLoss", "eval/held-ternary/CrossEntropyLoss"}
            groups = ask("data/plugin/hparams/session_groups", {
                "experimentName": "", "allowedStatuses": ["STATUS_SUCCESS"], "startIndex": 0, "sliceSize": 10,
                "colParams": [{"hparam": "phases.switch.at_step", "order": "ORDER_ASC"},
                              {"metric": {"tag": "train/CrossEntropyLoss"}}]}, until=lambda a: len(a["sessionGroups"]) == 3)["sessionGroups"]
            assert groups[0]["hparams"]["phases.switch.at_step"] == 8, groups[0]
            assert groups[0]["hparams"]["phases.switch.optimizer"] == "RESET", groups[0]
            last = d.losses("reset-8")[16][0]
            metric = next(m for m in groups[0]["metricValues"] if m["name"]["tag"] == "train/CrossEntropyLoss")
            assert abs(metric["value"] - last) < 1e-6 * last, (metric, last)


def what_is_changed_on_the_way_is_in_the_table():
    with fixture.Daemon(hold=(5,)) as d:
        run = d.submit(d.spec(steps=20, at_step=15))
        d.wait(run, "--for", "step=4")
        d.ctl("switch", run, "--at", "10", "--reset-optimizer", check=True)
        d.ctl("set", run, "schedule.peak_lr=1e-3", check=True)
        with d.held_no_more():
            d.finish(run)
        with board(os.path.join(d.state, "tensorboard")) as ask:
            groups = ask("data/plugin/hparams/session_groups", {
                "experimentName": "", "allowedStatuses": ["STATUS_SUCCESS"], "startIndex": 0, "sliceSize": 10, "colParams": []},
                until=lambda a: a.get("sessionGroups"))["sessionGroups"]
            hparams = groups[0]["hparams"]
            assert (hparams["phases.switch.at_step"], hparams["phases.switch.optimizer"], hparams["schedule.peak_lr"]) == (10, "RESET", 1e-3), hparams


try:
    fixture.main([every_tag_means_one_thing_across_the_switch, a_lost_worker_leaves_no_step_out_and_none_twice,
                  the_table_of_runs_can_be_sorted, what_is_changed_on_the_way_is_in_the_table])
finally:
    if sweep.cache_info().currsize:
        sweep().__exit__(None, None, None)
