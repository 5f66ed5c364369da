"""Runs on the cluster of cluster.py: bitd inside a Slurm job or on the login node, driven through bitctl."""
import json
import os
import shlex
import sys
import time
import traceback

import cluster
from cluster import shell, skip, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
import fixture as local  # noqa: E402

CONFIG = """
listen = eth0:4100-4199
slurm_poll = 0.3
restart_delay_max = 0.2
kill_grace = 2
"""


class Runs:
    """A state folder and a configuration for a bitd that the test starts in a job or on the login node, with helpers to drive it."""

    def __init__(self, c, name="bitd", config=""):
        root = local.build_root()
        self.cluster = c
        self.bitd = os.path.join(root, "daemon", "bitd")
        self.bitctl = os.path.join(root, "ctl", "bitctl")
        for program in (self.bitd, self.bitctl, os.path.join(root, "worker", "bitworker")):
            if not os.path.exists(program):
                skip(f"no {program}")
        self.dir = os.path.join(c.dir, name.replace(" ", "-"))
        self.state, self.socket, self.config = (os.path.join(self.dir, x) for x in ("state", "s", "bitd.conf"))
        os.mkdir(self.dir)
        self.write("bitd.conf", local.PATIENT + CONFIG + config)
        local.write_tokens(os.path.join(self.dir, "train.npy"), 64 * 2000, 256, 1)
        local.write_tokens(os.path.join(self.dir, "valid.npy"), 64 * 8, 256, 2)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def spec(self, name="t", launcher="SRUN", slurm="", steps=40, every=10, ranks=3, at_step=20, instances=12, micro=2, extra=""):
        text = local.SPEC.format(name=name, steps=steps, at_step=at_step, optimizer="RESET", ramp=0, every=every, eval_every=0, tasks="",
                                 ranks=ranks, operands="BF16", extra=extra)
        for old, new in (("instances: 8 micro_instances: 2", f"instances: {instances} micro_instances: {micro}"),
                         ("max_restarts: 5", f"max_restarts: 5 launcher: {launcher} slurm {{ {slurm} }}")):
            assert old in text
            text = text.replace(old, new)
        return self.write(f"{name}.txtpb", text)

    def command(self, *args):
        return shlex.join([self.bitd, "--state", self.state, "--socket", self.socket, "--config", self.config, *args])

    def ctl(self, *args, timeout=6000, check=False):
        p = cluster.subprocess.run([self.bitctl, args[0], "--socket", self.socket, *args[1:]], capture_output=True, text=True,
                                   timeout=timeout)
        if check and p.returncode != 0:
            raise AssertionError(f"bitctl {' '.join(args)} ended with {p.returncode}: {p.stderr}{p.stdout}")
        return p.returncode, p.stdout, p.stderr

    def up(self, seconds=30):
        until(lambda: self.ctl("ps")[0] == 0, seconds, "bitd answers")

    def submit(self, path, *args):
        return self.ctl("submit", "-q", path, *args, check=True)[1].strip()

    def status(self, run="@last"):
        return json.loads(self.ctl("status", run, "--json", check=True)[1])

    def events(self, run="@last", steps=False):
        out = self.ctl("events", run, "--json", *(["--steps"] if steps else []), check=True)[1]
        return [json.loads(line) for line in out.splitlines()]

    def losses(self, run="@last"):
        return {e["step"]["step"]: (e["step"]["loss"], e["step"]["grad_norm"]) for e in self.events(run, True) if "step" in e}

    def reach(self, run, step, timeout=600):
        code = self.ctl("wait", run, "-q", "--for", f"step={step}", timeout=timeout)[0]
        assert code == 0, f"waiting for step {step} ended with {code}: {self.status(run).get('reason')}"

    def finish(self, run="@last", timeout=6000):
        code = self.ctl("wait", run, "-q", timeout=timeout)[0]
        assert code == 0, f"{run} ended with {code}: {self.status(run).get('reason')}"
        return self.status(run)

    def dump(self):
        for folder, _, names in os.walk(self.dir):
            for name in sorted(names):
                if name.endswith((".log", ".out")):
                    with open(os.path.join(folder, name), errors="replace") as f:
                        print(f"---- {os.path.relpath(os.path.join(folder, name), self.dir)}\n" + f.read()[-5000:])


class InJob(Runs):
    """bitd as the first process of a job's script."""

    def __init__(self, c, nodes=3, options="", name="bitd", config="", args=()):
        super().__init__(c, name, config)
        script = self.write("job.sh", f"#!/bin/bash\nexec {self.command(*args)}\n")
        self.prepare()
        self.job = shell(f"sbatch --parsable --nodes={nodes} --no-kill --requeue --open-mode=append --output={self.dir}/job.out "
                         f"{options} {script}").stdout.strip()

    def prepare(self):
        """Override: makes what must exist before the job begins."""

    def facts(self):
        return self.cluster.job(self.job)

    def job_state(self):
        return self.facts().get("JobState")

    def ended(self, seconds=120):
        """(state, exit code) of the job once it has ended."""
        until(lambda: self.job_state() in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"), seconds, "the job ends")
        return self.job_state(), int(self.facts()["ExitCode"].split(":")[0])

    def requeued(self, seconds=60):
        """Wait until the job is queued again, and cancel the two minutes for which Slurm would hold it."""
        until(lambda: self.job_state() == "PENDING", seconds, "the job is queued again")
        shell(f"scontrol update JobId={self.job} StartTime=now+2")  # an update within the same second would be refused

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not SystemExit:
            self.dump()
        shell(f"scancel {self.job}", check=False)
        until(lambda: self.cluster.job(self.job).get("JobState") not in ("RUNNING", "COMPLETING", "PENDING"), 30, "the job ended")


class OnLogin(Runs):
    """bitd on the login node."""

    def __init__(self, c, name="login", config=""):
        super().__init__(c, name, "listen = 10.77.0.254:4200-4299\n" + config)
        self.process = None

    def start(self):
        log = open(os.path.join(self.dir, "bitd.log"), "ab")
        self.process = cluster.subprocess.Popen(shlex.split(self.command()), stdout=log, stderr=log)
        self.up()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, value, trace):
        if kind and kind is not SystemExit:
            self.dump()
        for run in self.ctl("ps", "-q")[1].split():
            self.ctl("cancel", run, "--now")
        self.stop()


def tried(test, c):
    begin = time.monotonic()
    try:
        test(c)
        print(f"ok     {test.__name__} {time.monotonic() - begin:.1f} s", flush=True)
        return True
    except Exception as e:  # the others are still worth running
        if not isinstance(e, AssertionError):
            traceback.print_exc(file=sys.stdout)
        print(f"FAILED {test.__name__}: {e}", flush=True)
        return False


def main(tests, **of_cluster):
    """Run the functions named on the command line, or all, on one cluster, and print a line for each; exit 1 if one failed."""
    failed = 0
    with cluster.Cluster(**of_cluster) as c:
        for test in tests:
            if sys.argv[1:] and test.__name__ not in sys.argv[1:]:
                continue
            failed += not tried(test, c)
    sys.exit(1 if failed else 0)
