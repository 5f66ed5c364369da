"""--json prints what `bitctl help json` documents, key by key, for every verb; and jq keeps all numbers exact."""
import json
import os
import re
import shutil
import subprocess

import fixture

SMALL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize", "small.json")


class Page:
    """`bitctl help json`, parsed."""

    def __init__(self, bitctl):
        text = subprocess.run([bitctl, "help", "json"], capture_output=True, text=True, check=True).stdout
        self.schema = int(re.search(r'"schema": (\d+)', text).group(1))
        rest, enums = text.split("\nEnumerations\n")
        rest, objects = rest.split("\nObjects: ")
        rest, errors = rest.split("\nErrors: ")
        self.verbs = re.findall(r"^  (\w+) +(\w+) +\S", rest.split("\nVerbs, ")[1], re.M)
        self.errors = {name: (int(error), int(code)) for name, error, code in re.findall(r"^  (\w+) +(-\d+) +(\d+)  ", errors, re.M)}
        self.enums = {m[0]: set(re.split(r",\s+", m[1])) for m in re.findall(r"^  (\w+) +((?:.|\n {10})+)$", enums, re.M)}
        self.objects = {}
        for line in objects.split("\n"):
            key = re.match(r"  (\w+) +((?:list of )?(?:true or false|16 hex digits|\w+)(?:, or no key| or null)?)(?: |$)", line)
            if re.match(r"[A-Z]\w+$", line):
                fields = self.objects.setdefault(line, {})
            elif key:
                fields[key.group(1)] = key.group(2)

    def check_value(self, where, value, kind):
        if kind.endswith(" or null"):
            kind = kind[:-len(" or null")]
            if value is None:
                return
        kind = kind.removesuffix(", or no key")
        if kind.startswith("list of "):
            assert isinstance(value, list), f"{where} is no list: {value!r}"
            for i, one in enumerate(value):
                self.check_value(f"{where}[{i}]", one, kind[len("list of "):])
        elif kind in self.objects:
            self.check(where, value, kind)
        elif kind in self.enums:
            assert value in self.enums[kind], f"{where}: {value!r} is none of {sorted(self.enums[kind])}"
        else:
            good = {
                "string": isinstance(value, str),
                "hex": isinstance(value, str) and re.fullmatch(r"([0-9a-f]{2})*", value),
                "16 hex digits": isinstance(value, str) and re.fullmatch(r"[0-9a-f]{16}", value),
                "true or false": isinstance(value, bool),
                "number": isinstance(value, float),
                "integer": isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53
                           or isinstance(value, str) and re.fullmatch(r"\d{16,20}", value) and int(value) > 2**53,
                "nanoseconds": isinstance(value, str) and re.fullmatch(r"\d+", value),
                "date": isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", value),
            }
            assert good[kind], f"{where}: {value!r} is no {kind}"

    def check(self, where, value, name):
        assert isinstance(value, dict), f"{where} is no {name}: {value!r}"
        fields = self.objects[name]
        may_lack = {key for key, kind in fields.items() if kind.endswith(", or no key")}
        assert set(value) <= set(fields), f"{where}: the page does not have {sorted(set(value) - set(fields))} of {name}"
        assert set(fields) - set(value) <= may_lack, f"{where} lacks {sorted(set(fields) - set(value) - may_lack)} of {name}"
        assert not may_lack or len(may_lack & set(value)) == 1, f"{where}: {sorted(value)}"
        for key, one in value.items():
            self.check_value(f"{where}.{key}", one, fields[key])


class Checked:
    """Runs verbs and compares every line with the page."""

    def __init__(self, d):
        self.d, self.page, self.seen = d, Page(d.bitctl), set()

    def run(self, *args):
        p = subprocess.run([self.d.bitctl, args[0], "--socket", self.d.socket, "--json", *args[1:]], capture_output=True, timeout=120)
        return p.returncode, p.stdout.decode()

    def check_line(self, verb, line):
        value, places = json.loads(line), []
        assert next(iter(value)) == "schema" and value["schema"] == self.page.schema, f"bitctl {verb}: {line[:80]}"
        del value["schema"]
        if set(value) == set(self.page.objects["ErrorReply"]):
            self.page.check(f"bitctl {verb}", value, "ErrorReply")
            return value
        names = [name for v, name in self.page.verbs if v == verb]
        for name in names:
            try:
                self.page.check(f"bitctl {verb}", value, name)
            except AssertionError as e:
                places.append(f"{name}: {e}")
            else:
                self.seen.add((verb, name))
                return value
        raise AssertionError("; ".join(places) or f"the page says nothing of bitctl {verb} --json")

    def __call__(self, *args, code=0):
        """Run a verb and return the objects that it prints, checked."""
        got, out = self.run(*args)
        assert got == code, f"bitctl {' '.join(args)} ended with {got}, not {code}: {out}"
        exact = subprocess.run(["jq", "-c", "."], input=out, capture_output=True, text=True, check=True).stdout
        lines = out.splitlines()
        for before, after in zip(lines, exact.splitlines(), strict=True):
            assert json.loads(before) == json.loads(after), f"jq makes of {before}\n{after}"
        return [self.check_line(args[0], line) for line in lines]

    def error(self, name, *args):
        """Run a verb that fails with this error and return its only object."""
        objects = self(*args, code=self.page.errors[name][1])
        assert len(objects) == 1 and objects[0]["name"] == name, f"bitctl {' '.join(args)}: {objects}"
        assert objects[0]["error"] == self.page.errors[name][0] and objects[0]["exit_code"] == self.page.errors[name][1]
        return objects[0]


def reading(ctl, d, run):
    ctl("ps", "--all")
    status = ctl("status", run, "--curve")[0]
    assert status["curve"] and status["held_out"] and status["last"]
    ctl("top", run)
    ctl("log", run)
    events = ctl("events", run, "--steps")
    assert {"submitted", "launched", "step", "switched", "checkpoint", "evaluated", "state"} <= {k for e in events for k in e}
    ctl("wait", run)
    ctl("show", run)
    ctl("tag", run, "seen")
    ctl("ckpt", "ls", run)
    ctl("ckpt", "show", run)
    ctl("ckpt", "verify", run)
    assert ctl("ckpt", "show", run)[0]["tensor"]
    ctl("ckpt", "pin", run, "12")
    assert [c["pinned"] for c in ctl("ckpt", "ls", run)][-1] is True
    ctl("ckpt", "unpin", run, "12")
    exported = ctl("export", run, "--to", "hf", "--output", os.path.join(d.dir, "hf"))[0]
    assert exported["form"] == "hf" and exported["type"] == "bf16" and exported["note"] and exported["bytes"] > 0, exported
    ctl("doctor", run)
    ctl("diff", run, run)
    page = os.path.join(d.dir, "page.html")
    reported = ctl("report", run, "--output", page)[0]
    assert reported["run"] == [run] and reported["bytes"] == os.path.getsize(page), reported
    ctl("plot", run, "--x", "tokens", "--smooth", "3")
    ctl("table", run)
    ctl("version")
    ctl("data", "info", d.train)
    ctl("data", "verify", d.train)
    shown = ctl("data", "show", run, "--step", "2")
    assert all(row["first_token"] == row["token"] for row in shown)


def tokenized(ctl, d):
    documents = os.path.join(d.dir, "documents.jsonl")
    with open(documents, "w") as f:
        f.write(json.dumps({"id": "1", "text": "some words"}) + "\nno json\n" + json.dumps({"id": "2", "text": ""}) + "\n")
    out = os.path.join(d.dir, "tokens")
    assert ctl("tokenize", "-t", SMALL, "-o", out, documents)[0]["skipped"]["broken_json"] == 1
    with open(os.path.join(out, "dataset.json")) as f:
        assert json.load(f)["skipped"]["empty_text"] == 1, "one spelling here and there"
    requests = os.path.join(d.dir, "rain.jsonl")
    with open(requests, "w") as f:
        for choice, word in enumerate((" wet", " dry")):
            f.write(json.dumps({"task": "rain", "document": 0, "choice": choice, "context": "It is", "continuation": word, "label": 0,
                                "metric": "acc"}) + "\n")
    assert ctl("tokenize", "--requests", "-t", SMALL, "-o", os.path.join(d.dir, "tasks"), requests)[0]["cut"] is None
    file = os.path.join(d.dir, "tasks", "rain.requests")
    assert ctl("data", "info", file)[0]["labels"] == [1]
    assert ctl("data", "verify", file)[0]["good"] is True
    assert [c["continuation"] for c in ctl("data", "show", file, "--text", "-t", SMALL)] == [" wet", " dry"]
    return file


def scored(ctl, d, file):
    spec = d.spec(name="scored", steps=8, at_step=4, tasks=f'task {{ path: "{file}" }} tasks_every: 4')
    run = ctl("submit", spec, "--set", "model.vocab=612", "--set", "model.vocab_padded=640")[0]["run"]
    d.finish(run)
    results = ctl("tasks", run, "--steps")
    assert [(r["result"]["after_step"], r["result"]["precision"]) for r in results] == [(4, "16bit"), (4, "ternary"), (8, "ternary")], results
    assert ctl("tasks", run) and len(ctl("status", run)[0]["task"]) == 2
    assert ctl("tasks", run, "--items")
    assert any("scored" in e for e in ctl("events", run))
    assert ctl("eval", run + "@4", "--dry-run")[0]["spec"]["schedule"]["steps"] == 0
    assert ctl("wait", ctl("eval", run, "--detach")[0]["run"])[0]["reason"] == "everything evaluated"
    ended = ctl("eval", run + "@4")[0]
    assert [t["score"] for t in ended["task"]] == [r["result"]["score"] for r in results[:2]], ended["task"]


def every_verb_prints_what_the_page_says():
    with fixture.Daemon(config="slots = 1\n") as d:
        d.train = os.path.join(d.dir, "train.npy")
        ctl = Checked(d)
        first = d.spec(name="first", steps=12, at_step=6, every=4, eval_every=4)
        ctl("submit", "--dry-run", first)
        ctl("sweep", "--dry-run", first, "--seeds", "2")
        ctl("sweep", "--wait", d.spec(name="swept", steps=6, at_step=3), "--seeds", "2", "--name", "swept")
        for verb in ("status", "wait", "top", "show"):
            ctl(verb, "swept")
        ctl("ps", "--sweeps", "--all")
        ctl("sweep", first, "--seeds", "2", "--name", "changed", "--paused")
        for verb in ("resume", "pause", "cancel", "rm"):
            ctl(verb, "changed")
        ctl("check", first)
        run = ctl("submit", first)[0]["run"]
        assert d.wait(run) == 0
        reading(ctl, d, run)
        forked(ctl, run)
        scored(ctl, d, tokenized(ctl, d))
        ctl("submit", "--wait", d.spec(name="waited", steps=6, at_step=3))
        ctl("submit", "--follow", d.spec(name="followed", steps=6, at_step=3))
        changed(ctl, d)
        assert len(ctl("metrics")) > 1
        assert len(ctl("help", "spec")) > 100 and len(ctl("help", "presets")) > 10
        unseen = set(ctl.page.verbs) - ctl.seen
        assert not unseen, f"the page says these of verbs, and none was printed: {sorted(unseen)}"


def forked(ctl, run):
    ctl("fork", run, "--from", "12", "--set", "schedule.steps=14", "--dry-run")
    ctl("fork", run, "--from", "12", "--set", "schedule.steps=14", "--follow")
    ended = ctl("fork", run, "--from", "12", "--set", "schedule.steps=14", "--set", "schedule.final=0", "--wait")
    assert ended[0]["note"] and ended[-1]["fork"]["origin"]["run"] == run


def changed(ctl, d):
    run = ctl("submit", d.spec(name="long", steps=20000, at_step=10000, every=0))[0]["run"]
    waits = ctl("submit", d.spec(name="waits", steps=20, at_step=10))[0]["run"]
    d.wait(run, "--for", "step=2")
    queued = [s for s in ctl("ps") if s["run"] == waits][0]
    assert queued["state"] == "queued" and queued["queue_position"] == 1 and "queue" in queued["reason"], queued
    ctl("switch", run, "--at", "9000", "--reset-optimizer")
    assert ctl("status", run)[0]["change_count"] == 2
    ctl("set", waits, "schedule.peak_lr=1e-3")
    ctl("skip", waits, "--batches", "5-6")
    assert len(ctl("diff", run, run)[0]["a_change"]) == 2
    ctl("checkpoint", run)
    ctl("pause", run)
    ctl("resume", run)
    ctl("cancel", run, "--now")
    ctl("cancel", waits, "--now")
    assert len(ctl("prune", "--keep", "1", "--dry-run")) > 3
    assert len(ctl("prune", "--keep", "3")) > 1
    assert ctl("rm", waits)[0]["bytes"] > 0


def a_part_of_the_page():
    bitctl = os.path.join(fixture.build_root(), "ctl", "bitctl")
    of_status = subprocess.run([bitctl, "help", "json", "status"], capture_output=True, text=True, check=True).stdout
    one = subprocess.run([bitctl, "help", "json", "stepreport"], capture_output=True, text=True, check=True).stdout
    assert of_status.startswith("RunStatus: for each run") and "  eta_s " in of_status and "  grad_norm " in one, of_status + one
    assert subprocess.run([bitctl, "help", "json", "nothing"], capture_output=True).returncode == 2


def ps_is_as_complete_as_status():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(name="first", steps=40, at_step=20), "--set", "guard.spike=WARN", "--set", "guard.loss_sigmas=0.01",
                       "--set", "guard.norm_sigmas=0.01", "--set", "guard.window=16", "--set", "guard.settle_steps=0")
        d.finish(run)
        listed = json.loads(d.ctl("ps", "--all", "--json", check=True)[1])
        status = d.status(run)
        assert status["anomaly_count"] > 0 and status["anomaly_count"] == status["anomalies"] >= len(status["anomaly"]) > 0, status
        assert listed["anomaly"] == status["anomaly"][-1:], listed["anomaly"]
        for key in set(status) - {"curve", "held_out", "spec", "anomaly"}:
            assert listed[key] == status[key], f"{key}: {listed[key]} in ps, {status[key]} in status"


def mistakes_are_json_too():
    with fixture.Daemon() as d:
        ctl = Checked(d)
        for args in (("ps", "--no-such"), ("status",), ("submit",), ("wait", "r1", "--for", "nothing"),
                     ("data", "nonsense"), ("ckpt", "ls"), ("tokenize",), ("switch", "r1", "--at", "soon"), ("log", "r1", "-n", "x"),
                     ("switch", "r1", "--at", "soon", "--nonsense"), ("set", "r1", "--at", "soon", "--nonsense")):  # the first mistake alone
            said = ctl.error("usage", *args)
            assert args[0] in said["text"], said
        p = subprocess.run([d.bitctl, "sumbit", "x", "--json"], capture_output=True, text=True)
        assert p.returncode == 2 and json.loads(p.stdout)["name"] == "usage" and "submit" in json.loads(p.stdout)["text"], p
        ctl.error("no_run", "status", "nobody")
        wrong = ctl.error("specification", "submit", d.spec(ranks=3))
        assert wrong["problem"] and wrong["problem"][0]["field"] == "batch.instances", wrong
        ctl.error("specification", "submit", d.spec(name="r7"))
        ctl.error("no_daemon", "ps", "--socket", os.path.join(d.dir, "nobody"))
        assert ctl("submit", os.path.join(d.dir, "gone.txtpb"), code=1)[0]["name"] == "ENOENT"


def verdicts_of_what_is_bad():
    with fixture.Daemon() as d:
        ctl = Checked(d)
        odd = os.path.join(d.dir, "odd.npy")
        with open(odd, "wb") as f:
            f.write(bytes(4097))
        bad, good = ctl("data", "verify", odd, os.path.join(d.dir, "train.npy"), code=65)
        assert (bad["path"], bad["good"], bad["name"], bad["exit_code"], good["good"], good["error"]) == (odd, False, "data", 65, True, None), bad
        run = d.submit(d.spec(steps=6, at_step=3, every=3))
        d.finish(run)
        damaged = [c["path"] for c in ctl("ckpt", "ls", run)][0]
        with open(os.path.join(damaged, "model.safetensors"), "r+b") as f:
            f.seek(-100, os.SEEK_END)
            f.write(b"\xff" * 100)
        verdicts = ctl("ckpt", "verify", run, code=65)
        assert [v["path"] for v in verdicts if not v["good"]] == [damaged] and len(verdicts) > 1, verdicts
        assert "chunk" in [v["text"] for v in verdicts if not v["good"]][0]


def times_and_waits():
    """jq 1.6 keeps the nanoseconds; waits that cannot be met end with 101; every spelling of a precision is accepted."""
    with fixture.Daemon() as d:
        ctl = Checked(d)
        run = d.submit(d.spec(steps=6, at_step=3))
        d.finish(run)
        out = d.ctl("events", run, "--json", check=True)[1]
        by_jq = subprocess.run(["jq", "-r", "[.time_ns, .time] | @tsv"], input=out, capture_output=True, text=True, check=True).stdout
        for line, e in zip(by_jq.splitlines(), map(json.loads, out.splitlines()), strict=True):
            assert line == f"{e['time_ns']}\t{e['time']}" and line[-10:-1] == e["time_ns"][-9:], line
        for spelling in ("16bit", "16-bit", "SIXTEEN_BIT", "sixteen_bit"):
            assert d.wait(run, "--for", f"phase={spelling}") == 101, spelling
        for spelling in ("ternary", "TERNARY", "1.58bit", "1.58-bit"):
            assert d.wait(run, "--for", f"phase={spelling}") == 0, spelling
        long = d.submit(d.spec(name="long", steps=20000, at_step=10000, every=0))
        said = ctl.error("timeout", "wait", long, "--for", "step=15000", "-t", "1")["text"]
        assert said == f"{long} has not come to step=15000 within 1 s", said
        code, _, err = d.ctl("wait", long, "-t", "1")
        assert code == 101 and f"{long} has not ended within 1 s" in err, (code, err)


if not shutil.which("jq"):
    fixture.skip("no jq")
fixture.main([every_verb_prints_what_the_page_says, a_part_of_the_page, ps_is_as_complete_as_status, mistakes_are_json_too, verdicts_of_what_is_bad,
              times_and_waits])
