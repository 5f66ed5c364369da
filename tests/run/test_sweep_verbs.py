"""A sweep's id and name in place of a run's: status, top, pause, resume, wait, cancel, rm; --follow; exit codes; completion."""
import json
import os
import subprocess
import tempfile

import fixture

TWO = ("--vary", "phases.switch.optimizer=KEEP,RESET", "--set", "checkpoint.every=0")


def sweep(d, *args, name="two", **spec):
    return d.ctl("sweep", "-q", d.spec(ranks=1, **spec), *TWO, "--name", name, *args, check=True)[1].strip()


def paused_resumed_and_waited_for():
    with fixture.Daemon() as d:
        assert sweep(d, "--paused", "--priority", "3") == "s1"
        page = d.ctl("status", "two", check=True)[1]
        assert "s1 two: paused, 0 of 2 runs completed; 0 of 45 steps" in page and "optimizer=RESET" in page, page
        assert d.ctl("status", "-q", "s1", check=True)[1] == "paused\n"
        assert d.ctl("resume", "two", check=True)[1].startswith("s1 two: ")
        code, out, err = d.ctl("wait", "s1")
        assert code == 0 and out == "s1 two: completed, 2 of 2 runs completed; 45 of 45 steps\n" and err == "", (code, out, err)
        run = d.status("r1")
        assert (run["sweep"], run["label"], run["priority"]) == ("s1", "optimizer=KEEP", 3), run
        second = d.status("r2")
        assert second["fork"]["origin"]["run"] == "r1" and second["fork"]["origin"]["step"] == 15, second
        assert d.ctl("ps", "-a", "-q", "--where", "sweep=s1", check=True)[1].split() == ["r1", "r2"], "listed"
        assert d.ctl("wait", "-q", "two")[:2] == (0, "")
        code, out, err = d.ctl("top", "s1")
        assert code == 0 and "s1 two: completed" in out, (code, out, err)
        for args, said in ((["resume", "s1", "--steps", "9"], "steps is for one run"), (["checkpoint", "s1"], "s1 is a sweep"),
                           (["wait", "s1", "--for", "step=3"], "only its end can be waited for"), (["rm", "-n", "--keep-runs", "s1"], "--keep-runs keeps them")):
            code, _, err = d.ctl(*args)
            assert code == 2 and said in err, (args, code, err)
        offered = subprocess.run([d.bitctl, "--complete", "status", "--socket", d.socket, ""], capture_output=True, text=True, check=True).stdout
        assert "s1\t" in offered and "two\t" in offered, offered
        assert d.ctl("rm", "--keep-runs", "two", check=True)[1] == "s1: removed\n"
        assert d.ctl("status", "s1")[0] == 102 and d.ctl("status", "r1")[0] == 0, "gone"


def listed():
    with fixture.Daemon() as d:
        d.submit(d.spec(name="single"), "--paused")
        assert "BRANCH" not in d.ctl("ps", check=True)[1], "no run is one of a sweep"
        assert d.ctl("ps", "--sweeps", "-q", check=True)[1] == ""
        screen = subprocess.run(["script", "-qc", f"{d.bitctl} ps --sweeps --socket {d.socket}", "/dev/null"], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, env={**os.environ, "TERM": "xterm"}).stdout
        assert "No sweep is under way. `bitctl ps --sweeps --all` lists" in screen, screen
        code, _, err = d.ctl("sweep", d.spec())
        assert code == 2 and "nothing varies: --vary or --seeds" in err, (code, err)
        sweep(d)
        assert d.wait("s1") == 0
        sweep(d, "--paused", name="other")
        assert d.ctl("ps", "--sweeps", "-q", check=True)[1] == "s2\n"
        assert d.ctl("ps", "--sweeps", "-a", "-q", check=True)[1] == "s1\ns2\n"
        lines = [line.split() for line in d.ctl("ps", "--sweeps", "--all", check=True)[1].splitlines()]
        assert lines == [["SWEEP", "NAME", "STATE", "COMPLETED", "FAILED", "STEPS", "SAVED"],
                         ["s1", "two", "completed", "2/2", "-", "45/45", "25", "%"],
                         ["s2", "other", "paused", "0/2", "-", "0/45", "25", "%"]], lines
        found = [json.loads(line) for line in d.ctl("ps", "--sweeps", "--all", "--json", check=True)[1].splitlines()]
        assert [(s["sweep"], s["state"], len(s["branch"])) for s in found] == [("s1", "completed", 2), ("s2", "paused", 2)], found
        page = d.ctl("ps", "-a", check=True)[1].splitlines()
        assert page[0].endswith("BRANCH") and any(line.endswith("s1 optimizer=KEEP") for line in page), page
        code, _, err = d.ctl("ps", "--sweeps", "--where", "state=paused")
        assert code == 2 and "--where is for runs" in err, (code, err)


def removed_with_its_runs():
    with fixture.Daemon() as d:
        sweep(d, steps=20000, at_step=10000)
        d.ctl("wait", "r1", "--for", "step=1", check=True)
        code, _, err = d.ctl("rm", "s1")
        assert code == 1 and "branch 'optimizer=KEEP' of s1 is training: `bitctl cancel s1` ends it first" in err, (code, err)
        d.ctl("cancel", "s1", "--now", check=True)
        assert d.ctl("rm", "s1", check=True)[1].endswith("s1: removed\n") and d.ctl("ps", "-a", "-q", check=True)[1] == "", "what never began is no run"
        assert sweep(d) == "s2" and d.wait("s2") == 0
        first, second = (b["run"] for b in json.loads(d.ctl("status", "--json", "s2", check=True)[1])["branch"])
        kept = d.submit(d.spec(name="kept"), "--paused")
        d.ctl("ckpt", "pin", first, "15", check=True)
        code, out, err = d.ctl("rm", "two", "--json")
        assert code == 1 and f"{first} is kept: step-00000015 of it is pinned" in out and "bytes" not in out, (code, out, err)
        assert d.ctl("ps", "-a", "-q", check=True)[1].split() == [first, second, kept], "nothing is removed where one has to stay"
        d.ctl("ckpt", "unpin", first, "15", check=True)
        out = d.ctl("rm", "-n", "two", check=True)[1]
        assert f"{second}: would free" in out and f"{first}: would free" in out and "2 runs would free" in out, out
        d.ctl("rm", second, check=True)
        s = json.loads(d.ctl("status", "--json", "s2", check=True)[1])
        assert s["state"] == "completed" and s["branch"][1]["reason"] == f"{second} was removed" and s["branch"][1]["run"] is None, s
        assert d.wait("s2") == 0, "there is nothing more to wait for"
        d.ctl("rm", "s2", check=True)
        assert d.ctl("ps", "-a", "-q", check=True)[1].split() == [kept] and d.ctl("status", "s2")[0] == 102


def shown_and_submitted_again():
    """`show` of a sweep, submitted again from another folder, gives the same specifications: with seeds and a branch without the
    varied fields."""
    with fixture.Daemon() as d:
        spec = d.spec(ranks=1)
        folder, again = os.path.dirname(spec), os.path.join(tempfile.mkdtemp(dir=d.dir), "again.sweep")
        study = os.path.join(folder, "study.sweep")
        with open(study, "w") as f:
            f.write(f'name: "study" from: "{os.path.basename(spec)}" branch {{ label: "16-bit" set: "phases.switch=" }}\n'
                    'grid { vary { field: "phases.switch.at_step" value: ["10", "20"] } } seeds: 2')
        d.ctl("sweep", study, "--set", "schedule.peak_lr=2e-3", check=True)
        assert d.wait("s1") == 0
        text = d.ctl("show", "s1", check=True)[1]
        assert text.startswith("# s1 as it was submitted"), text
        with open(again, "w") as f:
            f.write(text)
        d.ctl("sweep", again, check=True)
        assert d.wait("s2") == 0
        first, second = (json.loads(d.ctl("status", "--json", id, check=True)[1])["branch"] for id in ("s1", "s2"))
        assert len(first) == 6 and [b["label"] for b in first] == [b["label"] for b in second], (first, second)
        for a, b in zip(first, second):
            assert d.ctl("show", "-q", a["run"], check=True)[1] == d.ctl("show", "-q", b["run"], check=True)[1], (a, b)
            assert d.status(a["run"])["weights_digest"] == d.status(b["run"])["weights_digest"], (a, b)
        shown = json.loads(d.ctl("show", "--json", "s1", check=True)[1])
        assert [(b["label"], b["set"]) for b in shown["branch"]] == [(b["label"], b["set"]) for b in first], shown
        d.kill()
        d.start()
        assert d.ctl("show", "s1", check=True)[1] == text, "after a restart"


def a_name_of_both_is_neither():
    with fixture.Daemon() as d:
        d.submit(d.spec(name="two"), "--paused")
        sweep(d, "--paused")
        code, _, err = d.ctl("cancel", "two")
        assert code == 2 and "is the name of sweep s1 and of run r1" in err, (code, err)


def followed_to_its_end():
    with fixture.Daemon() as d:
        code, out, err = d.ctl("sweep", d.spec(ranks=1), *TWO, "--name", "two", "--follow")
        assert code == 0 and "s1 two: completed" in out and "r2 optimizer=RESET: completed: every step done" in err, (code, out, err)
        code, out, err = d.ctl("sweep", "--json", d.spec(ranks=1), *TWO, "--name", "again", "--follow")
        last = json.loads(out.splitlines()[-1])
        assert code == 0 and last["state"] == "completed" and last["steps_done"] == 45, last


def a_cancelled_one_says_so():
    with fixture.Daemon() as d:
        sweep(d, steps=20000, at_step=10000)
        d.ctl("wait", "r1", "--for", "step=1", check=True)
        assert "s1 two: cancelled" in d.ctl("cancel", "two", "--now", check=True)[1]
        code, out, err = d.ctl("wait", "s1")
        assert code == 103 and "2 cancelled" in out and "bitctl: r1 optimizer=KEEP: cancelled" in err, (code, out, err)


def a_run_after_a_sweep():
    with fixture.Daemon() as d:
        sweep(d, "--paused")
        later, good = (d.submit(d.spec(name=name), "--after", which) for name, which in (("later", "two"), ("good", "ok:s1")))
        assert d.status(later)["after"] == ["s1"] and d.status(later)["reason"] == "waits for s1 (a sweep)", d.status(later)
        d.kill()
        d.start()
        assert d.status(later)["queue_position"] is None
        d.ctl("resume", "two", check=True)
        assert d.wait("s1") == d.wait(later) == d.wait(good) == 0
        ended = max(d.status(run)["ended_ns"] for run in d.ctl("ps", "-a", "-q", "--where", "sweep=s1", check=True)[1].split())
        assert d.status(later)["started_ns"] > ended and d.status(good)["started_ns"] > ended
        sweep(d, "--paused", name="other")
        never = d.submit(d.spec(name="never"), "--after", "ok:other")
        d.ctl("cancel", "other", check=True)
        assert d.wait(never) == 103 and "after every run of s2 had completed" in d.status(never)["reason"]


fixture.main([shown_and_submitted_again, removed_with_its_runs, listed, a_run_after_a_sweep, paused_resumed_and_waited_for, a_name_of_both_is_neither, followed_to_its_end, a_cancelled_one_says_so])
