"""`bitctl eval`: the same scores as in training, for a run, a checkpoint's folder and a file, through kills and pauses; and what bitd
refuses before queueing."""
import json
import math
import os
import shutil
import signal
import subprocess

import fixture
import tasks


def evaluate(d, *args, code=0):
    p = subprocess.run([d.bitctl, "eval", "--socket", d.socket, *args], capture_output=True, text=True, cwd=d.dir)
    assert p.returncode == code, (args, p.returncode, p.stdout, p.stderr)
    return p


def detached(d, *args):
    return evaluate(d, "-dq", *args).stdout.strip()


def trained(d):
    """(folder of its request files, run): the run scored its tasks after step 6, in 16-bit, and after step 8, as ternary."""
    folder = tasks.make_requests(d)
    run = tasks.submit(d, folder)
    with d.held_no_more():
        d.finish(run)
    return folder, run


def as_of_step(by, step, precisions=("16bit", "ternary")):
    """The results of training at a step, with the keys that an evaluation alone has, whose step is 0."""
    return {(0, *key[1:]): value for key, value in by.items() if key[0] == step and key[2] in precisions}


def it_is_what_training_said():
    with fixture.Daemon() as d:
        folder, run = trained(d)
        in_loop, results = tasks.sums(d, run), tasks.results(d, run)
        checkpoint = os.path.join(d.state, "runs", run, "checkpoints", "step-00000006")
        for args, step, precisions in (
                ((run + "@6",), 6, ("16bit", "ternary")),
                ((run, "--step", "6", "--set", "launch.ranks=1"), 6, ("16bit", "ternary")),
                (("t@6", "--precision", "16bit"), 6, ("16bit",)),
                ((checkpoint + "/", "--precision", "ternary"), 6, ("ternary",)),
                ((os.path.join(checkpoint, "model.safetensors"), "--task", folder), 6, ("16bit", "ternary")),
                ((run,), 8, ("ternary",))):  # the newest, which is ternary
            made = detached(d, *args)
            status = d.finish(made)
            assert tasks.sums(d, made) == as_of_step(in_loop, step, precisions), args
            assert tasks.same(tasks.results(d, made), as_of_step(results, step, precisions)), args
            assert (status["step"], status["steps"], status["exit_code"]) == (0, 0, 0), status
        losses = [json.loads(line) for line in subprocess.run(
            [d.bitctl, "events", "--socket", d.socket, run, "--json"], capture_output=True, text=True, check=True).stdout.splitlines()]
        assert not any(r.get("evaluated") for r in losses)  # eval.every is 0, so that training did not evaluate the set
        both = d.finish(detached(d, run + "@6", "--held-out", f"a={d.dir}/valid.npy", "--held-out", "b=valid.npy,valid.npy"))
        assert [(e["set"], e["precision"]) for e in both["held_out"]] == [("a", "16bit"), ("a", "ternary"), ("b", "16bit"), ("b", "ternary")]
        assert both["task"] == []


def it_is_followed_and_printed():
    with fixture.Daemon() as d:
        folder, run = trained(d)
        want = tasks.results(d, run)[6, "yes", "ternary"]
        args = (run + "@6", "--task", f"mine={folder}/yes.requests", "--precision", "ternary")
        p = evaluate(d, *args)
        assert p.stdout.split()[p.stdout.split().index("mine"):][1:5] == ["1.58-bit", "-", "f1", f"{100 * want['score']:.2f}"], p.stdout
        assert "completed: everything evaluated" in p.stderr, p.stderr
        assert evaluate(d, *args, "-q").stderr == ""
        status = json.loads(evaluate(d, *args, "--json").stdout)
        assert status["state"] == "completed" and [t["score"] for t in status["task"]] == [want["score"]], status
        assert status["name"] == "eval-t-6", status
        made = json.loads(evaluate(d, *args, "--json", "--detach", "--request-id", "once", "--name", "other").stdout)
        assert made["name"] == "other" and json.loads(evaluate(d, *args, "--json", "--detach", "--request-id", "once").stdout)["run"] == made["run"]
        d.finish(made["run"])
        dry = json.loads(evaluate(d, *args, "--dry-run", "--json").stdout)
        assert dry["point"] == [] and dry["spec"]["eval"]["precision"] == "ternary" and dry["total_tokens"] == 0, dry
        for verb, said in ((("switch", "--now"), "there is no switch"), (("checkpoint",), "nothing to write"),
                           (("resume",), "has evaluated everything"), (("resume", "--steps", "9"), "trains nothing")):
            code, _, err = d.ctl(verb[0], made["run"], *verb[1:])
            assert code == 1 and said in err, (verb, code, err)
        assert "checkpoints" not in status["backend"] and "WARN" not in d.ctl("log", made["run"])[1].upper(), status["backend"]
        code, _, err = d.ctl("tasks", made["run"], "--items", "--task", "nosuch")
        assert code == 1 and "task 'nosuch' not evaluated yet" in err, (code, err)
        for verb in ("status", "top", "doctor"):
            page = d.ctl(verb, made["run"], *(["--once"] if verb == "top" else []))[1]
            assert "0 of 0" not in page and "16-bit" not in page, (verb, page)


def undisturbed(d, run):
    made = detached(d, run + "@6")
    with d.held_no_more():
        return d.finish(made)["weights_digest"], tasks.sums(d, made)


def a_killed_worker_loses_and_repeats_nothing():
    with fixture.Daemon(hold_parts=True) as d:
        _, run = trained(d)
        digest, want = undisturbed(d, run)
        made = detached(d, run + "@6", "--set", "launch.max_restarts=1")
        for parts in (1, 2):  # a part scored is progress: the next loss counts as the first again, of max_restarts=1
            for pid in tasks.after_parts(d, made, parts):
                os.kill(pid, signal.SIGKILL)
        with d.held_no_more():
            assert d.finish(made)["weights_digest"] == digest
        assert sum("lost" in e and bool(e["lost"]) for e in d.events(made)) == 2, "the workers had ended before they were killed"
        assert tasks.sums(d, made) == want


def parts_of(d, run):
    return [(p["task"], p["precision"], p["first"]) for p in tasks.scored(d, run)]


def a_killed_bitd_and_a_pause_go_on_where_it_was():
    with fixture.Daemon(hold_parts=True) as d:
        _, run = trained(d)
        digest, want = undisturbed(d, run)
        made = detached(d, run + "@6")
        tasks.after_parts(d, made)
        d.kill()
        d.start()
        while len(parts_of(d, made)) < 2:
            d.let_on_who_stands()  # the part may be ordered once more
        d.ctl("pause", made, "--no-wait", check=True)
        with d.held_no_more():
            assert d.wait(made, "--for", "state=paused") == 0
            before = parts_of(d, made)
            d.ctl("resume", made, check=True)
            assert d.finish(made)["weights_digest"] == digest
        after = parts_of(d, made)
        assert after[:len(before)] == before and len(before) < len(after) == len(set(after)), (before, after)
        assert tasks.sums(d, made) == want


def a_cancel_ends_it_and_a_resume_goes_on():
    with fixture.Daemon(hold_parts=True) as d:
        _, run = trained(d)
        made = detached(d, run + "@6")
        tasks.after_parts(d, made)
        d.ctl("cancel", made, "--no-wait", check=True)
        with d.held_no_more():
            assert d.wait(made) == 103
            before = parts_of(d, made)
            text = d.ctl("resume", made, check=True)[1]
            assert "goes on where it was" in text, text
            d.finish(made)
        after = parts_of(d, made)
        assert after[:len(before)] == before and len(before) < len(after) == len(set(after)), (before, after)
        assert tasks.sums(d, made) == as_of_step(tasks.sums(d, run), 6)


def a_model_of_others_is_taken():
    shapes = {"model.embed_tokens.weight": (256, 64), "lm_head.weight": (256, 64)}
    for i in range(2):
        shapes |= {f"model.layers.{i}.self_attn.{p}_proj.weight": (64, 64) for p in "qkvo"}
        shapes |= {f"model.layers.{i}.mlp.{p}_proj.weight": shape for p, shape in (("gate", (128, 64)), ("up", (128, 64)), ("down", (64, 128)))}
    config = {"model_type": "olmo", "hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 128,
              "vocab_size": 256, "max_position_embeddings": 64, "tie_word_embeddings": False, "hidden_act": "silu"}
    with fixture.Daemon() as d:
        os.mkdir(os.path.join(d.dir, "from_hf"))
        fixture.write_safetensors(os.path.join(d.dir, "from_hf", "model.safetensors"), shapes)
        args = ("--held-out", "valid=valid.npy", "--set", "launch.backend=CPU", "--set", "launch.threads=1")
        assert "model.layers: not set" in evaluate(d, "from_hf", *args, code=64).stderr
        with open(os.path.join(d.dir, "from_hf", "config.json"), "w") as f:
            json.dump(config, f)
        status = json.loads(evaluate(d, "from_hf", *args, "--json").stdout)
        assert status["name"] == "eval-from_hf" and [e["precision"] for e in status["held_out"]] == ["16bit", "ternary"], status
        assert all(abs(e["loss"] - math.log(256)) < 1e-5 for e in status["held_out"]), status["held_out"]  # all weights are equal
        weights = ("from_hf/model.safetensors", *args, "-p", "ternary", "--json")
        assert evaluate(d, *weights, "--dry-run", code=64).stdout
        (one,) = json.loads(evaluate(d, *weights, "--set", "model.from=from_hf").stdout)["held_out"]
        assert one["loss"] == status["held_out"][1]["loss"], one


def what_each_part_costs():
    try:
        import numpy
        import damage
    except ImportError:
        fixture.skip("no numpy")
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=40, at_step=39, operands="FP32"))
        d.finish(run)
        maps = [json.loads(evaluate(d, run + "@39", "--damage", "--json", "--set", f"launch.ranks={ranks}").stdout)["held_out"] for ranks in (1, 2)]
        tokens = numpy.fromfile(os.path.join(d.dir, "valid.npy"), "<u2").reshape(-1, 64)[:4]
        weights = os.path.join(d.state, "runs", run, "checkpoints", "step-00000039", "model.safetensors")
        names = [e["part"] or e["precision"] for e in maps[0]]
        assert names == ["16bit", *list(damage.PARTS)[:7], "ternary"], names
        for name, *of_ranks in zip(names, *maps, strict=True):
            want = damage.loss(weights, tokens, 2, name)
            near = 1e-3 if damage.PARTS[name][2] else 2e-5  # a value on the border between two codes may be rounded either way
            assert all(abs(e["loss"] - want) < near for e in of_ranks), (name, want, [e["loss"] for e in of_ranks])
        by = {name: e["loss"] for name, e in zip(names, maps[0])}
        assert abs(by["activations"] - by["norms"]) > 1e-5 and len({round(loss, 5) for loss in by.values()}) == 9, by
        page = evaluate(d, run + "@39", "--damage", "-q").stdout
        assert [line.split()[0] for line in page.splitlines()] == ["SET"] + 9 * ["held"] and "attention out" in page, page
        said = evaluate(d, run, "--damage", "-p", "both", "--task", "x.requests", code=64).stderr
        assert "eval.damage: is measured on held-out sets" in said, said
        assert "eval.damage compares both" in evaluate(d, run, "--damage", "-p", "16bit", code=64).stderr


def what_it_waits_for_stays():
    with fixture.Daemon("slots = 1\n", hold=[30]) as d:
        trains = d.submit(d.spec(name="trains", steps=100000, at_step=90000, every=8), "--set", "checkpoint.keep_last=1")
        d.ctl("wait", trains, "--for", "step=29", check=True)
        made = detached(d, trains, "--held-out", "valid=valid.npy")  # queued after the run itself
        step = int(d.status(made)["name"].removeprefix("eval-trains-"))
        d.let_on()
        d.ctl("wait", trains, "--for", f"checkpoint={step + 24}", check=True)
        kept = [json.loads(line)["step"] for line in d.ctl("ckpt", "ls", trains, "--json", check=True)[1].splitlines()]
        assert kept[0] == step and len(kept) <= 3, (step, kept)  # the evaluated one, and the newest
        d.ctl("cancel", trains, "--now", check=True)
        assert d.finish(made)["reason"] == "everything evaluated"
        # A checkpoint removed while bitd checked the request: its files still exist, but it is no checkpoint any more.
        folder = os.path.join(d.state, "runs", trains, "checkpoints")
        shutil.copytree(os.path.join(folder, f"step-{step:08}"), os.path.join(folder, "step-00000009"))
        p = evaluate(d, os.path.join(folder, "step-00000009"), "--held-out", "valid=valid.npy", code=1)
        assert f"{trains} has no checkpoint of step 9 any more" in p.stderr, p.stderr


def what_is_wrong_is_said_before_the_queue():
    with fixture.Daemon() as d:
        folder, run = trained(d)
        bare = os.path.join(d.dir, "weights.safetensors")
        with open(bare, "wb") as f, open(os.path.join(d.state, "runs", run, "checkpoints", "step-00000006", "model.safetensors"), "rb") as of:
            f.write(of.read())
        task = ("--task", f"{folder}/yes.requests")
        bare_run = d.submit(d.spec(name="bare", steps=6, at_step=5))
        d.finish(bare_run)
        runs = d.ids()
        for args, code, said in (
                ((run + "@5",), 1, "has no checkpoint of step 5; it has those of steps 6, 7, 8"),
                (("nobody",), 102, "there is no run 'nobody'"),
                (("./nothing", *task), 65, "'./nothing': No such file or directory"),
                ((d.dir, *task), 65, "holds no model"),
                ((bare, *task), 64, "model.layers: not set"),
                ((bare, *task, "--set", "model.preset=olmo_20m", "--set", "model.vocab=612"), 64, "and the model's is"),
                ((run, "--set", "model.width=32"), 64, "tensor 'transformer.wte.weight' is 640 x 64, and the model's is 640 x 32"),
                ((run, "--set", "model.tied=true"), 64, "model.init_from"),
                ((run, "--set", "data.tokenizer=other"), 65, "is of tokenizer 'small'"),
                ((bare_run, *task), 65, "vocabulary"),
                ((bare_run, "--task", "x.requests"), 65, "No such file"),
                ((bare_run, "--task", d.dir), 65, "no .requests file is in this folder"),
                ((bare_run, "--task", f"{folder}/yes.jsonl"), 65, "is no request file"),
                ((run, *task, *task), 64, "'yes' is the name of another task"),
                ((run, "--held-out", "valid.npy"), 2, "--held-out takes NAME=FILE"),
                ((run, "--precision", "8bit"), 2, "--precision takes 16bit, ternary or both"),
                ((run + "@6", "--step", "7"), 2, "give only one")):
            for dry in ((), ("--dry-run",)):
                p = evaluate(d, *args, *dry, code=code)
                assert said in p.stderr, (args, p.stderr)
        assert d.ids() == runs, d.ids()
        neither = d.submit(d.spec(name="neither", steps=6, at_step=5), "--set", "eval.set=")
        d.finish(neither)
        assert "name a request file with --task FILE" in evaluate(d, neither, code=2).stderr
        os.remove(os.path.join(folder, "yes.requests"))
        assert "yes.requests" in evaluate(d, run, code=65).stderr


fixture.main([it_is_what_training_said, it_is_followed_and_printed, a_killed_worker_loses_and_repeats_nothing,
              a_killed_bitd_and_a_pause_go_on_where_it_was, a_cancel_ends_it_and_a_resume_goes_on, a_model_of_others_is_taken, what_each_part_costs, what_it_waits_for_stays, what_is_wrong_is_said_before_the_queue])
