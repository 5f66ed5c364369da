"""Downstream tasks during training: their scores against scikit-learn's formulas and `bitworker score`, through kills and pauses; and
what is refused."""
import json
import os
import pty
import signal
import struct
import subprocess

import fixture
from tasks import MODEL, TASKS, after_parts, evals, items_of, make_requests, results, same, scored, submit, sums
from wire_bytes import body, crc32c, fields, put_varint

def score(task, values):
    """(score, chosen answers) of a task, by the formulas of scikit-learn and OLMo's ICLMetric, from a sum for each item."""
    metric, choices, documents = TASKS[task]
    items = list(items_of(task))
    values = [v / len(i["continuation"].strip()) if metric == "len_norm" else v for v, i in zip(values, items, strict=True)]
    chosen = [max(range(choices), key=lambda c: values[d * choices + c]) for d in range(documents)]
    labels = [items[d * choices]["label"] for d in range(documents)]
    if metric != "f1":
        return sum(c == l for c, l in zip(chosen, labels)) / documents, chosen
    both, either = sum(c == l == 0 for c, l in zip(chosen, labels)), chosen.count(0) + labels.count(0)
    return 2 * both / either, chosen


def scores_are_what_they_should_be():
    with fixture.Daemon() as d:
        folder = make_requests(d)
        run = submit(d, folder)
        d.finish(run)
        found, values = results(d, run), sums(d, run)
        assert set(found) == {(6, t, p) for t in TASKS for p in ("16bit", "ternary")} | {(8, t, "ternary") for t in TASKS}, sorted(found)
        for key, result in found.items():
            want, chosen = score(key[1], values[key])
            assert abs(result["score"] - want) < 1e-12, (key, result["score"], want)
            assert result["counts"]["chosen"] == [chosen.count(c) for c in range(TASKS[key[1]][1])], key
            assert result["documents"] == TASKS[key[1]][2] and result["not_finite"] == 0, result
            assert result["classes"] == (key[1] == "yes"), result
        checkpoint = os.path.join(d.state, "runs", run, "checkpoints", "step-00000006")
        for task in TASKS:  # the scores in training after step 6 equal the checkpoint's, to the bit
            out = subprocess.run([d.worker, "score", "--checkpoint", checkpoint, "--precision", "both", "--set", "launch.backend=CPU",
                                  os.path.join(folder, task + ".requests")], capture_output=True, text=True, check=True).stdout
            lines = [json.loads(line) for line in out.splitlines()]
            for precision in ("16bit", "ternary"):
                alone = [line["sum"] for line in lines if line["precision"] == precision]
                assert len(alone) == len(values[6, task, precision])
                assert all(abs(a - b) <= 1e-6 * abs(a) for a, b in zip(alone, values[6, task, precision])), (task, precision)
        shown = d.ctl("tasks", run, check=True)[1]
        assert len(shown.splitlines()) == 1 + 2 * len(TASKS) and f"{100 * found[8, 'yes', 'ternary']['score']:.2f}" in shown, shown
        rows = d.ctl("tasks", run, run, "--steps", "--csv", check=True)[1].splitlines()
        assert len(rows) == 1 + 2 * len(found), rows


def items(d, run, *args):
    """(step, task, precision) -> lines of `tasks --items`."""
    by = {}
    for line in d.ctl("tasks", run, "--items", *args, check=True)[1].splitlines():
        item = json.loads(line)
        assert item.pop("run").startswith("r")
        by.setdefault((item.pop("after_step"), item.pop("task"), item.pop("precision")), []).append(item)
    return by


def items_are_what_the_score_is_of():
    with fixture.Daemon() as d:
        folder = make_requests(d)
        run = submit(d, folder)
        d.finish(run)
        for task in TASKS:  # the items come from the journal
            os.remove(os.path.join(folder, task + ".requests"))
        found, values, every = results(d, run), sums(d, run), items(d, run, "--steps")
        assert every.keys() == found.keys(), every.keys()
        for key, lines in every.items():
            given = list(items_of(key[1]))
            divided = TASKS[key[1]][0] == "len_norm"
            for line, item, value in zip(lines, given, values[key], strict=True):
                assert (line["document"], line["choice"], line["label"]) == (item["document"], item["choice"], item["label"]), (line, item)
                assert line["sum"] == value and line["normaliser"] == (len(item["continuation"].strip()) if divided else 1), (line, value)
            chosen = [line["choice"] for line in lines if line["chosen"]]
            assert chosen == score(key[1], values[key])[1] and len(chosen) == TASKS[key[1]][2], key
        newest = items(d, run)
        assert newest == {k: v for k, v in every.items() if k[0] == 8 or k[2] == "16bit"}, newest.keys()
        assert items(d, run, "--task", "yes", "--step", "6") == {k: v for k, v in every.items() if k[:2] == (6, "yes")}
        for args, code, said in ((("--task", "none"), 1, "task 'none' not evaluated"), (("--step", "7"), 1, "no task evaluated after step 7"),
                                 (("--csv",), 2, "lines of JSON"), (("--step", "x"), 2, "not a step"), (("--steps", "--step", "6"), 2, "one of them")):
            got = d.ctl("tasks", run, "--items", *args)
            assert got[0] == code and said in got[2] and not got[1], (args, got)
        got = d.ctl("tasks", run, "--step", "6")
        assert got[0] == 2 and "go with --items" in got[2], got


def forget_items(path):
    """Rewrite the journal as an older bitd wrote it, without items."""
    with open(path, "rb") as f:
        data = f.read()
    out, at = b"", 0
    while at < len(data):
        length, = struct.unpack("<I", data[at:at + 4])
        record = b""
        for number, field in fields(data[at + 8:at + 8 + length]):
            if number == 35:
                content = b"".join(one for n, one in fields(body(field)) if n < 11)
                field = put_varint(35 << 3 | 2) + put_varint(len(content)) + content
            record += field
        head = struct.pack("<I", len(record))
        out += head + struct.pack("<I", crc32c(head + record)) + record
        at += 8 + length
    with open(path, "wb") as f:
        f.write(out)


def a_run_of_before_has_no_items_and_says_so():
    with fixture.Daemon() as d:
        folder = make_requests(d)
        task = f'task {{ path: "{folder}/yes.requests" }} tasks_at: 2'
        run = d.submit(d.spec(steps=6, at_step=2, every=0, tasks=task), *MODEL)
        d.finish(run)
        with_items = results(d, run)
        d.process.terminate()
        d.process.wait()
        forget_items(os.path.join(d.state, "runs", run, "journal"))
        d.start()
        code, out, err = d.ctl("tasks", run, "--items")
        assert code == 1 and not out and "scored by an earlier bitd, which kept no items" in err, (code, out, err)
        assert results(d, run) == with_items


def ranks_change_no_sum():
    """The weights are the same for each number of ranks, because the learning rate is too small to change any."""
    with fixture.Daemon("slots = 3\n") as d:
        folder = make_requests(d)
        origin = d.submit(d.spec(name="origin", steps=6, at_step=5, every=0), *MODEL)
        d.finish(origin)
        checkpoint = os.path.join(d.state, "runs", origin, "checkpoints", "step-00000006")
        runs = [submit(d, folder, "--set", f'model.init_from="{checkpoint}"', "--set", "schedule.peak_lr=1e-14", name=f"of{n}", ranks=n) for n in (1, 2, 4)]
        for run in runs:
            d.finish(run)
        one, two, four = (items(d, run, "--steps") for run in runs)
        assert len(one) == 9 and one == two == four, [k for k in one if not one[k] == two[k] == four[k]]


def undisturbed(d, folder):
    run = submit(d, folder, name="undisturbed")
    with d.held_no_more():
        return d.finish(run)["weights_digest"], results(d, run)


def a_killed_worker_loses_and_repeats_nothing():
    with fixture.Daemon(hold_parts=True) as d:
        folder = make_requests(d)
        digest, want = undisturbed(d, folder)
        run = submit(d, folder, name="killed")
        for pid in after_parts(d, run):
            os.kill(pid, signal.SIGKILL)
        with d.held_no_more():
            assert d.finish(run)["weights_digest"] == digest
        assert any("lost" in e and e["lost"] for e in d.events(run)), "the workers had ended before they were killed"
        sums(d, run)  # every document once, in order
        assert same(results(d, run), want)


def a_killed_rank_changes_no_item():
    with fixture.Daemon(hold_parts=True) as d:
        folder = make_requests(d)
        first = submit(d, folder, name="undisturbed")
        with d.held_no_more():
            d.finish(first)
        run = submit(d, folder, name="killed")
        os.kill(max(after_parts(d, run)), signal.SIGKILL)  # one of two
        with d.held_no_more():
            d.finish(run)
        assert any("lost" in e and e["lost"] for e in d.events(run)), "the rank had ended before it was killed"
        assert items(d, run, "--steps") == items(d, first, "--steps")


def a_killed_bitd_goes_on_where_it_was():
    with fixture.Daemon(hold_parts=True) as d:
        folder = make_requests(d)
        digest, want = undisturbed(d, folder)
        run = submit(d, folder, name="bitd")
        after_parts(d, run)
        d.kill()
        d.start()
        with d.held_no_more():
            assert d.finish(run)["weights_digest"] == digest
        sums(d, run)
        assert same(results(d, run), want)
        assert items(d, run, "--steps") == items(d, "undisturbed", "--steps")


def pause_after_a_part(d, run):
    after_parts(d, run)
    d.ctl("pause", run, "--no-wait", check=True)
    with d.held_no_more():
        assert d.wait(run, "--for", "state=paused") == 0


def a_pause_inside_goes_on_where_it_was():
    with fixture.Daemon(hold_parts=True) as d:
        folder = make_requests(d)
        digest, want = undisturbed(d, folder)
        run = submit(d, folder, name="paused")
        pause_after_a_part(d, run)
        parts, all_parts = len(scored(d, run)), sum((TASKS[key[1]][2] + 255) // 256 for key in want)
        assert 0 < parts < all_parts, (parts, all_parts)
        d.ctl("resume", run, check=True)
        with d.held_no_more():
            assert d.finish(run)["weights_digest"] == digest
        assert len(scored(d, run)) == all_parts
        sums(d, run)
        assert same(results(d, run), want)


def status_says_how_far_an_evaluation_is():
    """The run is paused in the middle of an evaluation, so that its progress does not change."""
    with fixture.Daemon(hold_parts=True) as d:
        folder = make_requests(d)
        run = submit(d, folder, name="paused")
        pause_after_a_part(d, run)
        parts = scored(d, run)
        assert parts and not all(p["after_step"] == 8 for p in parts), "the evaluation was over before the pause"
        told = d.status(run)["scoring"]
        each = {task: choices * documents for task, (_, choices, documents) in TASKS.items()}
        done = {}
        for part in parts:
            done[part["task"], part["precision"]] = done.get((part["task"], part["precision"]), 0) + len(part["sum"])
        now = (told["task"], told["precision"])
        assert (told["after_step"], told["items"], told["of_items"]) == (6, done.get(now, 0), each[told["task"]]), (told, done)
        assert (told["all_items"], told["of_all_items"], told["eta_s"]) == (sum(done.values()), 2 * sum(each.values()), None), (told, done)
        assert told["items"] < told["of_items"], told
        page = d.ctl("status", run, check=True)[1]
        assert f"{told['items']} of {told['of_items']} items" in page and f"of all tasks {told['all_items']} of {told['of_all_items']}" in page, page
        d.process.terminate()
        d.process.wait()
        d.start()  # all of it must be in the journal
        assert d.status(run)["scoring"] == told
        d.ctl("resume", run, check=True)
        with d.held_no_more():
            assert d.finish(run)["scoring"] is None


def follow_shows_it_on_a_terminal():
    with fixture.Daemon() as d:
        folder = make_requests(d)
        path = d.spec(steps=8, at_step=7, every=3, tasks=evals(folder))
        screen, end = pty.openpty()
        p = subprocess.Popen([d.bitctl, "submit", "--socket", d.socket, "--follow", path, *MODEL], stdin=end, stdout=end, stderr=end,
                             env=os.environ | {"TERM": "xterm"})
        os.close(end)
        text = b""
        while True:
            try:
                more = os.read(screen, 65536)
            except OSError:  # the other end is closed
                break
            text += more
        assert p.wait() == 0, text
        assert b"task choose  16-bit  768/2100 items" in text and b"task choose  1.58-bit  1536/2100 items" in text, text.decode(errors="replace")


def what_is_wrong_is_said_before_it_trains():
    with fixture.Daemon() as d:
        folder = make_requests(d)
        good = os.path.join(folder, "yes.requests")
        damaged, cut = os.path.join(d.dir, "damaged.requests"), os.path.join(d.dir, "cut.requests")
        with open(good, "rb") as f:
            data = bytearray(f.read())
        with open(cut, "wb") as f:
            f.write(data[:-3])
        data[-1] ^= 1
        with open(damaged, "wb") as f:
            f.write(data)
        lines = os.path.join(folder, "yes.jsonl")
        for fields, args, said in (
                (f'task {{ path: "{damaged}" }}', MODEL, "do not match their checksum"),
                (f'task {{ path: "{cut}" }}', MODEL, "bytes; its header says"),
                (f'task {{ path: "{lines}" }}', MODEL, "is no request file"),
                (f'task {{ path: "{d.dir}/none" }}', MODEL, "No such file"),
                (f'task {{ path: "{good}" }}', (), "vocabulary"),
                (f'task {{ path: "{good}" }} task {{ path: "{good}" }}', MODEL, "'yes' is the name of another task"),
                (f'task {{ path: "{folder}/choose.requests" metric: F1 }}', MODEL, "F1 is of two"),
                (f'task {{ path: "{folder}/long.requests" }}', (*MODEL, "--set", "model.context=4"), "does not fit a context length of 4"),
                (f'task {{ path: "{good}" }} tasks_at: 99', MODEL, "there is no step 99"),
                (f'task {{ path: "{good}" digest: 1 }}', MODEL, "and the specification says 0000000000000001"),
                ("tasks_every: 5", MODEL, "there is no eval.task"),
                ("task { }", MODEL, "bitctl tokenize --requests")):
            path = d.spec(steps=8, at_step=7, tasks=fields)
            for verb in (("submit", "--dry-run"), ("submit",), ("check",)):
                p = subprocess.run([d.bitctl, verb[0], *(["--socket", d.socket] if verb[0] == "submit" else []), *verb[1:], path, *args],
                                   capture_output=True, text=True)
                assert p.returncode in (64, 65) and said in p.stderr, (fields, verb, p.returncode, p.stderr)
        assert d.ids() == []


def another_file_under_the_run_ends_it():
    with fixture.Daemon() as d:
        folder, other = make_requests(d), make_requests(d, 2)
        run = d.submit(d.spec(steps=8, at_step=7, tasks=evals(folder)), *MODEL, "--paused")
        os.replace(os.path.join(other, "yes.requests"), os.path.join(folder, "yes.requests"))
        d.ctl("resume", run)
        assert d.wait(run) == 65
        assert "yes.requests: is another file than when the run was submitted" in d.status(run)["reason"], d.status(run)["reason"]


fixture.main([scores_are_what_they_should_be, items_are_what_the_score_is_of, a_run_of_before_has_no_items_and_says_so, ranks_change_no_sum,
              a_killed_rank_changes_no_item, a_killed_worker_loses_and_repeats_nothing, a_killed_bitd_goes_on_where_it_was,
              a_pause_inside_goes_on_where_it_was, status_says_how_far_an_evaluation_is,
              follow_shows_it_on_a_terminal, what_is_wrong_is_said_before_it_trains, another_file_under_the_run_ends_it])
