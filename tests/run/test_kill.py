"""Kill the worker, the daemon, or both, at random steps and around the switch: the final weights are those of an undisturbed run.

The seed is printed; BIT_SEED=N repeats it. BIT_KILLS=N does more of each.
"""
import functools
import os
import random
import signal
import subprocess
import time

import fixture

SEED = int(os.environ.get("BIT_SEED", random.SystemRandom().randrange(1 << 32)))
KILLS = int(os.environ.get("BIT_KILLS", "1"))
STEPS, AT = 60, 30


@functools.lru_cache
def undisturbed(optimizer):
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=STEPS, at_step=AT, optimizer=optimizer))
        status = d.finish(run)
        return status["weights_digest"], d.losses(run)


def wait_step(d, run, step):
    code = d.wait(run, "--for", f"step={step}")
    assert code in (0, 101), f"waiting for step {step} ended with {code}"


def kill_worker(d, run, rng):
    pids = d.worker_pids(run)
    if pids:
        os.kill(rng.choice(pids), signal.SIGKILL)


def kill_daemon(d, run, rng):
    d.kill()
    d.start()


def kill_both(d, run, rng):
    pids = d.worker_pids(run)
    d.kill()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    d.start()


def disturbed(kill, optimizer, step, rng):
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=STEPS, at_step=AT, optimizer=optimizer))
        wait_step(d, run, step)
        time.sleep(rng.random() * 0.02)  # anywhere inside a step
        kill(d, run, rng)
        status = d.finish(run)
        return status["weights_digest"], d.losses(run), status


def check(kill, optimizer):
    rng = random.Random(f"{SEED} {kill.__name__} {optimizer}")
    want = undisturbed(optimizer)
    for _ in range(KILLS):
        for step in (rng.randrange(1, AT - 2), AT - 1 + rng.randrange(3), rng.randrange(AT + 2, STEPS - 1)):
            digest, losses, status = disturbed(kill, optimizer, step, rng)
            assert digest == want[0], f"killed at step {step}: weights {digest}, undisturbed {want[0]} (BIT_SEED={SEED})"
            assert losses == want[1], f"killed at step {step}: the losses differ (BIT_SEED={SEED})"


def worker_keep():
    check(kill_worker, "KEEP")


def worker_reset():
    check(kill_worker, "RESET")


def daemon_reset():
    check(kill_daemon, "RESET")


def both_reset():
    check(kill_both, "RESET")


def a_wait_that_begins_while_bitd_is_dead():
    with fixture.Daemon() as d:
        run = d.submit(d.spec())
        wait_step(d, run, 5)
        d.kill()
        waiting = subprocess.Popen([d.bitctl, "wait", "--socket", d.socket, run], stderr=subprocess.PIPE, text=True)
        said = waiting.stderr.readline()
        assert "no bitd listens" in said and "waiting for it to come back" in said, said
        d.start()
        assert waiting.wait(60) == 0, f"bitctl wait ended with {waiting.returncode}"


print(f"seed {SEED}")
fixture.main([worker_keep, worker_reset, daemon_reset, both_reset, a_wait_that_begins_while_bitd_is_dead])
