"""Whole runs through bitctl, bitd and MPI workers: the forms of the switch, pause and resume, ranks, evaluation, checkpoints."""
import json
import math
import os
import re

import fixture


def steps_of(events):
    return {e["step"]["step"]: e["step"] for e in events if "step" in e}


def switch_keep():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=40, at_step=20, optimizer="KEEP", eval_every=10))
        status = d.finish(run)
        events = d.events(run, steps=True)
        steps = steps_of(events)
        assert sorted(steps) == list(range(1, 41)), "every step is journalled once"
        assert all(steps[s]["precision"] == "16bit" for s in range(1, 21)), "16-bit up to the switch"
        assert all(steps[s]["precision"] == "ternary" for s in range(21, 41)), "ternary after it"
        assert steps[20]["loss"] < steps[1]["loss"] - 0.3, "the loss falls in 16-bit"
        assert steps[40]["loss"] < max(steps[s]["loss"] for s in range(21, 26)) , "and in ternary"
        switched = [e["switched"] for e in events if "switched" in e]
        assert len(switched) == 1 and switched[0]["after_step"] == 20
        assert switched[0]["moments_before"] == switched[0]["moments_after"], "kept moments are the same bits"
        assert switched[0]["phase"]["optimizer_step"] == switched[0]["optimizer_step_before"] == 20
        pre = [e["checkpoint"]["after_step"] for e in events if "checkpoint" in e]
        assert 20 in pre, "there is a checkpoint before the switch"
        assert all(0 < steps[s]["zero_fraction"] < 1 for s in range(21, 41)), "zeros are reported"
        assert any(steps[s]["flip_rate"] > 0 for s in range(22, 41)), "flips are reported"
        evals = [(e["evaluated"]["after_step"], e["evaluated"]["precision"]) for e in events if "evaluated" in e]
        for s in (10, 20):
            assert (s, "16bit") in evals and (s, "ternary") in evals, f"both precisions are evaluated after step {s}: {evals}"
        assert (30, "ternary") in evals and (30, "16bit") not in evals
        assert status["state"] == "completed" and status["weights_digest"]


def switch_reset():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=30, at_step=15, optimizer="RESET", extra='optimizer { weight_decay: 0.1 }'),
                       "--set", "phases.switch.weight_decay=0", "--set", "phases.switch.lr=REWARM", "--set", "phases.switch.rewarm_steps=5")
        d.finish(run)
        events = d.events(run, steps=True)
        steps = steps_of(events)
        switched = [e["switched"] for e in events if "switched" in e][0]
        assert switched["moments_before"] != switched["moments_after"], "the moments were zeroed"
        assert switched["optimizer_step_before"] == 15 and switched["phase"]["optimizer_step"] == 0
        assert steps[16]["lr"] < steps[15]["lr"] / 2 and steps[20]["lr"] > steps[16]["lr"], "the learning rate warms up again"


def ramp():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=30, at_step=10, ramp=10))
        d.finish(run)
        steps = steps_of(d.events(run, steps=True))
        for t in range(1, 10):
            want = 2 / (1 + math.exp(-5 * t / 10)) - 1
            assert abs(steps[10 + t]["strength"] - want) < 1e-9, f"strength at {t}: {steps[10 + t]['strength']}, want {want}"
        assert all(steps[s]["strength"] == 1 for s in range(20, 31))


def ternary_from_the_first_step():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=12, at_step=0))
        d.finish(run)
        assert all(s["precision"] == "ternary" for s in steps_of(d.events(run, steps=True)).values())


def pause_and_resume_give_the_same_bits():
    steps = (7, 19, 25)
    with fixture.Daemon() as d:
        plain = d.submit(d.spec(name="plain", steps=40, at_step=20, every=0))
        want = d.finish(plain)["weights_digest"], d.losses(plain)
    with fixture.Daemon(hold=[step + 1 for step in steps]) as d:
        run = d.submit(d.spec(name="paused", steps=40, at_step=20, every=0))
        for step in steps:
            d.wait(run, "--for", f"step={step}")
            d.ctl("pause", run, "--no-wait", check=True)
            with d.held_no_more():
                d.ctl("pause", run, check=True)  # a second pause waits for the first to finish
            assert d.status(run)["state"] == "paused"
            assert not d.worker_pids(run), "a paused run holds no process"
            d.ctl("resume", run, check=True)
        assert (d.finish(run)["weights_digest"], d.losses(run)) == want


def move_the_switch():
    with fixture.Daemon(hold=[11, 101]) as d:
        run = d.submit(d.spec(steps=400, at_step=300))
        d.wait(run, "--for", "step=10")
        code, out, err = d.ctl("switch", run, "--at", "2", "--keep-optimizer")
        assert code != 0 and re.search(r"\d+", err), f"a step that is gone is refused with the earliest possible one: {err}"
        assert d.status(run)["switch_optimizer"] == "keep", "what the specification says"
        out = json.loads(d.ctl("switch", run, "--at", "100", "--reset-optimizer", "--json", check=True)[1])
        assert d.status(run)["switch_optimizer"] == "reset"
        assert re.search(r"phase +16-bit, switches after step 100, optimizer reset", d.ctl("status", run, check=True)[1])
        assert out["step"] == 100
        d.let_on()
        d.wait(run, "--for", "phase=ternary")
        switched = [e["switched"] for e in d.events(run) if "switched" in e][0]
        assert switched["after_step"] == 100 and switched["phase"]["optimizer_step"] == 0
        code, _, err = d.ctl("switch", run, "--at", "200")
        assert code != 0, "a switch that happened is not moved"
        d.ctl("cancel", run, "--no-wait", check=True)
        with d.held_no_more():
            assert d.wait(run) == 103


def the_same_instances_on_any_number_of_ranks():
    with fixture.Daemon() as d:
        curves = []
        for ranks in (1, 2, 4):
            run = d.submit(d.spec(name=f"ranks{ranks}", steps=12, at_step=6, ranks=ranks, operands="FP32"))
            d.finish(run)
            curves.append(d.losses(run))
        for curve in curves[1:]:
            for step, (loss, _) in curves[0].items():
                assert abs(curve[step][0] - loss) < 1e-3 * loss, f"step {step}: {curve[step][0]} against {loss}"


def a_checkpoint_loads_on_another_number_of_ranks():
    with fixture.Daemon() as d:
        first = d.submit(d.spec(name="two", steps=20, at_step=10, ranks=2))
        d.finish(first)
        folder = json.loads(d.ctl("ckpt", "ls", first, "--json", check=True)[1].splitlines()[-1])
        other = d.submit(d.spec(name="four", steps=8, at_step=4, ranks=4), "--set", f"model.init_from={folder['path']}")
        d.finish(other)
        ready = [e["ready"] for e in d.events(other) if "ready" in e][0]
        assert ready["weights_digest"] == folder["weights_digest"], "the same weights on four ranks"


def checkpoints_verify_and_a_flipped_bit_is_found():
    with fixture.Daemon(hold=[25]) as d:
        run = d.submit(d.spec(steps=40, at_step=20, every=10))
        d.wait(run, "--for", "checkpoint=20")
        d.wait(run, "--for", "step=24")
        d.ctl("checkpoint", run, "--no-wait", check=True)
        d.ctl("pause", run, "--no-wait", check=True)
        with d.held_no_more():
            d.ctl("pause", run, check=True)
        assert d.ctl("ckpt", "verify", run)[0] == 0
        newest = [json.loads(line) for line in d.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines()][-1]
        path = os.path.join(newest["path"], "model.safetensors")
        with open(path, "r+b") as f:
            f.seek(-1000, 2)
            byte = f.read(1)
            f.seek(-1000, 2)
            f.write(bytes([byte[0] ^ 1]))
        code, _, err = d.ctl("ckpt", "verify", run)
        assert code == 65 and "model.safetensors" in err, f"verify names the file: {code} {err}"
        with d.held_no_more():
            d.ctl("resume", run, check=True)
            d.finish(run)
        bad = [e["bad"] for e in d.events(run) if "bad" in e]
        assert bad and bad[0]["name"] == newest["name"], "the damaged one is named and passed over"


def evaluation_leaves_training_alone():
    with fixture.Daemon() as d:
        a = d.submit(d.spec(name="without", steps=30, at_step=15))
        want = d.finish(a)["weights_digest"], d.losses(a)
        b = d.submit(d.spec(name="with", steps=30, at_step=15, eval_every=3))
        assert (d.finish(b)["weights_digest"], d.losses(b)) == want


def dry_run():
    with fixture.Daemon() as d:
        out = json.loads(d.ctl("submit", "--dry-run", d.spec(steps=100, at_step=40, ramp=10), "--json", check=True)[1])
        assert out["parameters"] == 2 * 256 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 128)
        assert out["step_tokens"] == 8 * 64 and out["total_tokens"] == 100 * 8 * 64
        assert out["memory"]["total"] > 0 and {1, 40, 41} <= {p["step"] for p in out["point"]}
        assert not d.ids(), "a dry run leaves nothing behind"


fixture.main([switch_keep, switch_reset, ramp, ternary_from_the_first_step, pause_and_resume_give_the_same_bits, move_the_switch,
              the_same_instances_on_any_number_of_ranks, a_checkpoint_loads_on_another_number_of_ranks,
              checkpoints_verify_and_a_flipped_bit_is_found, evaluation_leaves_training_alone, dry_run])
