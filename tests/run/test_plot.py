"""Curves agree with the journals over restarts, rewinds and forks; means equal numpy's; every output format is well-formed."""
import csv
import io
import json
import math
import os
import re
import subprocess
import xml.etree.ElementTree

import fixture

try:
    import numpy
except ImportError:
    fixture.skip("no numpy")

SVG = "{http://www.w3.org/2000/svg}"


def plot(d, *args, code=0, **env):
    p = subprocess.run([d.bitctl, "plot", "--socket", d.socket, *args], capture_output=True, text=True, timeout=120,
                       env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LC_ALL", "LC_CTYPE", "NO_COLOR")} | env)
    assert p.returncode == code, f"bitctl plot {args} ended with {p.returncode}, not {code}: {p.stderr}{p.stdout}"
    return p.stderr if code else p.stdout


def values(d, *args):
    """run -> [(step, value)]"""
    out = {}
    rows = list(csv.reader(io.StringIO(plot(d, *args, "--csv"), newline="")))
    assert all(len(row) == len(rows[0]) for row in rows), rows[0]
    for row in rows[1:]:
        out.setdefault(row[1], []).append((int(row[2]), float(row[-1] or "nan")))
    return out


def own_steps(d, run, what="loss"):
    """step -> value from the run's own journal. A step trained again drops itself and all later ones; rewinds and resumes from an earlier
    step drop the later ones, too."""
    got = {}

    def cut(step):
        for s in [s for s in got if s > step]:
            del got[s]

    for e in d.events(run, True):
        if "step" in e:
            cut(e["step"]["step"] - 1)
            got[e["step"]["step"]] = e["step"][what]
        elif "rewound" in e:
            cut(e["rewound"]["to_step"])
        elif e.get("resumed", {}).get("given_up"):
            cut(e["resumed"]["from_step"])
    return got


def trailing(x, n):
    return numpy.array([numpy.mean(x[max(0, i + 1 - n):i + 1]) for i in range(len(x))])


def as_the_run_is():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(name="keep", steps=40, at_step=20, eval_every=10))
        d.finish(run)
        d.ctl("resume", run, "--from", "20", "--steps", "44", check=True)  # drops the steps after 20
        d.finish(run)
        d.ctl("resume", run, "--from", "30", "--steps", "48", "--skip", "1", check=True)
        d.finish(run)
        assert len([e for e in d.events(run, True) if "step" in e]) > 48, "steps were done again"
        for y, what in (("loss", "loss"), ("norm", "grad_norm"), ("lr", "lr")):
            want = own_steps(d, run, what)
            assert values(d, run, "--y", y)[run] == sorted(want.items()) and len(want) == 48, y
        for y, what in (("flip", "flip_rate"), ("zero", "zero_fraction")):
            want = {s: v for s, v in own_steps(d, run, what).items() if v is not None}
            assert values(d, run, "--y", y)[run] == sorted(want.items()) and min(want) > 20, y

        steps = numpy.array(sorted(own_steps(d, run).items()))
        want = numpy.concatenate([trailing(steps[:20, 1], 7), trailing(steps[20:, 1], 7)])  # the mean restarts at the switch
        got = numpy.array(values(d, run, "--smooth", "7")[run])
        assert numpy.array_equal(got[:, 0], steps[:, 0]) and numpy.allclose(got[:, 1], want, rtol=1e-13, atol=0)
        part = numpy.array(values(d, run, "--smooth", "7", "--from", "25", "--to", "30")[run])
        assert numpy.array_equal(part, got[24:30]), "means of what is outside, too"

        rows = list(csv.reader(io.StringIO(plot(d, run, "--x", "tokens", "--csv"))))
        assert rows[0] == ["branch", "run", "step", "tokens", "loss"]
        assert [float(r[3]) for r in rows[1:]] == [8 * 64 * s for s in range(1, 49)], "instances times context"
        since = json.loads(plot(d, run, "--x", "since-switch", "--from", "-3", "--to", "2", "--json"))
        assert since["at"] == [-3, -2, -1, 0, 1, 2] and since["step"] == [17, 18, 19, 20, 21, 22] and since["switch_after"] == 20
        assert since["value"] == [v for s, v in sorted(own_steps(d, run).items()) if 17 <= s <= 22]

        evals = {}
        for e in d.events(run):
            if "evaluated" in e:
                evals[e["evaluated"]["after_step"], e["evaluated"]["precision"]] = e["evaluated"]["loss"]
            elif e.get("resumed", {}).get("given_up"):
                evals = {k: v for k, v in evals.items() if k[0] <= e["resumed"]["from_step"]}
        both = {p: sorted((s, v) for (s, q), v in evals.items() if q == p) for p in ("16bit", "ternary")}
        assert values(d, run, "--y", "eval:held:16bit").get(run, []) == both["16bit"]
        assert values(d, run, "--y", "eval:held:ternary")[run] == both["ternary"]
        trained = [x for x in both["16bit"] if x[0] <= 20] + [x for x in both["ternary"] if x[0] > 20]
        assert values(d, run, "--y", "eval:held")[run] == trained and len(trained) >= 4


def after_lost_workers():
    with fixture.Daemon(hold=(20, )) as d:
        run = d.submit(d.spec(name="lost", steps=32, at_step=16, every=8, ranks=1))
        d.ctl("wait", run, "--for", "step=19", check=True)
        for pid in d.worker_pids(run):
            os.kill(pid, 9)
        with d.held_no_more():
            d.finish(run)
        records = [e["step"]["step"] for e in d.events(run, True) if "step" in e]
        assert len(records) > 32, "a worker was lost: its steps were done again"
        assert values(d, run)[run] == sorted(own_steps(d, run).items()) and len(own_steps(d, run)) == 32


def forks_begin_with_their_parents():
    with fixture.Daemon() as d:
        root = d.submit(d.spec(name="trunk", steps=32, at_step=28, eval_every=8, every=8), "--set", "checkpoint.keep_last=9")
        d.finish(root)
        was = own_steps(d, root)
        child = d.ctl("fork", root, "-q", "--from", "16", "--set", "phases.switch.at_step=20", "--name", "child", check=True)[1].strip()
        d.finish(child)
        last = d.ctl("fork", child, "-q", "--from", "24", "--set", "schedule.peak_lr=1e-3", "--name", "last", check=True)[1].strip()
        d.finish(last)
        # the parent is resumed from before the fork and trains other steps: the fork's curve keeps the old ones
        d.ctl("resume", root, "--from", "8", "--skip", "2", check=True)
        d.finish(root)
        now = own_steps(d, root)
        assert now[16] != was[16]
        want = {s: v for s, v in was.items() if s <= 16} | own_steps(d, child)
        assert values(d, child)[child] == sorted(want.items()) and len(want) == 32
        want = {s: v for s, v in want.items() if s <= 24} | own_steps(d, last)
        assert values(d, last)[last] == sorted(want.items()) and len(want) == 32
        assert values(d, root)[root] == sorted(now.items())
        held = [s for s, _ in values(d, last, "--y", "eval:held")[last]]
        assert held == [8, 16, 24, 32], held
        weights = d.ctl("fork", root, "-q", "--from", "16", "--weights-only", check=True)[1].strip()
        d.finish(weights)
        assert values(d, weights)[weights] == sorted(own_steps(d, weights).items()), "it begins at step 1 itself"

        d.ctl("rm", root, "--force", check=True)
        code, out, err = d.ctl("plot", last, "--csv")
        assert code == 0 and f"{last} begins after step 16: the steps before are those of {root}, which no longer exists" in err, err
        assert [int(r.split(",")[2]) for r in out.splitlines()[1:]] == list(range(17, 33))
        assert json.loads(plot(d, last, "--json"))["gone_until"] == 16


def branches_and_seeds():
    with fixture.Daemon("slots = 2\n") as d:
        runs = []
        for seed in (1, 2, 3):
            runs.append(d.submit(d.spec(name=f"keep-{seed}", steps=20, at_step=10, ranks=1), "--set", f"model.init_seed={seed}"))
        runs.append(d.submit(d.spec(name="reset", steps=20, at_step=10, optimizer="RESET", ranks=1)))
        for run in runs:
            d.finish(run)
        text = plot(d, *runs)
        assert "o keep, mean of 3, switch after 10" in text and "x reset, switch after 10" in text, text
        path = os.path.join(d.dir, "a.svg")
        plot(d, *runs, "--svg", path, "--title", "keep & <reset>")
        svg = xml.etree.ElementTree.parse(path).getroot()
        assert svg.tag == SVG + "svg" and svg.find(SVG + "title").text == "keep & <reset>"
        assert not [e for e in svg.iter() if e.tag in (SVG + "script", SVG + "style", SVG + "image") or any("href" in a for a in e.attrib)]
        curves = [e for e in svg.iter(SVG + "path") if e.get("stroke-linejoin")]
        bands = [e for e in svg.iter(SVG + "path") if e.get("fill-opacity")]
        assert len(curves) == 2 and len(bands) == 1

        # convert the curve and its band from pixels back to values, by the axis' ticks
        losses = numpy.array([[v for _, v in sorted(own_steps(d, r).items())] for r in runs[:3]])
        ticks = [(float(e.text), float(e.get("y")) - 4.5) for e in svg.iter(SVG + "text") if e.get("text-anchor") == "end"]
        (a, ya), (b, yb) = ticks[0], ticks[-1]

        def y_of(text):
            return numpy.array([a + (float(y) - ya) * (b - a) / (yb - ya) for _, y in re.findall(r"[ML](\S+?) ([\d.]+)", text)])

        pixel = abs((b - a) / (yb - ya))
        assert numpy.abs(y_of(curves[0].get("d")) - losses.mean(0)).max() < 0.11 * pixel
        upper = y_of(bands[0].get("d"))[:20]
        assert numpy.abs(upper - (losses.mean(0) + losses.std(0, ddof=1))).max() < 0.11 * pixel

        plot(d, *runs, "--svg", path, "--each")
        svg = xml.etree.ElementTree.parse(path).getroot()
        assert len([e for e in svg.iter(SVG + "path") if e.get("stroke-linejoin")]) == 4
        assert {r for r in values(d, *runs)} == set(runs), "numbers are every run's"
        rows = list(csv.reader(io.StringIO(plot(d, f"{runs[0]}=a,\"b\"", f"{runs[1]}=a,\"b\"", "--csv"))))
        assert {r[0] for r in rows[1:]} == {"a,\"b\""}
        assert "a,\"b\", mean of 2" in plot(d, f"{runs[0]}=a,\"b\"", f"{runs[1]}=a,\"b\"", "--smooth", "3")


def what_is_shown_where():
    with fixture.Daemon() as d:
        run, other = (d.submit(d.spec(name=n, steps=12, at_step=6, ranks=1)) for n in ("one", "two"))
        d.finish(run), d.finish(other)
        text = plot(d, run, other, LANG="C.UTF-8")
        assert len(text.splitlines()) == 23 and max(map(len, text.splitlines())) <= 80 and "\u28c0" <= max(text) and "\x1b" not in text
        text = plot(d, run, other, LANG="C", COLUMNS="120")
        assert text.isascii() and 80 < max(map(len, text.splitlines())) <= 120
        for y in ("norm", "rate", "strength", "eval:held:ternary"):
            plot(d, run, other, "--y", y, "--log", code=1 if y.startswith("eval") else 0)
        assert plot(d, run, "--svg", "-").startswith("<svg ")
        assert math.isclose(json.loads(plot(d, run, "--json"))["value"][0], own_steps(d, run)[1], rel_tol=0)


def mistakes():
    with fixture.Daemon() as d:
        plain = d.submit(d.spec(name="plain", steps=6, at_step=0, eval_every=0, ranks=1, extra=""), "--set", "phases=")
        d.finish(plain)
        assert f"{plain} has no flip: it has not switched to 1.58 bits" in plot(d, plain, "--y", "flip", code=1)
        assert f"{plain} is left out: it has not switched" in plot(d, plain, "--x", "since-switch", code=1)
        assert "its sets are: held" in plot(d, plain, "--y", "eval:helt", code=1)
        assert "its tasks are: none" in plot(d, plain, "--y", "task:copa", code=1)
        assert "no such step" in plot(d, plain, "--from", "100", code=1)
        paused = d.ctl("submit", "-q", "--paused", d.spec(name="paused"), check=True)[1].strip()
        assert "it has done no step" in plot(d, paused, code=1)
        assert d.ctl("plot", plain, paused)[0] == 0, "the other one is drawn"
        plot(d, "nobody", code=102)
        plot(d, plain, "--svg", os.path.join(d.dir, "none", "x.svg"), code=73)
        for wrong in (["--y", "los"], ["--x", "time"], ["--smooth", "0"], ["--from", "x"], ["--from", "5", "--to", "4"], ["--csv", "--json"],
                      ["--y", "eval:"], ["--y", "eval:held:8bit"], ["--json", "--svg", "-"]):
            plot(d, plain, *wrong, code=2)


if __name__ == "__main__":
    fixture.main([as_the_run_is, after_lost_workers, forks_begin_with_their_parents, branches_and_seeds, what_is_shown_where, mistakes])
