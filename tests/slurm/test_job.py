"""A job script of bitd and one run: its exit code, and what happens when Slurm reclaims the nodes before the run is done.

Row 12 of the table that tests/faults prints. BIT_SEED=N repeats a run of the tests; BIT_TIMES=N signals a job at N moments.
"""
import json
import os
import random
import time

import cluster

cluster.enter()

import runs  # noqa: E402
from runs import shell, until  # noqa: E402

SEED = int(os.environ.get("BIT_SEED", random.SystemRandom().randrange(1 << 32)))
TIMES = int(os.environ.get("BIT_TIMES", "3"))
STEPS, EVERY, AT = 600, 40, 100  # enough that a run does not end before Slurm has signalled its ranks
undisturbed = {}


class RunJob(runs.InJob):
    """`bitd --run SPEC --requeue` on three nodes."""

    def __init__(self, c, name, options="", **spec):
        self.of = {"steps": STEPS, "every": EVERY, "at_step": AT, **spec}
        super().__init__(c, nodes=3, options=options, name=name,
                         args=("--requeue", "--run", os.path.join(c.dir, name.replace(" ", "-"), "t.txtpb")))

    def prepare(self):
        self.spec(**self.of)

    def __enter__(self):
        return self

    def begin(self):
        until(lambda: self.ctl("ps", "-q")[1].strip(), 30, "the run is there")

    def after(self):
        """(status, journal) of the run after bitd has ended with its job, read by another bitd."""
        login = runs.OnLogin(self.cluster, os.path.basename(self.dir) + "-after")
        login.state = self.state
        with login:
            return login.status("r1"), login.events("r1")


def want(c):
    if not undisturbed:
        with RunJob(c, "undisturbed") as d:
            assert d.ended() == ("COMPLETED", 0), d.facts()
            undisturbed["digest"] = d.after()[0]["weights_digest"]
    return undisturbed["digest"]


def a_run_that_ends_ends_the_job(c):
    with RunJob(c, "good") as d:
        assert d.ended() == ("COMPLETED", 0), d.facts()
        status = d.after()[0]
        assert status["state"] == "completed" and status["step"] == STEPS and status["restarts"] == 0, status


def a_run_that_fails_fails_the_job(c):
    with RunJob(c, "no data", extra='eval { set { name: "x" path: "missing.npy" } every: 5 }') as d:
        assert d.ended()[0] == "FAILED", d.facts()


def a_run_that_is_cancelled_fails_the_job(c):
    with RunJob(c, "cancelled") as d:
        d.begin()
        d.reach("@last", 5)
        d.ctl("cancel", "@last", check=True)
        assert d.ended() == ("FAILED", 103), d.facts()


def submit_as_a_step_of_the_job(c):
    """`bitctl submit --wait` in a step beside bitd: exit code 0 only for a run that completed according to the journal."""
    with runs.InJob(c, nodes=3, name="step") as d:
        def step(*args):
            path = d.spec(steps=30, every=10, at_step=15)
            return cluster.subprocess.Popen(["srun", f"--jobid={d.job}", "--overlap", "--nodes=1", "--ntasks=1", "--input=none", d.bitctl,
                                             "submit", "--socket", d.socket, "--wait", path, *args], stdout=cluster.subprocess.DEVNULL)
        assert step().wait(60) == 0
        assert step("--set", "data.train=nowhere.npy").wait(60) != 0, "a specification that is refused"
        cancelled = step("--set", "schedule.steps=4000")
        until(lambda: d.status()["step"] > 3 and d.status()["steps"] == 4000, 30, "it trains")
        d.ctl("cancel", "@last", check=True)
        assert cancelled.wait(60) == 103
        gone = step("--set", "schedule.steps=4000", "--request-id", "gone")
        until(lambda: d.status()["run"] == "r3" and d.status()["step"] > 3, 30, "it trains")
        shell(f"scancel --batch --signal=TERM {d.job}")
        until(lambda: d.ctl("ps")[0] != 0, 60, "bitd is told to go, and goes")
        gone.terminate()
        assert gone.wait(150) != 0, "bitd left with the run unfinished"


def told_to_go(c, name, moment, tell):
    """Signal one job at a chosen moment: it writes a last checkpoint, is requeued, and ends with the same weights."""
    expected = want(c)
    with RunJob(c, name) as d:
        d.begin()
        where = moment(d)
        told_ns = time.time_ns()
        tell(d)
        d.requeued()
        back_ns = time.time_ns()
        assert d.ended() == ("COMPLETED", 0), d.facts()
        status, events = d.after()
        kept = [e for e in events if "checkpoint" in e and told_ns < int(e["time_ns"]) < back_ns and not e["checkpoint"]["error"]]
        again = [e for e in events if "ready" in e and int(e["time_ns"]) > back_ns]
        lost = kept[-1]["checkpoint"]["after_step"] - again[-1]["ready"]["step"] if kept else 0
        figures = {"fault": name, "told": where, "durable_s": round((int(kept[-1]["time_ns"]) - told_ns) / 1e9, 2) if kept else None,
                   "requeued_s": round((back_ns - told_ns) / 1e9, 2), "target_s": 30, "steps_lost": lost, "steps_lost_target": 0,
                   "same_weights": status["weights_digest"] == expected}
        print("row " + json.dumps({"row": 12, "seed": SEED, **figures}), flush=True)
        assert figures["same_weights"], f"weights differ (BIT_SEED={SEED}): {status}"
        assert d.facts()["Restarts"] == "1" and figures["requeued_s"] < 30 * cluster.PATIENCE and lost == 0, (figures, d.facts())
        if figures["durable_s"] is not None:  # signalled before training, ranks without a handler end by the signal
            assert not any("lost" in e for e in events), "it left by itself"


def at_step(step):
    def moment(d):
        d.reach("@last", step)
        time.sleep(random.Random(f"{SEED} {step}").random() * 0.02)
        return f"at step {step}"
    return moment


def usr1(d):
    shell(f"scancel --batch --signal=USR1 {d.job}")


def term_to_the_ranks(d):
    shell(f"scancel --signal=TERM {d.job}")


def told_while_it_trains(c):
    rng = random.Random(f"{SEED} moments")
    for i in range(TIMES):
        # in turn: a step, a checkpoint's boundary, the switch
        step = (rng.randrange(2, 170), EVERY * rng.randrange(1, 4) - rng.randrange(2), AT - rng.randrange(2))[i % 3]
        told_to_go(c, f"told {i}", at_step(step), (usr1, term_to_the_ranks)[i % 2])


def told_while_it_starts(c):
    def moment(d):
        return "while it starts"
    told_to_go(c, "told early", moment, usr1)


def pre_empted(c):
    """A job of a partition of higher priority takes the nodes; the run continues when that job is done."""
    expected = want(c)
    with RunJob(c, "low") as d:
        d.begin()
        d.reach("@last", 5)
        begin = time.monotonic()
        urgent = shell(f"sbatch --parsable --partition=urgent --nodes=4 --exclusive --output={d.dir}/urgent.out --wrap 'sleep 1'").stdout.strip()
        until(lambda: c.job(urgent).get("JobState") in ("RUNNING", "COMPLETED"), 60, "the urgent job has the nodes")
        waited = time.monotonic() - begin
        until(lambda: c.job(urgent).get("JobState") == "COMPLETED", 60, "the urgent job is done")
        d.requeued()
        assert d.ended() == ("COMPLETED", 0), d.facts()
        status, events = d.after()
        print("row " + json.dumps({"row": 12, "seed": SEED, "fault": "pre-empted", "requeued_s": round(waited, 2), "target_s": 30,
                                   "same_weights": status["weights_digest"] == expected}), flush=True)
        assert status["weights_digest"] == expected and waited < 30 * cluster.PATIENCE, f"{waited:.1f} s (BIT_SEED={SEED}): {status}"
        assert not any("lost" in e for e in events), "it left by itself"


def no_srun(c):
    with runs.InJob(c, nodes=2, name="nothing", config=f"slurm = {c.dir}\n") as d:
        run = d.submit(d.spec(ranks=2), "--set", "launch.max_restarts=0")
        assert d.ctl("wait", run, "-q", "--for", "state=blocked")[0] == 0
        reason = d.status(run)["reason"]
        assert f"{c.dir}/srun" in reason and "setting slurm" in reason, reason
        os.symlink(cluster.shutil.which("srun"), f"{c.dir}/srun")
        try:
            assert d.finish(run)["restarts"] == 0
        finally:
            os.unlink(f"{c.dir}/srun")


def no_pmix(c):
    """Slurm without its PMIx plugin: the node gets a plugin folder that lacks it."""
    with runs.InJob(c, nodes=2, name="no pmix") as d:
        c.node[1].run("P=$(dirname $(find /usr/lib -name mpi_none.so)); mkdir -p /dev/shm/p; cp -a $P/. /dev/shm/p; rm /dev/shm/p/mpi_pmix*; "
                      "mount --bind /dev/shm/p $P")
        try:
            run = d.submit(d.spec(ranks=2), "--set", "launch.max_restarts=0")
            assert d.ctl("wait", run, "-q")[0] == 105
            assert "no PMIx plugin" in d.status(run)["reason"], d.status(run)["reason"]
        finally:
            c.node[1].run("umount $(dirname $(find /usr/lib -name mpi_none.so)); rm -r /dev/shm/p")


print(f"seed {SEED}")
runs.main([a_run_that_ends_ends_the_job, a_run_that_fails_fails_the_job, a_run_that_is_cancelled_fails_the_job,
           submit_as_a_step_of_the_job, told_while_it_trains, told_while_it_starts, pre_empted, no_srun, no_pmix], nodes=4)
