"""bitctl metrics: what it prints passes Prometheus' own check, is what status says, and has bounded labels."""
import os
import re
import shutil
import subprocess

import fixture


def samples(text):
    """{(name, labels): value}"""
    found = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            assert (name, labels) not in found, line
            found[name, labels] = float(value)
    return found


def check_by_prometheus(text):
    if shutil.which("promtool") is None:
        print("         no promtool: Prometheus' own check is left out")
        return
    p = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert p.returncode == 0 and p.stdout + p.stderr == "", p.stdout + p.stderr


def of_a_run_that_trains_and_one_that_is_over():
    with fixture.Daemon(config="slots = 1\n") as d:
        over = d.submit(d.spec(name="over", steps=6, at_step=3))
        assert d.wait(over) == 0
        run = d.submit(d.spec(name="long", steps=1000000, at_step=5, every=0, eval_every=8))
        d.ctl("wait", run, "--for", "step=20", check=True)
        d.ctl("pause", run, check=True)
        code, text, _ = d.ctl("metrics")
        assert code == 0
        check_by_prometheus(text)
        m, s = samples(text), d.status(run)
        assert m["bitd_up", None] == 1 and m["bitd_runs", 'state="completed"'] == 1 and m["bitd_runs", 'state="paused"'] == 1
        assert m["bitd_run_info", f'run="{run}",name="long",state="paused"'] == 1
        of_run = {name: value for (name, labels), value in m.items() if labels == f'run="{run}"'}
        assert of_run["bitd_run_step"] == s["step"] and of_run["bitd_run_ternary"] == 1, of_run
        assert of_run["bitd_run_loss"] == s["last"]["loss"] and of_run["bitd_run_learning_rate"] == s["last"]["lr"]
        assert of_run["bitd_run_checkpoint_step"] == s["step"] and of_run["bitd_run_restarts_total"] == 0
        assert 0 <= of_run["bitd_run_zero_codes_ratio"] <= 1 and of_run["bitd_run_step_duration_seconds"] > 0
        assert any(name == "bitd_run_evaluation_loss" for name, _ in m)
        assert not any(f'"{over}"' in (labels or "") for _, labels in m), "a run that is over has labels"


def without_a_daemon():
    bitctl = os.path.join(fixture.build_root(), "ctl", "bitctl")
    p = subprocess.run([bitctl, "metrics", "--socket", "/nonexistent/bitd.sock"], capture_output=True, text=True)
    assert p.returncode == 69 and samples(p.stdout) == {("bitd_up", None): 0}, p
    check_by_prometheus(p.stdout)


fixture.main([of_a_run_that_trains_and_one_that_is_over, without_a_daemon])
