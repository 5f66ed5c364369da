"""launch.shard_ranks: weights and moments are sharded over groups of ranks of any size."""
import os
import signal

import fixture

STEPS = 12


def submit(d, name, shard_ranks, ranks=4, *args):
    return d.submit(d.spec(name, steps=STEPS, at_step=6, every=4, ranks=ranks), "--set", f"launch.shard_ranks={shard_ranks}", *args)


def near(a, b):
    return all(abs(x - y) < 0.05 * abs(y) for x, y in zip(a, b))


def any_number():
    """Every group size trains the same model, and its checkpoints work for every other."""
    with fixture.Daemon() as d:
        runs = {n: submit(d, f"by{n}", n) for n in (0, 1, 2, 4)}
        for run in runs.values():
            d.finish(run)
        losses = {n: d.losses(run) for n, run in runs.items()}
        assert losses[0] == losses[4], "a group of all is no group"
        for n in (1, 2):
            assert losses[n].keys() == losses[4].keys()
            assert losses[n][1][0] == losses[4][1][0], "the first step's loss is of the same weights"
            assert all(near(losses[n][s], losses[4][s]) for s in losses[4]), (losses[n], losses[4])
        texts = {n: next(e["ready"] for e in d.events(run) if "ready" in e) for n, run in runs.items()}
        assert "groups" not in texts[4]["backend"] and "weights cut over groups of 2" in texts[2]["backend"], texts
        assert len({ready["weights_digest"] for ready in texts.values()}) == 1, "the initial weights"
        assert texts[1]["memory"]["optimizer"] > texts[2]["memory"]["optimizer"] > texts[4]["memory"]["optimizer"]
        zeros = {n: [e["step"]["zero_fraction"] for e in d.events(run, True) if "step" in e and e["step"].get("zero_fraction") is not None]
                 for n, run in runs.items()}
        assert len({len(z) for z in zeros.values()}) == 1 and zeros[4], "each code is counted once"
        assert all(near(zeros[n], zeros[4]) for n in (1, 2)), zeros
        fork(d, runs)


def fork(d, runs):
    """A fork with another group size starts with the weights and moments of the checkpoint."""
    for n, other in ((2, 4), (4, 1), (1, 2)):
        child = d.ctl("fork", runs[n], "--from", "8", "-q", "--set", f"launch.shard_ranks={other}", check=True)[1].strip()
        d.finish(child)
        same = d.ctl("fork", runs[n], "--from", "8", "-q", check=True)[1].strip()
        d.finish(same)
        a, b = (next(e["ready"] for e in d.events(run) if "ready" in e) for run in (child, same))
        assert a["weights_digest"] == b["weights_digest"] and a["moments_digest"] == b["moments_digest"], (n, other)
        assert d.losses(child)[9][0] == d.losses(same)[9][0] == d.losses(runs[n])[9][0]
        assert d.losses(same) == {s: v for s, v in d.losses(runs[n]).items() if s > 8}


def killed():
    """A rank of the second group is killed: the run continues from a checkpoint, to the same bits."""
    with fixture.Daemon() as d:
        plain = submit(d, "plain", 2)
        d.finish(plain)
        run = submit(d, "killed", 2)
        d.wait(run, "--for", "step=5")
        os.kill(sorted(d.worker_pids(run))[-1], signal.SIGKILL)
        status = d.finish(run)
        assert len([e for e in d.events(run) if "ready" in e]) >= 2, "it was not launched again"
        assert d.losses(run) == d.losses(plain)
        assert status["weights_digest"] == d.status(plain)["weights_digest"]


def refused():
    with fixture.Daemon() as d:
        code, _, err = d.ctl("submit", d.spec(ranks=4), "--set", "launch.shard_ranks=3")
        assert code == 64 and "launch.shard_ranks" in err and "3 does not divide launch.ranks 4" in err, (code, err)


fixture.main([any_number, killed, refused])
