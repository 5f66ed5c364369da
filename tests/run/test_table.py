"""Tables of branches: means, spikes and recoveries equal numpy's, and the significance of the order equals SciPy's."""
import csv
import io
import itertools
import json
import math
import os

import fixture

try:
    import numpy
    from scipy import stats
except ImportError:
    fixture.skip("no numpy or no scipy")

STEPS, SWITCH, SEEDS = 40, 20, (1, 2, 3)


def table(d, *args, code=0):
    got, out, err = d.ctl("table", *args)
    assert got == code, f"bitctl table {args} ended with {got}, not {code}: {err}{out}"
    return err if code else out


def branches(d):
    """label -> runs of three seeds: 16-bit only, switched, and switched with the moments reset."""
    runs = {"plain": [], "keep": [], "reset": []}
    for seed in SEEDS:
        more = ["--set", f"model.init_seed={seed}", "--set", f"data.seed={seed}"]
        spec = dict(steps=STEPS, at_step=SWITCH, eval_every=20, ranks=1)
        runs["plain"].append(d.submit(d.spec(name=f"plain-{seed}", **spec), "--set", "phases=", *more))
        runs["keep"].append(d.submit(d.spec(name=f"keep-{seed}", **spec), *more))
        runs["reset"].append(d.submit(d.spec(name=f"reset-{seed}", optimizer="RESET", **spec), *more))
    for run in itertools.chain(*runs.values()):
        d.finish(run)
    return runs


def losses(d, run):
    return numpy.array([v for _, (v, _) in sorted(d.losses(run).items())])


def evaluated(d, run, precision):
    got = [e["evaluated"] for e in d.events(run) if "evaluated" in e]
    return [e["loss"] for e in got if e["after_step"] == STEPS and e["precision"] == precision]


def trailing(x, n):
    return numpy.array([x[max(0, i + 1 - n):i + 1].mean() for i in range(len(x))])


def first(which):
    at = numpy.flatnonzero(which)
    return float(at[0] + 1) if len(at) else None


def measures(d, runs, last, smooth):
    """label -> measure -> value of each run, None where it has none or never recovered."""
    out = {}
    trunks = [losses(d, run) for run in runs["plain"]]
    for label, of in runs.items():
        m = out[label] = {k: [] for k in ("held", "held, ternary", "train loss", "spike", "recovered", "to trunk")}
        for run, trunk in zip(of, trunks):
            x = losses(d, run)
            assert len(x) == STEPS
            m["held"] += evaluated(d, run, "16bit" if label == "plain" else "ternary")
            m["held, ternary"] += evaluated(d, run, "ternary")
            m["train loss"].append(x[-last:].mean())
            if label == "plain":
                continue
            level, after = x[max(0, SWITCH - last):SWITCH].mean(), trailing(x[SWITCH:], smooth)
            m["spike"].append(x[SWITCH:SWITCH + last].max() - level)
            m["recovered"].append(first(after <= level))
            m["to trunk"].append(first(after <= trailing(trunk, smooth)[SWITCH:]))
    return out


def near(a, b):
    return (a is None and b is None) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def check_measures(got, want):
    for branch in got["branch"]:
        assert len(branch["run"]) == 3 and len(set(branch["seed"])) == 3, branch
        for m in branch["measure"]:
            values = want[branch["branch"]][m["name"]]
            where = f"{branch['branch']}, {m['name']}: {m}, not {values}"
            assert len(values) in (0, 3) and all(near(v["value"], b) for v, b in zip(m["value"], values or [None] * 3)), where
            assert [v["run"] for v in m["value"]] == branch["run"] and m["runs"] == len(values), where
            known = [v for v in values if v is not None]
            assert m["count"] == len(known), where
            whole = known and len(known) == 3
            assert near(m["mean"], numpy.mean(known) if whole else None), where
            assert near(m["deviation"], numpy.std(known, ddof=1) if whole else None), where


def check_order(got, want, by):
    """Compare every pair with ttest_rel, and with Holm's correction computed here."""
    expected = {}
    for a, b in itertools.combinations(want, 2):
        low, high = sorted((a, b), key=lambda label: numpy.mean(want[label][by]))
        r = stats.ttest_rel(want[high][by], want[low][by])
        expected[low, high] = r, r.confidence_interval()
    ranked = sorted(expected, key=lambda pair: expected[pair][0].pvalue)
    holm, least = {}, 0
    for i, pair in enumerate(ranked):
        least = max(least, min(1, (len(ranked) - i) * expected[pair][0].pvalue))
        holm[pair] = least
    assert {(o["lower"], o["higher"]) for o in got["order"]} == set(expected), got["order"]
    for o in got["order"]:
        r, interval = expected[o["lower"], o["higher"]]
        assert o["test"] == "paired" and o["count"] == 3 and o["freedom"] == 2, o
        assert near(o["t"], r.statistic) and near(o["p"], r.pvalue) and near(o["p_holm"], holm[o["lower"], o["higher"]]), (o, r)
        assert near(o["low"], interval.low) and near(o["high"], interval.high), (o, interval)
        assert o["verdict"] == ("holds" if o["p_holm"] < 0.05 else "noise"), o


def over_seeds():
    with fixture.Daemon("slots = 2\n") as d:
        runs = branches(d)
        every = sum(runs.values(), [])
        want = measures(d, runs, 50, 10)
        got = json.loads(table(d, *every, "--json"))
        assert got["by"] == "held" and got["lower_is_better"] and (got["last"], got["smooth"]) == (50, 10)
        assert [b["branch"] for b in got["branch"]] == sorted(want, key=lambda label: numpy.mean(want[label]["held"]))
        check_measures(got, want)
        check_order(got, want, "held")
        got = json.loads(table(d, *every, "--last", "7", "--smooth", "4", "--by", "train loss", "--json"))
        want = measures(d, runs, 7, 4)
        check_measures(got, want)
        check_order(got, want, "train loss")
        got = json.loads(table(d, *every, "--by", "spike", "--json"))
        assert [b["branch"] for b in got["branch"]][-1] == "plain", "it has none"
        assert len(got["order"]) == 1, "two branches have a spike"

        text = table(d, *every)
        head, *rows = text.split("\n\n")[0].splitlines()
        assert head.split()[:3] == ["BRANCH", "RUNS", "HELD"] and len(rows) == 3, text
        assert "Of 3 pairs by held: " in text and "Student's t with 2 degrees of freedom" in text, text
        assert len(table(d, *every, "--pairs").splitlines()) == len(text.splitlines()) + 1
        marked = table(d, *every, "--markdown").splitlines()
        assert marked[0].startswith("| branch | runs | held |") and {line.count("|") for line in marked[:5]} == {marked[0].count("|")}
        rows = list(csv.DictReader(io.StringIO(table(d, *every, "--csv"), newline="")))
        keep = next(r for r in rows if r["branch"] == "keep" and r["measure"] == "held")
        assert near(float(keep["mean"]), numpy.mean(measures(d, runs, 50, 10)["keep"]["held"])) and keep["unit"] == "loss"

        # other pairings: seeds that only one side has, no common seed, a single run
        got = json.loads(table(d, *runs["keep"], *runs["reset"][:2], "--json"))["order"][0]
        assert got["test"] == "paired" and got["count"] == 2 and got["freedom"] == 1, got
        sides = [f"{r}=a" for r in runs["keep"][:2]] + [f"{runs['plain'][2]}=b", f"{runs['reset'][2]}=b"]
        got = json.loads(table(d, *sides, "--by", "train loss", "--json"))
        a, b = ([losses(d, r)[-50:].mean() for r in of] for of in (runs["keep"][:2], [runs["plain"][2], runs["reset"][2]]))
        if numpy.mean(a) > numpy.mean(b):
            a, b = b, a
        r = stats.ttest_ind(b, a, equal_var=False)
        assert got["order"][0]["test"] == "welch" and near(got["order"][0]["p"], r.pvalue) and near(got["order"][0]["t"], r.statistic), got
        alone = table(d, runs["keep"][0], runs["reset"][0])
        assert "1 untested: an order needs two runs of each branch" in alone and "untested" in alone.split("\n\n")[1], alone
        assert json.loads(table(d, runs["keep"][0], runs["reset"][0], "--json"))["order"][0]["p"] is None
        assert "to trunk" not in [m["name"] for m in json.loads(table(d, *runs["keep"], "--json"))["branch"][0]["measure"]]
        assert "\n\n" not in table(d, *runs["keep"]), "one branch has no order"


def forks_share_their_trunk():
    with fixture.Daemon() as d:
        trunk = d.submit(d.spec(name="trunk", steps=STEPS, at_step=0, eval_every=20, every=10, ranks=1), "--set", "phases=", "--set",
                         "checkpoint.keep_last=9")
        d.finish(trunk)
        late = d.ctl("fork", trunk, "-q", "--from", "20", "--set", "phases.switch.at_step=20", "--name", "late", check=True)[1].strip()
        d.finish(late)
        got = json.loads(table(d, trunk, late, "--json"))
        m = {b["branch"]: {m["name"]: m for m in b["measure"]} for b in got["branch"]}
        x, t = losses(d, late), losses(d, trunk)
        assert len(x) == 20, "its own journal has its own steps alone"
        assert near(m["late"]["spike"]["value"][0]["value"], x.max() - t[:20].mean()), "the level is its parent's"
        after, of_trunk = trailing(x, 10), trailing(t, 10)[20:]
        assert near(m["late"]["to trunk"]["value"][0]["value"], first(after <= of_trunk)), m["late"]["to trunk"]
        assert m["trunk"]["spike"]["count"] == 0


def a_sweep_is_its_branches():
    with fixture.Daemon("slots = 2\n") as d:
        spec = d.spec(name="when", steps=16, at_step=8, ranks=1)
        sweep = d.ctl("sweep", spec, "--vary", "phases.switch.at_step=8,12", "--seeds", "2", "--name", "when", "-q", check=True)[1].strip()
        runs = d.ids()
        while len(runs) < 4:  # a branch exists only once its parent has reached the fork
            d.wait(runs[-1])
            runs = d.ctl("ps", "-a", "-q", "--where", f"sweep={sweep}", check=True)[1].split()
        for run in runs:
            d.finish(run)
        for word in (sweep, "when"):
            got = json.loads(table(d, word, "--json"))
            assert sorted(b["branch"] for b in got["branch"]) == ["at_step=12", "at_step=8"], got["branch"]
            assert all(len(b["run"]) == 2 and len(set(b["seed"])) == 2 for b in got["branch"]) and got["order"][0]["test"] == "paired"
        text = d.ctl("plot", sweep, "--smooth", "2", check=True)[1]
        assert "at_step=8, mean of 2, switch after 8" in text and "at_step=12, mean of 2, switch after 12" in text, text


def expected_effects(value, grid, singles):
    """(field, lower, higher, single) -> pairs, agree, ttest_rel: value[label][seed], grid[label] = (at_step, optimizer)."""
    def compare(field, a, b, na, nb, single):
        a, b = numpy.array(a), numpy.array(b)
        if (b - a).mean() < 0:
            a, b, na, nb = b, a, nb, na
        out[field, na, nb, single] = len(a), int((a < b).sum()), stats.ttest_rel(b.mean(0), a.mean(0))

    out, of = {}, {v: numpy.array(value[k]) for k, v in grid.items()}
    steps, optimizers = (sorted({v[i] for v in grid.values()}) for i in (0, 1))
    for u, v in itertools.combinations(steps, 2):
        compare("at_step", [of[u, o] for o in optimizers], [of[v, o] for o in optimizers], u, v, None)
    for u, v in itertools.combinations(optimizers, 2):
        compare("optimizer", [of[s, u] for s in steps], [of[s, v] for s in steps], u, v, None)
    for label, step in itertools.product(singles, steps):
        compare("at_step", [value[label]] * len(optimizers), [of[step, o] for o in optimizers], label, step, label)
    return out


def check_effects(got, want):
    assert {(e["field"], e["lower"], e["higher"], e["single"]) for e in got} == set(want), (got, want)
    ps = sorted(r.pvalue for *_, r in want.values())
    for e in got:
        pairs, agree, r = want[e["field"], e["lower"], e["higher"], e["single"]]
        holm = max(min(1, (len(ps) - i) * p) for i, p in enumerate(ps) if p <= r.pvalue)
        interval = r.confidence_interval()
        assert (e["pairs"], e["seeds"], e["matched"], e["agree"], e["freedom"]) == (pairs, 3, 3 * pairs, agree, 2), (e, want)
        assert near(e["t"], r.statistic) and near(e["p"], r.pvalue) and near(e["p_holm"], holm), (e, r, holm)
        assert near(e["low"], interval.low) and near(e["high"], interval.high) and near(e["difference"], (interval.low + interval.high) / 2), e
        assert e["verdict"] == ("holds" if e["p_holm"] < 0.05 else "noise"), e


def what_a_field_does():
    with fixture.Daemon("slots = 2\n") as d:
        spec = d.spec(name="base", steps=12, at_step=8, ranks=1)
        path = os.path.join(d.dir, "when.sweep")
        with open(path, "w") as f:
            f.write(f'''name: "when" from: "{spec}" seeds: 3
                branch {{ label: "16-bit" set: "phases.switch=" }}
                branch {{ label: "ternary" set: "phases.switch.at_step=0" }}
                grid {{ vary {{ field: "phases.switch.at_step" value: ["4", "8"] }} vary {{ field: "phases.switch.optimizer" value: ["KEEP", "RESET"] }} }}''')
        sweep = d.ctl("sweep", path, "-q", check=True)[1].strip()
        d.ctl("wait", sweep, check=True)
        got = json.loads(table(d, sweep, "--by", "train loss", "--json"))
        value = {b["branch"]: [v["value"] for v in b["measure"][0]["value"]] for b in got["branch"]}
        grid = {f"at_step={s} optimizer={o}": (s, o) for s in ("4", "8") for o in ("KEEP", "RESET")}
        assert set(value) == set(grid) | {"16-bit", "ternary"}, value
        want = expected_effects(value, grid, ["16-bit", "ternary"])
        check_effects(got["effect"], want)
        runs = [r for b in got["branch"] for r in b["run"] if b["branch"] in grid]
        alone = json.loads(table(d, *runs, "--by", "train loss", "--json"))["effect"]
        check_effects(alone, expected_effects(value, grid, []))
        text = table(d, sweep, "--by", "train loss")
        assert text.endswith(table(d, sweep, "--by", "train loss", "--effects")), text
        assert "Of 6 effects on train loss: " in text and "over seeds with 2 degrees of freedom" in text, text
        rows = list(csv.DictReader(io.StringIO(table(d, sweep, "--by", "train loss", "--effects", "--csv"), newline="")))
        assert [(r["field"], r["lower"], float(r["p_holm"])) for r in rows] == [(e["field"], e["lower"], e["p_holm"]) for e in got["effect"]]
        marked = table(d, sweep, "--effects", "--markdown").splitlines()
        assert marked[0].startswith("| field | lower ") and {line.count("|") for line in marked[:8]} == {10}, marked
        assert "no effects" in table(d, runs[0], runs[1], "--effects", code=1)


def mistakes():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(name="one", steps=6, at_step=3, ranks=1))
        paused = d.ctl("submit", "-q", "--paused", d.spec(name="paused"), check=True)[1].strip()
        d.finish(run)
        assert "\"train loss\", \"spike\"" in table(d, run, "--by", "held", code=1)
        assert "there are: one" in table(d, run, "--trunk", "two", code=1)
        assert "none of these runs has a loss yet" in table(d, paused, code=1)
        table(d, "nobody", code=102)
        for wrong in (["--last", "0"], ["--smooth", "x"], ["--csv", "--markdown"], ["--json", "--csv"]):
            table(d, run, *wrong, code=2)
        assert table(d, run).split()[:2] == ["BRANCH", "RUNS"]


if __name__ == "__main__":
    fixture.main([over_seeds, forks_share_their_trunk, a_sweep_is_its_branches, what_a_field_does, mistakes])
