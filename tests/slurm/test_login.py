"""bitd on a login node: runs become jobs in Slurm's queue, and their workers connect to bitd over TCP."""
import os
import random
import signal
import time

import cluster

cluster.enter()

import runs  # noqa: E402
from runs import shell, until  # noqa: E402

SEED = int(os.environ.get("BIT_SEED", random.SystemRandom().randrange(1 << 32)))
STEPS, EVERY, AT = 200, 40, 100
SLURM = "nodes: 3"
undisturbed = {}


class Login(runs.OnLogin):
    def begin(self, slurm=SLURM, steps=STEPS, **more):
        return self.submit(self.spec(launcher="SBATCH", slurm=slurm, steps=steps, every=EVERY, at_step=AT, **more))

    def job(self, run="@last"):
        return self.status(run).get("slurm") or {}


def jobs(c):
    return c.slurm("squeue -h -o %i").split()


def want(c, steps=STEPS):
    if steps not in undisturbed:
        with Login(c, f"undisturbed-{steps}") as d:
            undisturbed[steps] = d.finish(d.begin(steps=steps))["weights_digest"]
    return undisturbed[steps]


def a_run_waits_in_the_queue(c):
    """The status shows Slurm's reason why a job waits; the job completes with the run."""
    full = shell(f"sbatch --parsable --nodes=4 --exclusive --output={c.dir}/full.out --wrap 'sleep 600'").stdout.strip()
    until(lambda: c.job(full).get("JobState") == "RUNNING", 20, "the cluster is full")
    with Login(c, "queue") as d:
        run = d.begin()
        until(lambda: d.job().get("reason") in ("Resources", "Priority"), 20, "Slurm's reason")
        status = d.status(run)
        assert status["state"] == "starting" and "PENDING: Resources" in status["reason"], status
        job = status["slurm"]["job"]
        shell(f"scancel {full}")
        status = d.finish(run)
        assert status["nodes"] == "n[1-3]" and status["restarts"] == 0, status
        undisturbed[STEPS] = status["weights_digest"]
        until(lambda: c.job(job).get("JobState") == "COMPLETED", 20, "the job ends well, and by itself")
    assert not jobs(c)


def a_suspended_job_ends_with_its_run(c):
    """While Slurm suspends the job, its launch is lost and the run waits; if the run is cancelled then, the job ends, although a suspended
    job takes no signal."""
    with Login(c, "suspended") as d:
        run = d.begin(steps=4000)
        d.reach(run, EVERY + 1)
        job = d.job()["job"]
        shell(f"scontrol suspend {job}")
        until(lambda: d.status(run)["state"] == "restarting" and d.job()["state"] == "SUSPENDED", 60, "the launch is lost")
        d.ctl("cancel", run, "--now", check=True)
        until(lambda: c.job(job).get("JobState") == "CANCELLED", 30, "the job ends")
    assert not jobs(c)


def each_branch_of_a_sweep_is_a_job(c):
    with Login(c, "branches", "slots = 2\n") as d:
        spec = d.spec(launcher="SBATCH", ranks=1, steps=60, every=0, at_step=20)
        d.ctl("sweep", spec, "--vary", "phases.switch.at_step=20,30", "-q", "--wait", check=True)
        of_each = [{e["slurm"]["job"] for e in d.events(run) if e.get("slurm", {}).get("job")} for run in ("r1", "r2")]
        assert all(len(jobs_of) == 1 for jobs_of in of_each) and of_each[0] != of_each[1], of_each
        assert d.status("r2")["fork"]["origin"]["step"] == 20, d.status("r2")
    until(lambda: not jobs(c), 20, "both jobs have ended")


def cancelled_while_it_waits(c):
    full = shell(f"sbatch --parsable --nodes=4 --exclusive --output={c.dir}/full.out --wrap 'sleep 600'").stdout.strip()
    until(lambda: c.job(full).get("JobState") == "RUNNING", 20, "the cluster is full")
    with Login(c, "waits") as d:
        run = d.begin()
        until(lambda: d.job().get("state") == "PENDING", 20, "the job is there")
        d.ctl("cancel", run, check=True)
        assert d.ctl("wait", run, "-q")[0] == 103
        until(lambda: jobs(c) == [full], 20, "the job is out of the queue")
        shell(f"scancel {full}")


def cancelled_by_scancel(c):
    with Login(c, "scancel") as d:
        run = d.begin(steps=4000)
        d.reach(run, 5)
        shell(f"scancel {d.job(run)['job']}")
        assert d.ctl("wait", run, "-q", timeout=600)[0] == 103, d.status(run)
        assert "Slurm job" in d.status(run)["reason"], d.status(run)
        until(lambda: not jobs(c), 30, "no other job takes its place")
        first = d.status(run)["checkpoint_step"] or 0
        code, out, err = d.ctl("resume", run)
        assert code == 0 and "Slurm job" in out and "goes on from" in out, out + err
        d.ctl("wait", run, "-q", "--for", f"checkpoint={first + 1}", timeout=600)
        assert d.status(run)["state"] == "training" and d.job(run)["job"], "it has a job of its own"
        d.ctl("cancel", run, "--now")


def bitd_is_killed_and_comes_back(c):
    expected = want(c)
    with Login(c, "killed") as d:
        run = d.begin()
        d.reach(run, random.Random(f"{SEED} killed").randrange(5, STEPS - 60))
        d.process.send_signal(signal.SIGKILL)
        d.process.wait()
        d.start()
        status = d.finish(run)
        assert status["restarts"] == 0 and status["weights_digest"] == expected, status


def a_node_is_lost(c):
    expected = want(c)
    with Login(c, "lost", "heartbeat_timeout = 5\nfence_timeout = 12\n") as d:
        run = d.begin(slurm="nodes: 4")
        d.reach(run, random.Random(f"{SEED} lost").randrange(5, STEPS - 60))
        job, begin = d.job(run)["job"], time.monotonic()
        c.node[3].cut()
        try:
            until(lambda: d.status(run)["restarts"] == 1, 20, "the loss is known")
            until(lambda: d.status(run)["state"] == "training", 30, "it trains again")
            again = time.monotonic() - begin
            status = d.finish(run)
        finally:
            c.node[3].heal()
        print(f"       trained again {again:.1f} s after the cut, in job {job}")
        assert status["weights_digest"] == expected and status["nodes"] == "n[1-2,4]", status


def pre_empted(c):
    """bitd gives the job up after a last checkpoint and queues another one for the run. The run is long enough for a slow Slurm."""
    expected = want(c, 1200)
    with Login(c, "low") as d:
        run = d.begin(steps=1200)
        d.reach(run, 5)
        first = d.job(run)["job"]
        shell(f"sbatch --partition=urgent --nodes=4 --exclusive --output={d.dir}/urgent.out --wrap 'sleep 2'")
        until(lambda: d.job(run).get("job") not in (None, 0, first), 60, "another job")
        status = d.finish(run)
        assert status["weights_digest"] == expected and status["restarts"] == 0, status


def the_command_lines(c):
    with Login(c, "dry") as d:
        others = jobs(c)  # those of the previous test that are still ending
        path = d.spec(launcher="SBATCH", ranks=4, instances=8,
                      slurm='nodes: 3 gres: "gpu:2" partition: "main" account: "it\'s us" time_limit: "2:00:00" srun_arg: "--verbose"')
        out = d.ctl("submit", "--dry-run", path, check=True)[1]
        sbatch, srun = (next(line for line in out.splitlines() if line.startswith(f"  {name} ")) for name in ("sbatch", "srun"))
        for word in ("--nodes=3", "--ntasks-per-node=2", "--gres=gpu:2", "--partition=main", "'--account=it'\\''s us'", "--time=2:00:00",
                     "--no-kill", "--requeue"):
            assert f" {word} " in sbatch, (word, sbatch)
        for word in ("--jobid=JOB", "--nodes=2", "--ntasks=4", "--mpi=pmix", "--no-kill=off", "--kill-on-bad-exit=1", "--gres=gpu:2",
                     "--verbose"):
            assert f" {word} " in srun, (word, srun)
        assert "gpus-per-task" not in srun and "gpu-bind" not in srun
        assert all(job in others for job in jobs(c)), "a dry run submitted a job"


def refused(c):
    """The dry run and the submission print sbatch's own message; if sbatch refuses only at the launch, the run fails without a retry."""
    with Login(c, "refused") as d:
        path = d.spec(launcher="SBATCH", slurm='nodes: 3 partition: "nowhere"')
        for how in (("--dry-run",), ()):
            code, _, err = d.ctl("submit", *how, path)
            assert code == 64 and "launch.slurm: sbatch refuses it: " in err and "Invalid partition name specified" in err, (code, err)
        large = d.spec(launcher="SBATCH", slurm="nodes: 7", ranks=7, instances=14)
        code, out, err = d.ctl("submit", "--dry-run", large)
        assert code == 0 and "with the nodes that Slurm has now" in out + err, (code, out, err)
    # A partition that is deleted between the submission and the launch.
    shell("scontrol create PartitionName=brief Nodes=ALL MaxTime=INFINITE State=UP")
    with Login(c, "gone") as d:
        first = d.begin(steps=4000)
        second = d.submit(d.spec(name="second", launcher="SBATCH", slurm='nodes: 3 partition: "brief"'))
        d.reach(first, 3)
        shell("scontrol delete PartitionName=brief")
        d.ctl("cancel", first, "--now", check=True)
        assert d.ctl("wait", second, "-q")[0] == 105
        status, events = d.status(second), d.events(second)
        assert status["reason"].startswith("sbatch refused: ") and "Invalid partition" in status["reason"], status
        assert status["restarts"] == 0 and not any("lost" in e or "launched" in e for e in events), events


print(f"seed {SEED}")
runs.main([a_run_waits_in_the_queue, a_suspended_job_ends_with_its_run, each_branch_of_a_sweep_is_a_job, cancelled_while_it_waits,
           cancelled_by_scancel, bitd_is_killed_and_comes_back, pre_empted, refused, the_command_lines, a_node_is_lost], nodes=4, gpus=2)
