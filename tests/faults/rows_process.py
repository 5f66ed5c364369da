"""Rows 1 to 4, 12, 13 and 17: processes that are killed or stopped, hang or exit."""
import json
import os
import re
import signal
import subprocess
import time

from bed import AT, EVERY, LOST, STEPS, Bed, is_gone, is_same, kill, undisturbed
from row import Row


def pick(d, run, rank):
    """Wait for the rank's process and return its pid, or -1 if the run completes first."""
    return d.until(lambda: -1 if d.completed(run) else d.ranks(run).get(rank))


def killed(r, rng, many, sig=signal.SIGKILL, kills=3):
    """Kill random ranks `kills` times in one run, after increasing steps."""
    for _ in range(-(-many(kills, 200) // kills)):
        steps = sorted(rng.sample(range(5, STEPS - 8), kills))
        with Bed() as d:
            run = d.submit(d.bed_spec())
            for step in steps:
                d.wait_step(run, step)
                rank = rng.randrange(2)
                pid = pick(d, run, rank)
                time.sleep(rng.random() * 0.02)  # anywhere inside a step
                since = time.time()
                if pid < 0 or not kill(pid, sig):
                    continue
                d.until(lambda: d.was_lost(run, since) or d.completed(run))
                if not d.was_lost(run, since):
                    break  # the run was already complete
                d.until(lambda: d.recoveries(run, since) or d.completed(run))
                if not d.recoveries(run, since):
                    break  # every step was already trained
                back = d.recovery(run, since)
                r.check(f"rank {rank} was ended by signal {int(sig)}" in back.cause, f"cause is '{back.cause}', killed was rank {rank}")
                r.recovered(back)
            r.agree(is_same(d, run))
            r.left += d.left_behind(run)


def exits(r, rng, many):
    """A rank exits with code 3 while it waits for another rank."""
    step = rng.randrange(5, STEPS - 20)
    with Bed(hold=(step + 1,)) as d:
        rank = rng.randrange(2)
        run = d.submit(d.bed_spec())
        d.wait_step(run, step)
        since = time.time()
        d.rules(f"yield who=bitworker rank={rank} once=ONCE exit 3")
        with d.held_no_more():
            same = is_same(d, run)
        back = d.recovery(run, since)
        r.check(f"rank {rank} ended with exit code 3" in back.cause, f"cause is '{back.cause}', rank {rank} ended with 3")
        r.recovered(back, same, d.left_behind(run))


def stopped(r, rng, many):
    spec, step = {"steps": 400, "at": 200, "every": 50}, rng.randrange(60, 140)
    with Bed("heartbeat_timeout = 2.5\n", hold=(step + 1,)) as d:
        run = d.submit(d.bed_spec(**spec))
        d.wait_step(run, step)
        rank = rng.randrange(2)
        pid = pick(d, run, rank)
        since = time.time()
        kill(pid, signal.SIGSTOP)
        with d.held_no_more():
            d.until(lambda: d.was_lost(run, since))
            d.until(lambda: is_gone(pid))
            same = is_same(d, run, **spec)
        back = d.recovery(run, since)
        r.check(f"rank {rank} " in back.cause and "stopped" in back.cause, f"cause is '{back.cause}', stopped was rank {rank}")
        r.recovered(back, same, d.left_behind(run))


def hung(r, rng, many):
    """A rank's heartbeats go on, but its main thread hangs. bitd detects it by the step's time and keeps its stack."""
    spec, step = {"steps": 400, "at": 200, "every": 50}, rng.randrange(60, 140)
    with Bed("stall_timeout = 10\n", hold=(step + 1,)) as d:
        rank = rng.randrange(2)
        run = d.submit(d.bed_spec(**spec))
        d.wait_step(run, step)
        d.rules(f"yield who=bitworker rank={rank} once=ONCE hang")
        with d.held_no_more():
            d.until(d.fired)
            since = time.time()
            d.until(lambda: d.was_lost(run, since))
            d.heal()
            same = is_same(d, run, **spec)
        back = d.recovery(run, since)
        with open(os.path.join(d.state, "runs", run, "logs", "hang-1.txt")) as f:
            found = f.read()
        r.check(re.search(rf"stack rank={rank} .*bitworker\w*\(bit_", found), "the hung rank's stack names no function of ours")
        r.check("last heard in" in back.cause or "no rank stands out" in back.cause, f"cause is '{back.cause}'")
        r.recovered(back, same, d.left_behind(run))


# ---------------------------------------------------------------- bitd


def bitd_killed(r, rng, many):
    """bitd is killed at different writes and syncs of the journal; the workers train on, and a client waits all the time."""
    for i in many.span(3, 60):
        point = i % 60 + 1 if many.long else rng.randrange(1, 61)
        call = rng.choice(("write", "fdatasync"))
        with Bed() as d:
            d.rules(f"{call} who=bitd path=/journal from={point} once=ONCE kill 9")
            asking = subprocess.Popen([d.bitctl, "submit", "--socket", d.socket, "-q", d.bed_spec()], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)  # bitd may die in between: bitctl retries, and the request is applied once
            waiting = None
            if point > 2:
                asking.wait(300)
                waiting = subprocess.Popen([d.bitctl, "wait", "--socket", d.socket, "-q", "r1"], stderr=subprocess.DEVNULL)
            d.until(lambda: d.process.poll() is not None or d.completed("r1"))
            since = time.time()
            fired = d.process.poll() is not None
            if fired:
                d.start()
            r.check(asking.wait(300) == 0, f"point {call} {point}: bitctl submit ended with {asking.returncode}")
            ids = d.ctl("ps", "-q", "--all")[1].split()
            r.check(len(ids) == 1, f"point {call} {point}: runs {ids}")
            run = ids[0]  # not r1 if the record of the first submission was torn: bitctl retried, and a new run was made
            same = is_same(d, run)
            done = [at for at, _, _ in d.records(run, "step") if at > since]
            launches = len(d.records(run, "launched"))
            early = call == "write" and launches == 2  # the launch was not yet in the journal
            r.check(launches == 1 or early or point <= 6, f"point {call} {point}: {launches} launches")
            if waiting is not None:
                r.check(waiting.wait(300) == 0, f"point {call} {point}: bitctl wait ended with {waiting.returncode}")
            r.trial(None, done[0] - since if done and fired and launches == 1 else None, 0 if launches == 1 else None, same,
                    d.left_behind(run))


def kill_while_asked(d, rng, run, verb, records):
    """Kill bitd at a journal record around a request. Returns (bitctl's exit code, when bitd was dead). Steps have records, too, so
    bitd may be dead before bitctl has connected, which ends it with 69 and no record of the request: then it is tried again."""
    while True:
        d.rules(f"{rng.choice(('write', 'fdatasync'))} who=bitd path=/journal from={rng.randrange(1, 4)} once=ONCE kill 9")
        asking = subprocess.Popen([d.bitctl, verb, "--socket", d.socket, "-q", run], stderr=subprocess.DEVNULL)
        d.until(lambda: d.process.poll() is not None)
        since = time.time()
        d.heal()
        d.start()
        code = asking.wait(300)
        if code != 69 or records():
            return code, since


def asked_once(r, rng, many):
    """bitd is killed at the journal record of a request in flight: the request is carried out exactly once."""
    for verb, name in (("checkpoint", "checkpoint_asked"), ("pause", "state")):
        with Bed() as d:
            run = d.submit(d.bed_spec(steps=400, at=200, every=0))
            d.wait_step(run, 20)

            def records():
                return [what for _, kind, what in d.records(run) if kind == name and (kind != "state" or what.get("asked"))]

            code, since = kill_while_asked(d, rng, run, verb, records)
            r.check(code == 0, f"bitctl {verb} ended with {code}")
            r.check(len(records()) == 1, f"{verb} is in the journal {len(records())} times")
            if verb == "pause":
                r.check(d.status(run)["state"] == "paused", "it is not paused")
                d.ctl("resume", run, check=True)
            same = is_same(d, run, steps=400, at=200, every=0)
            r.trial(None, None, None, same, d.left_behind(run))
            r.check(len(d.records(run, "lost")) == 0, "a worker was lost")
            r.agains.append(next(at for at, _, _ in d.records(run, "step") if at > since) - since)


def followed(r, rng, many):
    """bitctl log -f and events -f from the first step to the end, with bitd killed twice: no byte and no event is missing or
    printed twice."""
    with Bed() as d:
        run = d.submit(d.bed_spec())
        d.wait_step(run, 2)
        paths = {what: os.path.join(d.dir, what) for what in ("log", "events")}
        followers = {}
        for what, path in paths.items():
            with open(path, "wb") as f:
                followers[what] = subprocess.Popen([d.bitctl, what, "--socket", d.socket, "-f", run] +
                                                   (["--json"] if what == "events" else []), stdout=f, stderr=subprocess.DEVNULL)
        for step in sorted(rng.sample(range(8, STEPS - 10), 2)):
            d.wait_step(run, step)
            d.kill()
            d.start()
        same = is_same(d, run)
        for what, follower in followers.items():
            r.check(follower.wait(300) == 0, f"bitctl {what} -f ended with {follower.returncode}")
        with open(paths["log"], "rb") as f, open(os.path.join(d.state, "runs", run, "logs", "worker-1.log"), "rb") as whole:
            r.check(f.read() == whole.read(), "what log -f printed is not the log")
        with open(paths["events"]) as f:
            seen = [json.loads(line)["seq"] for line in f]
        want = [e["seq"] for e in d.events(run)]
        r.check(seen == want, f"events -f printed {len(seen)} of {len(want)} events")
        r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


# ---------------------------------------------------------------- SIGTERM


def terminated(r, rng, many):
    """SIGTERM to bitd while a run starts, trains, evaluates, saves and switches: a last checkpoint, exit 0, nothing lost."""
    spec = {"eval_every": 10}
    moments = {"start": None, "step": rng.randrange(12, 18), "evaluate": 10, "checkpoint": 20, "switch": AT}
    for name, step in list(moments.items()) * many(1, 20):
        with Bed() as d:
            run = d.submit(d.bed_spec(**spec))
            if step is not None:
                d.wait_step(run, step)
                time.sleep(rng.random() * 0.01)
            since = time.time()
            d.process.terminate()
            code = d.process.wait(300)
            took = time.time() - since
            r.check(code == 0, f"during {name}: bitd ended with {code}")
            d.start()
            same = is_same(d, run, **spec)
            lost = 0
            done = 0
            for _, kind, what in d.records(run):
                if kind == "ready":
                    lost = max(lost, done - int(what["step"]))
                if kind == "step":
                    done = int(what["step"])
            r.trial(took, None, lost, same, d.left_behind(run))


def told_while_it_begins(r, rng, many):
    """SIGHUP, then SIGTERM, to a bitd that has not yet replayed its journals: bitd handles them afterwards."""
    with Bed() as d:
        run = d.submit(d.bed_spec())
        d.wait_step(run, 12)
        d.kill()
        d.rules("mkdir who=bitd path=/runs once=ONCE delay 2000")
        d.launch()
        d.until(d.fired)
        d.process.send_signal(signal.SIGHUP)
        d.process.terminate()
        code = d.process.wait(300)
        r.check(code == 0, f"bitd ended with {code}")
        d.heal()
        d.start()
        same = is_same(d, run)
        r.trial(None, None, len(d.records(run, "lost")), same, d.left_behind(run))


# ---------------------------------------------------------------- around the switch


def at_the_switch(r, rng, many):
    """A rank, bitd, or both are killed between just before and just after the switch's step."""
    for i in many.span(3, 90):
        who, step = ("rank", "bitd", "both")[i % 3], AT + rng.randrange(-1, 2)
        with Bed(hold=(step + 1,)) as d:
            run = d.submit(d.bed_spec())
            d.wait_step(run, step)
            pids = list(d.ranks(run).values())
            with d.held_no_more():
                time.sleep(rng.random() * 0.02)
                since = time.time()
                if who != "rank":
                    d.kill()
                if who != "bitd":
                    for pid in pids if who == "both" else [rng.choice(pids)]:
                        kill(pid)
                if who != "rank":
                    d.start()
                same = is_same(d, run)
            switched = d.records(run, "switched")
            digests = {what["phase_digest"] for _, _, what in switched}
            r.check(all(int(what["after_step"]) == AT for _, _, what in switched) and len(digests) == 1,
                    f"{who} at {step}: switched {[w['after_step'] for _, _, w in switched]}, {len(digests)} digests")
            if d.recoveries(run, since):
                back = d.recovery(run, since)
                r.recovered(back if who == "rank" else back._replace(detect=None), same, d.left_behind(run))
            else:
                r.trial(None, None, 0, same, d.left_behind(run))


def switch_records(r, rng, many):
    """bitd is killed at the journal records around the switch, at the write or the sync of each; the workers live on."""
    undisturbed()
    for i in many.span(4, 24):
        call, at = ("write", "fdatasync")[i % 2], i // 2 % 12 + 1 if many.long else rng.randrange(1, 13)
        with Bed(hold=(AT - 2,)) as d:
            run = d.submit(d.bed_spec())
            d.wait_step(run, AT - 3)
            d.rules(f"{call} who=bitd path=/journal from={at} once=ONCE kill 9")
            d.let_on()
            d.until(lambda: d.process.poll() is not None)
            since = time.time()
            d.heal()
            d.start()
            same = is_same(d, run)
            r.check(len(d.records(run, "switched")) == 1, "switched more than once, or never")
            again = [at for at, _, _ in d.records(run, "step") if at > since]
            r.trial(None, again[0] - since if again else None, 0 if not d.records(run, "lost") else STEPS, same,
                    d.left_behind(run))


# ---------------------------------------------------------------- a crash loop


def crash_loop(r, rng, many):
    step = rng.randrange(EVERY + 2, 2 * EVERY)
    with Bed() as d:
        d.rules(f"send who=bitworker rank=0 step={step} kill 9")
        run = d.submit(d.bed_spec(restarts=2))
        code = d.wait(run)
        status = d.status(run)
        r.check(code == 104, f"bitctl wait ended with {code}")
        r.check(f"step {step}" in status["reason"], f"the reason names no step {step}: {status['reason']}")
        show = re.search(r"`bitctl (data show [^`]+)`", status["reason"])
        r.check(show is not None, f"the reason does not say how to see its documents: {status['reason']}")
        if show:
            code, out, err = d.ctl(*show.group(1).split()[:2], *show.group(1).split()[2:])
            r.check(code == 0 and "train.npy" in out, f"`bitctl {show.group(1)}` ended with {code}: {err}{out[:200]}")
        launches = len(d.records(run, "launched"))
        r.check(launches == 3, f"{launches} launches")
        r.trial(None, None, None, None, d.left_behind(run))
        r.notes.append(f"the user sees: {status['reason']}")


ROWS = [
    Row("1", "a rank killed at a random step", 0.3, 2, LOST, killed, 12),
    Row("2", "a rank stopped", 10, 12, 50, stopped),
    Row("2", "a rank hung, its heart beating", 11.5, 13.5, 50, hung),
    Row("3", "a rank: SIGSEGV", 0.3, 2, LOST, lambda r, rng, many: killed(r, rng, lambda short, long: 1, signal.SIGSEGV, 1)),
    Row("3", "a rank: SIGABRT", 0.3, 2, LOST, lambda r, rng, many: killed(r, rng, lambda short, long: 1, signal.SIGABRT, 1)),
    Row("3", "a rank: exit 3", 0.3, 2, LOST, exits),
    Row("4", "bitd killed at a point of the journal", None, 5, 0, bitd_killed, 10),
    Row("4", "bitd killed in the middle of a request", None, 5, 0, asked_once),
    Row("4", "bitd killed under log -f and events -f", None, None, 0, followed),
    Row("12", "SIGTERM to bitd: start step eval save switch", 1.5, None, 0, terminated, 5),
    Row("12", "SIGTERM to bitd before it has replayed", None, None, 1, told_while_it_begins),
    Row("13", "rank, bitd, both killed around the switch", None, 2.5, LOST, at_the_switch, 9),
    Row("13", "bitd killed at the records of the switch", None, 5, 0, switch_records, 4),
    Row("17", "a rank dies in the same step every time", None, None, None, crash_loop),
]
