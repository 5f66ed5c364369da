"""Adam's moments in bf16: half as large in memory and in checkpoints, shown wherever a run is described, resumed to the bit; a fork
may change from f32 to bf16 and back."""
import json
import os
import signal
import struct

import fixture

BF16 = ("--set", "optimizer.moments=BF16")


def header(path):
    with open(path, "rb") as f:
        said = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    said.pop("__metadata__")
    return said


def dtypes(d, run, step):
    """The set of dtypes of each of the checkpoint's three files: model, exp_avg, exp_avg_sq."""
    path = os.path.join(d.state, "runs", run, "checkpoints", f"step-{step:08}")
    return [{t["dtype"] for t in header(os.path.join(path, f"{name}.safetensors")).values()} for name in ("model", "exp_avg", "exp_avg_sq")]


def ready(d, run):
    return [e["ready"] for e in d.events(run) if "ready" in e]


def named_and_half_as_large():
    with fixture.Daemon() as d:
        plain, moments = (json.loads(d.ctl("submit", "--dry-run", d.spec(ranks=1), "--json", *args, check=True)[1]) for args in ((), BF16))
        assert plain["memory"]["optimizer"] - moments["memory"]["optimizer"] == 4 * plain["parameters"], "two bytes less of each moment"
        assert "Adam's moments in bf16" in d.ctl("check", d.spec(), *BF16, check=True)[1] and moments["spec"]["optimizer"]["moments"] == "bf16"
        assert "moments in bf16" not in d.ctl("check", d.spec(), check=True)[1]
        run = d.submit(d.spec(), *BF16)
        d.finish(run)
        assert "Adam's moments in bf16" in ready(d, run)[0]["backend"], ready(d, run)
        assert dtypes(d, run, 30) == [{"F32"}, {"BF16"}, {"BF16"}]
        kept = [e["checkpoint"] for e in d.events(run) if "checkpoint" in e]
        assert kept and all(c["bytes"] <= moments["checkpoint_bytes"] for c in kept), (kept, moments["checkpoint_bytes"])
        assert kept[-1]["bytes"] == moments["checkpoint_bytes"] and moments["checkpoint_bytes"] < 0.7 * plain["checkpoint_bytes"]
        with open(os.path.join(d.state, "runs", run, "checkpoints", "step-00000030", "config.json")) as f:
            assert json.load(f)["bitd"]["moments"] == "BF16"
        switched = next(e["switched"] for e in d.events(run) if "switched" in e)
        assert switched["moments_before"] == switched["moments_after"] != "0", "kept through the switch"
        assert d.ctl("ckpt", "verify", run)[0] == 0
        assert "beta2 0.95, moments in bf16" in d.ctl("ckpt", "show", run, check=True)[1]


def killed_and_resumed_to_the_bit():
    with fixture.Daemon(hold=[24]) as d:
        with d.held_no_more():
            want = d.submit(d.spec(name="undisturbed"), *BF16)
            d.finish(want)
        run = d.submit(d.spec(name="killed"), *BF16)
        d.ctl("wait", run, "--for", "step=23", check=True)  # past the switch and the checkpoint of step 20
        for pid in d.worker_pids(run):
            os.kill(pid, signal.SIGKILL)
        with d.held_no_more():
            d.finish(run)
        again = ready(d, run)
        assert len(again) == 2 and again[1]["step"] == 20, again
        verified = [e["verified"] for e in d.events(run) if "verified" in e]
        assert verified and all(v["equal"] for v in verified), verified
        assert d.status(run)["weights_digest"] == d.status(want)["weights_digest"] and d.losses(run) == d.losses(want)


def a_fork_goes_from_one_type_to_the_other_and_back():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(name="trunk"), "--set", "checkpoint.keep_last=9")
        d.finish(run)
        said = d.ctl("fork", run, "--from", "10", "--dry-run", *BF16, check=True)[1]
        assert "optimizer.moments: differs from r1's: those of the checkpoint are converted, to bf16 by rounding to the nearest" in said, said
        child = d.ctl("fork", run, "-q", "--from", "10", *BF16, "--set", "checkpoint.keep_last=9", check=True)[1].strip()
        back = None
        for parent, fork, step in ((run, child, 10), (child, back, 20)):
            if fork is None:
                fork = d.ctl("fork", parent, "-q", "--from", str(step), "--set", "optimizer.moments=FP32", check=True)[1].strip()
            d.finish(fork)
            begun, kept = ready(d, fork)[0], next(e["checkpoint"] for e in d.events(parent) if e.get("checkpoint", {}).get("after_step") == step)
            assert begun["step"] == step and begun["weights_digest"] == kept["weights_digest"] and begun["moments_digest"] != kept["moments_digest"]
            assert not [e for e in d.events(fork) if "verified" in e and not e["verified"]["equal"]], "converted moments are no fault of the restore"
            first, was = (next(e["step"] for e in d.events(r, True) if e.get("step", {}).get("step") == step + 1) for r in (fork, parent))
            assert first["loss"] == was["loss"], "the same weights"
            assert d.status(fork)["weights_digest"] != d.status(parent)["weights_digest"], "other updates"
        assert dtypes(d, run, 30)[1] == {"F32"} and dtypes(d, child, 30)[1] == {"BF16"} and dtypes(d, fork, 30)[1] == {"F32"}
        # A fork without changes, from files of one dtype: the repeated steps are compared, and the moments, too.
        same = d.ctl("fork", child, "-q", "--from", "20", check=True)[1].strip()
        d.finish(same)
        assert d.status(same)["fork"]["verified"]["equal"] and d.status(same)["weights_digest"] == d.status(child)["weights_digest"]
        # A fork from the step at which its parent converted the moments: it starts from the first run's files.
        other = d.ctl("fork", child, "-q", "--from", "10", check=True)[1].strip()
        d.finish(other)
        assert d.status(other)["fork"]["verified"]["equal"] and d.status(other)["weights_digest"] == d.status(child)["weights_digest"]


fixture.main([named_and_half_as_large, killed_and_resumed_to_the_bit, a_fork_goes_from_one_type_to_the_other_and_back])
