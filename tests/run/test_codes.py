"""The table of exit codes in `bitctl help`: each code is produced by the case it documents, and none is left out."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import fixture

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ctl", "README.md")

TOKENIZE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize")


def ended(d, *args, **popen):
    return subprocess.run([d.bitctl, args[0], "--socket", d.socket, *args[1:]], stderr=subprocess.DEVNULL, **popen).returncode


def quick(d, name="quick", **of):
    return d.spec(name=name, steps=6, at_step=3, every=3, **of)


def completed(d):
    d.first = d.submit(quick(d))
    assert d.wait(d.first) == 0
    return 0


def failed(d):
    return d.ctl("ckpt", "verify", os.path.join(d.dir, "nothing/here"))[0]


def usage(d):
    assert d.ctl("ps", "--no-such-option")[0] == 2
    return d.ctl("switch")[0]


def specification(d):
    return d.ctl("submit", d.spec(ranks=3))[0]


def corrupt(d):
    path = os.path.join(d.dir, "odd.npy")
    with open(path, "wb") as f:
        f.write(bytes(4097))
    for name, text in (("empty.jsonl", ""), ("blank.jsonl", "\n"), ("no.jsonl", "{}\n")):
        with open(os.path.join(d.dir, name), "w") as f:
            f.write(text)
        p = subprocess.run([d.bitctl, "tokenize", "-t", os.path.join(TOKENIZE, "small.json"), "-o", f"of-{name}", name], cwd=d.dir,
                           capture_output=True, text=True)
        assert p.returncode == 65 and name in p.stderr, (name, p)
    return d.ctl("data", "verify", path)[0]


def no_daemon(d):
    gone = ["--socket", os.path.join(d.dir, "nobody")]
    assert subprocess.run([d.bitctl, "version", *gone], capture_output=True).returncode == 69
    return subprocess.run([d.bitctl, "ps", *gone], capture_output=True).returncode


def internal(d):
    """The program that answers on the socket is not bitd."""
    path = os.path.join(d.dir, "stranger")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(4)
        p = subprocess.Popen([d.bitctl, "ps", "--socket", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        conn = listener.accept()[0]
        conn.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: another\r\nConnection: close\r\n\r\n")
        p.wait(300)
        conn.close()
    return p.returncode


def cannot_write(d):
    run = d.first
    with open("/dev/full", "w") as full:
        for args in (("ps",), ("ps", "--all", "--json"), ("status", run), ("events", run, "--steps"), ("events", run, "--json"), ("version",),
                     ("log", run), ("log", run, "--json"), ("ckpt", "ls", run), ("submit", "--dry-run", quick(d)), ("top", run),
                     ("doctor", run), ("data", "info", os.path.join(d.dir, "train.npy"))):
            code = ended(d, *args, stdout=full)
            assert code == 73, f"bitctl {' '.join(args)} >/dev/full ended with {code}"
        for args in (["help"], ["--man"], ["submit", "--help"]):
            code = subprocess.run([d.bitctl, *args], stdout=full, stderr=subprocess.DEVNULL).returncode
            assert code == 73, f"bitctl {' '.join(args)} >/dev/full ended with {code}"
    cannot_create(d, run)
    return 73


def cannot_create(d, run):
    """Every verb that makes a file or folder which the user names: its folder is missing, or is a file."""
    tokenize = ("tokenize", "-t", os.path.join(TOKENIZE, "small.json"), "--output")
    with open(os.path.join(d.dir, "one.jsonl"), "w") as f:
        f.write('{"text": "once"}\n')
    with open(os.path.join(d.dir, "one.requests.jsonl"), "w") as f:
        for choice in (0, 1):
            f.write(f'{{"task": "t", "document": 0, "choice": {choice}, "context": "a", "continuation": " b", "label": 0, "metric": "acc"}}\n')
    for args in (("report", run, "--output", "missing/x.html"), ("report", run, "--output", "train.npy/x.html"),
                 ("export", run, "--to", "hf", "--output", "missing/model"), ("export", run, "--to", "hf", "--output", "train.npy/model"),
                 ("plot", run, "--svg", "missing/x.svg"),
                 (*tokenize, "train.npy/tokens", os.path.join(d.dir, "one.jsonl")), (*tokenize, "train.npy", os.path.join(d.dir, "one.jsonl")),
                 (*tokenize, "train.npy/tasks", "--requests", os.path.join(d.dir, "one.requests.jsonl"))):
        socket_of = [] if args[0] == "tokenize" else ["--socket", d.socket]
        p = subprocess.run([d.bitctl, args[0], *socket_of, *args[1:]], capture_output=True, text=True, cwd=d.dir)
        assert p.returncode == 73 and len(p.stderr.splitlines()) >= 1, (args, p.returncode, p.stdout, p.stderr)
    p = subprocess.run([d.bitctl, "report", "--socket", d.socket, run, "--json", "--output", "missing/x.html"], capture_output=True, text=True, cwd=d.dir)
    assert json.loads(p.stdout)["exit_code"] == 73 and "No such file" in p.stdout, p.stdout


def busy(d):
    return subprocess.run([d.bitd, "--state", d.state, "--socket", os.path.join(d.dir, "other")], capture_output=True).returncode


def not_permitted(d):
    """A user who cannot open the socket; test_users tests what those who can may do."""
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory() as folder:  # the build folder may be readable by root only
            os.chmod(folder, 0o755)
            bitctl = shutil.copy(d.bitctl, folder)
            return subprocess.run([bitctl, "cancel", "--socket", d.socket, d.first], capture_output=True, user=65534, group=65534,
                                  extra_groups=[]).returncode
    closed = os.path.join(d.dir, "closed")
    os.mkdir(closed, 0)
    return d.ctl("cancel", "--socket", os.path.join(closed, "s"), d.first)[0]


def configuration(d):
    return subprocess.run([d.bitd, "--config", os.path.join(d.dir, "gone.conf")], capture_output=True).returncode


def run_failed(_):
    """A failure that is due neither to data nor to a rule: memory that was free at the submission is gone at the launch."""
    faults = os.path.join(fixture.build_root(), "tests", "run", "bitworker_faults")
    large = fixture.Daemon(config=f"worker = {faults}\n")
    taken = os.environ["BIT_FAULT_MEMORY"] = os.path.join(large.dir, "taken")
    try:
        with large as d:
            run = d.submit(quick(d, "large"), "--paused")
            with open(taken, "w"):
                pass
            d.ctl("resume", run, "--no-wait", check=True)
            code = d.wait(run)
            assert "may use 0.00" in d.status(run)["reason"], d.status(run)["reason"]
    finally:
        del os.environ["BIT_FAULT_MEMORY"]
    return code


def unfinished(d):
    run = d.submit(quick(d, "short"))
    assert d.wait(run) == 0
    for what in ("step=4000", "checkpoint=900", "state=paused"):
        code, _, err = d.ctl("wait", run, "--for", what)
        assert code == 101, f"--for {what} ended with {code}"
        assert f"{run} has ended without {what}" in err, err
    ternary = d.submit(d.spec(name="ternary", steps=6, at_step=0))
    assert d.wait(ternary) == 0
    assert d.wait(ternary, "--for", "phase=ternary") == 0
    assert d.wait(ternary, "--for", "phase=16bit") == 101
    long = d.submit(d.spec(name="long", steps=20000, at_step=10000, every=0))
    code, _, err = d.ctl("wait", long, "--timeout", "1")
    assert code == 101 and "has not ended within 1 s" in err, (code, err)
    assert d.ctl("cancel", long, "--now")[0] == 0
    return 101


def no_such_run(d):
    return d.ctl("status", "nobody")[0]


def cancelled(d):
    run = d.submit(d.spec(name="cancelled", steps=20000, at_step=10000, every=0))
    d.ctl("cancel", run, "--now", check=True)
    return d.wait(run)


def stopped_by_a_rule(d):
    """A rank dies and no restart is left; then a loss exceeds the run's own bound."""
    dies = d.submit(d.spec(name="dies", steps=2000, at_step=1000, every=0), "--set", "launch.max_restarts=0")
    d.wait(dies, "--for", "step=2")
    for pid in d.worker_pids(dies):
        os.kill(pid, signal.SIGKILL)
    assert d.wait(dies) == 104
    run = d.submit(d.spec(name="rule", steps=400, at_step=200), "--set", "guard.spike=STOP", "--set", "guard.loss_sigmas=0.01",
                   "--set", "guard.window=16")
    return d.wait(run)


def not_launched(_):
    with fixture.Daemon(config="mpirun = /bin/false\n") as d:
        return d.wait(d.submit(quick(d, "unlucky"), "--set", "launch.max_restarts=0"))


def interrupted(d):
    p = subprocess.Popen([d.bitctl, "submit", "--socket", d.socket, "--follow", d.spec(name="followed", steps=20000, at_step=10000, every=0)],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    for line in p.stderr:
        if "training" in line:
            break
    p.send_signal(signal.SIGINT)
    rest = p.stderr.read()
    p.wait(300)
    assert "the run goes on" in rest, rest
    assert json.loads(d.ctl("ps", "--json", check=True)[1].splitlines()[-1])["state"] in ("training", "TRAINING")
    return p.returncode


CASES = {0: completed, 1: failed, 2: usage, 64: specification, 65: corrupt, 69: no_daemon, 70: internal, 73: cannot_write, 75: busy,
         77: not_permitted, 78: configuration, 100: run_failed, 101: unfinished, 102: no_such_run, 103: cancelled,
         104: stopped_by_a_rule, 105: not_launched, 130: interrupted}


def each_code_is_what_the_help_says():
    with fixture.Daemon() as d:
        table = subprocess.run([d.bitctl, "help"], capture_output=True, text=True).stdout.split("Exit codes:")[1]
        told = {int(code) for code in re.findall(r"(?:^|; |, |with )(\d+) [a-z]", table.replace("\n", " ").strip())}
        assert told == set(CASES), f"the help tells {sorted(told)}; tested are {sorted(CASES)}"
        with open(README) as f:
            documented = {int(code) for code in re.findall(r"^\| (\d+) \|", f.read().split("## Exit codes")[1].split("\n## ")[0], re.M)}
        assert documented == told, f"ctl/README.md has {sorted(documented)}, the help {sorted(told)}"
        for code, case in CASES.items():
            got = case(d)
            assert got == code, f"{case.__name__}: {got}, not {code}"
            print(f"         {code:3} {case.__name__}")


def logs_and_verdicts_as_json():
    with fixture.Daemon() as d:
        run = d.submit(quick(d))
        d.finish(run)
        lines = [json.loads(line) for line in d.ctl("log", run, "--json", check=True)[1].splitlines()]
        assert lines and [line["text"] for line in lines] == d.ctl("log", run, "--raw", check=True)[1].splitlines()
        assert {line["attempt"] for line in lines} == {1}
        listed = [json.loads(line) for line in d.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines()]
        verdicts = [json.loads(line) for line in d.ctl("ckpt", "verify", run, "--json", check=True)[1].splitlines()]
        assert len(verdicts) == len(listed) > 1 and all(v["good"] for v in verdicts), verdicts
        for verdict, entry in zip(verdicts, listed):
            for key in ("path", "step", "precision", "weights_digest"):
                assert verdict[key] == entry[key], f"{key}: {verdict} and {entry}"


fixture.main([each_code_is_what_the_help_says, logs_and_verdicts_as_json])
