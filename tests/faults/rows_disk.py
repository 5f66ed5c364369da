"""Rows 8 to 11: disks that are full or fail, torn writes, flipped bits."""
import os
import random
import re
import signal
import time

from bed import AT, EVERY, STEPS, Bed, is_same, kill, undisturbed
from row import Row

ENOSPC, EIO = 28, 5


def blocked_until_healed(r, d, run, reason):
    """The run is blocked with this reason, its checkpoints are intact, and it continues by itself once the disk works again.
    Returns the seconds that took."""
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
        with Bed(hold=(EVERY + 2,)) as d:
            run = d.submit(d.bed_spec())
            assert d.wait(run, "--for", f"checkpoint={EVERY}") == 0
            d.rules(rule)
            d.let_on()
            again = blocked_until_healed(r, d, run, reason)
            same = is_same(d, run)
            r.check(not d.records(run, "lost"), "a worker was lost")
            r.trial(None, again, len(d.records(run, "lost")), same, d.left_behind(run))
    return run_row


def failing(r, rng, many):
    """Each write and sync of a checkpoint fails with some probability: errors, short writes and failed syncs."""
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
            d.until(lambda: d.step(run) >= STEPS // 2 or d.status(run)["state"] == "blocked")
            failed = [what for _, _, what in d.records(run, "checkpoint") if int(what.get("error", 0)) != 0]
            code = d.ctl("ckpt", "verify", run, "-q")[0]
            r.check(code == 0, "a checkpoint that counts does not verify")
            r.check(failed, f"no checkpoint failed (seed {seed})")
            d.heal()
            same = is_same(d, run, every=4)
            r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


def nameless(r, rng, many):
    """bitd cannot rename a complete checkpoint to its final name: it records the error, the next checkpoint succeeds, and nothing of
    the failed one stays."""
    with Bed() as d:
        d.rules(f"rename who=bitd path=step-{2 * EVERY:08d}.partial error {EIO}")
        run = d.submit(d.bed_spec())
        same = is_same(d, run)
        errors = [int(what["after_step"]) for _, _, what in d.records(run, "checkpoint") if int(what.get("error", 0)) != 0]
        r.check(errors == [2 * EVERY], f"checkpoints that failed: {errors}")
        r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


def lying(r, rng, many):
    """A sync of the journal fails: the run blocks, and ends with the undisturbed result once the disk is healed."""
    step = rng.randrange(5, 30)
    with Bed(hold=(step + 1,)) as d:
        run = d.submit(d.bed_spec())
        d.wait_step(run, step)
        d.rules(f"fdatasync who=bitd path=/journal error {EIO}")
        d.let_on()
        again = blocked_until_healed(r, d, run, "journal|Input/output")
        same = is_same(d, run)
        r.trial(None, again, len(d.records(run, "lost")), same, d.left_behind(run))


def begun_without_room(r, rng, many):
    """bitd was killed in the middle of a record, and the disk is full when it starts: the run is blocked, and not reported as ended."""
    with Bed(hold=(EVERY + 2,)) as d:
        run = d.submit(d.bed_spec())
        assert d.wait(run, "--for", f"checkpoint={EVERY}") == 0
        d.rules("write who=bitd path=/journal once=ONCE torn")
        d.let_on()
        d.until(lambda: d.process.poll() is not None)
        d.heal()
        d.rules(f"open path=/journal error {ENOSPC}", f"ftruncate who=bitd path=/journal error {ENOSPC}")
        d.start()
        again = blocked_until_healed(r, d, run, "journal.*No space")
        same = is_same(d, run)
        r.trial(None, again, len(d.records(run, "lost")), same, d.left_behind(run))


TORN = {"steps": 81, "at": 41, "every": 3}


def calls_of_a_checkpoint():
    """(program, rank, call, path) of each call of an undisturbed run that changes a file of one checkpoint."""
    name = f"step-{3 * TORN['every']:08d}"
    with Bed() as d:
        d.rules(f"any path=checkpoints/{name} note")
        d.finish(d.submit(d.bed_spec(**TORN)))
        with open(d.plan + ".calls") as f:
            return [line.split() for line in f]


def crash_points():
    """One rule a point, with placeholders {step} and {old}: before each call of each rank, in the middle of each write, at bitd's
    rename of the checkpoint, at the sync after it, and at the rename that removes the oldest checkpoint."""
    made, points = {}, []
    for who, rank, call, _ in calls_of_a_checkpoint():
        if who != "bitworker":
            continue
        made[rank, "any"] = made.get((rank, "any"), 0) + 1
        points.append(f"any who=bitworker rank={rank} path={{step}}.partial from={made[rank, 'any']} once=ONCE kill 9")
        if call in ("write", "pwrite"):
            made[rank, call] = made.get((rank, call), 0) + 1
            points.append(f"{call} who=bitworker rank={rank} path={{step}}.partial from={made[rank, call]} once=ONCE torn")
    assert len(points) >= 30 and len(made) == 5, f"calls of a checkpoint: {made}"
    return points + [f"{call} who=bitd path=checkpoints{end} once=ONCE kill 9"
                     for call, end in (("rename", "/{step}"), ("fsync", ""), ("rename", "/{old}"))]


_points = []


def torn(r, rng, many):
    """A process is killed at a call of a checkpoint that changes a file. Each run crashes once at each of its checkpoints, then
    writes that checkpoint undisturbed; the next run crashes at other calls, until every call of every checkpoint was a point."""
    every, count = TORN["every"], TORN["steps"] // TORN["every"]
    if not _points:
        _points[:] = crash_points()
    rounds = {}
    for i in many.span(count, 1026):
        rounds.setdefault(i // count, []).append(i % count)
    for number, places in rounds.items():
        with Bed(hold=range(every, TORN["steps"] + 1, every)) as d:  # before each checkpoint
            run, missed = d.submit(d.bed_spec(**TORN)), []
            for place in places:
                # Within a round each checkpoint has a different call; over the rounds each checkpoint has all calls.
                rule = _points[(number + 7 * place) % len(_points)]
                step = (place + 1) * every
                if not crash(d, run, rule, step):
                    missed.append(step)
            d.heal()
            with d.held_no_more():
                same = is_same(d, run, **TORN)
            bad = [what["text"] for _, _, what in d.records(run, "bad")]
            r.check(not bad, f"round {number}: {bad}")
            r.check(d.ctl("ckpt", "verify", run, "-q")[0] == 0, f"round {number}: a checkpoint that counts does not verify")
            r.check(len(missed) <= 5, f"round {number}: no crash at {missed}")
            backs = d.recoveries(run)
            for back in backs:
                r.recovered(back._replace(detect=None, again=back.between))
            r.trial(same=same, left=d.left_behind(run))
            r.n += len(places) - len(missed) - 1 - len(backs)


def crash(d, run, rule, step):
    """Crash once at the checkpoint of this step. Returns False if the run passed the checkpoint without such a call."""
    every = TORN["every"]
    folder = os.path.join(d.state, "runs", run, "checkpoints")
    name, old, after = (f"step-{s:08d}" for s in (step, step - 3 * every, step + every))

    def is_past(name):
        return os.path.exists(os.path.join(folder, name)) or (step + every > TORN["steps"] and d.completed(run))

    def is_over():
        if d.fired() or is_past(after):
            return True
        d.let_on_who_stands()  # held before this checkpoint, or after it if no call matched the rule
        return False

    if is_past(name) or ("{old}" in rule and step <= 3 * every):
        return False
    d.rules(rule.format(step=name, old=old))
    d.until(is_over)
    if not d.fired():
        return False
    if "who=bitd" in rule:
        d.process.wait(120)
    d.heal()
    if "who=bitd" in rule:
        d.start()
    return True


def flipped(r, rng, many):
    """Flip one bit anywhere in a checkpoint's files: `ckpt verify` fails and names the file."""
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


FLIPPED = 40  # the step of the checkpoint that is damaged; the next one is 20 steps away


def flipped_and_resumed(r, rng, many):
    """A bit of the newest checkpoint is flipped when a rank dies: the run falls back to the one before and records which file."""
    spec = {"every": FLIPPED // 2, "at": 3 * FLIPPED // 2}
    for _ in range(many(2, 50)):
        with Bed(hold=(FLIPPED + 2,)) as d:  # no later checkpoint is complete before the rank dies, however busy the machine is
            run = d.submit(d.bed_spec(**spec))
            assert d.wait(run, "--for", f"checkpoint={FLIPPED}") == 0
            folder = os.path.join(d.state, "runs", run, "checkpoints", f"step-{FLIPPED:08d}")
            path = os.path.join(folder, rng.choice(sorted(os.listdir(folder))))
            flip(path, rng)
            since = time.time()
            kill(d.until(lambda: d.ranks(run).get(rng.randrange(2))))
            with d.held_no_more():
                same = is_same(d, run, **spec)
            bad = d.records(run, "bad")
            r.check(bad and os.path.basename(path) in bad[0][2]["text"], f"flipped {path}: {bad}")
            r.trial(None, None, d.recovery(run, since).lost, same, d.left_behind(run))


def journal_flipped(r, rng, many):
    """Flip one bit in the journal: bitd detects it and does not continue the run; if it is in the last record, bitd cuts that
    record off."""
    with Bed(preload=False) as d:
        run = d.submit(d.bed_spec())
        d.finish(run)
        seq = len(d.events(run, True))
        path = os.path.join(d.state, "runs", run, "journal")
        for _ in range(many(8, 300)):
            d.process.terminate()
            d.process.wait(120)
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
    Row("9", "EIO, short writes, failed syncs, by chance", None, None, 0, failing, 4),
    Row("9", "a checkpoint cannot get its name", None, None, 0, nameless),
    Row("9", "a sync of the journal fails", None, 2, 0, lying),
    Row("9", "no room for the journal when bitd begins", None, 2, 0, begun_without_room),
    Row("10", "crash at a call of the checkpoint", None, 3, 2 * TORN["every"], torn, 38),
    Row("11", "one bit of a checkpoint", None, None, None, flipped, 10),
    Row("11", "one bit of the newest checkpoint, then a kill", None, None, FLIPPED, flipped_and_resumed, 5),
    Row("11", "one bit of the journal", None, None, None, journal_flipped, 6),
]
