"""What a verb chose with one request (a run's newest checkpoint, the run of a name) may be another one at its next request. Each test
changes it in between."""
import json
import re

import between
import fixture

EVERY = 8  # steps from checkpoint to checkpoint; keep_last is 1, so that each replaces the one before


class Trains:
    """A run that waits shortly after its newest checkpoint, and writes the next one when it is told to."""

    def __init__(self, d):
        self.d, self.step = d, EVERY
        self.run = d.submit(d.spec(name="trains", steps=100000, at_step=90000, every=EVERY), "--set", "checkpoint.keep_last=1")
        d.ctl("wait", self.run, "--for", f"checkpoint={EVERY}", check=True)

    def steps(self):
        return [json.loads(line)["step"] for line in self.d.ctl("ckpt", "ls", self.run, "--json", check=True)[1].splitlines()]

    def replace(self):
        self.d.let_on()
        self.step += EVERY
        self.d.ctl("wait", self.run, "--for", f"checkpoint={self.step}", check=True)
        while self.steps() != [self.step]:
            pass

    def between(self, *args, times=1):
        """bitctl ARGS, where the checkpoint is replaced after each of the first `times` lists of them."""
        return between.ctl(self.d, between.CHECKPOINT_LIST_REQUEST, lambda n: self.replace() if n <= times else None, *args)


def trains(replacements):
    return fixture.Daemon("slots = 2\n", hold=[EVERY * n + 2 for n in range(1, replacements + 2)])


def the_newest_checkpoint_was_replaced():
    held_out = ("--held-out", "valid=valid.npy")
    with trains(5) as d:
        t = Trains(d)
        for verb, of_newest in (
                (("ckpt", "show", t.run), lambda m: m["step"] == t.step),
                (("export", t.run, "--to", "hf", "--output", "model"), lambda m: m["step"] == t.step),
                (("eval", t.run, *held_out, "--dry-run"), lambda m: m["spec"]["model"]["init_from"].endswith(f"step-{t.step:08}")),
                (("eval", "trains", *held_out), lambda m: m["name"] == f"eval-trains-{t.step}")):
            code, out, err, _ = t.between(*verb, "--json")
            assert code == 0 and of_newest(json.loads(out)), (verb, code, out, err)
            assert f"{t.run}'s checkpoint of step {t.step - EVERY} was replaced by a newer one" in err, (verb, err)
        code, out, err, _ = t.between("ckpt", "verify", t.run)
        assert (code, out) == (0, "") and f"step-{t.step - EVERY:08}: removed meanwhile" in err, (code, out, err)


def a_step_that_was_named_is_not_replaced():
    with trains(3) as d:
        t = Trains(d)
        for verb in (("eval", "--held-out", "valid=valid.npy"), ("ckpt", "show"), ("export", "--to", "hf", "--output", "model")):
            code, out, err, count = t.between(*verb, f"{t.run}@{t.step}") if verb[0] != "ckpt" else t.between(*verb, f"{t.run}@{t.step}")
            assert code != 0 and "was replaced" not in err and count == 1, (verb, code, out, err)
        assert d.ids() == [t.run]


def it_gives_up_when_each_is_replaced():
    with trains(24) as d:
        t = Trains(d)
        for verb in (("ckpt", "show", t.run), ("eval", t.run, "--held-out", "valid=valid.npy")):
            code, out, err, count = t.between(*verb, times=100)
            assert code != 0 and 3 <= count <= 12, (verb, code, count, out, err)
            assert "No such file" in err or "any more" in err, err
        assert d.ids() == [t.run]


def quick(d, name):
    return d.submit(d.spec(name=name, steps=6, at_step=5, every=0))


def two_of_a_name(d):
    """(one that waits before step 50, one that has completed), both named t."""
    done = quick(d, "t")
    d.finish(done)
    return d.submit(d.spec(name="t", steps=100000, at_step=90000)), done


def each_run_of_several_is_found_once():
    """By its name t, bitctl finds the run that goes on; once it is cancelled, none of that name goes on, and t is ambiguous."""
    with fixture.Daemon("slots = 1\n", hold=(50,)) as d:
        first, _ = two_of_a_name(d)
        waits = quick(d, "waits")
        code, out, err, _ = between.ctl(d, between.CANCEL_REQUEST, lambda n: n == 1 and d.wait(first), "cancel", "t", waits)
        assert code == 0 and [line.split(":")[0] for line in out.splitlines()] == [first, waits], (code, out, err)


def wait_finds_its_runs_when_it_begins():
    with fixture.Daemon() as d:
        runs = [quick(d, name) for name in ("a", "b")]
        for run in runs:
            d.finish(run)
        code, out, err, _ = between.ctl(d, between.WAIT_REQUEST, lambda n: n == 1 and d.finish(quick(d, "c")), "wait", "a", "@last")
        assert (code, [line.split(":")[0] for line in out.splitlines()]) == (0, runs), (code, out, err)
        code, out, err = d.ctl("wait", "nobody", "a")
        assert code == 102 and out.startswith(runs[0]) and "no run 'nobody'" in err, (code, out, err)


def all_steps_are_of_one_run():
    with fixture.Daemon() as d:
        first = d.submit(d.spec(name="a", steps=6, at_step=5, every=2))
        d.finish(first)
        code, out, err, _ = between.ctl(d, between.CHECKPOINT_PIN_REQUEST,
                                        lambda n: n == 1 and d.finish(d.submit(d.spec(name="b", steps=6, at_step=5, every=2))),
                                        "ckpt", "pin", "@last", "4", "6")
        assert code == 0 and [line.split(":")[0] for line in out.splitlines()] == [first, first], (code, out, err)


def top_keeps_to_its_run():
    with fixture.Daemon("slots = 1\n", hold=(50,)) as d:
        run = d.submit(d.spec(name="a", steps=100000, at_step=90000))

        def act(n):
            if n == 1:
                quick(d, "b")
            elif n == 3:
                d.ctl("cancel", run, "--now", check=True)

        code, out, err, _ = between.ctl(d, between.STATUS_REQUEST, act, "top", "@last", "--json", "--interval", "0.05")
        assert code == 103 and {json.loads(line)["run"] for line in out.splitlines()} == {run}, (code, out, err)


def what_follows_a_run_keeps_to_it_after_a_restart():
    with fixture.Daemon("slots = 1\n", hold=(50,)) as d:
        for verb, request in (("events", between.EVENTS_REQUEST), ("log", between.LOG_REQUEST), ("wait", between.WAIT_REQUEST)):
            run = d.submit(d.spec(name=f"{verb}-a", steps=100000, at_step=90000))
            d.ctl("wait", run, "--for", "state=training", check=True)

            def act(n):
                if n == 1:
                    d.kill()
                    d.start()
                    d.submit(d.spec(name=f"{verb}-b", steps=6, at_step=5))
                    d.ctl("cancel", run, "--now", check=True)

            args = ("@last", "--for", "step=90") if verb == "wait" else ("@last", "--follow")
            code, out, err, count = between.ctl(d, request, act, verb, "--json", *args, asked=True)
            assert count == 2 and "hung up" in err, (verb, code, count, out, err)
            assert code == (103 if verb == "wait" else 0), (verb, code, out, err)
            assert verb == "log" or "CANCELLED" in out.upper(), (verb, out)
            assert verb != "log" or set(re.findall(r" run=(r\d+)", out)) <= {run}, (verb, out)


def lost(d, request, other, *args):
    """bitctl ARGS, whose first answer is lost: bitd was killed after the change, and other() ran before bitctl asked the next one."""
    def act(n):
        if n > 1:
            return None
        d.kill()
        d.start()
        other()
        return between.LOSE

    code, out, err, count = between.ctl(d, request, act, *args)
    assert code == 0 and count == 2, (args, code, count, out, err)
    return out


def a_change_that_is_sent_again_is_that_of_its_run():
    """A second run of the name, or a newer one, is there when bitctl sends the request for the second time."""
    with fixture.Daemon("slots = 1\n", hold=(2,)) as d:
        spec = {}

        def paused(name):
            spec.setdefault(name, d.spec(name=name))
            return d.submit(spec[name], "--paused")

        for verb, request, words in (("tag", between.TAG_REQUEST, ("{}", "good")),
                                     ("set", between.PRIORITY_REQUEST, ("{}", "priority=-3")),
                                     ("set", between.CHANGE_REQUEST, ("{}", "schedule.peak_lr=1e-3")),
                                     ("switch", between.SWITCH_REQUEST, ("{}", "--at", "7")),
                                     ("cancel", between.CANCEL_REQUEST, ("{}",)),
                                     ("cancel", between.CANCEL_REQUEST, ("{}", "--no-wait")),
                                     ("resume", between.RESUME_REQUEST, ("{}", "--no-wait")),
                                     ("pause", between.PAUSE_REQUEST, ("{}", "--no-wait"))):
            for word in ("name", "@last"):
                name = f"{verb}-{request}-{len(words)}-{word[-4:]}"
                first, newer = paused(name), []
                if verb == "pause":
                    d.ctl("resume", first, "--no-wait", check=True)
                asked = [w.format(name if word == "name" else word) for w in words]
                out = lost(d, request, lambda: newer.append(paused(name)), verb, *asked)
                assert out.startswith(f"{first}: "), (verb, word, first, out)
                assert d.status(newer[0])["state"].upper() == "PAUSED", (verb, word, d.status(newer[0]))
                if verb in ("resume", "pause"):
                    d.ctl("cancel", first, "--now", check=True)


def a_request_about_a_checkpoint_that_is_sent_again_is_that_of_its_run():
    with fixture.Daemon() as d:
        first = d.submit(d.spec(name="a", steps=6, at_step=5, every=2))
        d.finish(first)

        def other():
            d.submit(d.spec(name="a", steps=100, at_step=50), "--paused")

        out = lost(d, between.FORK_REQUEST, other, "fork", "@last", "--from", "4", "--paused", "--name", "f", "-q")
        assert out.split() == ["r2"] and [e for e in d.ids() if d.status(e)["name"] == "f"] == ["r2"], (out, d.ids())
        for verb in ("pin", "unpin", "rm"):
            request = between.CHECKPOINT_REMOVE_REQUEST if verb == "rm" else between.CHECKPOINT_PIN_REQUEST
            name = f"of-{verb}"
            last = d.submit(d.spec(name=name, steps=6, at_step=5, every=2))
            d.finish(last)
            out = lost(d, request, other, "ckpt", verb, "@last", "4")
            assert out.startswith(f"{last}: "), (verb, last, out)


def a_removal_that_is_sent_again_is_that_of_its_run():
    """The removal had ended before bitd was killed. In the second case, another run of that name has ended meanwhile."""
    with fixture.Daemon() as d:
        for other in (lambda: None, lambda: d.finish(quick(d, "a"))):
            run = quick(d, "a")
            d.finish(run)
            out = lost(d, between.REMOVE_REQUEST, other, "rm", "a")
            assert out == f"{run}: removed\n", (run, out)
        ended = d.ctl("ps", "-a", "-q", check=True)[1].split()
        assert [d.status(run)["name"] for run in ended] == ["a"], ended


def a_removal_of_a_sweep_that_is_sent_again_has_its_answer():
    with fixture.Daemon("slots = 2\n") as d:
        for more in ((), ("--json",)):
            d.ctl("sweep", d.spec(name="s", steps=6, at_step=5, every=0), "--seeds", "2", "--wait", check=True)
            sweep, = d.ctl("ps", "--sweeps", "-a", "-q", check=True)[1].split()
            runs = d.ctl("ps", "-a", "-q", check=True)[1].split()
            out = lost(d, between.SWEEP_CHANGE_REQUEST, lambda: None, "rm", "s", *more).splitlines()
            assert len(runs) == 2 and len(out) >= 3, (runs, out)
            if more:
                m = json.loads(out[-1])
                assert (m["sweep"], m["name"], m["state"], len(m["branch"])) == (sweep, "s", "completed", 2), m
            else:
                assert out[-1] == f"{sweep}: removed" or out[-2] == f"{sweep}: removed", out
            assert d.ctl("ps", "--sweeps", "-a", "-q", check=True)[1] == ""


fixture.main([the_newest_checkpoint_was_replaced, a_step_that_was_named_is_not_replaced, it_gives_up_when_each_is_replaced,
              each_run_of_several_is_found_once, wait_finds_its_runs_when_it_begins, all_steps_are_of_one_run, top_keeps_to_its_run,
              what_follows_a_run_keeps_to_it_after_a_restart, a_change_that_is_sent_again_is_that_of_its_run,
              a_request_about_a_checkpoint_that_is_sent_again_is_that_of_its_run, a_removal_that_is_sent_again_is_that_of_its_run,
              a_removal_of_a_sweep_that_is_sent_again_has_its_answer])
