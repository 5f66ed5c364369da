"""How bitd reacts to bad steps: NaN, spikes, stragglers, copies of the weights that differ, and the proof of a resume. The seed of
the kill is printed; BIT_SEED=N repeats it."""
import json
import os
import random
import signal
import struct

import fixture

SEED = int(os.environ.get("BIT_SEED", random.SystemRandom().randrange(1 << 32)))
FAULTS = os.path.join(os.environ.get("BIT_BUILD", ""), "tests", "run", "bitworker_faults")


class faults:
    """A daemon whose workers have this fault."""

    def __init__(self, fault=None, once=False, hold=()):
        self.fault, self.once, self.hold = fault, once, hold

    def __enter__(self):
        if not os.path.exists(FAULTS):
            fixture.skip(f"no {FAULTS}")
        self.daemon = fixture.Daemon(f"worker = {FAULTS}\n", self.hold)
        for name in ("BIT_FAULT", "BIT_FAULT_ONCE"):
            os.environ.pop(name, None)
        if self.fault:
            os.environ["BIT_FAULT"] = self.fault
        if self.once:
            os.environ["BIT_FAULT_ONCE"] = os.path.join(self.daemon.dir, "once")
        return self.daemon.__enter__()

    def __exit__(self, *args):
        for name in ("BIT_FAULT", "BIT_FAULT_ONCE"):
            os.environ.pop(name, None)
        return self.daemon.__exit__(*args)


def anomalies(d, run):
    return [(e["step"]["step"], a) for e in d.events(run, True) if "step" in e for a in e["step"]["anomaly"]]


def steps(d, run):
    """step -> its report, as last trained."""
    return {e["step"]["step"]: e["step"] for e in d.events(run, True) if "step" in e}


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # its launcher was faster


def one(d, run, kind):
    found = [(s, a) for s, a in anomalies(d, run) if a["kind"] == kind]
    assert len(found) == 1, f"one anomaly of kind {kind}, not {found}"
    return found[0]


def a_nan_is_skipped_by_all_ranks():
    with faults("nan:1:7") as d:
        run = d.submit(d.spec(steps=20, at_step=12, every=5))
        status = d.finish(run)
        step, a = one(d, run, "nan_gradient")
        assert step == 7 and a["rank"] == 1 and a["action"] == "skip_step", f"rank 1 at step 7: {a}"
        assert a["place"] == "transformer.blocks.0.att_proj.weight", f"the tensor is named: {a}"
        report = steps(d, run)[7]
        assert report["skipped"] and report["grad_norm"] == 0 and report["loss"] > 0, report
        assert status["skipped"] == 1 and status["anomalies"] == 1
        switched = next(e["switched"] for e in d.events(run) if "switched" in e)
        assert switched["optimizer_step_before"] == 11, "Adam did not count the step that was left out"
        code, out, _ = d.ctl("events", run)
        assert "the gradient is NaN or infinite, first on rank 1" in out and "the update was left out" in out


def a_skipped_step_is_resumed_to_the_bit():
    rng = random.Random(SEED)
    with faults("nan:1:7") as d:
        run = d.submit(d.spec(steps=20, at_step=12, every=5))
        want = d.finish(run)["weights_digest"]
    with faults("nan:1:7", hold=[9]) as d:
        run = d.submit(d.spec(steps=20, at_step=12, every=5))
        d.wait(run, "--for", "step=8")
        kill(rng.choice(d.worker_pids(run)))
        with d.held_no_more():
            status = d.finish(run)
        assert status["weights_digest"] == want, "killed after a skipped step, the weights are the same"
        for e in d.events(run):
            if "verified" in e:
                assert e["verified"]["equal"], e


def a_nan_stops_the_run():
    with faults("nan:1:7") as d:
        run = d.submit(d.spec(steps=20, at_step=12, every=5, extra="guard { nan: STOP }"))
        assert d.wait(run) == 104
        reason = d.status(run)["reason"]
        assert "rank 1" in reason and "step" in reason, reason


def nan_after_nan_stops_the_run():
    with faults("nan:0:3:10") as d:
        run = d.submit(d.spec(steps=20, at_step=12, every=5, extra="guard { most: 2 }"))
        assert d.wait(run) == 104
        assert "too often" in d.status(run)["reason"], d.status(run)["reason"]
        assert len(anomalies(d, run)) >= 3


def a_nan_rewinds_and_leaves_batches_out():
    with faults("nan:1:7", once=True) as d:
        run = d.submit(d.spec(steps=20, at_step=12, every=5, extra="guard { nan: REWIND rewind_steps: 0 skip_batches: 4 }"))
        status = d.finish(run)
        rewound = [e["rewound"] for e in d.events(run) if "rewound" in e]
        assert len(rewound) == 1 and rewound[0]["to_step"] == 5 and rewound[0]["at_step"] == 7 and rewound[0]["skip"] == 4
        got = steps(d, run)
        assert [got[s]["position"] for s in (5, 6, 7, 20)] == [5, 10, 11, 24], "four batches are left out after step 5"
        assert status["rewinds"] == 1 and status["skipped"] == 0 and status["restarts"] == 0
        digest = status["weights_digest"]
        # The order of batches after a rewind follows from the journal: a killed run ends with the same weights.
    with faults("nan:1:7", once=True, hold=[15]) as d:
        run = d.submit(d.spec(steps=20, at_step=12, every=5, extra="guard { nan: REWIND rewind_steps: 0 skip_batches: 4 }"))
        d.wait(run, "--for", "step=14")
        d.kill()
        d.start()
        kill(d.worker_pids(run)[0])
        with d.held_no_more():
            assert d.finish(run)["weights_digest"] == digest


def a_flipped_bit_is_found_and_healed():
    with faults() as d:
        run = d.submit(d.spec(steps=12, at_step=8, extra="guard { replica_every: 2 }"))
        want = d.finish(run)["weights_digest"]
        assert not anomalies(d, run)
    with faults("flip:1:6", once=True) as d:
        run = d.submit(d.spec(steps=12, at_step=8, extra="guard { replica_every: 2 }"))
        status = d.finish(run)
        step, a = one(d, run, "replica")
        assert step == 6 and a["rank"] == 1 and a["healed"] and a["action"] == "warn", a
        assert status["weights_digest"] == want, "done again from the right copy: the same bits as without the fault"


def a_bit_that_flips_again_stops_the_run():
    with faults("flip:1:6") as d:  # flips each time the gradients are computed
        run = d.submit(d.spec(steps=12, at_step=8, extra="guard { replica_every: 2 }"))
        assert d.wait(run) == 104
        found = [(s, a) for s, a in anomalies(d, run) if a["kind"] == "replica"]
        assert [s for s, _ in found] == [6, 6] and not found[-1][1].get("healed") and found[-1][1]["action"] == "stop", found
        assert steps(d, run)[6]["skipped"], "nothing was learnt from the wrong copy"
        assert "rank 1" in d.status(run)["reason"], d.status(run)["reason"]


def a_rank_that_ends_the_job_says_why():
    """Any rank, not only rank 0: the recorded cause is the rank's own error, not the exit code that the launcher reports."""
    with faults("abort:1:30", once=True) as d:
        run = d.submit(d.spec(steps=60))
        d.finish(run)
        lost = [e["lost"] for e in d.events(run) if "lost" in e]
        assert len(lost) == 1 and lost[0]["rank"] == 1, lost
        assert "rank 1 at step 29: GPU 7: as the test asked" in lost[0]["cause"], lost


def a_run_is_complete_when_every_rank_said_so():
    """A rank is killed after the last step, before it reports Done: the run is launched again, and no step is trained again."""
    with faults() as d:
        want = d.finish(d.submit(d.spec(steps=20, at_step=10)))["weights_digest"]
    with faults("leave:1:20", once=True) as d:
        run = d.submit(d.spec(steps=20, at_step=10))
        status = d.finish(run)
        events = d.events(run)
        lost = [e["lost"] for e in events if "lost" in e]
        assert len(lost) == 1 and lost[0]["rank"] == 1 and lost[0]["step"] == 20, lost
        assert len([e for e in events if "ready" in e]) == 2, "launched twice"
        assert len(steps(d, run)) == len([e for e in d.events(run, True) if "step" in e]) == 20, "a step was done again"
        assert status["weights_digest"] == want, status


def a_slow_rank_is_named():
    with faults("slow:1:1:500") as d:  # from the first step on: before it, either rank could be the straggler on a busy machine
        run = d.submit(d.spec(steps=30, at_step=20, every=50, extra="guard { straggler_steps: 10 }"))
        d.finish(run)
        named = [(s, a) for s, a in anomalies(d, run) if a["kind"] == "straggler"]
        assert named and all(a["rank"] == 1 for _, a in named), f"rank 1 alone: {named}"
        assert 10 <= named[0][0] <= 30, f"within 30 steps: {named[0][0]}"


def a_resume_is_verified():
    with faults(hold=[15]) as d:
        run = d.submit(d.spec(steps=30, at_step=15, every=10))
        d.wait(run, "--for", "step=14")
        kill(d.worker_pids(run)[0])
        with d.held_no_more():
            d.finish(run)
        verified = [e["verified"] for e in d.events(run) if "verified" in e]
        assert verified and all(v["equal"] for v in verified), verified
        code, out, _ = d.ctl("status", run)
        assert "verified bit for bit" in out
        code, out, _ = d.ctl("diff", f"{run}#1", f"{run}#2")
        assert code == 0 and "bit for bit" in out, f"{code}: {out}"


def alter_moment(checkpoint):
    """Change one value of Adam's first moment and update the checksums, so that the checkpoint still verifies."""
    def crc32c(data):
        table = []
        for i in range(256):
            c = i
            for _ in range(8):
                c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
            table.append(c)
        crc = 0xFFFFFFFF
        for b in data:
            crc = table[(crc ^ b) & 0xFF] ^ crc >> 8
        return crc ^ 0xFFFFFFFF

    path = os.path.join(checkpoint, "exp_avg.safetensors")
    with open(path, "r+b") as f:
        data = bytearray(f.read())
        at = 8 + struct.unpack("<Q", data[:8])[0]
        chunk = bytes(data[at:at + 65536])
        value = struct.unpack("<f", chunk[400:404])[0]
        altered = chunk[:400] + struct.pack("<f", value + 1e-3) + chunk[404:]
        f.seek(at)
        f.write(altered)
    path = os.path.join(checkpoint, "MANIFEST")
    with open(path, "rb") as f:
        manifest = f.read()
    old, new = struct.pack("<I", crc32c(chunk)), struct.pack("<I", crc32c(altered))
    assert manifest[16:].count(old) == 1
    body = manifest[16:].replace(old, new)
    with open(path, "wb") as f:
        f.write(manifest[:12] + struct.pack("<I", crc32c(body)) + body)


def lose_all_behind_a_checkpoint(d, run):
    """Kill bitd and all workers after the checkpoint of step 20, before the next one."""
    d.wait(run, "--for", "checkpoint=20")
    d.wait(run, "--for", "step=38")
    pids = d.worker_pids(run)
    assert pids
    d.kill()
    for pid in pids:
        kill(pid)


def an_altered_checkpoint_is_set_aside():
    with faults(hold=[39]) as d:
        spec = d.spec(steps=45, at_step=42, every=20)
        plain = d.submit(spec)
        with d.held_no_more():
            want = d.finish(plain)["weights_digest"], d.losses(plain)
        run = d.submit(spec)
        lose_all_behind_a_checkpoint(d, run)
        alter_moment(os.path.join(d.state, "runs", run, "checkpoints", "step-00000020"))
        d.start()
        with d.held_no_more():
            assert (d.finish(run)["weights_digest"], d.losses(run)) == want
        bad = [e["bad"] for e in d.events(run) if "bad" in e]
        assert [b["name"] for b in bad] == ["step-00000020"] and "moments" in bad[0]["text"] and "journal" in bad[0]["text"], bad


def a_moment_that_was_read_otherwise_is_named():
    for action, code in (("WARN", 0), ("STOP", 104)):
        with faults("moment:1:20", hold=[39]) as d:
            run = d.submit(d.spec(steps=45, at_step=42, every=20, extra="guard { resume: %s }" % action))
            lose_all_behind_a_checkpoint(d, run)
            d.start()
            with d.held_no_more():
                assert d.wait(run) == code, d.status(run)["reason"]
            verified = [e["verified"] for e in d.events(run) if "verified" in e]
            assert verified and not verified[0]["equal"] and verified[0]["field"] == "moments", verified
            assert verified[0]["step"] == 20 and verified[0]["was"].startswith("0x") and verified[0]["is"] != verified[0]["was"]
            out = d.ctl("doctor", run)
            assert out[0] == 1 and "moments" in out[1], out


def two_runs_are_compared():
    with faults() as d:
        a = d.submit(d.spec("a", steps=16, at_step=8, optimizer="KEEP"))
        b = d.submit(d.spec("b", steps=16, at_step=8, optimizer="RESET"))
        d.finish(a)
        d.finish(b)
        code, out, _ = d.ctl("diff", a, b, "--json")
        r = json.loads(out)
        assert code == 1 and r["comparable"] and not r["equal"]
        assert {s["setting"] for s in r["settings"]} == {"name", "phases.switch.optimizer"}, r["settings"]
        assert r["first"]["step"] == 10 and r["first"]["field"] == "loss", f"the moments tell one step after the switch: {r}"
        code, out, _ = d.ctl("diff", a, a, "--json")
        assert code == 0 and json.loads(out)["equal"]
        c = d.submit(d.spec("c", steps=16, at_step=8, ranks=1))
        d.finish(c)
        code, out, _ = d.ctl("diff", a, c)
        assert code == 1 and "not comparable" in out and "ranks 2 -> 1" in out and "in data, phase" in out, out
        code, out, _ = d.ctl("doctor", a, "--json")
        r = json.loads(out)
        assert code == 0 and r["disk_free"] > 0 and r["finding"][0]["severity"] == "good", r


print(f"seed {SEED}")
fixture.main([a_nan_is_skipped_by_all_ranks, a_skipped_step_is_resumed_to_the_bit, a_nan_stops_the_run,
              nan_after_nan_stops_the_run, a_nan_rewinds_and_leaves_batches_out, a_flipped_bit_is_found_and_healed,
              a_bit_that_flips_again_stops_the_run, a_rank_that_ends_the_job_says_why,
              a_run_is_complete_when_every_rank_said_so, a_slow_rank_is_named, a_resume_is_verified,
              an_altered_checkpoint_is_set_aside, a_moment_that_was_read_otherwise_is_named, two_runs_are_compared])
