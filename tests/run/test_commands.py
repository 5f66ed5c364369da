"""Every command that README.md, --help and the man pages show works, in a folder that has the files it names.

    test_commands.py FAKE_WORKER FAKE_MPIRUN [FUNCTION]...

The fake worker trains the runs, at a speed that the file `us` sets at their launch: 0 for a run that should end,
microseconds a step for a run that must still be training when a command reaches it.
"""
import glob
import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import fixture

FAKE_WORKER, FAKE_MPIRUN = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:3]
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SMALL = os.path.join(ROOT, "tests", "tokenize", "small.json")
SLOW_US = 20000
RUN = """
name: "example"
model {{ layers: 1 width: 32 heads: 2 mlp_hidden: 64 vocab: {vocab} context: 16 }}
data {{ train: "tokens/part-0-00000.npy" }}
batch {{ instances: 16 }}
schedule {{ steps: 6100 peak_lr: 1e-3 warmup_steps: 5 }}
phases {{ switch {{ at_step: 5000 optimizer: RESET }} }}
checkpoint {{ every: 1000 keep_last: 3 keep_every: 2000 }}
launch {{ ranks: 4 threads: 1 }}
"""

# Commands whose example ends with another exit code than 0, and these codes.
ENDS_WITH = {r"bitctl diff (keep reset|@last#1|r3 r4)": (0, 1), r"bitctl top$": (124,)}

# Commands that read a checkpoint's weights, which the fake worker's checkpoints lack.
READS_WEIGHTS = r"bitctl (export\b|eval step|ckpt show)"


def zstd(text):
    """The text as a zstd frame of one raw block."""
    return b"\x28\xb5\x2f\xfd" + b"\x20" + bytes([len(text)]) + struct.pack("<I", len(text) << 3 | 1)[:3] + text


def documents(count):
    words = "the quick brown fox jumps over a lazy dog while it rains and nobody looks".split()
    return [json.dumps({"id": str(i), "text": " ".join(words[(i * k) % len(words)] for k in range(1, 60))}) for i in range(count)]


class World(fixture.Daemon):
    """A folder with the files of the examples: documents, a tokenizer, tokens, run.txtpb, runs r1 to r7, two of them named keep and
    reset."""

    def __init__(self, runs=True):
        self.runs, self.real = runs, None
        super().__init__(f"mpirun = {FAKE_MPIRUN}\n")
        wrapper = os.path.join(self.dir, "worker")
        with open(wrapper, "w") as f:
            f.write(f'#!/bin/sh\nexport FAKE_STEP_US=$(cat "{self.dir}/us")\nexec "{FAKE_WORKER}" "$@"\n')
        os.chmod(wrapper, 0o755)
        with open(self.config, "a") as f:
            f.write(f"worker = {wrapper}\n")
        self.speed(0)
        self.env = {**os.environ, "BITD_SOCKET": self.socket, "PATH": os.pathsep.join(
            [os.path.dirname(self.bitctl), os.path.dirname(self.bitd), os.environ["PATH"]])}

    def __enter__(self):
        super().__enter__()
        self.write_inputs()
        if self.runs:
            self.make_runs()
        return self

    def __exit__(self, *how):
        if self.real:
            self.real.__exit__(*how)
        super().__exit__(*how)

    def real_weights(self):
        """A second bitd with real workers, for commands that read weights. Its checkpoint is copied here as step-00002000."""
        if self.real is None:
            self.real = fixture.Daemon().__enter__()
            with open(os.path.join(self.dir, "tokens", "dataset.json")) as f:
                vocab = json.load(f)["tokenizer"]["vocab"]
            sets = (f"model.vocab={vocab}", f"model.vocab_padded={vocab}", "model.width=256", "model.mlp_hidden=256",
                    "schedule.warmup_steps=1", "quantizer={preset: 'export'}")
            run = self.real.submit(self.real.spec(steps=4, at_step=2, ranks=1), *(word for one in sets for word in ("--set", one)))
            self.real.finish(run)
            newest = self.real.ctl("ckpt", "ls", run, "-q", check=True)[1].split()[-1]
            self.weights = os.path.join(self.real.dir, "step-00002000")
            shutil.copytree(newest, self.weights)
        shutil.rmtree(os.path.join(self.dir, "step-00002000"), ignore_errors=True)
        shutil.copytree(self.weights, os.path.join(self.dir, "step-00002000"))
        for name in os.listdir(self.dir):
            if name.startswith("model-"):
                shutil.rmtree(os.path.join(self.dir, name))

    def speed(self, us):
        with open(os.path.join(self.dir, "us"), "w") as f:
            f.write(str(us))

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)

    def write_inputs(self):
        with open(SMALL, "rb") as f:  # llama.cpp has no counterpart of lstrip and rstrip
            self.write("tokenizer.json", f.read().replace(b'strip": true', b'strip": false'))
        lines = "\n".join(documents(300)).encode() + b"\n"
        for name in ("documents.jsonl.gz", "documents/a.jsonl.gz", "dolma/wiki-0000.json.gz", "dolma/v1_5/a.json.gz"):
            self.write(name, gzip.compress(lines))
        self.write("valid.jsonl.zst", zstd((documents(1)[0][:100] + '"}\n').encode()))
        choices = [{"task": "copa", "document": n, "choice": i, "context": "the", "continuation": word, "label": 0, "metric": "acc"}
                   for n in range(20) for i, word in enumerate((" fox", " dog"))]
        self.write("build/tasks/copa.jsonl", "".join(json.dumps(choice) + "\n" for choice in choices).encode())
        self.shell("bitctl tokenize -q -t tokenizer.json -o tokens documents.jsonl.gz")
        self.fill_data()
        with open(os.path.join(self.dir, "tokens", "dataset.json")) as f:
            vocab = json.load(f)["tokenizer"]["vocab"]
        self.write("run.txtpb", RUN.format(vocab=vocab).encode())
        self.write("when.sweep", b'from: "run.txtpb" grid { vary { field: "phases.switch.at_step" value: ["2000", "4000"] } }')

    def fill_data(self):
        for name in ("train", "valid"):
            shutil.copytree(os.path.join(self.dir, "tokens"), os.path.join(self.dir, "data", name), dirs_exist_ok=True)
        self.shell("bitctl tokenize -q -t tokenizer.json -o data/tasks --requests build/tasks")
        shutil.copytree(os.path.join(self.dir, "data", "tasks"), os.path.join(self.dir, "requests"), dirs_exist_ok=True)

    def make_runs(self):
        for name in ("a", "b", "keep", "reset", "c", "d", "e"):
            few = "" if name in ("keep", "reset", "e") else "--set schedule.steps=10 --set phases.switch="
            self.shell(f"bitctl submit -q --wait run.txtpb --name {name} {few}")
        runs = self.ctl("ps", "-aq", check=True)[1].split()
        assert runs == [f"r{i}" for i in range(1, 8)], runs
        shutil.copytree(os.path.join(self.state, "runs", "r7", "checkpoints", "step-00002000"), os.path.join(self.dir, "step-00002000"))
        shutil.copy(os.path.join(self.state, "runs", "r7", "spec.pb"), os.path.join(self.dir, "run.pb"))

    def shell(self, command, codes=(0,)):
        p = subprocess.run(["bash", "-c", command], cwd=self.dir, env=self.env, capture_output=True, text=True, timeout=120)
        assert p.returncode in codes, f"`{command}` ended with {p.returncode}: {p.stderr[-600:]}{p.stdout[-600:]}"
        return p.stdout

    # ---- the state that a command needs

    def last(self):
        code, out, _ = self.ctl("status", "@last", "--json")
        return json.loads(out) if code == 0 else {"state": "none"}

    def ended(self):
        if self.last()["state"] in ("completed", "cancelled", "failed", "none"):
            return
        self.shell("bitctl cancel @last --now")
        self.shell("bitctl wait @last", (103,))

    def twice_launched(self):
        self.trains()
        self.paused()
        self.shell("bitctl resume @last && bitctl wait @last")

    def trains(self):
        """Ensure that a run is training, so slowly that it cannot pass step 4000 before the test's command."""
        if self.last()["state"] == "training" and self.last()["step"] < 1000:
            return
        self.ended()
        self.speed(SLOW_US)
        self.shell("bitctl submit -q run.txtpb && bitctl wait @last --for step=1")
        self.speed(0)

    def paused(self):
        if self.last()["state"] != "paused":
            self.trains()
            self.shell("bitctl pause @last")

    def completed(self):
        if self.last()["state"] != "completed" or self.last()["steps"] == 0:
            self.ended()
            self.shell("bitctl submit -q --wait run.txtpb")

    def evaluated(self):
        """The fake worker's checkpoints hold no tensors, which bitd would refuse before queueing: write some."""
        self.completed()
        with open(os.path.join(self.dir, "tokens", "dataset.json")) as f:
            rows = -(-json.load(f)["tokenizer"]["vocab"] // 128) * 128
        block = {"att_proj": (96, 32), "attn_out": (32, 32), "ff_proj": (128, 32), "ff_out": (32, 64)}
        shapes = {"transformer.wte.weight": (rows, 32)} | {f"transformer.blocks.0.{name}.weight": shape for name, shape in block.items()}
        for path in glob.glob(f"{self.state}/runs/*/checkpoints/step-*/model.safetensors"):
            fixture.write_safetensors(path, shapes)

    def cancelled_r7(self):
        self.ended()
        self.speed(SLOW_US)
        self.shell("bitctl resume r7 --steps 6101 && bitctl cancel r7")
        self.speed(0)

    def completed_r7(self):
        self.shell("bitctl wait r7")

    def unpinned_r7(self):
        self.shell("bitctl ckpt unpin r7 2000 4000")

    def swept(self):
        self.shell("bitctl status s1 >/dev/null 2>&1 || bitctl sweep -q --wait when.sweep")
        self.ended()

    def prepare(self, command):
        before = ((r"bitctl (switch|set|skip|checkpoint|pause|cancel)\b", self.trains), (r"bitctl resume @last", self.paused),
                  (r"bitctl resume r7 --from", self.cancelled_r7), (r"bitctl resume r7 --steps", self.completed_r7),
                  (r"bitctl rm .*\br7\b", self.unpinned_r7), (r"bitctl \w+ .*\bs1\b", self.swept), (r"@last#2", self.twice_launched),
                  (r"bitctl (wait|data show|top @last|ckpt)", self.completed), (r"bitctl eval", self.evaluated))
        if command.startswith("bitctl tokenize"):
            for folder in ("data", "tokens"):
                shutil.rmtree(os.path.join(self.dir, folder), ignore_errors=True)
        for pattern, make in before:
            if re.match(pattern, command) or (pattern[0] == "@" and pattern in command):
                return make()
        return self.ended()

    def does(self, command):
        if re.match(READS_WEIGHTS, command):
            self.real_weights()
            return self.shell(f"BITD_SOCKET={self.real.socket} {command}")
        self.prepare(command)
        codes = next((codes for pattern, codes in ENDS_WITH.items() if re.match(pattern, command)), (0,))
        self.shell(f"timeout 3 {command}" if 124 in codes else command, codes)
        self.make_tokens_again(command)

    def make_tokens_again(self, command):
        if command.startswith("bitctl tokenize") and not os.path.exists(os.path.join(self.dir, "tokens")):
            self.shell("bitctl tokenize -q -t tokenizer.json -o tokens documents.jsonl.gz")
        if command.startswith("bitctl tokenize"):
            self.fill_data()


def commands_of(text):
    """The commands in a text whose lines may hold several, separated from each other and from explanations by two or more spaces."""
    for line in text.split("\n"):
        for piece in re.split(r"\s{2,}", line.strip().removeprefix("$ ")):
            if re.match(r"(bitctl|bitd|id=)", piece):
                yield piece


def verbs(d):
    return re.findall(r"^  ([a-z]+) {2,}", d.shell("bitctl help"), re.M)


ROFF = {"\\e": "\\", "\\(ha": "^", "\\(ti": "~", "\\(ga": "`", "\\(aq": "'", "\\&": ""}


def plain(page):
    """A manual page's roff with its escapes replaced."""
    return re.sub(r"\\(\(..|.)", lambda m: ROFF.get(m[0], m[1]), page)


def examples_of(d, verb):
    text = d.shell(f"bitctl {verb} --help")
    return [line[2:] for line in text.partition("\nExamples:\n")[2].split("\n") if line.startswith("$ ")]


def every_verb_has_examples_that_work():
    with World() as d:
        count = 0
        for verb in sorted(verbs(d), key=lambda verb: verb in ("rm", "prune")):  # these last
            lines = examples_of(d, verb)
            assert lines, f"bitctl {verb} --help has no example"
            man = plain(d.shell(f"bitctl --man {verb}"))
            for line in lines:
                assert f"$ {line}" in man, f"bitctl-{verb}(1) lacks {line!r}"
                for command in commands_of(line):
                    d.does(command)
                    count += 1
        print(f"         {count} commands")


def the_first_run_of_the_help():
    with World(runs=False) as d:
        lines = re.findall(r"^  \$ (.*)", d.shell("bitctl help"), re.M)
        commands = [c for line in lines for c in commands_of(line)]
        assert len(commands) == len(lines) > 4, commands
        for command in commands[1:]:  # all but the first, `bitd &`: bitd runs already
            d.does(command)


def the_readmes_commands():
    with World() as d:
        with open(os.path.join(ROOT, "README.md")) as f:
            block = re.search(r"^```\n(bitd .*?)^```", f.read(), re.M | re.S)[1]
        commands = list(commands_of(block))
        assert commands[0].startswith("bitd ") and len(commands) > 8, commands
        for command in commands[1:]:
            d.does(command)


def the_guides_commands():
    with World() as d:
        with open(os.path.join(ROOT, "deploy", "guide.md")) as f:
            blocks = re.findall(r"^```\n(.*?)^```", f.read(), re.M | re.S)
        commands = [c for block in blocks for c in commands_of(block) if not c.startswith("bitd")]  # bitd runs already
        assert len(commands) >= 10, commands
        for command in commands:
            d.does(command)


def bitds_own():
    with World(runs=False) as d:
        text = d.shell("bitd --help").replace("/tmp/try", os.path.join(d.dir, "try"))
        lines = re.findall(r"^  (bit(?:d|ctl) .*)", text, re.M)
        assert len(lines) == 2, text
        wait = f"until bitctl ps -q --state {d.dir}/try 2>/dev/null; do sleep 0.05; done"
        follow = lines[1] + " --set schedule.steps=10 --set phases.switch.at_step=6 --set launch.ranks=2"  # real workers
        d.shell(f"unset BITD_SOCKET XDG_RUNTIME_DIR\n{lines[0]}\n{wait}\n{follow}; code=$?; kill $!; wait; exit $code")


fixture.main([every_verb_has_examples_that_work, the_first_run_of_the_help, the_readmes_commands, the_guides_commands, bitds_own])
