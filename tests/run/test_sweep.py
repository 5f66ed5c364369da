"""Sweeps: every branch has the weights of the same run trained alone, and common steps are trained once, also when bitd and workers are
killed; branches whose parent fails or is changed begin elsewhere; a sweep is paused, resumed and cancelled as a whole.

The seed is printed; BIT_SEED=N repeats it. BIT_KILLS=N kills more often.
"""
import json
import os
import random
import shutil
import signal
import socket
import struct
import time

import fixture
import tasks
from wire_bytes import crc32c, put_varint

SEED = int(os.environ.get("BIT_SEED", random.SystemRandom().randrange(1 << 32)))
KILLS = int(os.environ.get("BIT_KILLS", "5"))
STEPS = 24
AT, HOW = ("--vary", "phases.switch.at_step=8,12,16"), ("--vary", "phases.switch.optimizer=KEEP,RESET")


def field(number, value):
    if isinstance(value, int):
        return put_varint(number << 3) + put_varint(value)
    return put_varint(number << 3 | 2) + put_varint(len(value)) + value


def frame(kind, body):
    head = b"BIT1" + struct.pack("<HHQII", kind, 0, 0, len(body), crc32c(body))
    return head + struct.pack("<I", crc32c(head)) + body


def study(d, **changes):
    return d.spec(**{"name": "study", "steps": STEPS, "at_step": 8, "ramp": 3, "every": 5, "ranks": 1, **changes})


class Sweep:
    """A sweep submitted with a fixed request id: asking again with the same id returns the existing sweep."""

    def __init__(self, d, spec, *args):
        self.d, self.args = d, (spec, "--request-id", "study", *args)
        self.id = d.ctl("sweep", *self.args, "-q", check=True)[1].strip()

    def ask(self):
        return json.loads(self.d.ctl("sweep", *self.args, "--json", check=True)[1])

    def branch(self, label):
        return next(b for b in self.ask()["branch"] if b["label"] == label)

    def told(self):
        return [e["text"] for e in self.ask()["event"]]

    def wait(self):
        return self.d.ctl("sweep", *self.args, "-q", "--wait")[0]

    def change(self, what, request="r"):
        """Send a SweepChangeRequest: pause, resume, cancel or remove the sweep. Returns the text of a refusal, or ""."""
        kind = ("pause", "resume", "cancel", "remove").index(what) + 1
        body = b"".join([field(1, self.id.encode()), field(2, f"{what}-{request}".encode()), field(3, kind)])
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.d.socket)
            s.sendall(frame(133, body))
            answer = b""
            while len(answer) < 28 or len(answer) < 28 + struct.unpack_from("<I", answer, 16)[0]:
                answer += s.recv(65536)
        return answer[28:].decode(errors="replace") if struct.unpack_from("<H", answer, 4)[0] == 80 else ""


def until(what, limit=300):
    """Poll, because a sweep's own actions have no event of a run to wait for."""
    deadline = time.monotonic() + limit
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {limit} s"
        time.sleep(0.02)
    return found


def end_of(d, run):
    """(weights digest, last step, its chain over all steps)"""
    steps = [e["step"] for e in d.events(run, True) if "step" in e]
    return d.status(run)["weights_digest"], steps[-1]["step"], steps[-1]["link"]


def alone(branches, sets, changes):
    """end_of() of each branch, trained as a separate run from step 1."""
    with fixture.Daemon("slots = 2\n") as d:
        spec = study(d, **changes)
        runs = [d.submit(spec, *(word for s in (*sets, *b["set"]) for word in ("--set", s))) for b in branches]
        for run in runs:
            d.finish(run)
        return [end_of(d, run) for run in runs]


def kill_daemon(d, rng):
    d.kill()
    d.start()


def kill_worker(d, rng):
    pids = [pid for run in d.ids() for pid in d.worker_pids(run)]
    if pids:
        try:
            os.kill(rng.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            pass


def check_trained_once(d, s):
    """Assert that each run has its planned steps, together as many as the sweep planned, and that no run was made twice."""
    total = 0
    for b in s["branch"]:
        steps = {e["step"]["step"] for e in d.events(b["run"], True) if "step" in e}
        assert steps == set(range(b["from_step"] + 1, STEPS + 1)), (b, steps)
        total += len(steps)
    assert total == s["steps_planned"], (total, s["steps_planned"])
    assert len(d.ctl("ps", "-q", "--all", check=True)[1].split()) == len(s["branch"]), "no run twice"


def check_as_alone(d, branches, sets=(), **changes):
    ends = [end_of(d, b["run"]) for b in branches]
    for b, end, was in zip(branches, ends, alone(branches, sets, changes)):
        assert end == was, f"{b['label']}: {end}, alone {was} (BIT_SEED={SEED})"
    assert len({digest for digest, _, _ in ends}) == len(ends), "each branch another end"


def every_branch_as_alone():
    rng, sets = random.Random(SEED), ["phases.switch.lr_factor=0.5"]
    print(f"BIT_SEED={SEED}")
    with fixture.Daemon("slots = 2\nrestart_delay_max = 1\n") as d:
        sweep = Sweep(d, study(d), *AT, *HOW, "--seeds", "2", "--set", sets[0])
        s = sweep.ask()
        assert len(s["branch"]) == 12 and s["steps_alone"] == 12 * STEPS, s
        assert s["steps_planned"] == 2 * (STEPS + 16 + 16 + 12 + 12 + 8), s["steps_planned"]
        for at in sorted(rng.randrange(s["steps_planned"]) for _ in range(KILLS)):
            until(lambda at=at: sweep.ask()["steps_done"] >= at or sweep.ask()["state"] == "completed")
            kill = rng.choice([kill_daemon, kill_worker])
            print(f"{kill.__name__} at {at}")
            kill(d, rng)
        assert sweep.wait() == 0, sweep.ask()
        s = sweep.ask()
        assert s["state"] == "completed" and s["steps_done"] == s["steps_planned"], s
        check_trained_once(d, s)
        check_as_alone(d, s["branch"], sets)


def ramps_and_lengths():
    """Branches that differ in the ramp, the decay of the rate, and so in their parents; with evaluations."""
    sets = ["schedule.shape=WSD", "phases.switch.at_step=12"]
    with fixture.Daemon("slots = 2\n") as d:
        sweep = Sweep(d, study(d, eval_every=4), "--vary", "phases.switch.ramp_steps=0,6", "--vary",
                      "schedule.decay_steps=6,10", "--set", sets[0], "--set", sets[1])
        assert sweep.wait() == 0, sweep.ask()
        s = sweep.ask()
        assert [b["from_step"] for b in s["branch"]] == [0, 14, 12, 14], s
        check_trained_once(d, s)
        check_as_alone(d, s["branch"], sets, eval_every=4)


def evaluated(d, run, last=STEPS):
    """(step, set or task, precision) -> its loss or score, up to a step; asserts that nothing was evaluated twice."""
    sets = [(e["after_step"], e["set"], e["precision"], e["loss"]) for e in (r["evaluated"] for r in d.events(run, True) if r.get("evaluated"))]
    of_tasks = [(*key, result["score"]) for key, result in tasks.results(d, run).items()]
    found = {e[:-1]: e[-1] for e in sets + of_tasks if e[0] <= last}
    assert len(found) == sum(e[0] <= last for e in sets + of_tasks), (run, sets)
    return found


def evaluations_as_alone():
    """Branches that begin after a step that they evaluate and their parents do not: with their parents', they have the evaluations of the
    same runs trained alone."""
    with fixture.Daemon("slots = 2\n") as d:
        task = f'task {{ path: "{tasks.make_requests(d)}/yes.requests" }} at: 4 tasks_at: 4'
        spec, sets = study(d, every=0, at_step=20, tasks=task), tasks.MODEL[1::2]
        path = os.path.join(d.dir, "evals.sweep")
        branches = [[], ["eval.at=[4, 16]"], ["eval.tasks_at=[4, 12]"], ["eval.at=[4, 16, 20]"],
                    ["eval.at=[4, 8]", "eval.tasks_at=[4, 8]", "phases.switch.at_step=8"], ["phases.switch.at_step=4"]]
        with open(path, "w") as f:
            f.write(f'from: "{spec}"\n' + "".join(f"branch {{ set: {json.dumps(['name=b%d' % i, *b])} }}\n" for i, b in enumerate(branches)))
        sweep = Sweep(d, path, *(word for s in sets for word in ("--set", s)))
        assert sweep.wait() == 0, sweep.ask()
        made = sweep.ask()["branch"]
        assert [(b["parent"], b["from_step"]) for b in made] == [(None, 0), (0, 16), (0, 12), (1, 20), (0, 8), (0, 4)], made
        alone = [d.submit(spec, *(word for s in (*sets, *b) for word in ("--set", s))) for b in branches]
        for i, run in enumerate(alone):
            d.finish(run)
            found, at, last = {}, made[i], STEPS
            while at is not None:
                found |= evaluated(d, at["run"], last)
                last = at["from_step"]
                at = None if at["parent"] is None else made[at["parent"]]
            want = evaluated(d, run)
            assert found == want, f"{made[i]['label']}: without {sorted(want.keys() - found.keys())}, with {sorted(found.keys() - want.keys())}"
            assert end_of(d, made[i]["run"]) == end_of(d, run), made[i]
        assert not any(key[0] == 4 for key in evaluated(d, made[5]["run"])), "its parent evaluated there"


def a_guard_that_looks_back():
    """The guard compares a step with those before it, also with the parent's: branches skip the same steps as runs trained alone."""
    sets = ["guard.spike=SKIP_STEP", "guard.loss_sigmas=0.5", "guard.norm_sigmas=0.5", "guard.window=16", "guard.most=40",
            "guard.settle_steps=0", "schedule.steps=48"]
    with fixture.Daemon("slots = 2\n") as d:
        words = [word for s in sets for word in ("--set", s)]
        sweep = Sweep(d, study(d), "--vary", "phases.switch.at_step=28,32,36", *words)
        assert sweep.wait() == 0, sweep.ask()
        branches = sweep.ask()["branch"]
        assert [b["from_step"] for b in branches] == [0, 28, 32], branches
        skipped = {b["run"]: [e["step"]["step"] for e in d.events(b["run"], True) if e.get("step", {}).get("skipped")] for b in branches}
        assert any(skipped[b["run"]] for b in branches[1:]), skipped
        check_as_alone(d, branches, sets)


def a_state_file_that_was_not_written():
    """bitd ended after it made a run and before it saved the sweep's state: with the state of the submission, no run is made twice."""
    with fixture.Daemon("slots = 2\n") as d:
        sweep = Sweep(d, study(d), *AT, "--paused")
        path = os.path.join(d.state, "sweeps", sweep.id, "state.pb")
        shutil.copy(path, d.dir)
        assert sweep.ask()["state"] == "paused" and d.ctl("ps", "-q", "--all", check=True)[1] == ""
        assert sweep.change("resume") == ""
        assert sweep.wait() == 0, sweep.ask()
        d.kill()
        shutil.copy(os.path.join(d.dir, "state.pb"), path)
        d.start()
        s = sweep.ask()
        assert [b["state"] for b in s["branch"]] == ["completed"] * 3, s
        check_trained_once(d, s)


def a_parent_that_ends_early():
    with fixture.Daemon("slots = 2\n", hold=(7, )) as d:
        sweep = Sweep(d, study(d, every=0), *AT, *HOW)
        first = sweep.branch("at_step=8 optimizer=KEEP")
        d.ctl("wait", first["run"], "--for", "step=6", check=True)
        d.ctl("cancel", first["run"], "--now", "--no-wait", check=True)
        with d.held_no_more():
            sweep.wait()
        s = sweep.ask()
        others = s["branch"][1:]
        assert s["branch"][0]["state"] == "cancelled" and {b["state"] for b in others} == {"completed"}, s
        assert sorted(b["from_step"] for b in others) == [0, 8, 12, 12, 16], "one of them is the trunk now"
        told = " ".join(sweep.told())
        assert f"{first['run']} (cancelled) has no checkpoint of step 8: 'at_step=8 optimizer=RESET' begins" in told, told
        check_as_alone(d, others, every=0)


def a_trunk_that_somebody_changes():
    with fixture.Daemon("slots = 2\n", hold=(3, )) as d:
        sweep = Sweep(d, study(d, every=0, at_step=16), "--vary", "phases.switch.at_step=16,18,20")
        first = sweep.branch("at_step=16")
        d.ctl("wait", first["run"], "--for", "step=2", check=True)
        d.ctl("set", first["run"], "schedule.peak_lr=1e-3", check=True)
        with d.held_no_more():
            assert sweep.wait() == 0
        s = sweep.ask()
        assert sorted(b["from_step"] for b in s["branch"][1:]) == [0, 18], s
        assert any("was changed before step 16" in text for text in sweep.told()), sweep.told()
        check_as_alone(d, s["branch"][1:], every=0)


def paused_resumed_and_cancelled_as_one():
    with fixture.Daemon("slots = 2\n", hold=(6, 14)) as d:
        sweep = Sweep(d, study(d), *AT)
        first = sweep.branch("at_step=8")
        d.ctl("wait", first["run"], "--for", "step=5", check=True)
        assert sweep.change("pause") == ""
        with d.held_no_more():
            d.ctl("wait", first["run"], "--for", "state=paused", check=True)
        assert sweep.ask()["state"] == "paused" and sweep.branch("at_step=12")["state"] == "paused"
        assert sweep.change("pause") == "", "asked again, it is what it was"
        d.ctl("resume", first["run"], "--no-wait", check=True)  # only this run: the branches after it stay paused
        with d.held_no_more():
            d.finish(first["run"])
        assert sweep.branch("at_step=12")["run"] is None
        code, _, err = d.ctl("rm", first["run"])
        assert code == 1 and "branch 'at_step=12' of s1 has yet to begin from it" in err, (code, err)
        code, _, err = d.ctl("ckpt", "rm", first["run"], "8")
        assert code == 1 and "branch 'at_step=12' of s1 has yet to begin from it" in err, (code, err)
        d.kill()
        d.start()
        assert sweep.branch("at_step=12")["run"] is None, "held through a restart"
        assert sweep.change("resume") == ""
        second = until(lambda: sweep.branch("at_step=12")["run"])
        d.ctl("wait", second, "--for", "step=13", check=True)
        assert "has not ended" in sweep.change("remove")
        assert sweep.change("cancel") == ""
        with d.held_no_more():
            assert sweep.wait() == 103
        s = sweep.ask()
        assert [b["state"] for b in s["branch"]] == ["completed", "cancelled", "cancelled"] and s["state"] == "cancelled", s
        assert "has ended, and cannot be paused" in sweep.change("pause", "late")
        assert sweep.change("remove") == ""
        assert sweep.change("remove") == "", "the same request again has the same answer"
        assert "no sweep" in sweep.change("remove", "later")


def a_branch_that_fails():
    """Branches with a rate that ends in NaN fail, the trunk among them, and are named wherever the sweep's end is reported."""
    sets = ["guard.nan=STOP", "schedule.peak_lr=1"]
    with fixture.Daemon("slots = 2\n") as d:
        sweep = Sweep(d, study(d), "--vary", "phases.switch.at_step=8,12", "--vary", "phases.switch.lr_factor=1000,1e-3", "--set", sets[0], "--set", sets[1])
        code, out, err = d.ctl("wait", sweep.id)
        s = sweep.ask()
        assert [b["state"] for b in s["branch"]] == ["failed", "completed"] * 2 and s["state"] == "failed", s
        assert code == 100 and f"{sweep.id} study: failed, 2 of 4 runs completed, 2 failed" in out, (code, out, err)
        failed = [b for b in s["branch"] if b["state"] == "failed"]
        told = [f"bitctl: {b['run']} {b['label']}: failed" for b in failed]
        assert [line.split(",")[0][:len(t)] for line, t in zip(err.splitlines(), told)] == told and len(err.splitlines()) == 2, err
        assert all(b["reason"] and b["reason"] in err for b in failed), (failed, err)
        for how in ("--wait", "--follow"):
            code, _, err = d.ctl("sweep", *sweep.args, how)
            assert code == 100 and all(t.removeprefix("bitctl: ") in err for t in told), (how, code, err)
        page = d.ctl("status", sweep.id, check=True)[1]
        assert all(b["reason"] in page for b in failed), page
        check_as_alone(d, [b for b in s["branch"] if b["state"] == "completed"], sets)


def mistakes_are_told_of_every_branch():
    with fixture.Daemon() as d:
        spec = study(d)
        code, _, err = d.ctl("sweep", spec, "--vary", "phases.switch.at_step=8,30,40")
        assert code == 64 and "at_step=30" in err and "at_step=40" in err and "at_step=8" not in err, (code, err)
        code, _, err = d.ctl("sweep", spec, "--vary", "data.train=train.npy,gone.npy")
        assert code in (64, 65) and "gone.npy" in err, (code, err)
        assert not os.listdir(os.path.join(d.state, "runs")) and not os.path.exists(os.path.join(d.state, "sweeps")), "nothing is left"


fixture.main([a_branch_that_fails, every_branch_as_alone, ramps_and_lengths, evaluations_as_alone, a_guard_that_looks_back, a_state_file_that_was_not_written, a_parent_that_ends_early,
              a_trunk_that_somebody_changes, paused_resumed_and_cancelled_as_one, mistakes_are_told_of_every_branch])
