"""Settings changed and batches skipped in an existing run: from the announced step, on all ranks, to the bit after any crash."""
import json
import math
import os
import re
import signal
import subprocess

import fixture

CHANGES = (("set", "schedule.peak_lr=1e-3", "--at", "13"), ("set", "optimizer.weight_decay=0", "checkpoint.every=6", "--at", "18"),
           ("skip", "--batches", "20-22"))
SPEC = {"steps": 30, "at_step": 24, "every": 8}


def change(d, run):
    return [d.ctl(verb, run, *args, check=True)[1] for verb, *args in CHANGES]


def end(d, run):
    """Wait for the end and return the weights digest and the chain of all steps."""
    assert d.wait(run) == 0, d.status(run)["reason"]
    return d.status(run)["weights_digest"], steps(d, run)[30]["link"]


def steps(d, run):
    """step -> its report, as last trained."""
    return {e["step"]["step"]: e["step"] for e in d.events(run, True) if "step" in e}


def undisturbed(d):
    run = d.submit(d.spec(name="undisturbed", **SPEC), "--paused", "--set", "checkpoint.keep_last=9")
    said = change(d, run)
    assert "schedule.peak_lr=1e-3 from step 13 on" in said[0], said
    assert "batches 20 to 22 are left out; step 20 trains on batch 23" in said[2], said
    d.ctl("resume", run, check=True)
    return run


def from_the_step_that_was_said():
    with fixture.Daemon() as d:
        run = undisturbed(d)
        weights, _ = end(d, run)
        assert [s["position"] for s in steps(d, run).values()] == [*range(1, 20), *range(23, 34)]
        assert [e["checkpoint"]["after_step"] for e in d.events(run) if "checkpoint" in e] == [8, 16, 18, 24, 30]
        status = d.status(run)
        changed = [(c["setting"], c["was"], c["is"], c["step"]) for c in status["change"]]
        assert changed[0] == ("schedule.peak_lr", "0.003", "0.001", 12), changed
        assert changed[1:] == [("optimizer.weight_decay", "0.1", "0", 17), ("checkpoint.every", "8", "6", 17),
                               ("batches left out", "-", "20-22", 19)], changed
        assert "schedule.peak_lr=1e-3 from step 13 on, by uid" in d.ctl("events", run, check=True)[1]
        # A second stage of the schedule has the same effect, but is known from the first step.
        stage = d.submit(d.spec(name="stage", **SPEC), "--set", "schedule.stage={at_step: 12 peak_lr: 1e-3}")
        d.ctl("wait", stage, check=True)
        assert all(steps(d, stage)[s]["lr"] == steps(d, run)[s]["lr"] for s in range(1, 31))
        assert all(steps(d, stage)[s]["loss"] == steps(d, run)[s]["loss"] for s in range(1, 18))
        assert weights != d.status(stage)["weights_digest"], "other batches, and no decay"
        child = d.ctl("fork", run, "--from", "8", "-q", check=True)[1].strip()
        assert end(d, child) == end(d, run), "a fork inherits what is changed after it"
        assert d.status(child)["fork"]["verified_step"] == 30


def until_lost(d, run):
    with subprocess.Popen([d.bitctl, "events", run, "--socket", d.socket, "--json", "--follow"], stdout=subprocess.PIPE, text=True) as p:
        assert any("lost" in json.loads(line) for line in p.stdout)
        p.kill()


def through_crashes_to_the_bit():
    with fixture.Daemon(hold=(12, 15, 21)) as d:
        with d.held_no_more():
            want = end(d, undisturbed(d))
        run = d.submit(d.spec(name="killed", **SPEC))
        d.ctl("wait", run, "--for", "step=9", check=True)  # it is held before step 12, with orders up to step 15 already sent
        for verb, *args in CHANGES[1:]:
            d.ctl(verb, run, *args, check=True)
        code, _, err = d.ctl(*CHANGES[0][:1], run, "schedule.peak_lr=1e-3", "--at", "5")
        assert code == 1 and "the earliest is" in err, (code, err)
        with d.held_no_more():
            d.ctl("pause", run, check=True)
        d.ctl("cancel", run, check=True)

        run = d.submit(d.spec(name="killed", **SPEC), "--paused")
        change(d, run)
        d.ctl("resume", run, check=True)
        d.let_on()
        d.ctl("wait", run, "--for", "step=14", check=True)
        for pid in d.worker_pids(run)[:1]:
            os.kill(pid, signal.SIGKILL)
        until_lost(d, run)  # otherwise let_on() would release the dead rank's wait before step 15
        for _ in (12, 15):  # the next launch, from step 8
            d.let_on()
        d.ctl("wait", run, "--for", "step=20", check=True)
        d.kill()
        for pid in d.worker_pids(run):
            os.kill(pid, signal.SIGKILL)
        d.start()
        with d.held_no_more():
            assert end(d, run) == want
        assert d.status(run)["restarts"] >= 1 and d.status(run)["verified"]["equal"], d.status(run)["verified"]


def while_it_trains():
    with fixture.Daemon(hold=(100, )) as d:
        run = d.submit(d.spec(steps=200, at_step=150, every=0))
        d.ctl("wait", run, "--for", "step=99", check=True)  # step 100 is held
        rate = json.loads(d.ctl("set", run, "schedule.peak_lr=1e-4", "--json", check=True)[1])["step"]
        first, code = rate, 1
        while code != 0:  # bitd sends a few more orders ahead of the held step, each once its tokens are read
            code, _, err = d.ctl("skip", run, "--batches", f"{first - 1}-{first + 5}")
            earliest = re.search(r"the earliest is (\d+), of step (\d+)", err)
            assert code == 1 and earliest and first <= int(earliest.group(1)) == int(earliest.group(2)), (code, err)
            first = int(earliest.group(1))
            code, _, err = d.ctl("skip", run, "--batches", f"{first}-{first + 5}")
        assert 100 < rate <= first < 110, (rate, first)
        code, _, err = d.ctl("set", run, "schedule.steps=130", "--at", "110")
        assert code == 64 or "switch" in err, (code, err)
        d.ctl("switch", run, "--at", "120", check=True)
        d.ctl("set", run, "schedule.shape=CONSTANT", "--at", "+3", check=True)
        with d.held_no_more():
            assert d.wait(run) == 0
        done = steps(d, run)
        assert done[rate - 1]["lr"] > 1e-3 > done[rate]["lr"], (rate, done[rate])
        assert done[first - 1]["position"] == first - 1 and done[first]["position"] == first + 6, (first, done[first])
        assert done[200]["lr"] == 1e-4


def refused_with_the_reason():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(), "--paused")
        for args, code, said in ((["model.layers=3"], 1, "bitctl fork"), (["phases.switch.at_step=3"], 1, "bitctl switch"),
                                 (["launch.ranks=4"], 1, "bitctl resume --ranks"), (["schedule.preset=b158_3b"], 1, "name the fields"),
                                 (["schedule.peek_lr=1"], 64, "did you mean"), (["schedule.peak_lr=-1"], 64, "not above 0"),
                                 (["schedule.steps=9"], 64, "leaves no ternary step"), (["schedule.peak_lr=1", "--at", "31"], 1, "no step 31"),
                                 ([], 2, "give a setting"), (["schedule.peak_lr=1", "--at", "x"], 2, "--at takes")):
            got, _, err = d.ctl("set", run, *args)
            assert got == code and said in err, (args, got, err)
        for batches, code, said in (("5", 2, "takes A-B"), ("9-5", 2, "takes A-B"), ("31-40", 1, "ends after step 30")):
            got, _, err = d.ctl("skip", run, "--batches", batches)
            assert got == code and said in err, (batches, got, err)
        d.ctl("skip", run, "--batches", "5-9", check=True)
        assert "left out already" in d.ctl("skip", run, "--batches", "9-10")[2]
        assert d.status(run)["change_count"] == 1, "nothing of the rest"
        d.ctl("cancel", run, check=True)
        code, _, err = d.ctl("set", run, "schedule.peak_lr=1")
        assert code == 1 and "bitctl fork" in err, (code, err)


def a_decay_from_now_on():
    """Linear from the rate of the step before to the final rate; the same to the bit after a kill."""
    with fixture.Daemon() as d:
        def asked(name):
            run = d.submit(d.spec(name=name, steps=60, at_step=20, every=8), "--paused")
            assert "decay=12, weight_decay=0.01 from step 25 on" in d.ctl("set", run, "decay=12", "weight_decay=0.01", "--at", "25", check=True)[1]
            return run

        run = asked("whole")
        d.ctl("resume", run, check=True)
        assert d.wait(run) == 0, d.status(run)["reason"]
        whole = steps(d, run)
        peak, warm = 3e-3, 5  # a cosine to a tenth of the peak at step 60
        rate = {k: 0.1 * peak + 0.9 * peak * (1 + math.cos(math.pi * (k - warm) / (60 - warm))) / 2 for k in range(warm, 25)}
        rate |= {k: 0.1 * peak + (rate[24] - 0.1 * peak) * (36 - k) / 12 for k in range(25, 37)}
        assert max(whole) == 36 and all(abs(whole[k]["lr"] - want) < 1e-14 for k, want in rate.items()), [whole[k]["lr"] for k in rate]
        spec = json.loads(d.ctl("show", run, "--json", check=True)[1])
        assert spec["optimizer"]["weight_decay"] == spec["phases"]["switch"]["weight_decay"] == 0.01, spec
        killed = asked("killed")
        d.ctl("resume", killed, check=True)
        d.ctl("wait", killed, "--for", "step=26", check=True)
        d.kill()
        d.start()
        assert d.wait(killed) == 0, d.status(killed)["reason"]
        assert d.status(killed)["weights_digest"] == d.status(run)["weights_digest"] and steps(d, killed)[36]["link"] == whole[36]["link"]


def no_decay_where_there_is_none():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=60, at_step=20), "--paused")
        for args, code, said in ((["decay=0"], 2, "give the number of steps"), (["decay=x"], 2, "give the number of steps"),
                                 (["decay=12"], 1, "warms up to step 5"), (["decay=12", "schedule.final=0", "--at", "25"], 2, "leave one of them out"),
                                 (["decay=5", "--at", "9"], 64, "20 leaves no ternary step"), (["weight_decay=-1"], 64, "weight_decay")):
            got, _, err = d.ctl("set", run, *args)
            assert got == code and said in err, (args, got, err)
        assert d.status(run)["change"] == [], "nothing of it"


fixture.main([a_decay_from_now_on, no_decay_where_there_is_none, from_the_step_that_was_said, through_crashes_to_the_bit, while_it_trains, refused_with_the_reason])
