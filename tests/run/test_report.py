"""`bitctl report`: one HTML file that a strict parser accepts, that loads nothing from the network, and in which hostile texts stay
plain text."""
import json
import os
import re
import resource
import signal
import subprocess
import xml.etree.ElementTree as ET

import fixture

# A path with markup, quotes, an entity, a terminal escape, a bidirectional override, and a character that XML forbids.
EVIL = "<script>alert(1)</script><b onclick='x' a=\"&amp;\033[2J\u202e\ufffe"
SHOWN = "<script>alert(1)</script><b onclick='x' a=\"&amp;\\x1b[2J\\u202e\\ufffe"


SVG = "{http://www.w3.org/2000/svg}"


class Page:
    """A report, parsed strictly as XML."""

    def __init__(self, text):
        self.source = text
        try:
            self.root = ET.fromstring(text)
        except ET.ParseError as e:
            raise AssertionError(f"no parser takes it: {e}: {text.splitlines()[e.position[0] - 1][:300]}") from e
        self.text = " ".join("".join(self.root.itertext()).split())

    def section(self, name, run=None):
        """The text of a section, or None where it is left out."""
        for e in self.root.iter("section"):
            if re.fullmatch(f"{run or '.*'}-{name}" if run != "" else name, e.get("id")):
                return " ".join(" ".join(e.itertext()).split())
        return None

    def rows(self, label):
        """The rows of a table, as lists of texts."""
        for e in self.root.iter("div"):
            if e.get("aria-label") == label:
                return [["".join(td.itertext()) for td in tr.findall("td")] for tr in e.iter("tr") if tr.find("td") is not None]
        return None

    def charts(self, within=None):
        """title -> SVG element; if a chart exists in two widths, the wide one."""
        found = {}
        for e in (within if within is not None else self.root).iter(SVG + "svg"):
            if e.find(SVG + "title") is not None:
                found.setdefault(e.find(SVG + "title").text, e)
        return found

    def legend(self):
        """The labels of the legend that all charts of branches share."""
        return [text for e in self.root.iter("ul") if e.get("class") == "legend" for text in ("".join(li.itertext()) for li in e.findall("li"))]

    def check(self):
        ids = [e.get("id") for e in self.root.iter() if e.get("id")]
        assert len(ids) == len(set(ids)), f"ids are there twice: {sorted(ids)}"
        for e in self.root.iter():
            for key, value in e.attrib.items():
                assert key not in ("src", "srcset", "action") and not key.startswith("on"), (e.tag, key, value)
                assert key != "href" or value[0] == "#" and value[1:] in ids, f"a link to {value}"
            assert e.tag.split("}")[-1] not in ("script", "link", "img", "iframe", "object", "embed", "base", "form"), e.tag
        foreign = set(re.findall(r"https?://[^\s\"<]*", self.source)) - {"http://www.w3.org/2000/svg"}
        assert not foreign and "@import" not in self.source and "url(" not in self.source, foreign
        assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", self.source), "controls"
        assert self.root.get("lang") == "en" and self.root.find("head/title").text
        assert len(list(self.root.iter("h1"))) == 1
        return self


def report(d, *args, epoch="1700000000", **env):
    """The report on standard output, as bytes."""
    p = subprocess.run([d.bitctl, "report", "--socket", d.socket, *args, "--output", "-"], capture_output=True, timeout=300,
                       env={**os.environ, "SOURCE_DATE_EPOCH": epoch, **env})
    assert p.returncode == 0 and not p.stderr, (p.returncode, p.stderr)
    return p.stdout


def page(d, *runs):
    return Page(report(d, *runs).decode()).check()


def a_run_with_everything():
    with fixture.Daemon(hold=(13,)) as d:
        run = d.submit(d.spec(name="keep", steps=60, at_step=30, every=10, eval_every=10))
        d.wait(run, "--for", "step=12")
        os.kill(d.worker_pids(run)[0], signal.SIGKILL)
        d.ctl("set", run, "schedule.peak_lr=2e-3", check=True)
        d.ctl("tag", run, "paper", "--note", EVIL.replace("\ufffe", ""), check=True)
        with d.held_no_more():
            d.finish(run)
        d.ctl("fork", run, "--from", "30", "--set", "phases.switch.optimizer=RESET", "--name", "reset", check=True)
        d.finish("reset")
        first = report(d, run)
        p, status = Page(first.decode()).check(), d.status(run)
        assert "completed" in p.text and SHOWN.replace("\\ufffe", "") in p.text and "<script" not in p.source
        overview = p.section("overview")
        assert "60 of 60" in overview and "switched to 1.58-bit after step 30, optimizer kept" in overview, overview
        assert status["weights_digest"] in overview
        losses = d.losses(run)
        level = sum(losses[step][0] for step in range(1, 31)) / 30
        spike = max(loss for step, (loss, _) in losses.items() if step > 30)
        switch = p.section("switch")
        assert f"training loss {level:.4f}" in switch and f"{spike:.4f}, {spike - level:+.4f}" in switch, (switch, level, spike)
        assert "16-bit Switched" in p.section("evaluations")
        cost = p.rows("What the switch cost")[0]
        held = {(e["evaluated"]["after_step"], e["evaluated"]["precision"]): e["evaluated"]["loss"] for e in d.events(run) if "evaluated" in e}
        assert cost[:5] == ["held", "30", f"{held[30, '16bit']:.4f}", f"{held[30, 'ternary']:.4f}", f"{held[30, 'ternary'] - held[30, '16bit']:+.4f}"], cost
        assert cost[5:7] == ["60", f"{held[60, 'ternary']:.4f}"], cost
        assert len(p.rows("Evaluations of held-out sets")) == 6
        changes = p.section("changes")
        assert "schedule.peak_lr: 0.003 \u2192 0.002" in changes and "tagged paper" in changes, changes
        events = p.section("events")
        assert "worker lost" in events and "switched to 1.58-bit after step 30" in events and "resume verified" in events, events
        assert [row[0] for row in p.rows("Launches")] == ["1", "2"] and "signal 9" in p.rows("Launches")[0][-1]
        steps = {row[0]: row for row in p.rows("Steps and their times")}
        assert int(steps["16-bit"][1]) > 30 and steps["1.58-bit"][1] == "30", steps
        link = [e["step"]["link"] for e in d.events(run, True) if "step" in e][-1]
        digests = p.section("digests")
        assert f"{link} after step 60" in digests and "bitworker" in digests, digests
        version = json.loads(d.ctl("version", "--json", check=True)[1])["bitd"]
        assert p.rows("Launches")[0][5] == f"{version['version']} {version['commit']}", p.rows("Launches")
        files = {row[0]: row[1:] for row in p.rows("Files of tokens and requests")}
        train = os.path.join(d.dir, "train.npy")
        assert files["training"][:2] == [train, str(os.path.getsize(train))] and files["held out: held"][0].endswith("valid.npy"), files
        listed = [json.loads(line) for line in d.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines()]
        assert [row[4] for row in p.rows("Checkpoints")] == [c["weights_digest"] for c in listed]
        assert "reset (r2, from r1 after step 30): completed" in p.section("family"), p.section("family")
        the_curves(d, p, run)
        the_same_bytes(d, run, first)
        the_specification_is_taken(d, p, run)
        several(d)


def the_curves(d, p, run):
    charts = p.charts()
    assert list(charts) == ["Training loss", "Held-out loss", "Gradient norm, before clipping", "Learning rate", "Codes that are 0",
                            "Codes changed by a step", "Throughput"], list(charts)
    text = {title: " ".join(svg.itertext()) for title, svg in charts.items()}
    assert "held, 16-bit" in text["Held-out loss"] and "held, 1.58-bit" in text["Held-out loss"]
    assert all("switch to 1.58 bits" in text[title] for title in ("Training loss", "Held-out loss", "Learning rate")), text
    # the curve has one point for each of the 60 steps
    points = max((e.get("points") or e.get("d") or "" for e in charts["Training loss"].iter()), key=len)
    assert len(re.findall(r"-?[\d.]+[ ,]-?[\d.]+", points)) == 60, points


def the_same_bytes(d, run, first):
    """The same journal gives the same bytes; the time of creation is in one line only."""
    assert report(d, run) == report(d, run, TZ="Asia/Tokyo") == first
    other = report(d, run, epoch="1800000000").decode().splitlines()
    differ = [(a, b) for a, b in zip(first.decode().splitlines(), other, strict=True) if a != b]
    assert len(differ) == 1 and 'id="generated"' in differ[0][0] and "2023-11-14 22:13:20 UTC" in differ[0][0], differ
    d.kill()
    d.start()
    assert report(d, run) == first, "another bitd tells the same"


def the_specification_is_taken(d, p, run):
    """The short specification on the page, submitted, gives the same whole specification."""
    short, whole = ("".join(e.itertext()) for e in p.root.iter("pre"))
    assert "peak_lr: 0.002" in short and "rope_theta" not in short and "optimizer: KEEP" not in short, short
    path = os.path.join(d.dir, "short.txtpb")
    with open(path, "w") as f:
        f.write(short)
    again = d.submit(path, "--paused")
    assert d.ctl("show", again, "-q", check=True)[1] == d.ctl("show", run, "-q", check=True)[1] == whole
    settings = {row[0]: row[1:] for row in p.rows("Settings that differ from defaults and presets")}
    assert settings["model.init"] == ["MITCHELL", "NORMAL"] and "model.width" not in settings, settings


def several(d):
    p = page(d, "r1", "reset", "r1")
    together = next(e for e in p.root.iter("section") if e.get("id") == "runs")
    legend = " ".join(p.legend())
    assert "keep (r1)" in legend and "reset (r2)" in legend, legend
    figures = {row[0]: row[1:] for row in p.rows("The runs side by side")}
    assert figures["reset r2"][:3] == ["completed", "60 of 60", "30"], figures
    settings = p.rows("Settings that differ between the runs")
    assert settings == [["keep r1", "KEEP"], ["reset r2", "RESET"]], settings
    assert [e.get("id") for e in p.root.iter("article")] == ["r1", "r2"], "the same run once"
    assert "a fork of r1 after step 30" in p.section("events", "r2") or "Fork of r1 after step 30" in p.section("overview", "r2")


def whatever_a_run_is():
    with fixture.Daemon(hold=(7,)) as d:
        waiting = d.submit(d.spec(name="waiting"), "--paused")
        p = page(d, waiting)
        assert "has not ended" in p.text and p.section("speed") is None and p.section("machines") is None, p.text
        plain = d.submit(d.spec(name="plain", steps=8, every=4), "--set", "phases.switch=")
        d.wait(plain, "--for", "step=6")
        p = page(d, plain)
        assert "training" in p.text and "6 of 8" in p.section("overview") and "16-bit throughout" in p.section("overview"), p.text
        d.let_on()
        d.finish(plain)
        assert "What the switch cost" not in page(d, plain).source
        ternary = d.submit(d.spec(name="ternary", steps=6, at_step=0))
        d.finish(ternary)
        assert "1.58-bit from the first step" in page(d, ternary).section("overview")
        failed = d.submit(d.spec(name="failed", steps=20), "--set", "launch.max_restarts=0")
        d.wait(failed, "--for", "step=6")
        os.kill(d.worker_pids(failed)[0], signal.SIGKILL)
        assert d.wait(failed) != 0
        p = page(d, failed)
        assert "failed" in p.section("events") and any(e.get("class") == "state bad" for e in p.root.iter("p")), p.text
        code, evaluated, err = d.ctl("eval", f"{plain}@8", "--held-out", f"held={d.dir}/valid.npy", "--damage", "-q")
        assert code == 0, err
        p = page(d, "@last")
        assert "nothing is trained" in p.section("overview") and "norms" in str(p.rows("What each part of 1.58 bits costs")).lower(), p.text


def names_are_texts():
    """Any text in a path is shown readably and never becomes markup."""
    with fixture.Daemon() as d:
        folder = os.path.join(d.dir, EVIL.replace("/", "|"))
        os.mkdir(folder)
        os.rename(os.path.join(d.dir, "train.npy"), os.path.join(folder, "train.npy"))
        run = d.submit(d.spec(), "--paused", "--set", f"data.train={folder}/train.npy", "--set", f"data.tokenizer={EVIL}")
        p = page(d, run)
        assert SHOWN in p.text and f"{SHOWN.replace('/', '|')}/train.npy" in p.text and "<script" not in p.source, p.text


def a_sweep():
    with fixture.Daemon() as d:
        spec = d.spec(name="base", steps=24, at_step=8, every=0, eval_every=8, ranks=1)
        sweep = d.ctl("sweep", spec, "--vary", "phases.switch.at_step=8,16", "--seeds", "2", "--name", "when", "-q", check=True)[1].strip()
        runs = d.ids()
        while len(runs) < 4:  # a branch exists only once its parent has reached the fork: wait for the parent
            d.wait(runs[-1])
            runs = [line.split()[0] for line in d.ctl("ps", "-a", "-q", "--where", f"sweep={sweep}", check=True)[1].splitlines()]
        for run in runs:
            d.finish(run)
        p = page(d, "when")
        assert p.source == report(d, sweep).decode(), "by id and by name"
        assert "4 runs, 80 of 80 steps done" in p.text and "would take 96 steps" in p.text and "saves 17%" in p.text, p.text[:600]
        tree = p.section("tree", "")
        assert re.search(r"at_step=16 seed=1 r\d : completed, its own from step 9 to 24", tree), tree
        rows = p.rows("Branches over their seeds")
        assert [row[:3] for row in rows] == [["at_step=8", "2", "2"], ["at_step=16", "2", "2"]], rows
        losses = [next(e["loss"] for e in d.status(run)["held_out"] if e["precision"] == "ternary") for run in runs
                  if d.status(run)["switch_after"] == 8]
        mean, error = sum(losses) / 2, abs(losses[0] - losses[1]) / 2**0.5
        assert rows[0][4] == f"{mean:.4f} \u00b1 {error:.4f}", (rows, losses)
        assert [e.get("id") for e in p.root.iter("article")] and len(list(p.root.iter("article"))) == 4
        assert p.legend() == ["at_step=8", "at_step=16", "switch to 1.58 bits"], "one for all charts"
        loss = p.charts()["Training loss"]
        paths = list(loss.iter(SVG + "path"))
        assert sum(e.get("fill-opacity") == ".18" for e in paths) == 2, "a band of each branch over its seeds"
        assert sum(e.get("stroke-width") == "1.7" for e in paths) == 2, "its mean, not its runs"
        assert not any("at_step" in text for svg in p.charts().values() for text in svg.itertext()), "no legend of its own"
        code, _, err = d.ctl("report", sweep, runs[0], "-o", "-")
        assert code == 2 and "is a sweep" in err, (code, err)


def what_fields_do():
    with fixture.Daemon("slots = 2\n") as d:
        spec = d.spec(name="base", steps=8, at_step=4, every=0, ranks=1)
        sweep = d.ctl("sweep", spec, "--vary", "phases.switch.at_step=4,6", "--vary", "phases.switch.optimizer=KEEP,RESET", "--seeds", "2",
                      "--name", "four", "-q", check=True)[1].strip()
        d.ctl("wait", sweep, check=True)
        p = page(d, sweep)
        effects = json.loads(d.ctl("table", sweep, "--json", check=True)[1])["effect"]
        rows = p.rows("Effects of the fields that vary")
        assert len(rows) == len(effects) == 2, (rows, effects)
        for row, e in zip(rows, effects):
            verdict = {"holds": "lower", "noise": "within noise"}[e["verdict"]]
            assert row == [e["field"], e["lower"], e["higher"], f"{e['difference']:.4f}", f"{e['low']:.4f} to {e['high']:.4f}", f"{e['p']:.4f}",
                           f"{e['p_holm']:.4f}", f"{e['agree']} of 4", verdict], (row, e)
        assert "By train loss" in p.section("effects", ""), p.section("effects", "")


def the_file():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(), "--paused")
        path = os.path.join(d.dir, "x.html")
        code, out, _ = d.ctl("report", run, "--output", path)
        assert code == 0 and out.startswith(f"{path}: "), (code, out)
        with open(path) as f:
            before = f.read()
        Page(before).check()
        code, _, err = d.ctl("report", run, "-o", path)
        assert code != 0 and "--force replaces it" in err, (code, err)
        told = json.loads(d.ctl("report", run, "-o", path, "--force", "--json", check=True)[1])
        assert told["output"] == path and told["run"] == [run] and told["bytes"] == os.path.getsize(path), told
        assert d.ctl("report", run, "-o", path, "--force", "-q", check=True)[1] == ""
        for output, said in (("nowhere/x.html", "folder 'nowhere'"), (d.dir, "is not a regular file"), ("/dev/null", "is not a regular file"), (d.dir + "/", "is not a regular file")):
            code, _, err = d.ctl("report", run, "--output", output, "--force")
            assert code != 0 and said in err, (output, code, err)
        assert os.path.exists("/dev/null") and not os.path.isfile("/dev/null")
        nothing_half_written(d, run, path)
        with open("/dev/full", "w") as full:
            p = subprocess.run([d.bitctl, "report", "--socket", d.socket, run, "-o", "-"], stdout=full, stderr=subprocess.PIPE, timeout=300)
        assert p.returncode == 73 and b"standard output" in p.stderr, p


def nothing_half_written(d, run, path):
    """The disk fills up in the middle of the page: the old file stays complete, and no other file is left."""
    def little_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    with open(path, "rb") as f:
        before = f.read()
    p = subprocess.run([d.bitctl, "report", "--socket", d.socket, run, "-o", path, "--force"], capture_output=True, timeout=300,
                       preexec_fn=little_room, env={**os.environ, "SOURCE_DATE_EPOCH": "1"})
    assert p.returncode != 0 and b"x.html" in p.stderr, p
    with open(path, "rb") as f:
        assert f.read() == before
    assert [name for name in os.listdir(d.dir) if name.startswith("x.html")] == ["x.html"]


def mistakes():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(), "--paused")
        for args, code, said in ((["-o", "-"], 2, "RUN"), ([run], 2, "--output which FILE?"), (["r9", "-o", "-"], 102, "r9"),
                                 ([run, "-o", "-", "--json"], 2, "not with --output -"), ([run, "r9", "-o", "-"], 102, "r9")):
            got, out, err = d.ctl("report", *args)
            assert got == code and said in out + err and "<html" not in out, (args, got, out, err)
        p = subprocess.run([d.bitctl, "report", "--socket", d.socket, run, "-o", "-"], capture_output=True, timeout=300,
                           env={**os.environ, "SOURCE_DATE_EPOCH": "today"})
        assert p.returncode == 2 and b"SOURCE_DATE_EPOCH is 'today'" in p.stderr, p


fixture.main([a_run_with_everything, whatever_a_run_is, names_are_texts, a_sweep, what_fields_do, the_file, mistakes])
