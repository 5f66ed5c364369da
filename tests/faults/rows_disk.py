"""Rows 8 to 11: disks that are full, fail, tear and flip."""
import os
import random
import re
import shutil
import signal
import time

from bed import AT, EVERY, STEPS, Bed, is_same, kill, undisturbed
from row import Row

ENOSPC, EIO = 28, 5


def blocked_until_healed(r, d, run, reason):
    """BLOCKED by name, still there, and on by itself when the disk is well again."""
    status = d.until(lambda: (lambda s: s["state"] == "blocked" and s)(d.status(run)))
    r.check(re.search(reason, status["reason"]), f"blocked, and says {status['reason']!r}")
    r.notes.append(f"the user sees: {status['reason']}")
    code, out, _ = d.ctl("ckpt", "verify", run, "-q")
    r.check(code == 0, "an earlier checkpoint is no longer whole")
    since = time.time()
    d.heal()
    d.until(lambda: d.status(run)["state"] != "blocked")
    return time.time() - since


def full(rule, reason):
    def run_row(r, rng, many):
        with Bed() as d:
            run = d.submit(d.bed_spec())
            d.wait_step(run, EVERY + 3)
            d.rules(rule)
            again = blocked_until_healed(r, d, run, reason)
            same = is_same(d, run)
            r.check(not d.records(run, "lost"), "a worker was lost")
            r.trial(None, again, len(d.records(run, "lost")), same, d.left_behind(run))
    return run_row


def failing(r, rng, many):
    """Each write and sync of a checkpoint fails with some chance, for errno, short writes and failed syncs."""
    for _ in range(many(1, 20)):
        with Bed() as d:
            seed = rng.randrange(1 << 30)
            d.rules(f"fsync who=bitworker path=.partial p=25 seed={seed} error {EIO}",
                    f"pwrite who=bitworker path=.partial p=15 seed={seed + 1} error {EIO}",
                    f"pwrite who=bitworker path=.partial p=20 seed={seed + 2} short 1000",
                    f"write who=bitworker path=MANIFEST p=20 seed={seed + 3} error {EIO}",
                    f"rename who=bitd path=.partial p=20 seed={seed + 4} error {EIO}",
                    f"fsync who=bitd path=checkpoints p=20 seed={seed + 5} error {EIO}")
            run = d.submit(d.bed_spec(every=4))
            d.until(lambda: d.step(run) >= STEPS // 2 or d.status(run)["state"] == "blocked", 120)
            failed = [what for _, _, what in d.records(run, "checkpoint") if int(what.get("error", 0)) != 0]
            code = d.ctl("ckpt", "verify", run, "-q")[0]
            r.check(code == 0, "a checkpoint that counts does not verify")
            r.check(failed, f"no checkpoint failed (seed {seed})")
            d.heal()
            same = is_same(d, run, every=4)
            r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


def lying(r, rng, many):
    """A sync of the journal fails, and what it was to write is gone: nothing that was answered is lost."""
    with Bed() as d:
        run = d.submit(d.bed_spec())
        d.wait_step(run, rng.randrange(5, 30))
        d.rules(f"fdatasync who=bitd path=/journal error {EIO}")
        again = blocked_until_healed(r, d, run, "journal|Input/output")
        same = is_same(d, run)
        r.trial(None, again, len(d.records(run, "lost")), same, d.left_behind(run))


def torn(r, rng, many):
    """Killed at the k-th call that changes a file of a checkpoint: a rank, or bitd while it gives the name."""
    points = many(6, 1000)
    for i in range(points):
        who = "bitd" if i % 4 == 3 else "bitworker"
        k = rng.randrange(1, 10) if who == "bitd" else rng.randrange(1, 60)
        rank = rng.randrange(2)
        action = rng.choice(("kill 9", "torn")) if who == "bitworker" else "kill 9"
        # Below the folder: bitd makes the folder itself as it takes the run, when nobody waits to start it again.
        where = "path=checkpoints/step" if who == "bitd" else f"rank={rank} path=.partial"
        spec = {"steps": 30, "at": 15, "every": 5}
        with Bed() as d:
            d.rules(f"{'pwrite' if action == 'torn' else 'any'} who={who} {where} from={k} once=ONCE {action}")
            run = d.submit(d.bed_spec(**spec))
            d.until(lambda: d.fired() or d.completed(run))
            since = time.time()
            if who == "bitd" and d.fired():
                d.process.wait(10)
                d.start()
            same = is_same(d, run, **spec)
            bad = d.records(run, "bad")
            r.check(not bad, f"{who} {action} at {k}: {bad[0][2]['text'] if bad else ''}")
            lost = [int(what["step"]) for _, _, what in d.records(run, "lost")]
            steps = d.recovery(run, since - 1)[2] if lost else 0
            r.trial(None, None, steps, same, d.left_behind(run))
            r.notes[:] = [f"{r.n} crash points"]


def copy_run(d, run, to):
    shutil.copytree(os.path.join(d.state, "runs", run), to)


def flipped(r, rng, many):
    """One bit in a file of a checkpoint, wherever: named before a weight is used."""
    with Bed(preload=False) as d:
        run = d.submit(d.bed_spec())
        d.finish(run)
        folder = os.path.join(d.state, "runs", run, "checkpoints")
        name = sorted(os.listdir(folder))[-1]
        files = sorted(os.listdir(os.path.join(folder, name)))
        missed = 0
        for _ in range(many(200, 10000)):
            path = os.path.join(folder, name, rng.choice(files))
            flip(path, rng)
            code, out, err = d.ctl("ckpt", "verify", os.path.join(folder, name) + "/", "-q")
            missed += code == 0 or os.path.basename(path) not in err
            unflip(path)
            r.n += 1
        r.check(missed == 0, f"{missed} flips were not seen, or not named")
        r.check(d.ctl("ckpt", "verify", run, "-q")[0] == 0, "flipped back, it is whole")


_last = []


def flip(path, rng):
    at, bit = rng.randrange(os.path.getsize(path)), 1 << rng.randrange(8)
    _last[:] = [at, bit]
    unflip(path)


def unflip(path):
    with open(path, "r+b") as f:
        f.seek(_last[0])
        byte = f.read(1)[0]
        f.seek(_last[0])
        f.write(bytes([byte ^ _last[1]]))


def flipped_and_resumed(r, rng, many):
    """The newest checkpoint has a bit flipped when a rank dies: the run falls back to the one before, and says where."""
    for _ in range(many(2, 50)):
        with Bed() as d:
            run = d.submit(d.bed_spec())
            d.wait_step(run, 2 * EVERY + 3)
            folder = os.path.join(d.state, "runs", run, "checkpoints", f"step-{2 * EVERY:08d}")
            path = os.path.join(folder, rng.choice(sorted(os.listdir(folder))))
            flip(path, rng)
            since = time.time()
            kill(d.until(lambda: d.ranks(run).get(rng.randrange(2))))
            same = is_same(d, run)
            bad = d.records(run, "bad")
            r.check(bad and os.path.basename(path) in bad[0][2]["text"], f"flipped {path}: {bad}")
            r.trial(None, None, d.recovery(run, since)[2], same, d.left_behind(run))


def journal_flipped(r, rng, many):
    """One bit in the journal: seen, and the run not guessed on; or in its last record, which is then as if never written."""
    with Bed(preload=False) as d:
        run = d.submit(d.bed_spec())
        d.finish(run)
        seq = len(d.events(run, True))
        path = os.path.join(d.state, "runs", run, "journal")
        for _ in range(many(8, 300)):
            d.process.terminate()
            d.process.wait(30)
            with open(path, "rb") as f:
                whole = f.read()
            flip(path, rng)
            d.start()
            status = d.status(run)
            with open(os.path.join(d.dir, "bitd.log")) as f:
                log = f.read()
            seen = status.get("exit_code") == 65 or "journal cut" in log or len(d.events(run, True)) < seq
            r.check(seen, f"a flip at byte {_last[0]} of {len(whole)} was not seen: {status['state']}")
            d.process.kill()
            d.process.wait()
            for worker in d.worker_pids(run):
                kill(worker, signal.SIGKILL)
            with open(path, "wb") as f:
                f.write(whole)
            d.start()
            r.n += 1
        r.check(d.status(run)["state"] == "completed", "put back, it is as it was")


ROWS = [
    Row("8", "no space for a shard", None, 2, 0, full(f"fallocate who=bitworker path=.partial error {ENOSPC}", "checkpoint")),
    Row("8", "no space for the MANIFEST", None, 2, 0, full(f"write who=bitworker path=MANIFEST error {ENOSPC}", "checkpoint")),
    Row("8", "no space for the journal", None, 2, 0, full(f"write who=bitd path=/journal error {ENOSPC}", "disk: .*No space")),
    Row("9", "EIO, short writes, failed syncs, by chance", None, None, 0, failing),
    Row("9", "a sync of the journal fails", None, 2, 0, lying),
    Row("10", "crash at a call of the checkpoint", None, None, 10, torn),
    Row("11", "one bit of a checkpoint", None, None, None, flipped),
    Row("11", "one bit of the newest checkpoint, then a kill", None, None, 2 * EVERY, flipped_and_resumed),
    Row("11", "one bit of the journal", None, None, None, journal_flipped),
]
