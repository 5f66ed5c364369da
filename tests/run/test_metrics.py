"""bitctl metrics: its output passes Prometheus' own checks, agrees with status and the journal, and has bounded labels."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import fixture
from tasks import MODEL, TASKS, evals, make_requests

SECTIONS = ("wait", "forward", "backward", "comm", "optimizer", "other")


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


def parse_openmetrics(text):
    """{(name, labels): value}, by the strict parser of prometheus_client; None where Python lacks it."""
    try:
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
    except ImportError:
        print("         no prometheus_client: OpenMetrics is not parsed")
        return None
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation and family.type != "unknown", family.name
        assert not family.unit or family.name.endswith("_" + family.unit), family.name
        for s in family.samples:
            found[s.name, ",".join(f'{k}="{v}"' for k, v in s.labels.items()) or None] = s.value
    return found


def of_run(m, run):
    return {name: value for (name, labels), value in m.items() if labels == f'run="{run}"'}


def of_a_run_that_trains_and_one_that_is_over():
    with fixture.Daemon(config="slots = 1\nmetrics_keep = 0\n") as d:
        over = d.submit(d.spec(name="over", steps=6, at_step=3))
        assert d.wait(over) == 0
        run = d.submit(d.spec(name="long", steps=1000000, at_step=5, every=0, eval_every=8))
        d.ctl("wait", run, "--for", "step=20", check=True)
        queued = d.submit(d.spec(name="next", steps=6, at_step=3))
        assert of_run(samples(d.ctl("metrics")[1]), queued)["bitd_run_queue_position"] == 1
        d.ctl("cancel", queued, check=True)
        d.ctl("pause", run, check=True)
        code, text, _ = d.ctl("metrics")
        assert code == 0
        check_by_prometheus(text)
        m, s = samples(text), d.status(run)
        assert m["bitd_up", None] == 1 and m["bitd_runs", 'state="completed"'] == 1 and m["bitd_runs", 'state="paused"'] == 1
        assert m["bitd_run_info", f'run="{run}",name="long",state="paused"'] == 1
        r = of_run(m, run)
        assert r["bitd_run_step"] == s["step"] and r["bitd_run_ternary"] == 1, r
        assert r["bitd_run_loss"] == s["last"]["loss"] and r["bitd_run_learning_rate"] == s["last"]["lr"]
        assert r["bitd_run_checkpoint_step"] == s["step"] and r["bitd_run_restarts_total"] == 0
        assert 0 <= r["bitd_run_zero_codes_ratio"] <= 1 and r["bitd_run_step_duration_seconds"] > 0
        held = {labels: value for (name, labels), value in m.items() if name == "bitd_run_evaluation_loss"}
        assert held == {f'run="{run}",set="{e["set"]}",precision="{e["precision"]}"': e["loss"] for e in s["held_out"]} and held, held
        assert not any(f'"{over}"' in (labels or "") for _, labels in m), "a run that is over has labels"
        assert m["bitd_slots", None] == 1 and m["bitd_slots_taken", None] == 0
        of_the_journal(d, run, m)
        of_bitd_itself(d, m)
        as_openmetrics(d, m)


def of_the_journal(d, run, m):
    """Assert that the counters equal those computed from the journal, up to the rounding of sums."""
    events, r = d.events(run, steps=True), of_run(m, run)
    steps = [e["step"] for e in events if "step" in e]
    written = [e["checkpoint"] for e in events if "checkpoint" in e and not e["checkpoint"]["error"]]
    evaluated = [e["evaluated"] for e in events if "evaluated" in e]

    def near(name, value):
        assert abs(r[name] - value) <= 1e-9 * abs(value), (name, r[name], value)

    assert r["bitd_run_steps_total"] == len(steps) and r["bitd_run_tokens_total"] == sum(s["tokens"] for s in steps)
    assert r["bitd_run_checkpoints_total"] == len(written) > 0 and r["bitd_run_checkpoint_failures_total"] == 0
    near("bitd_run_checkpoint_duration_seconds", written[-1]["ms"] / 1000)
    near("bitd_run_checkpoint_stall_seconds", written[-1]["stall_ms"] / 1000)
    near("bitd_run_checkpoint_write_seconds_total", sum(c["ms"] for c in written) / 1000)
    near("bitd_run_checkpoint_stalled_seconds_total", sum(c["stall_ms"] for c in written) / 1000)
    assert r["bitd_run_evaluations_total"] == len(evaluated) > 0
    near("bitd_run_evaluation_seconds_total", sum(e["ms"] for e in evaluated) / 1000)
    for section in SECTIONS:
        value = m["bitd_run_section_seconds_total", f'run="{run}",section="{section}"']
        want = sum(s["split"][section] for s in steps) / 1000
        assert abs(value - want) <= 1e-9 * want + 1e-12, (section, value, want)
    kinds = {}
    for s in steps:
        for a in s.get("anomaly", []):
            kinds[a["kind"]] = kinds.get(a["kind"], 0) + 1
    found = {re.search('kind="(.*)"', labels).group(1): value for (name, labels), value in m.items()
             if name == "bitd_run_anomalies_total" and f'"{run}"' in labels}
    assert found == {kind: kinds.get(kind, 0) for kind in found} and len(found) == 6 and "straggler" in found, (found, kinds)
    created = next(e for e in events if "checkpoint" in e and e["checkpoint"]["name"] == written[-1]["name"])["time_ns"]
    assert abs(r["bitd_run_checkpoint_timestamp_seconds"] - int(created) / 1e9) < 1e-3 and r["bitd_run_checkpoint_age_seconds"] >= 0


def of_bitd_itself(d, m):
    assert m["bitd_open_fds", None] <= len(os.listdir(f"/proc/{d.process.pid}/fd")) + 4
    assert 3 < m["bitd_open_fds", None] < m["bitd_max_fds", None]
    assert m["bitd_resident_memory_bytes", None] > 1 << 20 and m["bitd_cpu_seconds_total", None] > 0
    buckets = [value for (name, _), value in m.items() if name == "bitd_loop_latency_seconds_bucket"]
    assert buckets == sorted(buckets) and len(buckets) == 9, buckets
    assert buckets[-1] == m["bitd_loop_latency_seconds_count", None] > 20 and m["bitd_loop_latency_seconds_sum", None] > 0


def as_openmetrics(d, m):
    """--openmetrics, read by prometheus_client, has the same numbers, except bitd's own, which change in the meantime."""
    code, text, _ = d.ctl("metrics", "--openmetrics")
    assert code == 0 and text.endswith("\n# EOF\n") and "# UNIT bitd_run_tokens tokens\n" in text
    again = parse_openmetrics(text)
    if again is None:
        return
    assert set(again) == set(m), set(again) ^ set(m)
    for key, value in m.items():
        if key[0].startswith("bitd_run") and "age" not in key[0]:
            assert again[key] == value, (key, again[key], value)


def of_runs_that_ended_a_while_ago():
    """Ended runs keep their last numbers, and how they ended, for metrics_keep."""
    with fixture.Daemon() as d:
        run = d.submit(d.spec(name="over", steps=6, at_step=3))
        assert d.wait(run) == 0
        m = samples(d.ctl("metrics")[1])
        r, s = of_run(m, run), d.status(run)
        assert m["bitd_run_info", f'run="{run}",name="over",state="completed"'] == 1
        assert r["bitd_run_step"] == 6 and r["bitd_run_exit_code"] == 0 and r["bitd_run_loss"] == s["last"]["loss"], r
        assert "bitd_run_checkpoint_age_seconds" not in r and "bitd_run_eta_seconds" not in r


def of_tasks():
    with fixture.Daemon() as d:
        folder = make_requests(d)
        run = d.submit(d.spec(name="scored", steps=8, at_step=7, every=3, tasks=evals(folder)), *MODEL)
        d.finish(run)
        m, s = samples(d.ctl("metrics")[1]), d.status(run)
        found = {labels: value for (name, labels), value in m.items() if name == "bitd_run_task_score_ratio"}
        assert found == {f'run="{run}",task="{t["task"]}",precision="{t["precision"]}",metric="{t["metric"]}"': t["score"] for t in s["task"]}
        assert len(found) == 2 * len(TASKS), found
        assert {m["bitd_run_task_score_error_ratio", labels] for labels in found} == {t["error"] for t in s["task"]}
        assert {m["bitd_run_task_step", labels] for labels in found} == {6, 8}
        scored = [e["scored"] for e in d.events(run, steps=True) if "scored" in e]
        assert of_run(m, run)["bitd_run_evaluations_total"] == len(scored), (of_run(m, run), len(scored))


def of_what_went_wrong():
    """Through a skipped step, a lost rank, repeated steps and a killed bitd, the counters go on and agree with the journal."""
    worker = os.path.join(fixture.build_root(), "tests", "run", "bitworker_faults")
    os.environ["BIT_FAULT"] = "nan:1:7"
    try:
        with fixture.Daemon(config=f"worker = {worker}\nrestart_delay_max = 0.01\n") as d:
            os.environ["BIT_FAULT_ONCE"] = os.path.join(d.dir, "once")
            d.kill()
            d.start()  # with both variables set
            run = d.submit(d.spec(name="faulty", steps=1000000, at_step=5, every=0))
            d.ctl("wait", run, "--for", "step=40", check=True)
            os.kill(d.worker_pids(run)[0], signal.SIGKILL)
            lost = subprocess.Popen([d.bitctl, "events", run, "--follow", "--json", "--socket", d.socket], stdout=subprocess.PIPE, text=True)
            assert any('"verified":' in line for line in lost.stdout)  # steps after the checkpoint were trained again
            lost.kill()
            d.ctl("pause", run, check=True)
            counted = of_the_journal_alone(d, run)
            assert counted["bitd_run_restarts_total"] == 1 and counted["bitd_run_skipped_steps_total"] >= 1, counted
            assert counted["bitd_run_steps_total"] > d.status(run)["step"], "steps that were done again count again"
            d.kill()
            d.start()
            assert of_the_journal_alone(d, run) == counted, "a bitd that came back counts otherwise"
    finally:
        os.environ.pop("BIT_FAULT", None)
        os.environ.pop("BIT_FAULT_ONCE", None)


def of_the_journal_alone(d, run):
    m = samples(d.ctl("metrics")[1])
    events = d.events(run, steps=True)
    steps = [e["step"] for e in events if "step" in e]
    kinds = [a["kind"] for s in steps for a in s.get("anomaly", [])]
    counted = {name: value for name, value in of_run(m, run).items() if name.endswith("_total")}
    assert counted["bitd_run_steps_total"] == len(steps) and counted["bitd_run_skipped_steps_total"] == sum(bool(s.get("skipped")) for s in steps)
    assert counted["bitd_run_restarts_total"] == sum("lost" in e for e in events) == d.status(run)["restarts"]
    assert kinds
    for kind in set(kinds):
        assert m["bitd_run_anomalies_total", f'run="{run}",kind="{kind}"'] == kinds.count(kind), (kind, kinds)
    return counted


def of_gpus():
    """With the fake GPUs of fake_nvml.c, one a rank: status, events and metrics show the driver's figures for both together."""
    library = os.path.join(fixture.build_root(), "tests", "run", "libfake_nvml.so")
    folder = tempfile.mkdtemp(prefix="bit-nvml-")
    shutil.copy(library, os.path.join(folder, "libnvidia-ml.so.1"))
    before = dict(os.environ)
    os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, (folder, before.get("LD_LIBRARY_PATH"))))
    os.environ["BIT_FAULT_GPUS"] = "1"
    try:
        worker = os.path.join(fixture.build_root(), "tests", "run", "bitworker_faults")
        with fixture.Daemon(config=f"worker = {worker}\n") as d:
            run = d.submit(d.spec(name="gpus", steps=1000000, at_step=5, every=0))
            as_events = subprocess.Popen([d.bitctl, "events", run, "--follow", "--steps", "--json", "--socket", d.socket],
                                         stdout=subprocess.PIPE, text=True)
            # The figures come about a second after the first step, then each second: wait for a second without a delayed rank.
            told = (json.loads(line)["step"]["gpu"] for line in as_events.stdout if '"gpu":{' in line)
            gpu = next(g for g in told if abs(g["power_w"] - 700) < 7 and abs(g["power_capped"] - 0.25) < 0.01)
            as_events.kill()
            assert gpu["gpus"] == 2 and gpu["clock_mhz"] == 1800 and gpu["temperature_c"] == 51, gpu
            s = d.status(run)["gpu"]
            assert set(s) == set(gpu) and s["gpus"] == 2 and s["clock_mhz"] == 1800 and s["temperature_c"] == 51, s
            assert re.search(r"2 GPUs +1800 MHz   \d+ W   51 C   at the power cap \d+% of the time\n", d.ctl("status", run)[1])
            r = of_run(samples(d.ctl("metrics")[1]), run)
            assert r["bitd_run_gpus"] == 2 and r["bitd_run_gpu_clock_hertz"] == 1.8e9 and r["bitd_run_gpu_temperature_celsius"] == 51
            assert r["bitd_run_gpu_power_watts"] > 0 and 0 < r["bitd_run_gpu_power_capped_ratio"] < 1, r
            d.ctl("pause", run, check=True)
            assert d.status(run).get("gpu") is None and "bitd_run_gpus" not in of_run(samples(d.ctl("metrics")[1]), run)
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder)


def without_a_daemon():
    bitctl = os.path.join(fixture.build_root(), "ctl", "bitctl")
    for args, end in (((), ""), (("--openmetrics",), "# EOF\n")):
        p = subprocess.run([bitctl, "metrics", *args, "--socket", "/nonexistent/bitd.sock"], capture_output=True, text=True)
        assert p.returncode == 69 and samples(p.stdout) == {("bitd_up", None): 0} and p.stdout.endswith("bitd_up 0\n" + end), p
    check_by_prometheus(p.stdout.replace("# EOF\n", ""))


fixture.main([of_a_run_that_trains_and_one_that_is_over, of_runs_that_ended_a_while_ago, of_tasks, of_what_went_wrong, of_gpus, without_a_daemon])
