"""Messages read well: no repetition, no plural for one, clean paths; in the answers to many mistakes and in the output of all verbs."""
import os
import re
import signal
import subprocess

import fixture

STATES = "queued|starting|training|pausing|paused|restarting|blocked|completed|cancelling|cancelled|failed"
PLURALS = ("restarts|times|steps|launches|attempts|ranks|threads|files|lines|documents|rewinds|batches|checkpoints|problems|runs|events|"
           "nodes|instances|items|findings|warnings")


def faults(text):
    """Yields what is wrong with a text."""
    for line in text.splitlines():
        parts = [part.strip().rstrip(".") for part in line.split(": ")]
        for part in parts:
            if len(part) > 4 and " " in part and parts.count(part) > 1:
                yield f"'{part}' is said twice: {line}"
        if re.search(rf"\b({STATES}): \1\b", line):
            yield f"the state is said twice: {line}"
        if re.search(rf"(?<![\d.,])\b1 ({PLURALS})\b", line):
            yield f"one is no plural: {line}"
        if "/../" in line or "//" in line.replace("://", ""):
            yield f"a path that is not plain: {line}"
        if re.search(r"(?:: |^)(?:usage|in use|bad token data|bad data|no such run|None|\(null\))$", line):
            yield f"a code's text after a sentence: {line}"


def check(what, text):
    found = list(faults(text))
    assert not found, f"{what}: {'; '.join(found)}"


def write(d, name, text):
    path = os.path.join(d.dir, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def mistakes(d, run):
    good = d.spec(name="good", steps=20)
    path = lambda *names: os.path.join(d.dir, *names)
    os.mkdir(path("empty"))
    return [
        ("submit", path("gone.txtpb")), ("submit", path("empty")), ("check", path("gone.txtpb")), ("check", path("empty")),
        ("submit", write(d, "yaml.txtpb", "name: yaml\n")), ("submit", good, "--set", "data.train=gone.npy"),
        ("submit", good, "--set", "data.train=empty"), ("submit", good, "--set", "launch.ranks=3"),
        ("submit", good, "--set", "model.init_from=gone"), ("submit", good, "--set", "model.init_from=empty"),
        ("submit", good, "--set", "schedule.steps=x"), ("submit", good, "--set", "eval.set.path=x"),
        ("submit", good, "--set", "launch.backend=CUDA"), ("submit", good, "--set", "launch.launcher=SRUN"),
        ("ps", "--socket", path("nobody")), ("ps", "--socket", good), ("ps", "--socket", path("x" * 200)), ("ps", "--socket", "/proc/1/x"),
        ("version", "--socket", path("nobody")),
        ("status", "nobody"), ("status",), ("log", run, "--attempt", "9"), ("log", run, "-n", "x"), ("events", "nobody"),
        ("wait", run, "--for", "step=99999"), ("wait", run, "--for", "state=done"), ("wait", run, "--for", "phase=1.58"),
        ("switch", run, "--at", "2"), ("switch", run), ("pause", run), ("cancel", run), ("resume", run), ("resume", "nobody"),
        ("checkpoint", "nobody"), ("ckpt", "verify", path("gone", "x")), ("ckpt", "verify", path("empty") + "/"), ("ckpt", "ls"), ("ckpt", "x", run),
        ("ckpt", "pin", run, "99999"), ("ckpt", "rm", run, "99999"), ("diff", run, "nobody"), ("diff", run, run + "@0"), ("doctor", "nobody"),
        ("data", "info", path("gone.npy")), ("data", "info", path("empty")), ("data", "verify", path("gone.npy")), ("data", "verify", good),
        ("data", "show", run, "--step", "99999"), ("data", "show", run), ("data", "show", path("gone") + "/", "--step", "1"),
        ("data", "show", run, "--step", "1", "--rank", "99"),
        ("tokenize", "-t", path("gone.json"), "-o", path("out"), good), ("tokenize", "-t", good, "-o", path("out"), good),
        ("tokenize", "-o", path("out"), good), ("tokenize", "-t", good, "-o", path("out"), path("gone.jsonl")),
    ]


def answers_to_mistakes():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(name="done", steps=6, at_step=3, every=3))
        d.finish(run)
        said = 0
        for args in mistakes(d, run):
            for json in ((), ("--json",)):
                p = subprocess.run([d.bitctl, args[0], "--socket", d.socket, *args[1:], *json], capture_output=True, text=True, timeout=300)
                assert p.returncode != 0 or args[0] in ("cancel", "pause"), f"bitctl {' '.join(args)} ended well: {p.stdout}"
                check(f"bitctl {' '.join(args)}", re.sub(r'"text":"([^"]*)"', r"\n\1\n", p.stdout) if json else p.stdout + p.stderr)
                said += 1
        code, _, err = d.ctl("log", run, "--attempt", "9")
        assert code == 1 and f"{run} has no attempt 9: there was 1" in err, (code, err)
        code, _, err = d.ctl("data", "show", run, "--step", "99999")
        assert code == 2 and f"step 99999: {run} has 6 steps" in err, (code, err)
        print(f"         {said} answers")


def what_bitd_says_when_it_does_not_start():
    with fixture.Daemon() as d:
        closed = os.path.join(d.dir, "file")
        with open(closed, "w"):
            pass
        for args in (["--config", os.path.join(d.dir, "gone.conf")], ["--state", "/proc/state"], ["--state", closed],
                     ["--state", d.state], ["--state", os.path.join(d.dir, "other"), "--socket", d.socket],
                     ["--state", os.path.join(d.dir, "third"), "--socket", os.path.join(d.dir, "x" * 200)],
                     ["--set", "lookahed=3"], ["--set", "lookahead=x"], ["--log-level", "loud"], ["--set", "mpirun"], ["word"]):
            p = subprocess.run([d.bitd, *args], capture_output=True, text=True, timeout=300)
            assert p.returncode != 0, args
            check(f"bitd {' '.join(args)}", p.stderr)


def what_verbs_show():
    """Output about a run that was paused, lost a worker, and was cancelled."""
    with fixture.Daemon(hold=(6, 9)) as d:
        run = d.submit(d.spec(name="shown", steps=2000, at_step=1000, every=0, ranks=1))
        d.wait(run, "--for", "step=5")
        shows = lambda: [check(f"bitctl {' '.join(args)}", "".join(d.ctl(*args)[1:]))
                         for args in (("status", run), ("events", run), ("ps", "-a"), ("doctor", run), ("wait", run, "-t", "1"), ("top", run))
                         if args[0] != "top" or d.status(run)["state"] == "cancelled"]
        d.ctl("pause", run, "--no-wait", check=True)
        with d.held_no_more():
            d.wait(run, "--for", "state=paused")
            shows()
            said = d.ctl("pause", run, check=True)[1]
            check("bitctl pause", said)
            d.ctl("resume", run, check=True)
        d.wait(run, "--for", "state=training")
        for pid in d.worker_pids(run):
            os.kill(pid, signal.SIGKILL)
        with d.held_no_more():
            d.wait(run, "--for", "step=12")
            shows()
            check("bitctl submit -n", "".join(d.ctl("submit", "-n", d.spec(name="dry", steps=20, ranks=1))[1:]))
            d.ctl("cancel", run, "--now", check=True)
            shows()
        page = d.ctl("status", run, check=True)[1]
        assert "1 restart" in page and "cancelled" in page, page


def a_run_that_waits_is_cancelled():
    with fixture.Daemon(hold=(6,)) as d:
        paused = d.submit(d.spec(name="paused", steps=2000, at_step=1000, every=0, ranks=1))
        d.wait(paused, "--for", "step=5")
        d.ctl("pause", paused, "--no-wait", check=True)
        with d.held_no_more():
            d.wait(paused, "--for", "state=paused")
        said = d.ctl("cancel", paused, check=True)[1]
        check("bitctl cancel", said)
        assert "cancelled by uid" in said and "before it trained" not in said, said
        fresh = d.submit(d.spec(name="fresh", steps=20, at_step=10, ranks=1), "--paused")
        assert "before it trained" in d.ctl("cancel", fresh, check=True)[1]


fixture.main([answers_to_mistakes, what_bitd_says_when_it_does_not_start, what_verbs_show, a_run_that_waits_is_cancelled])
