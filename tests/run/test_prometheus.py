"""Debian's Prometheus scrapes a bitd with a run, with the configuration and rules of deploy/prometheus, and answers the queries of every
panel of deploy/grafana. The GPUs are those of fake_nvml.c."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import fixture
from tasks import MODEL, evals, make_requests

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy")
DEADLINE_S = 90


class Prometheus:
    """Prometheus with the files of deploy/prometheus, another target, and a scrape each second."""

    def __init__(self, target):
        self.dir = tempfile.mkdtemp(prefix="bit-prometheus-")
        shutil.copy(os.path.join(DEPLOY, "prometheus", "bitd.rules.yml"), self.dir)
        with open(os.path.join(DEPLOY, "prometheus", "prometheus.yml")) as f:
            text = f.read()
        assert text.count("127.0.0.1:9105") == 1 and text.count("interval: 15s") == 2
        self.config = os.path.join(self.dir, "prometheus.yml")
        with open(self.config, "w") as f:
            f.write(text.replace("127.0.0.1:9105", target).replace("interval: 15s", "interval: 1s"))

    def __enter__(self):
        subprocess.run(["promtool", "check", "config", self.config], check=True, capture_output=True)
        self.process = subprocess.Popen(
            ["prometheus", "--config.file", self.config, "--storage.tsdb.path", os.path.join(self.dir, "data"), "--web.listen-address",
             "127.0.0.1:0"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if 'msg="Listening on"' in line:
                self.url = "http://" + re.search(r"address=(\S+)", line).group(1)
            if "Server is ready to receive web requests" in line:
                self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)
                return self
        raise AssertionError("Prometheus did not start: " + "".join(said))

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(300)
        self.drain.wait(300)
        shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, path, **query):
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=300) as f:
                return json.load(f)["data"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path} {query}: {e.read().decode()}") from e

    def query(self, expr):
        """The resulting vector: {labels: value}"""
        data = self.ask("query", query=expr)
        assert data["resultType"] == "vector", (expr, data)
        return {tuple(sorted(r["metric"].items())): float(r["value"][1]) for r in data["result"]}

    def until(self, expr, holds=bool):
        """Poll the query until `holds` accepts its result: Prometheus has no event for a new scrape."""
        end = time.monotonic() + DEADLINE_S
        while not holds(found := self.query(expr)):
            assert time.monotonic() < end, f"{expr} is {found}"
            time.sleep(0.1)
        return found


def queries(dashboard):
    """(panel, expression) of each query, with Grafana's variables replaced."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield None, annotation["expr"]


def put_in(expr):
    expr = expr.replace("$run", ".*").replace("$__rate_interval", "30s")
    assert "$" not in expr, expr
    return expr


def with_gpus(folder):
    """Install the fake driver library for workers started from now on."""
    shutil.copy(os.path.join(fixture.build_root(), "tests", "run", "libfake_nvml.so"), os.path.join(folder, "libnvidia-ml.so.1"))
    os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, (folder, os.environ.get("LD_LIBRARY_PATH"))))
    os.environ["BIT_FAULT_GPUS"] = "1"


def every_panel_of_the_dashboard_has_an_answer():
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            fixture.skip(f"no {program}: Debian's package prometheus has it")
    with open(os.path.join(DEPLOY, "grafana", "bitd.json")) as f:
        dashboard = json.load(f)
    worker = os.path.join(fixture.build_root(), "tests", "run", "bitworker_faults")
    with tempfile.TemporaryDirectory(prefix="bit-nvml-") as folder:
        with_gpus(folder)
        with fixture.Daemon(config=f"worker = {worker}\nslots = 1\nmetrics = 127.0.0.1:0\nread_patience = 0\n") as d:
            with open(os.path.join(d.dir, "bitd.log")) as log:
                address = re.search("http: metrics address=(\\S+)", log.read()).group(1)
            run = d.submit(d.spec(name="long", steps=1000000, at_step=5, every=0, tasks=evals(make_requests(d)) + " at: 6"), *MODEL)
            d.ctl("wait", run, "--for", "step=8", check=True)
            d.submit(d.spec(name="next"))
            with Prometheus(address) as p:
                p.until("min_over_time(bitd_run_gpus[30s]) > 0 and on (run) count_over_time(bitd_run_step[30s]) >= 3")
                read_without_a_fault(p)
                in_openmetrics(p)
                for panel, expr in queries(dashboard):
                    found = p.query(put_in(expr))
                    assert found or panel is None, f"panel '{panel}': {expr} has no answer"
                    assert all(v == v for v in found.values()), f"panel '{panel}': {expr} is NaN: {found}"
                assert len(list(queries(dashboard))) > 40
                as_status_says(d, p, run)
                rules_hold(d, p, run)


def read_without_a_fault(p):
    target, = p.ask("targets")["activeTargets"]
    assert target["health"] == "up" and target["lastError"] == "", target
    assert p.query("scrape_samples_scraped") and list(p.query("scrape_samples_scraped").values())[0] > 100


def in_openmetrics(p):
    """Prometheus prefers OpenMetrics, the only format that has units."""
    known = p.ask("metadata", limit=1000)
    assert known["bitd_run_tokens"][0]["type"] == "counter" and known["bitd_run_tokens"][0]["unit"] == "tokens", known["bitd_run_tokens"]
    assert known["bitd_build"][0]["type"] == "info" and known["bitd_loop_latency_seconds"][0]["type"] == "histogram"
    assert all(k[0]["help"] for name, k in known.items() if name.startswith("bitd_"))


def as_status_says(d, p, run):
    """For a paused run Prometheus' last values equal status, and its counters equal the journal's."""
    d.ctl("pause", run, check=True)
    s = d.status(run)
    p.until(f'bitd_run_info{{run="{run}",state="paused"}}')
    where = f'{{run="{run}"}}'
    steps = [e["step"] for e in d.events(run, steps=True) if "step" in e]
    for expr, want in ((f"bitd_run_step{where}", s["step"]), (f"bitd_run_loss{where}", s["last"]["loss"]),
                       (f"bitd_run_learning_rate{where}", s["last"]["lr"]), (f"bitd_run_checkpoint_step{where}", s["checkpoint_step"]),
                       (f"bitd_run_tokens_total{where}", sum(x["tokens"] for x in steps)), (f"bitd_run_steps_total{where}", len(steps)),
                       (f"count(bitd_run_task_score_ratio{where})", len(s["task"])),
                       (f"count(bitd_run_evaluation_loss{where})", len(s["held_out"])), ('bitd_runs{state="paused"}', 1)):
        value, = p.query(expr).values()
        assert value == want, (expr, value, want)
    assert not p.query(f"bitd_run_gpus{where}"), "a run that stands still has no clock"


def rules_hold(d, p, run):
    """Every rule is evaluated; a failed run raises an alert, a cancelled one does not."""
    rules = p.ask("rules")["groups"][0]["rules"]
    assert len(rules) >= 9 and {r["health"] for r in rules} <= {"ok", "unknown"} and not any(r.get("lastError") for r in rules), rules
    d.ctl("cancel", run, "--now", check=True)
    bad = d.submit(d.spec(name="bad", steps=20, at_step=3), *MODEL, "--paused")
    os.remove(os.path.join(d.dir, "train.npy"))
    d.ctl("resume", bad)
    assert d.wait(bad) not in (0, 103), d.status(bad)
    p.until("ALERTS{alertname='BitdRunFailed'}", lambda found: any(dict(k).get("run") == bad for k in found))
    assert not any(dict(k).get("run") == run for k in p.query("ALERTS{alertname='BitdRunFailed'}"))


fixture.main([every_panel_of_the_dashboard_has_an_answer])
