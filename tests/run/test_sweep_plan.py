"""bitctl sweep --dry-run: the tree and what it saves; every mistake with its file, line and column; without a daemon."""
import json
import os

import fixture

SWEEP = """
name: "when"
from: "run.txtpb"
branch { label: "16-bit" set: "phases.switch=" }
grid {
  vary { field: "phases.switch.at_step" value: ["10", "20"] }
  vary { field: "phases.switch.optimizer" value: ["KEEP", "RESET"] }
}
"""


def write(d, name, text):
    path = os.path.join(d.dir, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def with_run(d, sweep=SWEEP):
    with open(d.spec(steps=40)) as f:
        write(d, "run.txtpb", f.read())
    return write(d, "when.sweep", sweep)


def the_plan():
    with fixture.Daemon() as d:
        sweep = with_run(d)
        os.environ["LC_ALL"] = "C.UTF-8"
        out = d.ctl("sweep", "--dry-run", sweep, check=True)[1]
        tree = [line.split() for line in out.splitlines()]
        assert tree[1] == ["16-bit", "-", "40", "40"], out
        assert tree[2] == ["\u251c\u2500", "at_step=10", "optimizer=KEEP", "10", "30", "40"], out
        assert tree[5] == ["\u2514\u2500", "at_step=20", "optimizer=RESET", "20", "20", "40"], out
        assert "5 runs, 200 steps alone, 140 planned: 30 % saved" in out and "71.7k tokens in all" in out, out
        os.environ["LC_ALL"] = "C"
        assert "`- at_step=20 optimizer=RESET" in d.ctl("sweep", "--dry-run", sweep, check=True)[1]
        plan = json.loads(d.ctl("sweep", "--dry-run", "--json", sweep, "--seeds", "2", check=True)[1])
        assert plan["dry_run"] and plan["steps_planned"] == 280 and len(plan["branch"]) == 10, plan
        second = plan["branch"][6]
        assert second["label"] == "at_step=10 optimizer=KEEP seed=2" and second["seed"] == 2 and second["parent"] == 5, second
        assert second["set"][-1] == "data.seed=8" and plan["branch"][0]["parent"] is None, second
        assert d.ctl("sweep", "-q", "--dry-run", sweep, check=True)[1] == ""
        # Relative paths in the specification are resolved from its own folder, wherever bitctl runs.
        out = d.ctl("sweep", "--dry-run", os.path.join(d.dir, "run.txtpb"), "--vary", "schedule.peak_lr=1e-3,2e-3", check=True)[1]
        assert "2 runs, 80 steps alone, 80 planned\n" in out, out
        assert d.ctl("ps", "-a", "-q", check=True)[1] == "", "a dry run makes none"


def mistakes():
    with fixture.Daemon() as d:
        sweep = with_run(d)

        def said(args, code, *texts):
            got, out, err = d.ctl("sweep", *args)
            assert got == code and all(text in err for text in texts), (args, got, out, err)

        said([sweep, "--vary", "schedule.pek_lr=1,2"], 64, "when.sweep: schedule.pek_lr: schedule has no field 'pek_lr'", "did you mean peak_lr?",
             "1 problem in", "nothing was submitted")
        said([d.spec(), "--vary", "phases.switch.ramp_steps=0,x"], 64, "t.txtpb: phases.switch.ramp_steps", "(of phases.switch.ramp_steps=x)")
        said([sweep, "--vary", "phases.switch.at_step=1"], 64, "phases.switch.at_step varies twice")
        said([sweep, "--set", "phases.switch.optimizer=KEEP", "--set", "launch.ranks=3"], 64, "the branches have phases.switch=", "run.txtpb:6:20: batch.instances")
        said([sweep, "--vary", "x"], 2, "--vary takes FIELD=A,B,...")
        said([sweep, "--seeds", "0"], 2, "--seeds takes 1 to 256")
        said([sweep, "--follow", "--dry-run"], 2, "exclude each other")
        said([os.path.join(d.dir, "none.sweep")], 1, "No such file")
        said([with_run(d, SWEEP.replace('"20"', '"40"'))], 64, "when.sweep:6:55: phases.switch.at_step: 40 leaves no ternary step")
        said([with_run(d, SWEEP.replace('"RESET"', '"KEEP"'))], 64, "when.sweep:7:59: branches", "are the same run twice")
        said([with_run(d, SWEEP.replace('"run.txtpb"', '"gone.txtpb"'))], 64, "when.sweep:3:7: from:", "No such file")
        said([with_run(d, SWEEP.replace("label", "lable"))], 64, "when.sweep:4:10:", "did you mean label?")
        said([with_run(d, "seeds: 2")], 64, "the run's specification is missing")
        said([with_run(d, SWEEP + "run { }")], 64, "one of the two")
        # A mistake in the specification is reported with that file's line; one in the sweep's inline run with the sweep's line.
        sweep = with_run(d)
        with open(os.path.join(d.dir, "run.txtpb"), "a") as f:
            f.write("shard: true\n")
        said([sweep], 64, "run.txtpb:13:1", "did you mean shared?")
        said([with_run(d, 'run {\n model { preset: "olmo_20m" }\n data { train: "train.npy" }\n schedule { steps: 10 peak_lr: -1 } }\nseeds: 2')], 64,
             "when.sweep:4:32: schedule.peak_lr")
        code, out, _ = d.ctl("sweep", "--json", with_run(d, SWEEP.replace('"20"', '"40"')))
        problem = json.loads(out)["problem"][0]
        assert code == 64 and problem["line"] == 6 and problem["field"] == "phases.switch.at_step", problem


def without_a_daemon():
    with fixture.Daemon() as d:
        sweep = with_run(d)
        d.kill()
        out = d.ctl("sweep", "--dry-run", sweep, check=True)[1]
        assert "5 runs, 200 steps alone, 200 planned\n" in out and "No bitd answers" in out, out
        code, _, err = d.ctl("sweep", sweep, "--vary", "launch.ranks=3")
        assert code == 64 and "launch.ranks 3" in err, "what is wrong is told all the same"
        d.start()


fixture.main([the_plan, mistakes, without_a_daemon])
