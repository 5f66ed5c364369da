"""Token files that are slow, fail, or have changed: the run waits and gives the reason, or stops and names file and byte.

Each test ends in one of two ways: with the weights of an undisturbed run, or with a run that stopped before a wrong step, all of
whose steps equal the undisturbed run's.
"""
import errno
import json
import os
import re
import shutil
import struct
import time

import fixture

STEPS = 40
SHIM = os.path.join(fixture.build_root(), "tests", "faults", "libfaults.so")
undisturbed = {}


class Daemon(fixture.Daemon):
    """A daemon whose storage fails as misbehave() sets it."""

    def __init__(self, config="", hold=()):
        super().__init__(config, hold)
        self.orders = os.path.join(self.dir, "storage")
        self.train = os.path.join(self.dir, "train.npy")
        self.valid = os.path.join(self.dir, "valid.npy")

    def start(self):
        os.environ["LD_PRELOAD"], os.environ["BIT_FAULTS"] = SHIM, self.orders
        try:
            super().start()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["BIT_FAULTS"]

    def misbehave(self, what):
        with open(self.orders + ".new", "w") as f:
            if what == "short":  # at most 100 bytes a read, and every third one interrupted
                f.write("pread path=.npy every=3 error 4\npread path=.npy short 100\n")
            else:
                f.write(f"pread path=.npy {what}\n")
        os.rename(self.orders + ".new", self.orders)

    def behave(self):
        os.unlink(self.orders)

    def run(self, *args, eval_every=0):
        return self.submit(self.spec(steps=STEPS, at_step=20, every=10, eval_every=eval_every), *args)

    def until_reason(self, run, pattern):
        """Poll the status until its reason matches the pattern, and return it."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            status = self.status(run)
            if re.search(pattern, status["reason"] or ""):
                return status
            time.sleep(0.05)
        raise AssertionError(f"{run} never said {pattern!r}; last: {status}")


def baseline():
    if not undisturbed:
        with fixture.Daemon() as d:
            run = d.submit(d.spec(steps=STEPS, at_step=20, every=10))
            undisturbed["digest"] = d.finish(run)["weights_digest"]
            undisturbed["losses"] = d.losses(run)
    return undisturbed


def same_weights(d, run):
    want = baseline()
    assert d.finish(run)["weights_digest"] == want["digest"], "the weights are those of an undisturbed run"
    assert d.losses(run) == want["losses"]


def stopped(d, run, pattern):
    """Assert that the run failed with this reason, and that every step it trained equals the undisturbed run's."""
    code = d.wait(run)
    status = d.status(run)
    print(f"         the user sees: {status['reason']}")
    assert code == 65 and status["state"] == "failed" and status["exit_code"] == 65, f"{code} {status}"
    assert re.search(pattern, status["reason"]), f"{status['reason']!r} lacks {pattern!r}"
    want, got = baseline()["losses"], d.losses(run)
    assert got and all(want[step] == loss for step, loss in got.items()), "no wrong step was trained"
    assert len(got) < STEPS


def pause(d, run):
    """Pause a run that is held before a step of `hold`."""
    d.ctl("pause", run, "--no-wait", check=True)
    with d.held_no_more():
        assert d.wait(run, "--for", "state=paused") == 0


def reads_that_take_seconds():
    with Daemon(hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        d.misbehave("delay 700")
        with d.held_no_more():  # a run that is already blocked reaches no further step
            status = d.until_reason(run, r"data: the tokens of step \d+ are being read for \d+ s from .*/train\.npy")
            print(f"         the user sees: {status['state']}: {status['reason']}")
            assert status["state"] == "blocked"
            d.behave()
            same_weights(d, run)


def reads_that_fail_for_a_while():
    with Daemon(hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        d.misbehave(f"error {errno.EIO}")
        with d.held_no_more():
            status = d.until_reason(run, r"data: .*train\.npy.*byte \d+.*Input/output error")
            print(f"         the user sees: {status['state']}: {status['reason']}")
            assert status["state"] == "blocked"
            d.behave()
            same_weights(d, run)
            assert d.status(run)["restarts"] == 0, "nobody was restarted for it"


def reads_that_fail_for_good():
    with Daemon("read_patience = 1\n", hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        d.misbehave(f"error {errno.EIO}")
        with d.held_no_more():
            stopped(d, run, r"train\.npy.*byte \d+")


def a_stale_handle_for_a_while():
    with Daemon(hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        d.misbehave(f"error {errno.ESTALE}")
        with d.held_no_more():
            d.until_reason(run, r"data: .*train\.npy")
            d.behave()
            same_weights(d, run)


def short_and_interrupted_reads():
    with Daemon() as d:
        d.misbehave("short")
        same_weights(d, d.run())


def a_file_that_is_away_for_a_while():
    with Daemon() as d:
        run = d.run("--paused")
        os.rename(d.train, d.train + ".away")
        d.ctl("resume", run, "--no-wait", check=True)
        status = d.until_reason(run, r"data: .*train\.npy.*No such file")
        print(f"         the user sees: {status['state']}: {status['reason']}")
        os.rename(d.train + ".away", d.train)
        same_weights(d, run)


def a_file_that_shrank():
    with Daemon(hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        os.truncate(d.train, 64 * 2 * 100)
        with d.held_no_more():
            stopped(d, run, r"train\.npy.*truncated at byte 12800")


def a_file_that_grew():
    with Daemon(hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        with open(d.train, "ab") as f:
            f.write(b"\1\0" * 640)
        with d.held_no_more():
            stopped(d, run, r"train\.npy.*changed under the run, seen before byte \d+: 256000 bytes then, 257280 now")


def a_file_that_was_written_to():
    with Daemon(hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        with open(d.train, "r+b") as f:
            f.seek(1000)
            f.write(b"\1\0")
        with d.held_no_more():
            stopped(d, run, r"train\.npy.*changed under the run, seen before byte \d+: written to at the same size")


def another_file_in_its_place_while_bitd_was_away():
    with Daemon(hold=(12,)) as d:
        run = d.run()
        d.wait(run, "--for", "checkpoint=10")
        pause(d, run)
        d.kill()
        was = os.stat(d.train)
        shutil.copyfile(d.train, d.train + ".other")
        os.rename(d.train + ".other", d.train)
        os.utime(d.train, ns=(was.st_atime_ns, was.st_mtime_ns))
        d.start()
        d.ctl("resume", run, "--no-wait", check=True)
        stopped(d, run, r"train\.npy: replaced by another file since the run began")


def written_to_while_paused():
    with Daemon(hold=(4,)) as d:
        run = d.run()
        d.wait(run, "--for", "step=3")
        pause(d, run)
        with open(d.train, "r+b") as f:
            f.write(b"\1\0")
        d.ctl("resume", run, "--no-wait", check=True)
        stopped(d, run, r"train\.npy: written to since the run began")


def an_id_beyond_the_vocabulary():
    with Daemon() as d:
        asked = d.run("--paused")
        shown = json.loads(d.ctl("data", "show", asked, "--step", "30", "--json", check=True)[1].splitlines()[0])
        with open(d.train, "r+b") as f:
            f.seek(2 * shown["token"] + 6)
            f.write(b"\xe7\3")
        run = d.run()
        stopped(d, run, rf"train\.npy: token id 999 at byte {2 * shown['token'] + 6} is not below the vocabulary's 256")
        assert len(d.losses(run)) <= 29, "the step with it was not trained"


def a_held_out_file_that_fails_for_a_while():
    with Daemon(hold=(4,)) as d:
        run = d.run(eval_every=5)
        d.wait(run, "--for", "step=3")
        d.misbehave(f"error {errno.EIO}")
        with d.held_no_more():
            d.until_reason(run, r"data: .*\.npy")
            d.behave()
            same_weights(d, run)
            evaluated = [e["evaluated"] for e in d.events(run) if "evaluated" in e]
            assert len(evaluated) == 4 * 2 + 4, f"{len(evaluated)} evaluations"


def tokens_of_another_tokenizer():
    with Daemon() as d:
        for name, sha in (("a", "1" * 64), ("b", "2" * 64)):
            os.mkdir(os.path.join(d.dir, name))
            shutil.copy(d.train, os.path.join(d.dir, name, "part-0-00000.npy"))
            with open(os.path.join(d.dir, name, "dataset.json"), "w") as f:
                json.dump({"format": "bitd-dataset-1", "tokenizer": {"name": name, "sha256": sha, "vocab": 256, "end_of_text": 0},
                           "dtype": "uint16", "documents": 1, "tokens": 128000, "text_bytes": 512000,
                           "files": [{"name": "part-0-00000.npy", "tokens": 128000, "documents": 1, "crc32c": "00000000"}]}, f)
        files = [os.path.join(d.dir, name, "part-0-00000.npy") for name in ("a", "b")]
        code, _, err = d.ctl("submit", d.spec(), "--set", f"data.train={files[0]}", "--set", f"data.train+={files[1]}")
        print(f"         the user sees: {err.strip()}")
        assert code == 65 and "tokenizer 'b'" in err and files[0] in err
        code, _, err = d.ctl("submit", d.spec(), "--set", f"data.train={files[0]}", "--set", "data.tokenizer=gpt2")
        assert code == 65 and "gpt2" in err
        assert not d.ids(), "nothing was submitted"
        assert d.ctl("data", "verify", files[0])[0] == 65, "the checksum is not the recorded one"


def held_out_sets_tell_bits_a_byte():
    """bitctl tokenized the text itself: a set with a dataset.json beside it has bits per byte, a bare file does not."""
    with Daemon() as d:
        documents = os.path.join(d.dir, "held.jsonl")
        with open(documents, "w") as f:
            for i in range(400):
                f.write(json.dumps({"id": str(i), "text": f"Number {i} is followed by {i + 1}, na\u00efvely.\n" * (1 + i % 3)}) + "\n")
        tokens = os.path.join(d.dir, "held")
        small = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tokenize", "small.json")
        made = json.loads(d.ctl("tokenize", "-t", small, "-o", tokens, documents, "--json", check=True)[1])
        info = [json.loads(line) for line in d.ctl("data", "info", tokens, "-c", "64", "--json", check=True)[1].splitlines()]
        assert [(i["tokens"], i["documents"], i["instances"]) for i in info] == [(made["tokens"], 400, made["tokens"] // 64)], info
        assert info[0]["sample"]["ids"] == made["tokens"] and info[0]["sample"]["common"][0]["share"] > 0.01, info
        code, out, _ = d.ctl("data", "verify", tokens, "--json")
        assert code == 0 and json.loads(out)["crc32c"] == json.load(open(os.path.join(tokens, "dataset.json")))["files"][0]["crc32c"]
        vocab = json.load(open(os.path.join(tokens, "dataset.json")))["tokenizer"]["vocab"]
        run = d.submit(d.spec(steps=10, at_step=5, eval_every=5), "--set", f"model.vocab={vocab}", "--set", f"model.vocab_padded={(vocab + 127) // 128 * 128}",
                       "--set", f'eval.set+={{name: "text" path: "{tokens}/part-0-00000.npy"}}')
        d.finish(run)
        evaluated = [e["evaluated"] for e in d.events(run) if "evaluated" in e]
        assert {e["set"] for e in evaluated} == {"held", "text"} and {e["precision"] for e in evaluated} == {"16bit", "ternary"}
        for e in evaluated:
            want = made["text_bytes"] / made["tokens"] if e["set"] == "text" else None
            assert e.get("bytes_per_token") == want, f"{e} has not {want}"
        lines = d.ctl("events", run, check=True)[1]
        status = d.status(run)["held_out"]
        assert {(e["set"], e["precision"]) for e in status} == {(s, p) for s in ("held", "text") for p in ("16bit", "ternary")}, status
        assert all(e["after_step"] == (5 if e["precision"] == "16bit" else 10) for e in status), status
        assert re.search(r"held out +held +16-bit  loss [\d.]+, perplexity [\d.]+ after step 5\n", d.ctl("status", run)[1])
        assert re.search(r"evaluated text .* loss [\d.]+, perplexity [\d.]+, [\d.]+ bits a byte", lines), lines
        assert re.search(r"evaluated held .* loss [\d.]+, perplexity [\d.]+ over", lines), "and nothing is guessed"
        with open(os.path.join(tokens, "part-0-00000.npy"), "r+b") as f:
            f.seek(100)
            f.write(b"\xff\xff")
        code, _, err = d.ctl("data", "verify", tokens)
        print(f"         the user sees: {err.strip()}")
        assert code == 65 and "token id 65535 at byte 100" in err


def a_mixture_goes_on_where_it_was():
    with Daemon(hold=(8,)) as d:
        other = os.path.join(d.dir, "other.npy")
        fixture.write_tokens(other, 64 * 50, 256, 9)
        mix = ["--set", "data.train=", "--set", f'data.source+={{name: "web" path: "{d.train}" weight: 0.7}}',
               "--set", f'data.source+={{name: "books" path: "{other}" weight: 0.3}}']
        straight = d.run(*mix)
        with d.held_no_more():
            want = d.finish(straight)["weights_digest"], d.losses(straight)
        run = d.run(*mix)
        d.wait(run, "--for", "step=7")
        pause(d, run)
        d.kill()
        d.start()
        d.ctl("resume", run, check=True)
        assert (d.finish(run)["weights_digest"], d.losses(run)) == want
        sets = []
        for step in range(1, 11):
            sets += [json.loads(line)["set"] for line in d.ctl("data", "show", run, "--step", str(step), "--json", check=True)[1].splitlines()]
        assert sets.count("web") == 56 and sets.count("books") == 24, f"{sets.count('web')} and {sets.count('books')}"


def other_ranks_train_on_the_same_batches():
    def shown(d, run, step):
        rows = [json.loads(line) for line in d.ctl("data", "show", run, "--step", str(step), "--json", check=True)[1].splitlines()]
        return [(row["row"], row["file"], row["instance"]) for row in rows]

    with Daemon(hold=(8, 13)) as d:
        run = d.run()
        want = {step: shown(d, run, step) for step in (5, 30)}
        d.wait(run, "--for", "step=7")
        pause(d, run)
        code, _, err = d.ctl("resume", run, "--ranks", "3")
        print(f"         the user sees: {err.strip()}")
        assert code == 64 and "not divisible by launch.ranks 3" in err, (code, err)
        assert d.ctl("resume", run, "--ranks", "0")[0] != 0
        assert d.status(run)["ranks"] == 2 and d.status(run)["state"] == "paused"
        d.ctl("resume", run, "--ranks", "1", check=True)
        d.wait(run, "--for", "step=12")
        d.kill()  # it must also be in the journal
        d.start()
        with d.held_no_more():
            d.finish(run)
        assert d.status(run)["ranks"] == 1
        assert {step: shown(d, run, step) for step in want} == want
        losses = d.losses(run)
        for step, (loss, _) in baseline()["losses"].items():
            assert abs(losses[step][0] - loss) < 0.02 * loss, f"step {step}: {losses[step]}, and {loss} on two ranks"


def widened(d, name):
    with open(os.path.join(d.dir, name), "rb") as f:
        ids = f.read()
    with open(os.path.join(d.dir, name), "wb") as f:
        f.write(b"".join(ids[i:i + 2] + b"\0\0" for i in range(0, len(ids), 2)))


def ids_of_32_bits_train_to_the_same_weights():
    with fixture.Daemon() as d:
        widened(d, "train.npy")
        widened(d, "valid.npy")
        spec = d.spec(steps=STEPS, at_step=20, every=10, eval_every=20)
        run = d.submit(spec, "--set", "data.dtype=UINT32")
        assert d.finish(run)["weights_digest"] == baseline()["digest"]
        assert d.losses(run) == baseline()["losses"]


def embedding(d, run, step):
    """The rows of the token embedding in a checkpoint, as bytes."""
    path = os.path.join(d.state, "runs", run, "checkpoints", f"step-{step:08}", "model.safetensors")
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.tell()
        tensor = header["transformer.wte.weight"]
        f.seek(data + tensor["data_offsets"][0])
        row = 4 * tensor["shape"][1]
        return [f.read(row) for _ in range(tensor["shape"][0])]


def a_vocabulary_above_16_bits_trains():
    """Without weight decay on the embedding, exactly the rows of the ids in the text change."""
    words = [3, 7, 65539, 69999]  # 65539 is 3 in its lower 16 bits
    with fixture.Daemon() as d:
        for name, count in (("train.npy", 64 * 400), ("valid.npy", 64 * 8)):
            with open(os.path.join(d.dir, name), "wb") as f:
                f.write(struct.pack(f"<{count}I", *(words[i % 4] for i in range(count))))
        spec = d.spec(steps=20, at_step=15, eval_every=20)
        run = d.submit(spec, "--set", "model.vocab=70000", "--set", "model.vocab_padded=70016")
        d.finish(run)
        before, after = embedding(d, run, 10), embedding(d, run, 20)
        assert [i for i in range(70016) if before[i] != after[i]] == words


fixture.main([ids_of_32_bits_train_to_the_same_weights, a_vocabulary_above_16_bits_trains,
              reads_that_take_seconds, reads_that_fail_for_a_while, reads_that_fail_for_good, a_stale_handle_for_a_while,
              short_and_interrupted_reads, a_file_that_is_away_for_a_while, a_file_that_shrank, a_file_that_grew,
              a_file_that_was_written_to, another_file_in_its_place_while_bitd_was_away, written_to_while_paused,
              an_id_beyond_the_vocabulary, a_held_out_file_that_fails_for_a_while, tokens_of_another_tokenizer,
              held_out_sets_tell_bits_a_byte,
              a_mixture_goes_on_where_it_was, other_ranks_train_on_the_same_batches])
