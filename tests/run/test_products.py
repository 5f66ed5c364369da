"""Algorithms of matrix products are timed once and kept by the run, its checkpoints and bitd. With a CPU back end that has two
algorithms (products.c), of which the second gives different bits."""
import glob
import json
import os
import signal

import fixture

STEPS = 24


class Daemon(fixture.Daemon):
    """hold: as fixture's; a run waits there until it is awaited with finish()."""

    def __init__(self, choice, hold=()):
        super().__init__(hold=hold)
        self.choice = os.path.join(self.dir, "choice")
        with open(self.config, "a") as f:
            f.write(f"worker = {os.path.join(fixture.build_root(), 'tests', 'run', 'bitworker_products')}\n")
        os.environ["BIT_PRODUCTS"] = self.choice
        self.choose(choice)
        self.known = os.path.join(self.state, "products")

    def choose(self, text):
        """Set the fastest algorithm and the card of each rank for later launches (BIT_PRODUCTS)."""
        with open(self.choice, "w") as f:
            f.write(text)

    def begin(self, name="t", ranks=2, steps=STEPS, args=()):
        return self.submit(self.spec(name, steps=steps, at_step=STEPS // 2, every=5, ranks=ranks), *args)

    def finish(self, *args, **kw):
        with self.held_no_more():
            return super().finish(*args, **kw)

    def train(self, *args, **kw):
        run = self.begin(*args, **kw)
        self.finish(run)
        return run

    def ready(self, run):
        return [e["ready"] for e in self.events(run) if "ready" in e]

    def use(self, run, launch=-1):
        """Whether the launch's only card has products (from the checkpoint, from the run, from bitd, timed now)."""
        [p] = self.ready(run)[launch]["product"]
        assert p["products"] == sum(p[k] for k in ("from_checkpoint", "from_run", "from_state", "timed")) > 0, p
        return tuple(p[k] > 0 for k in ("from_checkpoint", "from_run", "from_state", "timed"))


def timed_once():
    """A later run uses what an earlier one timed, and has the same bits; after bitd's file is deleted, products are timed again."""
    with Daemon("A:1") as d:
        first = d.train("first")
        assert d.use(first) == (False, False, False, True), d.ready(first)
        d.choose("A:0")
        second = d.train("second")
        assert d.use(second) == (False, False, True, False), d.ready(second)
        assert d.losses(first) == d.losses(second)
        os.unlink(d.known)
        third = d.train("third")
        assert d.use(third) == (False, False, False, True), d.ready(third)
        assert d.losses(third) != d.losses(first), "the second algorithm has the first one's bits: nothing was tested"
        off = d.train("off", args=("--set", "launch.search_products=false"))
        assert "product" not in d.ready(off)[0] or d.ready(off)[0]["product"] == [], d.ready(off)
        assert d.losses(off) == d.losses(third)


def other_shapes():
    """A run takes from bitd only the products that it computes; afterwards bitd has those of both runs."""
    with Daemon("A:1") as d:
        wide = d.train("wide", args=("--set", "model.mlp_hidden=256"))
        first = d.train("first")
        both = d.use(first)
        assert both == (False, False, True, True), d.ready(first)
        of = {r: d.ready(r)[0]["product"][0]["products"] for r in (wide, first)}
        os.unlink(d.known)
        alone = d.train("alone")
        assert d.ready(alone)[0]["product"][0]["products"] == of[first], of
        d.train("wide-again", args=("--set", "model.mlp_hidden=256"))
        version = json.loads(d.ctl("version", "--json", check=True)[1])
        [known] = version["bitd"]["product"]
        assert known["products"] > of[first] and known["card"] == "card A, CUDA 13.0, cuBLASLt 13.1.0", known
        assert "on card A" in d.ctl("version", check=True)[1]


def killed(before_checkpoint):
    """A run killed and restarted, with another algorithm now fastest and bitd's file deleted, has the bits of an undisturbed one."""
    with Daemon("A:1", hold=(6 if before_checkpoint else 18,)) as d:
        plain = d.train("plain")
        run = d.begin("killed", args=("--set", "checkpoint.every=20") if before_checkpoint else ())
        d.wait(run, "--for", "step=4" if before_checkpoint else "step=13")
        d.choose("A:0")
        os.unlink(d.known)
        for pid in d.worker_pids(run):
            os.kill(pid, signal.SIGKILL)
        status = d.finish(run)
        assert len(d.ready(run)) >= 2, "it was not launched again"
        restored = d.ready(run)[-1]["step"] > 0
        assert restored != before_checkpoint
        assert d.use(run) == (restored, not restored, False, False), d.ready(run)
        assert d.losses(run) == d.losses(plain)
        assert status["weights_digest"] == d.status(plain)["weights_digest"]
        fork = d.ctl("fork", run, "--from", "20", "-q", check=True)[1].strip()
        d.finish(fork)
        assert d.use(fork) == (True, False, False, False), d.ready(fork)
        assert {s: v for s, v in d.losses(plain).items() if s > 20} == {s: v for s, v in d.losses(fork).items() if s > 20}


def killed_and_restored():
    killed(False)


def killed_before_a_checkpoint():
    killed(True)


def one_table_a_card():
    """Ranks with the same kind of card use the same algorithms, whatever each found; two kinds of cards have a table each."""
    with Daemon("A:1 A:0", hold=(18,)) as d:
        mixed = d.train("mixed")
        os.unlink(d.known)
        d.choose("A:1 A:1")
        alike = d.train("alike")
        assert d.losses(mixed) == d.losses(alike)
        os.unlink(d.known)
        d.choose("A:0 B:1")
        plain = d.train("two-cards")
        run = d.begin("two-cards-killed")
        d.wait(run, "--for", "step=13")
        d.choose("A:1 B:0")
        os.unlink(d.known)
        for pid in d.worker_pids(run):
            os.kill(pid, signal.SIGKILL)
        d.finish(run)
        a, b = d.ready(run)[-1]["product"]
        assert a["card"].startswith("card A") and b["card"].startswith("card B") and a["ranks"] == b["ranks"] == 1, (a, b)
        assert a["timed"] == b["timed"] == 0 and d.losses(run) == d.losses(plain) != d.losses(alike)


def other_card():
    """A run resumed on another card: the ready record, bitd's log and doctor say so; back on the first card it has the same bits."""
    with Daemon("A:1") as d:
        run = d.begin(ranks=1, args=("--set", "checkpoint.every=3"))
        for step, card in ((6, "B:0"), (12, "A:0")):
            d.wait(run, "--for", f"step={step}")
            d.ctl("pause", run, check=True)
            if card == "A:0":
                doctor = d.ctl("doctor", run)[1]
                assert "searched anew: other card: the checkpoint's are of card A" in " ".join(doctor.split()), doctor
            d.choose(card)
            d.ctl("resume", run, check=True)
        d.finish(run)
        first, other, back = (r["product"][0] for r in d.ready(run))
        assert other["timed"] > 0 and other["anew"] == "other card: the checkpoint's are of card A, CUDA 13.0, cuBLASLt 13.1.0", other
        assert "anew" not in first or first["anew"] is None
        assert back["timed"] == 0 and back["from_checkpoint"] == first["products"] and not back.get("anew"), back
        told = d.ctl("events", run, check=True)[1]
        assert "products searched anew: other card" in told, told
        assert f"card A, CUDA 13.0, cuBLASLt 13.1.0: {first['products']} as in the checkpoint" in told, told
        with open(os.path.join(d.dir, "bitd.log")) as f:
            assert "products searched anew" in f.read()


def other_card_in_the_middle():
    """Steps repeated on another card are not compared to the bit, and the record says why."""
    with Daemon("A:1", hold=(18,)) as d:
        run = d.begin(ranks=1, args=("--set", "checkpoint.every=10"))
        d.wait(run, "--for", "step=13")
        d.choose("B:0")
        for pid in d.worker_pids(run):
            os.kill(pid, signal.SIGKILL)
        d.finish(run)
        verified = [e["verified"] for e in d.events(run) if "verified" in e]
        assert verified and all(v.get("field") is None for v in verified), verified
        assert any("products by 'card A" in (v.get("text") or "") for v in verified), verified


def not_made():
    """A launch with search_products=false keeps the checkpoint's table for later launches that use it."""
    with Daemon("A:1") as d:
        first = d.train("first")
        off = d.ctl("fork", first, "--from", "12", "--set", "launch.search_products=false", "-q", check=True)[1].strip()
        d.finish(off)
        os.unlink(d.known)
        d.choose("A:0")
        on = d.ctl("fork", off, "--from", "20", "--set", "launch.search_products=true", "-q", check=True)[1].strip()
        d.finish(on)
        assert not d.ready(off)[0].get("product") and d.use(on) == (True, False, False, False), d.ready(on)


def evaluated():
    """A run that only evaluates has no gradients: it times and uses the products of the forward pass."""
    with Daemon("A:1") as d:
        first = d.train("first")
        os.unlink(d.known)
        for pass_, whence in (("timed", (False, False, False, True)), ("known", (False, False, True, False))):
            run = d.ctl("eval", f"{first}@20", "-dq", "--held-out", f"held={d.dir}/valid.npy", check=True)[1].strip()
            status = d.finish(run)
            assert d.use(run) == whence and status["held_out"], (pass_, d.ready(run))


def many():
    """More products than fit into one message are all kept."""
    with Daemon("A:1:250") as d:
        first = d.train("first", steps=STEPS)
        [known] = json.loads(d.ctl("version", "--json", check=True)[1])["bitd"]["product"]
        assert known["products"] == d.ready(first)[0]["product"][0]["timed"] > 250, known
        second = d.train("second")
        assert d.use(second) == (False, False, True, False), d.ready(second)


def damaged():
    """A damaged file, bitd's or a run's, is logged and renamed, and the products are timed again."""
    with Daemon("A:1", hold=(6,)) as d:
        first = d.train("first")
        with open(d.known, "r+b") as f:
            f.seek(40)
            f.write(b"?")
        second = d.train("second")
        assert d.use(second) == (False, False, False, True) and d.losses(second) == d.losses(first)
        assert os.path.exists(d.known + ".damaged") and os.path.getsize(d.known) == os.path.getsize(d.known + ".damaged")
        with open(os.path.join(d.dir, "bitd.log")) as f:
            assert f"file={d.known} " in f.read()
        os.unlink(d.known)
        os.mkdir(d.known)
        third = d.train("third")
        assert d.losses(third) == d.losses(first)
        os.rmdir(d.known)
        run = d.begin("fourth", args=("--set", "checkpoint.every=20"))
        d.wait(run, "--for", "step=3")
        [kept] = glob.glob(os.path.join(d.state, "runs", run, "checkpoints", "products"))
        os.truncate(kept, 50)
        for pid in d.worker_pids(run):
            os.kill(pid, signal.SIGKILL)
        d.finish(run)
        assert d.use(run) == (False, False, True, False), d.ready(run)
        assert os.path.getsize(kept + ".damaged") == 50 and d.losses(run) == d.losses(first)


fixture.main([timed_once, other_shapes, killed_and_restored, killed_before_a_checkpoint, one_table_a_card, other_card, other_card_in_the_middle,
              not_made, evaluated, many, damaged])
