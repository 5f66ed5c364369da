"""Several ranks on the first GPU (share_gpu.c): tests the calls of NCCL with any number of GPUs."""
import os
import subprocess

import runs


def collectives(report, host, counts=(2, 3, 4, 8)):
    """Vectors on GPUs, gathered, reduced and added, against the result of one process."""
    program = os.path.join(host.build, "tests", "mpi", "test_fabric")
    for n in counts:
        p = subprocess.run(["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(n), program], capture_output=True, text=True,
                           timeout=report.left(90), env={**os.environ, "BIT_TEST_BACKEND": host.kcheck_backend})
        with open(os.path.join(report.out, f"fabric-{n}.log"), "w") as f:
            f.write(p.stdout + p.stderr)
        last = "".join((p.stdout + p.stderr).strip().splitlines()[-1:])
        report.check(f"gathers, reductions and sums of {n} ranks", p.returncode == 0, f"exit {p.returncode}: {last[:100]}", "exit 0")


def ranks(report, host, bed):
    """The same global batch on one, two and four ranks; then four again: NCCL adds in a fixed order, so the bits are the same."""
    one, two, four, again = (bed.train(name, host.backend, steps=50, at_step=25, ranks=n, micro=1)
                             for name, n in (("on-1", 1), ("on-2", 2), ("on-4", 4), ("on-4-again", 4)))
    groups = [bed.train(f"in-{name}", host.backend, "--set", f"launch.shard_ranks={n}", steps=50, at_step=25, ranks=4, micro=1)
              for name, n in (("twos", 2), ("twos-again", 2), ("ones", 1))]
    want = bed.losses(one)
    for run, name in ((two, "2 ranks"), (four, "4 ranks"), (groups[0], "2 groups of 2 ranks"), (groups[2], "4 groups of a rank")):
        difference, step = runs.worst(want, bed.losses(run))
        report.at_most(f"losses of {name} and one, 50 steps", difference, 1e-3, "", step=step)
    same = bed.losses(groups[0]) == bed.losses(groups[1])
    report.check("groups twice", same, "every loss" if same else "other losses", "the same bits")
    same = bed.losses(four) == bed.losses(again)
    report.check("four ranks twice", same, "every loss" if same else "other losses", "the same bits")
