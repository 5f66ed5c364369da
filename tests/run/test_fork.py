"""Runs that continue from another run's checkpoint: to the bit if nothing is changed, otherwise with the changes; the parents'
checkpoints are shared and are not removed."""
import json
import os
import signal
import time

import fixture


def trunk(d, keep=9, **changes):
    """A run of 24 steps, by default, with a checkpoint after every 8th; it has ended."""
    run = d.submit(d.spec(**{"name": "trunk", "steps": 24, "at_step": 12, "every": 8, **changes}), "--set", f"checkpoint.keep_last={keep}")
    d.wait(run)
    return run


def fork(d, run, *args, code=0):
    got, out, err = d.ctl("fork", run, "-q", *args)
    assert got == code, f"bitctl fork {run} {args} ended with {got}, not {code}: {err}{out}"
    return err if code else out.strip()


def last(d, run):
    return [e["step"] for e in d.events(run, True) if "step" in e][-1]


def same_end(d, run, child, step):
    """Assert that the child's steps equal the parent's: chain, weights, and verification."""
    assert last(d, child)["link"] == last(d, run)["link"], "the chain of all steps"
    assert d.status(child)["weights_digest"] == d.status(run)["weights_digest"]
    status = d.status(child)["fork"]
    assert status["verified_step"] == 24 and status["verified"]["against"] == run and status["verified"]["equal"], status
    assert status["origin"]["run"] == run and status["origin"]["step"] == step, status
    page = d.ctl("status", child, check=True)[1]
    assert f"of {run} after step {step}; verified against {run} to step 24" in page, page
    assert f"verified against {run} to step 24" in d.ctl("events", child, check=True)[1]


def to_the_bit():
    with fixture.Daemon() as d:
        run = trunk(d)
        for step in (8, 16):  # before the switch, and after it
            child = fork(d, run, "--from", str(step), "--name", "same")
            d.wait(child)
            same_end(d, run, child, step)
            steps = [e["step"]["step"] for e in d.events(child, True) if "step" in e]
            assert steps == list(range(step + 1, 25)), steps
            assert f"a fork of {run} after step {step}" in d.ctl("events", child, check=True)[1]
        grandchild = fork(d, child, "--from", "16")
        d.wait(grandchild)
        same_end(d, child, grandchild, 16)


def from_one_that_trains():
    with fixture.Daemon("slots = 2\n") as d:
        run = d.submit(d.spec(steps=100000, at_step=90000, every=8), "--set", "checkpoint.keep_every=8")
        d.ctl("wait", run, "--for", "checkpoint=16", check=True)
        child = fork(d, run, "--from", "8", "--set", "schedule.steps=20", "--set", "phases.switch.at_step=12")
        d.wait(child)
        assert d.status(run)["state"] == "training" and d.status(child)["state"] == "completed"
        assert d.status(child)["step"] == 20 and d.status(child)["fork"]["verified"] is None, "it was changed: nothing to compare"
        same = fork(d, run, "--from", "16", "--set", "checkpoint.every=0")
        d.ctl("wait", same, "--for", "step=17", check=True)
        assert d.status(same)["fork"]["verified_step"] >= 17, d.status(same)["fork"]


def through_a_dead_daemon():
    with fixture.Daemon(hold=(20, )) as d:
        with d.held_no_more():
            run = trunk(d)
        child = fork(d, run, "--from", "8")
        d.ctl("wait", child, "--for", "step=16", check=True)
        d.kill()
        d.start()
        with d.held_no_more():
            d.wait(child)
        same_end(d, run, child, 8)


def with_a_fresh_optimizer():
    with fixture.Daemon() as d:
        run = trunk(d)
        fresh, weights = fork(d, run, "--from", "8", "--fresh-optimizer"), fork(d, run, "--from", "16", "--weights-only")
        d.wait(fresh)
        d.wait(weights)
        ready = next(e["ready"] for e in d.events(fresh) if "ready" in e)
        assert ready["phase"]["optimizer_step"] == 0 and ready["step"] == 8, ready
        kept = next(e["checkpoint"] for e in d.events(run) if "checkpoint" in e)
        assert ready["weights_digest"] == kept["weights_digest"] and ready["moments_digest"] != kept["moments_digest"]
        first = next(e["step"] for e in d.events(fresh, True) if "step" in e)
        was = next(e["step"] for e in d.events(run, True) if e.get("step", {}).get("step") == 9)
        assert first["loss"] == was["loss"] and last(d, fresh)["loss"] != last(d, run)["loss"]
        assert next(e["ready"] for e in d.events(weights) if "ready" in e)["step"] == 0
        assert d.status(weights)["step"] == 24 and "its weights alone" in d.ctl("status", weights, check=True)[1]


def what_may_be_another():
    with fixture.Daemon() as d:
        run = trunk(d)

        def refused(step, *sets):
            return fork(d, run, "--from", step, "--dry-run", *(word for s in sets for word in ("--set", s)), code=64)

        assert "the checkpoint holds another model" in refused("8", "model.layers=3")
        assert "batches of the parent's size" in refused("8", "batch.instances=4")
        assert "it is in the checkpoint" in refused("8", "optimizer.beta1=0.8")
        assert "which is the earliest" in refused("8", "phases.switch.at_step=7")
        assert "leaves no step" in refused("16", "schedule.steps=16", "schedule.cosine_steps=24")
        for what in ("phases.switch.at_step=20", "phases.switch.optimizer=RESET", "quantizer.preset=b158", "phases.switch="):
            assert refused("16", what), what
        assert "every field of a run has its value already" in refused("8", "schedule.preset=b158_700m")
        assert "did you mean" in refused("8", "schedule.peek_lr=1")
        assert "has those of steps 8, 12, 16, 24" in fork(d, run, "--from", "9", code=1)

        out = d.ctl("fork", run, "--from", "8", "--dry-run", "--set", "schedule.cosine_steps=48", check=True)[1]
        assert "the curve differs from step 1 on; steps 1 to 8 followed that of r1" in out, out
        out = d.ctl("fork", run, "--from", "8", "--set", "phases.switch.at_step=16", "--set", "schedule.peak_lr=1e-3", check=True)[1]
        assert "forked r1 after step 8 as r2" in out and "schedule.peak_lr: the curve differs" in out, out
        d.wait("r2")
        assert d.status("r2")["switch_after"] == 16
        reply = json.loads(d.ctl("fork", run, "--from", "8", "--json", "--request-id", "once", check=True)[1])
        again = json.loads(d.ctl("fork", run, "--from", "8", "--json", "--request-id", "once", check=True)[1])
        assert reply["name"] == "trunk-8", "not another run of that name"
        assert reply["run"] == again["run"] == "r3" and again["known"], (reply, again)


def evaluated(d, run):
    return sorted((e["after_step"], e["set"]) for e in (r["evaluated"] for r in d.events(run, True) if r.get("evaluated")) if e["precision"] == "ternary")


def evaluations_where_it_begins():
    """Those that the fork's specification asks for and the parent did not make, once, also if a rank is killed after them."""
    with fixture.Daemon("slots = 2\n", hold=(9, )) as d:
        with d.held_no_more():
            run = trunk(d, eval_every=16, at_step=20)
        assert evaluated(d, run) == [(16, "held"), (24, "held")], evaluated(d, run)
        same, asked, other = fork(d, run, "--from", "8"), fork(d, run, "--from", "8", "--set", "eval.at=[8, 16]"), fork(
            d, run, "--from", "16", "--set", f'eval.set+={{name: "more" path: "{d.dir}/valid.npy"}}')
        weights = fork(d, run, "--from", "8", "--weights-only", "--set", "eval.at=[8]")
        origins = [d.status(r)["fork"]["origin"] for r in (same, asked, other, weights)]
        assert [o["evaluates_sets"] for o in origins] == [None, True, True, None], origins
        while not evaluated(d, asked):  # before step 9, which is held
            time.sleep(0.02)
        os.kill(d.worker_pids(asked)[0], signal.SIGKILL)
        with d.held_no_more():
            for child in (same, other, weights, asked):
                d.finish(child)
        assert evaluated(d, same) == [(16, "held"), (24, "held")], evaluated(d, same)
        assert evaluated(d, asked) == [(8, "held"), (16, "held"), (24, "held")], evaluated(d, asked)
        assert evaluated(d, other) == [(16, "held"), (16, "more"), (24, "held"), (24, "more")], evaluated(d, other)
        assert evaluated(d, weights) == [(8, "held"), (16, "held"), (24, "held")], evaluated(d, weights)
        assert last(d, asked)["link"] == last(d, run)["link"] and d.status(asked)["weights_digest"] == d.status(run)["weights_digest"]
        assert d.status(asked)["fork"]["verified"]["equal"] and d.status(other)["fork"]["verified"]["equal"]


def inodes(d, run, step):
    folder = os.path.join(d.state, "runs", run, "checkpoints", f"step-{step:08}")
    return {name: os.stat(os.path.join(folder, name)).st_ino for name in os.listdir(folder)} if os.path.isdir(folder) else None


def shared_and_never_removed():
    with fixture.Daemon() as d:
        run = trunk(d, keep=3, steps=32)  # so the first checkpoint is beyond keep_last
        child = fork(d, run, "--from", "16", "--paused", "--name", "child")
        assert inodes(d, run, 16) == inodes(d, child, 16), "the same files"
        code, _, err = d.ctl("ckpt", "rm", run, "16")
        assert code == 1 and f"{child} begins from it" in err, (code, err)
        code, _, err = d.ctl("rm", run)
        assert code == 1 and f"{child} begins from it" in err and "--force" in err, (code, err)
        assert f"{child} begins from it" in d.ctl("prune", "--older-than", "0s", "--dry-run", check=True)[1]
        d.ctl("resume", run, "--steps", "56", check=True)  # three more checkpoints, so that retention removes old ones
        d.wait(run)
        kept = [json.loads(line)["step"] for line in d.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines()]
        assert 16 in kept and 24 not in kept, kept
        d.ctl("rm", run, "--force", check=True)
        d.ctl("resume", child, check=True)
        d.wait(child)
        assert d.status(child)["step"] == 32 and d.status(child)["fork"]["verified_step"] == 32


def damaged_and_gone():
    with fixture.Daemon() as d:
        run = trunk(d)
        child = fork(d, run, "--from", "16", "--paused")
        with open(os.path.join(d.state, "runs", run, "checkpoints", "step-00000016", "model.safetensors"), "r+b") as f:
            f.seek(-1, os.SEEK_END)
            f.write(b"\x55")
        assert "checksum" in fork(d, run, "--from", "16", code=65)
        d.ctl("resume", child, "--no-wait")
        code, _, err = d.ctl("wait", child)
        status = d.status(child)
        assert code == 65 and status["state"] == "failed" and f"fork {run} again" in status["reason"], status
        assert "no checkpoint of step 3" in fork(d, run, "--from", "3", code=1)


fixture.main([to_the_bit, from_one_that_trains, through_a_dead_daemon, with_a_fresh_optimizer, what_may_be_another, evaluations_where_it_begins,
              shared_and_never_removed, damaged_and_gone])
