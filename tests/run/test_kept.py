"""What is kept and what is removed on request of users: pinned checkpoints, runs removed, several runs in one command.

The workers are the fake ones of tests/daemon, so that a run takes no time.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from fixture import build_root, main, write_safetensors, write_tokens

WORKER, MPIRUN = map(os.path.abspath, sys.argv[1:3])
sys.argv[1:3] = []
BITD, BITCTL = (os.path.join(build_root(), *name) for name in (("daemon", "bitd"), ("ctl", "bitctl")))

SPEC = """
name: "{name}"
model {{ layers: 1 width: 32 heads: 2 mlp_hidden: 64 vocab: 500 vocab_padded: 512 context: 16 }}
data {{ train: "t.npy" }}
batch {{ instances: 4 }}
schedule {{ steps: {steps} peak_lr: 1e-3 warmup_steps: 2 }}
checkpoint {{ every: {every} keep_last: 1 }}
launch {{ ranks: 1 threads: 1 }}
"""


class Bitd:
    def __init__(self, step_us=2000, slots=1):
        self.dir = tempfile.mkdtemp(prefix="bit-kept-")
        self.state, self.socket = os.path.join(self.dir, "state"), os.path.join(self.dir, "s")
        self.environment = {**os.environ, "FAKE_STEP_US": str(step_us)}
        self.slots = slots
        write_tokens(os.path.join(self.dir, "t.npy"), 4096, 500, 1)

    def start(self):
        """Start bitd and return once its log reports that it listens."""
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [BITD, "--state", self.state, "--socket", self.socket, "--worker", WORKER, "--set", f"mpirun={MPIRUN}",
             "--set", "kill_grace=2", "--set", f"slots={self.slots}"], stderr=writer, env=self.environment)
        os.close(writer)
        self.log = os.fdopen(reader, errors="replace")
        for line in self.log:
            if "listening" in line:
                break
        else:
            raise AssertionError("bitd did not start")
        self.drain = subprocess.Popen(["cat"], stdin=self.log, stdout=open(os.path.join(self.dir, "log"), "ab"))

    def __enter__(self):
        self.start()
        return self

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(300)
        self.drain.wait(300)
        self.log.close()

    def __exit__(self, kind, value, trace):
        with contextlib.suppress(Exception):
            for run in self.ctl("ps", "-q")[1].split():
                self.ctl("cancel", run, "--now")
        self.end(signal.SIGTERM)
        if kind:
            with open(os.path.join(self.dir, "log"), errors="replace") as f:
                print(f.read()[-4000:])
        shutil.rmtree(self.dir, ignore_errors=True)

    def ctl(self, verb, *args, code=None):
        p = subprocess.run([BITCTL, verb, "--socket", self.socket, *args], capture_output=True, text=True, timeout=300)
        said = p.returncode, p.stdout, p.stderr
        assert code is None or p.returncode == code, f"bitctl {verb} {' '.join(args)}: {said}, and {code} was expected"
        return said

    def submit(self, name="mine", steps=16, every=4, *args):
        path = os.path.join(self.dir, "run.txtpb")
        with open(path, "w") as f:
            f.write(SPEC.format(name=name, steps=steps, every=every))
        return self.ctl("submit", "-q", path, *args, code=0)[1].strip()

    def folders(self):
        """Names of the runs' folders, without the empty removed.* ones, the records of removals."""
        return sorted(name for name in os.listdir(os.path.join(self.state, "runs")) if not name.startswith("removed."))

    def checkpoints(self, run):
        return [json.loads(line) for line in self.ctl("ckpt", "ls", run, "--json", code=0)[1].splitlines()]

    def steps(self, run):
        return [c["step"] for c in self.checkpoints(run)]


def what_is_saved_by_hand_is_kept():
    with Bitd(step_us=10000) as d:
        run = d.submit(steps=60, every=5)
        d.ctl("wait", run, "--for", "step=2", code=0)
        saved = json.loads(d.ctl("checkpoint", run, "--json", code=0)[1])["step"]
        d.ctl("wait", run, "--for", f"checkpoint={saved + 11}", code=0)
        assert saved in d.steps(run), f"the checkpoint of step {saved}, asked for by hand, is gone: {d.steps(run)}"
        d.end(signal.SIGKILL)  # pins survive a restart of bitd
        d.start()
        d.ctl("wait", run, code=0)
        assert d.steps(run) == [saved, 60], d.steps(run)
        rows = d.ctl("ckpt", "ls", run, code=0)[1].splitlines()
        assert "pinned" in rows[1] and "pinned" not in rows[2], rows


def pins_are_set_and_taken_away():
    with Bitd() as d:
        run = d.submit(steps=12, every=100)
        d.ctl("wait", run, code=0)
        said = d.ctl("ckpt", "rm", run, "12", code=1)[2]
        assert "step-00000012 is the newest checkpoint of r1" in said and "goes back to the beginning, 12 steps before" in said, said
        assert d.ctl("ckpt", "pin", run, "step-00000012", code=0)[1].startswith(f"{run}: pinned (step 12"), "pinned"
        assert "is pinned: `bitctl ckpt unpin r1 12` first" in d.ctl("ckpt", "rm", run, "12", "--force", code=1)[2]
        d.ctl("checkpoint", run, code=0)  # the checkpoint exists already and gets pinned
        d.ctl("ckpt", "unpin", run, "12", code=0)
        events = d.ctl("events", run, code=0)[1]
        assert "step-00000012 pinned by uid" in events and "step-00000012 unpinned by uid" in events, events
        said = d.ctl("ckpt", "rm", run, "12", "--force", code=0)[1]
        assert "step-00000012 removed: a resume of the run goes back to the beginning" in said, said
        assert d.steps(run) == [] and "step-00000012" not in os.listdir(os.path.join(d.state, "runs", run, "checkpoints")), "gone"
        for words, text in ((("pin", run, "7"), "has no checkpoint of step 7"),):
            assert text in d.ctl("ckpt", *words, code=1)[2]
        for words, text in ((("pin", run, "x"), "'x' is no step"), (("pin", run), "which STEP"), (("rm",), "which RUN"),
                            (("list", run), "ckpt takes ls, show, verify"), (("ls", run, "--force"), "--force is for rm only")):
            assert text in d.ctl("ckpt", *words, code=2)[2], words
        # One answer for each step, and the exit code of the first failure.
        again = d.submit(steps=12, every=4)
        d.ctl("wait", again, code=0)
        code, out, err = d.ctl("ckpt", "pin", again, "3", "12")
        assert code == 1 and "step 3" in err and "pinned (step 12" in out, (code, out, err)


def several_runs_in_a_verb():
    with Bitd(step_us=5000, slots=2) as d:
        a, b = (d.submit(name=name, steps=100000, every=50000) for name in "ab")
        for run in (a, b):
            d.ctl("wait", run, "--for", "step=1", code=0)
        for verb in ("checkpoint", "pause", "resume", "cancel"):
            code, out, err = d.ctl(verb, "a", "none", b)
            lines = out.splitlines()
            assert code == 102 and "there is no run 'none'" in err, (verb, code, err)
            assert [line.split(":")[0] for line in lines] == [a, b], (verb, lines)
        for run in (a, b):
            assert json.loads(d.ctl("status", run, "--json")[1])["state"] == "cancelled"
        replies = [json.loads(line) for line in d.ctl("cancel", a, b, "--json", code=0)[1].splitlines()]
        assert [r["run"] for r in replies] == [a, b], replies
        assert len(d.ctl("status", a, b, "--json", code=0)[1].splitlines()) == 2
        assert d.ctl("status", a, "none", b, code=102)[1].count("cancelled") >= 2
        good = d.submit(name="good")
        assert [line.split(":")[0] for line in d.ctl("wait", good, a, code=103)[1].splitlines()] == [good, a]
        d.ctl("wait", good, "none", a, code=102)
        d.ctl("ckpt", "verify", good, code=0)
        assert d.ctl("cancel", code=2)[2].startswith("bitctl cancel: which RUN?")


def tensors(path):
    """Write a model of SPEC's shape to begin from."""
    names = {"transformer.wte.weight": (512, 32)}
    for name, shape in (("att_proj", (96, 32)), ("attn_out", (32, 32)), ("ff_proj", (128, 32)), ("ff_out", (32, 64))):
        names[f"transformer.blocks.0.{name}.weight"] = shape
    write_safetensors(path, names)
    return path


def runs_are_removed():
    with Bitd() as d:
        a, b, c = (d.submit(name=name) for name in ("a", "b", "b"))
        for run in (a, b, c):
            d.ctl("wait", run, code=0)
        said = d.ctl("rm", "-n", "a", code=0)[1]
        assert said.startswith(f"{a}: would free ") and os.path.isdir(os.path.join(d.state, "runs", a)), said
        code, out, err = d.ctl("rm", "a", "none", b)
        lines = out.splitlines()
        assert code == 102 and "none" in err and lines[0].startswith(f"{a}: removed, ") and lines[0].endswith(" freed"), (out, err)
        assert lines[1].startswith(f"{b}: removed") and lines[2].startswith("2 runs removed, "), lines
        assert d.folders() == [c], d.folders()
        assert "there is no run 'r1'" in d.ctl("status", a, code=102)[2]
        assert json.loads(d.ctl("rm", c, "--json", code=0)[1])["bytes"] > 0
        assert d.submit() == "r4", "a number is given once"


def a_run_that_another_begins_from_stays():
    with Bitd() as d:
        first = d.submit(name="first")
        d.ctl("wait", first, code=0)
        begin = tensors(os.path.join(d.state, "runs", first, "checkpoints", "model.safetensors"))
        second = d.submit("second", 4, 4, "--paused", "--set", f"model.init_from={begin}")
        assert f"{first} is kept: {second} begins from it" in d.ctl("rm", first, code=1)[2]
        plan = [json.loads(line) for line in d.ctl("prune", "--keep", "0", "-n", "--json", code=0)[1].splitlines()]
        assert [p["run"] for p in plan] == [first] and second in plan[0]["spared"], plan
        d.ctl("prune", "--keep", "0", code=0)
        assert os.path.isdir(os.path.join(d.state, "runs", first)), "prune touched what is needed"
        assert f"{second} began from it" in d.ctl("rm", first, "--force", code=0)[1]


def old_runs_are_pruned():
    with Bitd(slots=2) as d:
        ended = [d.submit(name=f"n{i}") for i in range(4)]
        for run in ended:
            d.ctl("wait", run, code=0)
        d.ctl("ckpt", "pin", ended[0], "16", code=0)
        trains = d.submit(steps=100000, every=50000)
        assert "give --older-than AGE" in d.ctl("prune", code=2)[2]
        for age in ("7", "d", "7x", "-7d", "7.5d"):
            assert "--older-than takes an age" in d.ctl("prune", f"--older-than={age}", code=2)[2], age
        assert d.ctl("prune", "--older-than", "1d", code=0)[1] == "0 runs to remove, 0 B\n"
        said = d.ctl("prune", "--keep", "2", "--dry-run", code=0)[1].splitlines()
        assert [line.split()[0] for line in said] == ["RUN", ended[0], ended[1], "1"], said
        assert "step-00000016 of it is pinned" in said[1] and said[3].startswith("1 run to remove, "), said
        assert len(d.folders()) == 5, "a dry run removes nothing"
        said = d.ctl("prune", "--older-than", "0s", "--keep", "1", code=0)[1].splitlines()
        assert said[-1].startswith("2 runs removed, ") and f"{ended[1]}: removed" in said[-3], said
        assert d.folders() == [ended[0], ended[3], trains], "what trains, pins and the newest stay"


def an_ambiguous_name_is_said():
    with Bitd(step_us=5000) as d:
        first, second = d.submit(), d.submit()
        for run in (first, second):
            d.ctl("wait", run, code=0)
        several = f"bitctl: 2 runs of yours are called mine: {second}, {first}; this is {second}\n"
        for verb in (["status"], ["status", "--json"], ["events"], ["log"], ["doctor"], ["wait"], ["ckpt", "ls"]):
            code, out, err = d.ctl(verb[0], *verb[1:], "mine", code=0)
            assert err == several, (verb, err)
        for verb in (["cancel"], ["pause"], ["rm"], ["ckpt", "pin"], ["checkpoint"]):
            said = d.ctl(verb[0], *verb[1:], "mine", *(["16"] if verb[0] == "ckpt" else []), code=2)[2]
            assert "'mine' is the name of 2 runs of yours: " in said and "give the id of one" in said, (verb, said)
        third = d.submit(steps=100000, every=50000)
        code, out, err = d.ctl("pause", "mine", code=0)  # the only one that can be paused
        assert out.startswith(f"{third}: ") and f"3 runs of yours are called mine: {third}, {second}, {first}; this is {third}" in err, (out, err)
        assert "is the name of 3 runs of yours: " in d.ctl("rm", "mine", code=2)[2]
        assert "give its id, which is r3 now" in d.ctl("rm", "@last", code=2)[2]


def what_was_meant_is_suggested():
    with Bitd() as d:
        run = d.submit(name="live")
        for wrong, meant in (("liv", "live"), ("LIVE", "live"), ("R1", "r1"), ("1", "r1")):
            said = d.ctl("status", wrong, code=102)[2]
            assert said == f"bitctl: there is no run '{wrong}'; did you mean '{meant}'?\n", said
        assert d.ctl("status", "nothing", code=102)[2] == "bitctl: there is no run 'nothing'\n"
        assert "would be taken for a run's id" in d.ctl("submit", os.path.join(d.dir, "run.txtpb"), "--name", "r7", code=64)[2]
        d.ctl("wait", run, code=0)


def what_was_removed_by_hand_is_said():
    with Bitd() as d:
        a, b = d.submit(name="a"), d.submit(name="b")
        for run in (a, b):
            d.ctl("wait", run, code=0)
            d.ctl("checkpoint", run, code=0)
        shutil.rmtree(os.path.join(d.state, "runs", a))
        for verb in (["status"], ["ckpt", "ls"], ["events"], ["wait"], ["checkpoint"], ["rm"]):
            said = d.ctl(verb[0], *verb[1:], a, code=102)[2]
            assert f"{a} is gone: its folder {d.state}/runs/{a} was removed" in said, (verb, said)
        assert [line.split()[0] for line in d.ctl("ps", "-a", code=0)[1].splitlines()] == ["RUN", b]
        shutil.rmtree(os.path.join(d.state, "runs", b, "checkpoints", "step-00000016"))
        code, out, err = d.ctl("ckpt", "ls", b, "--json", code=0)
        assert out == "" and "step-00000016: no longer exists" in err, (out, err)
        assert "step-00000016 was set aside: the folder is not there" in d.ctl("events", b, code=0)[1]
        assert d.submit() == "r3"


def the_first_of_several_is_waited_for():
    with Bitd(step_us=5000, slots=2) as d:
        long = d.submit(name="long", steps=100000, every=50000)
        short = d.submit(name="short", steps=8)
        assert d.ctl("wait", "--any", long, short, code=0)[1].startswith(f"{short}: completed")
        assert d.ctl("wait", "--any", "--for", "step=1", long, short, code=0)[1].startswith((long, short))
        waits = subprocess.Popen([BITCTL, "wait", "--socket", d.socket, "--any", long, long], stdout=subprocess.PIPE, text=True)
        d.end(signal.SIGKILL)  # bitctl wait survives the restart of bitd
        d.start()
        d.ctl("cancel", long, code=0)
        assert waits.communicate(timeout=300)[0].startswith(f"{long}: cancelled") and waits.returncode == 103
        assert d.ctl("wait", "--any", "none", code=102)[2] == "bitctl: there is no run 'none'\n"


if __name__ == "__main__":
    main([the_first_of_several_is_waited_for, an_ambiguous_name_is_said, what_was_meant_is_suggested, what_was_removed_by_hand_is_said,
          what_is_saved_by_hand_is_kept, pins_are_set_and_taken_away, runs_are_removed, a_run_that_another_begins_from_stays,
          old_runs_are_pruned, several_runs_in_a_verb])
