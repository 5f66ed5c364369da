"""deploy/slurm/train.sbatch as users run it: many specifications in one folder, the same one again, scancel, requeue, and
another bitd that reads what a job left."""
import os

import cluster

cluster.enter()

import runs  # noqa: E402
from runs import shell, until  # noqa: E402

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "slurm", "train.sbatch")
STEPS = 60
undisturbed = {}


class Job(runs.InJob):
    """A job of train.sbatch for one specification in a folder."""

    def __init__(self, folder, path, state=None, options="", **environment):
        self.__dict__.update(folder.__dict__)
        self.state = state or os.path.join(folder.dir, "bitd", os.path.basename(path).rsplit(".", 1)[0])
        self.socket = os.path.join(self.state, "bitd.sock")
        env = {**os.environ, "PATH": os.path.dirname(self.bitd) + ":" + os.environ["PATH"], **environment}
        self.job = shell(f"sbatch --parsable --nodes=1 --ntasks-per-node=1 --gres=none --output={self.dir}/%j.out {options} {SCRIPT} {path}",
                         env=env).stdout.strip()

    def __enter__(self):
        return self

    def began(self, step):
        """Wait until the run has trained this step."""
        until(lambda: self.ctl("ps", "-q")[1].strip(), 30, "the run is there")
        self.reach("r1", step)

    def output(self):
        with open(os.path.join(self.dir, f"{self.job}.out"), errors="replace") as f:
            return f.read()

    def scancel(self, *how):
        shell(f"scancel {' '.join(how)} {self.job}")
        until(lambda: self.job_state() in ("CANCELLED", "FAILED"), 30, "the job is over")
        until(lambda: self.ctl("ps")[0] != 0, 30, "bitd has gone with it")


class Look(runs.OnLogin):
    """bitd on the login node, outside any Slurm job, on the state folder that a job left; it cancels no run when it ends."""

    def __exit__(self, kind, value, trace):
        if kind and kind is not SystemExit:
            self.dump()
        self.stop()


class Folder(runs.Runs):
    """Several specifications in one folder, each of one rank."""

    def of(self, name, steps=STEPS, **more):
        return self.spec(name=name, ranks=1, steps=steps, every=10, at_step=30, instances=4, micro=2, **more)

    def sbatch(self, path, **more):
        return Job(self, path, **more)

    def look(self, state):
        login = Look(self.cluster, os.path.basename(self.dir) + "-look-" + os.urandom(3).hex())
        login.state = state
        return login


def ends_well(job):
    assert job.ended() == ("COMPLETED", 0), (job.facts(), job.output())


def want(c):
    """The final weights of an undisturbed run of 2000 steps."""
    if not undisturbed:
        d = Folder(c, "undisturbed")
        with d.sbatch(d.of("t", 2000)) as job:
            ends_well(job)
        with d.look(job.state) as login:
            undisturbed["digest"] = login.status("r1")["weights_digest"]
    return undisturbed["digest"]


def three_jobs_from_one_folder(c):
    d = Folder(c, "sweep")
    paths = [d.of(name, 400) for name in ("a", "b", "c")]
    jobs = [d.sbatch(path) for path in paths]
    until(lambda: {job.job_state() for job in jobs} == {"RUNNING"} or any(job.job_state() == "FAILED" for job in jobs), 30, "three run")
    for job in jobs:
        with job:
            ends_well(job)
    for job, name in zip(jobs, "abc"):
        assert job.state.endswith(f"/bitd/{name}")
        with d.look(job.state) as login:
            status = login.status("r1")
            assert (status["name"], status["state"], status["step"]) == (name, "completed", 400), status


def the_same_specification_twice(c):
    """While the run trains, the second job prints which bitd has it; when it is complete, the second job reports that."""
    d = Folder(c, "twice")
    path = d.of("t", 3000)
    with d.sbatch(path) as first:
        first.began(5)
        with d.sbatch(path) as second:
            assert second.ended() == ("FAILED", 75), second.facts()
            says = second.output()
            assert f"another bitd has the state folder {first.state}: process " in says and f"in Slurm job {first.job}" in says, says
        first.ctl("cancel", "r1", check=True)
        assert first.ended() == ("FAILED", 103)
    path = d.of("done")
    for time in range(2):
        with d.sbatch(path) as job:
            ends_well(job)
    assert "trained already run=r1 name=done" in job.output(), job.output()


def scancel_leaves_the_run(c):
    """The job ends and the run stays unfinished, also when bitd on the login node opens it; submitting the same file continues it."""
    expected, d = want(c), Folder(c, "left")
    path = d.of("t", 2000)
    for how in ((), ("--full", "--signal=KILL")):  # with a last checkpoint, or without
        with d.sbatch(path) as job:
            job.began(20 if how == () else 40)
            job.scancel(*how)
        with d.look(job.state) as login:
            status = login.status("r1")
            assert status["state"] == "blocked" and "in none" in status["reason"], status
            assert "not launched here" in login.ctl("doctor", "r1")[1], login.ctl("doctor", "r1")
    with d.sbatch(path) as job:
        ends_well(job)
    with d.look(job.state) as login:
        status = login.status("r1")
        assert status["state"] == "completed" and status["weights_digest"] == expected, status
        assert login.ctl("ps", "-a", "-q")[1].split() == ["r1"], login.ctl("ps", "-a")


def an_edited_specification_is_trained_first(c):
    """The log names the other run in the folder, and that run is left alone."""
    d = Folder(c, "edited")
    with d.sbatch(d.of("t", 3000)) as job:
        job.began(5)
        job.scancel()
    with d.sbatch(d.of("t", 40)) as job:
        ends_well(job)
        says = job.output()
        assert "in the folder, too run=r1 name=t" in says, says
    with d.look(job.state) as login:
        assert login.status("r2")["state"] == "completed" and login.status("r1")["step"] < 3000, login.status("r1")


def a_job_that_is_too_small(c):
    """The job ends at once, with a specific exit code, and frees its node; a larger job trains the run."""
    d = Folder(c, "small")
    path = d.spec(name="t", ranks=3, steps=40, every=10, at_step=20, slurm="ranks_per_node: 1")
    with d.sbatch(path) as job:
        assert job.ended() == ("FAILED", 105), (job.facts(), job.output())
        assert "is too small: 3 ranks need 3 nodes" in job.output(), job.output()
    with d.sbatch(path, options="--nodes=3") as job:
        ends_well(job)


class Session(runs.InJob):
    """bitd in another job, started without a run, on the state folder of a job that had one."""

    def __init__(self, c, state, **more):
        self.of = state
        super().__init__(c, **more)

    def command(self, *args):
        self.state = self.of
        return super().command(*args)


def a_session_leaves_another_jobs_run(c):
    d = Folder(c, "of another")
    with d.sbatch(d.of("t", 3000)) as job:
        job.began(5)
        job.scancel()
    with Session(c, job.state, nodes=1, name="session") as session:
        status = session.status("r1")
        assert status["state"] == "blocked" and f"another Slurm job (slurm-fixture-{job.job})" in status["reason"], status
        session.finish(session.submit(session.spec(ranks=1, steps=40, every=10, instances=4)))  # it does train runs submitted to it
        assert session.status("r1")["step"] < 3000


def requeued(c):
    expected, d = want(c), Folder(c, "requeued")
    with d.sbatch(d.of("t", 2000)) as job:
        job.began(20)
        shell(f"scontrol requeue {job.job}")
        job.requeued()
        ends_well(job)
        assert job.facts()["Restarts"] == "1", job.facts()
    with d.look(job.state) as login:
        assert login.status("@last")["run"] == "r1" and login.status("r1")["weights_digest"] == expected, login.status("r1")


def the_folder_of_an_earlier_version(c):
    """Earlier versions had one state folder for all specifications: a run in it continues there, others get their own folder."""
    expected, d = want(c), Folder(c, "old")
    old, path = os.path.join(d.dir, "bitd"), d.of("t", 2000)
    with d.sbatch(path, state=old, BITD_STATE=old) as job:
        job.began(20)
        job.scancel()
    with d.sbatch(path, state=old) as job:
        ends_well(job)
    with d.sbatch(d.of("u")) as other:
        ends_well(other)
    assert os.path.isdir(os.path.join(old, "u", "runs")) and not os.path.exists(os.path.join(old, "t"))
    with d.look(old) as login:
        assert login.status("r1")["weights_digest"] == expected, login.status("r1")


def a_sweep_in_one_job(c):
    """The sweep's branches are trained one after another; the job continues the same sweep when requeued or submitted again."""
    d = Folder(c, "branches")
    path = d.write("s.sweep", f'from: "{d.of("t", 1500)}" grid {{ vary {{ field: "phases.switch.at_step" value: ["30", "60", "90"] }} }}')
    with d.sbatch(path) as job:
        job.began(20)
        shell(f"scontrol requeue {job.job}")
        job.requeued()
        ends_well(job)
    with d.sbatch(path) as again:
        ends_well(again)
        assert "goes on sweep=s1" in again.output(), again.output()
    with d.look(job.state) as login:
        runs_of_it = login.ctl("ps", "-a", "-q", "--where", "sweep=s1", check=True)[1].split()
        status = [login.status(run) for run in runs_of_it]
        assert sorted(runs_of_it) == ["r1", "r2", "r3"] and {s["state"] for s in status} == {"completed"}, status
        assert sorted(s["fork"]["origin"]["step"] for s in status if s["fork"]) == [30, 60], status


runs.main([a_sweep_in_one_job, three_jobs_from_one_folder, the_same_specification_twice, scancel_leaves_the_run, an_edited_specification_is_trained_first,
           a_job_that_is_too_small, a_session_leaves_another_jobs_run, requeued, the_folder_of_an_earlier_version], nodes=4)
