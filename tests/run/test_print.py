"""Hostile texts on a user's terminal: names and paths with terminal escapes, C1 controls, bidirectional overrides and line ends,
through every verb of bitctl and into bitd's log. They are printed escaped; --json is still exact."""
import gzip
import json
import os
import re
import shutil
import signal
import subprocess

import fixture

EVIL = "\033[2J\033]0;pwned\007\nr9: completed\u009b31m\u202etxt\u2066\u200f\u061c\x7f"
BROKEN = b"\xff\x9b\xc2"
HARMFUL = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
SMALL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tokenize", "small.json")


def assert_harmless(raw, what, lines=False):
    """Assert that the output is UTF-8 without control characters. lines: it is a log or a document, which may have line ends."""
    text = raw.decode("utf-8")  # fails on invalid UTF-8
    found = HARMFUL.search(text)
    assert not found, f"{what} prints {found.group()!a}: {text[max(0, found.start() - 60):found.end() + 20]!a}"
    assert lines or "\nr9: completed" not in text, f"{what} prints a forged line"


class Daemon(fixture.Daemon):
    """A daemon whose state folder, token files and documents have hostile names."""

    def __init__(self):
        super().__init__()
        self.tried = set()
        self.evil = os.path.join(self.dir, EVIL)
        self.state = os.path.join(self.evil, "state")
        os.mkdir(self.evil)
        self.train = os.path.join(self.evil, EVIL + ".npy")
        shutil.copy(os.path.join(self.dir, "train.npy"), self.train)
        with gzip.open(self.train[:-4] + ".csv.gz", "wt") as f:
            f.write(f'0,128000,"{EVIL}","{EVIL}",1\n')

    def show(self, *args, lines=False):
        """Run a verb as text and with --json and assert that all output is harmless."""
        self.tried.add(args[0])
        code, out, err = 0, b"", b""
        for json_too in ((), ("--json",)):
            p = subprocess.run([self.bitctl, args[0], "--socket", self.socket, *args[1:], *json_too], capture_output=True,
                               timeout=300)
            assert_harmless(p.stdout + p.stderr, " ".join((args[0], *json_too)), lines or args[0] == "log")
            if not json_too:
                code, out, err = p.returncode, p.stdout, p.stderr
        assert code >= 0, f"{args[0]} ended by signal {-code}: {err!a}"
        self.last_json = p.stdout
        return code, out.decode(), err.decode()


def every_verb():
    with Daemon() as d:
        spec = d.spec(steps=20000, at_step=20, every=10, extra=f'data {{ train: {json.dumps(d.train)} tokenizer: {json.dumps(EVIL)} }}')
        with open(spec) as f:
            text = re.sub(r'data \{ train: "train.npy" seed: 7 \}', "", f.read())
        with open(spec, "w") as f:
            f.write(text)
        code, out, _ = d.show("submit", "--dry-run", spec)
        assert code == 0 and "\\u202etxt" in out, (code, out)
        assert any(EVIL in path for path in json.loads(d.last_json)["spec"]["data"]["train"]), "--json is exact"
        run = d.submit(spec)
        d.wait(run, "--for", "step=12")
        os.kill(d.worker_pids(run)[0], signal.SIGKILL)
        d.wait(run, "--for", "step=22")
        for verb in (("ps",), ("status", run), ("doctor", run), ("wait", run, "--for", "step=1"), ("checkpoint", run),
                     ("switch", run, "--at", "390"), ("events", run, "--steps"), ("version",)):
            d.show(*verb)
        d.show("pause", run)
        d.wait(run, "--for", "state=paused")
        code, out, _ = d.show("data", "show", run, "--step", "3")
        assert code == 0 and "\\u009b31m" in out, (code, out)
        assert json.loads(d.last_json.splitlines()[0])["documents"][0]["id"] == EVIL, "--json is exact"
        d.show("resume", run)
        d.show("cancel", run, "--now")
        d.wait(run)
        logs = os.path.join(d.state, "runs", run, "logs")
        newest = os.path.join(logs, sorted(name for name in os.listdir(logs) if name.startswith("worker-"))[-1])
        with open(newest, "ab") as f:
            f.write(f"a\tb {EVIL} ".encode() + BROKEN + b"\nend\n")
        code, out, _ = d.show("log", run)
        assert code == 0 and "a\tb \\x1b[2J" in out.replace("\nr9", " r9") and "\\xff\\x9b\\xc2\nend\n" in out, out[-300:]
        raw = subprocess.run([d.bitctl, "log", "--socket", d.socket, run, "--raw"], capture_output=True, timeout=300).stdout
        with open(newest, "rb") as f:
            assert raw == f.read(), "--raw is exact"
        for verb in (("status", run), ("status", run, "--curve"), ("top", run), ("ps", "--all"), ("events", run), ("doctor", run),
                     ("wait", run), ("ckpt", "ls", run), ("ckpt", "ls", run, "-q"), ("ckpt", "verify", run), ("diff", run, run),
                     ("diff", run + "#1", run + "#2"), ("data", "info", d.evil), ("data", "info", d.train),
                     ("data", "verify", d.train), ("data", "show", run, "--step", "1")):
            d.show(*verb)
        tokens = os.path.join(d.evil, "tokens" + EVIL)
        documents = os.path.join(d.evil, "documents" + EVIL + ".jsonl")
        tokenizer = os.path.join(d.evil, EVIL + ".json")
        shutil.copy(SMALL, tokenizer)
        with open(documents, "w") as f:
            f.write(json.dumps({"id": EVIL, "text": EVIL * 20}) + "\n" + "{broken\n")
        code, _, err = d.show("tokenize", "-t", tokenizer, "-o", tokens, documents)
        assert code == 0 and "skipped" in err, (code, err)
        d.show("tokenize", "-t", tokenizer, "-o", tokens, documents, "--force")
        d.show("data", "info", tokens, "-c", "8")
        d.show("data", "verify", tokens)
        documents_text(d, tokens, tokenizer)
        hostile_words(d, run, spec)
        assert set(verbs_of(d)) <= d.tried, f"not tried: {set(verbs_of(d)) - d.tried}"
        with open(os.path.join(d.dir, "bitd.log"), "rb") as f:
            assert_harmless(f.read().replace(b"\t", b" "), "bitd's log")


def documents_text(d, tokens, tokenizer):
    """`data show --text` prints the text of a step's documents, with their line ends."""
    with open(os.path.join(tokens, "dataset.json")) as f:
        vocab = json.load(f)["tokenizer"]["vocab"]
    part = os.path.join(tokens, "part-0-00000.npy")
    run = d.submit(d.spec(name="text"), "--paused", "--set", f"data.train={part}", "--set", f"model.vocab={vocab}", "--set",
                   f"model.vocab_padded={(vocab + 127) // 128 * 128}", "--set", "model.context=32", "--set", "eval.every=0",
                   "--set", "batch.instances=2", "--set", "batch.micro_instances=1")
    code, out, err = d.show("data", "show", run, "--step", "1", "--text", "-t", tokenizer, lines=True)
    assert code == 0 and "\\x1b[2J" in out and "\\u009b31m" in out, (code, out, err)
    shown = [json.loads(line) for line in d.last_json.splitlines()]
    assert any("\u009b31m\u202etxt" in (part["text"] or "") for row in shown for part in row["documents"]), "--json is exact"
    d.ctl("cancel", run, check=True)


def verbs_of(d):
    help_text = subprocess.run([d.bitctl, "help"], capture_output=True, text=True).stdout
    return re.findall(r"^  ([a-z]+) {2,}", help_text.split("\nRUN is")[0], re.M)


def hostile_words(d, run, spec):
    """Error messages quote hostile words from the command line."""
    for word in (EVIL, os.fsdecode(BROKEN), "/" + EVIL, os.path.join(d.evil, os.fsdecode(BROKEN))):
        for verb in verbs_of(d):
            d.show(verb, word)
            d.show(verb, word, word)
            d.show(verb, "--" + word)
        d.show("data", "info", word)
        d.show("data", "verify", word)
        d.show("data", "show", word, "--step", "1")
        d.show("ckpt", "verify", word)
        d.show("events", run, "--attempt", word)
        d.show("log", run, "--tail", word)
        d.show("wait", run, "--for", word)
        d.show("submit", spec, "--set", word)
        d.show("submit", spec, "--set", f"name={word}")
        d.show("submit", spec, "--set", f"data.train={word}")
        d.show("tokenize", "-t", word, "-o", word, word)
    for word in (EVIL, os.fsdecode(BROKEN)):
        p = subprocess.run([d.bitctl, word], capture_output=True)
        assert_harmless(p.stdout + p.stderr, "an unknown verb")
        p = subprocess.run([d.bitd, "--state", word, "--config", word], capture_output=True)
        assert_harmless(p.stdout + p.stderr, "bitd")


fixture.main([every_verb])
