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


def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has ended by itself


def kill_worker(d, run, rng):
    pids = d.worker_pids(run)
    if pids:
        end(rng.choice(pids))


def kill_daemon(d, run, rng):
    d.kill()
    d.start()


def kill_both(d, run, rng):
    pids = d.worker_pids(run)
    d.kill()
    for pid in pids:
        end(pid)
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
        assert waiting.wait(300) == 0, f"bitctl wait ended with {waiting.returncode}"


def sessions(folder):
    """The session folders of launches below a folder for temporary files: Open MPI names them after mpirun's pid."""
    return [os.path.join(at, name) for at, names, _ in os.walk(folder) for name in names if name.startswith("pid.")]


def memory_of(folder):
    """The shared memory of those launches: the session folder has mpirun's own number, and the job's is the next one."""
    jobs = []
    for session in sessions(folder):
        contact = os.path.join(session, "contact.txt")
        if os.path.exists(contact) and os.path.getsize(contact) > 0:  # otherwise the launch has only just begun
            with open(contact) as f:
                jobs.append(f".{int(f.read().split('.')[0]) + 1:x}.")
    return [name for name in os.listdir("/dev/shm") if any(job in name for job in jobs)]


class Sheltered(fixture.Daemon):
    """A daemon whose launches keep their temporary files in its own folder."""

    def start(self):
        self.tmp = os.path.join(self.dir, "tmp")
        os.makedirs(self.tmp, exist_ok=True)
        os.environ["TMPDIR"] = self.tmp
        try:
            super().start()
        finally:
            del os.environ["TMPDIR"]

    def launchers(self):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/comm") as f, open(f"/proc/{pid}/environ") as e:
                    if f.read().strip() == "mpirun" and self.tmp in e.read():
                        found.append(int(pid))
            except OSError:
                pass
        return found


def a_launch_that_dies_with_bitd_leaves_nothing():
    """mpirun is killed, and bitd, too, before it can react: the next bitd knows the launch from the journal and cleans up."""
    with Sheltered(hold=(6,)) as d:
        run = d.submit(d.spec(steps=STEPS, at_step=AT))
        wait_step(d, run, 5)
        os.kill(d.process.pid, signal.SIGSTOP)
        for pid in d.launchers() + d.worker_pids(run):
            end(pid)
        left, memory = sessions(d.tmp), memory_of(d.tmp)
        assert left and memory, f"a killed launch leaves {left} and {memory}"
        d.kill()
        d.start()
        with d.held_no_more():
            d.finish(run)
        assert not sessions(d.tmp), f"left: {sessions(d.tmp)}"
        still = [name for name in memory if os.path.exists("/dev/shm/" + name)]
        assert not still, f"left: {still}"


def a_launch_that_was_not_written_down_leaves_nothing():
    """bitd is killed between starting mpirun and recording the launch: the next bitd finds the processes and cleans up after them."""
    shim = os.path.join(fixture.build_root(), "tests", "faults", "libfaults.so")
    with Sheltered() as d:
        d.ctl("submit", "--paused", d.spec(steps=STEPS, at_step=AT), check=True)
        d.kill()
        plan, once = os.path.join(d.dir, "plan"), os.path.join(d.dir, "once")
        os.environ.update(LD_PRELOAD=shim, BIT_FAULTS=plan)
        try:
            d.start()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["BIT_FAULTS"]
        with open(plan, "w") as f:  # the third record from here: asked, starting, launched
            f.write(f"write who=bitd path=/journal from=3 once={once} kill 9\n")
        subprocess.Popen([d.bitctl, "resume", "--socket", d.socket, "r1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        d.process.wait(300)
        deadline = time.monotonic() + 300
        while not memory_of(d.tmp):
            assert time.monotonic() < deadline, "its ranks did not come up"
            time.sleep(0.01)
        memory = memory_of(d.tmp)
        assert d.launchers(), "the launch was not under way"
        os.unlink(plan)
        d.start()
        d.finish("r1")
        assert not sessions(d.tmp), f"left: {sessions(d.tmp)}"
        still = [name for name in memory if os.path.exists("/dev/shm/" + name)]
        assert not still, f"left: {still}"


class Faulty(fixture.Daemon):
    """A daemon whose storage fails by the rules in the file `orders` (tests/faults/shim.c)."""

    def start(self):
        self.orders = os.path.join(self.dir, "orders")
        shim = os.path.join(fixture.build_root(), "tests", "faults", "libfaults.so")
        os.environ.update(LD_PRELOAD=shim, BIT_FAULTS=self.orders)
        try:
            super().start()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["BIT_FAULTS"]


def the_switch_goes_on_beside_its_checkpoint():
    """A disk that never answers delays the switch's checkpoint, not the switch itself. After a crash the run switches again."""
    want = undisturbed("RESET")
    with Faulty() as d:
        with open(d.orders, "w") as f:
            f.write(f"fsync who=bitworker path=/step-{AT:08d} hang\n")
        run = d.submit(d.spec(steps=STEPS, at_step=AT, optimizer="RESET"))
        code = d.wait(run, "--for", f"step={AT + 5}")
        assert code == 0, f"step {AT + 5} after the switch: {code}"
        names = [c["checkpoint"]["after_step"] for c in d.events(run) if "checkpoint" in c]
        assert AT not in names, f"durable already: {names}"
        os.unlink(d.orders)
        for pid in d.worker_pids(run):
            end(pid)
        status = d.finish(run)
        assert (status["weights_digest"], d.losses(run)) == want, "other bits than without the crash"
        events = d.events(run)
        assert len([e for e in events if "switched" in e]) == 2, "it was not led through the switch again"
        assert AT in [e["checkpoint"]["after_step"] for e in events if "checkpoint" in e], "the switch's checkpoint is missing"


print(f"seed {SEED}")
fixture.main([a_launch_that_dies_with_bitd_leaves_nothing, a_launch_that_was_not_written_down_leaves_nothing,
              the_switch_goes_on_beside_its_checkpoint, worker_keep, worker_reset, daemon_reset, both_reset, a_wait_that_begins_while_bitd_is_dead])
