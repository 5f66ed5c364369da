"""bitd in a Slurm job, with its workers as a step of the job: srun and mpirun train to the same bits, and every rank of a node sees
all of the node's GPUs."""
import os
import re

import cluster

cluster.enter()

import runs  # noqa: E402
from runs import local  # noqa: E402


def srun_trains_what_mpirun_trains(c):
    with local.Daemon() as d:
        path = d.spec(ranks=3, steps=40, at_step=20, optimizer="RESET", every=10)
        with open(path) as f:
            text = f.read().replace("instances: 8", "instances: 12")
        with open(path, "w") as f:
            f.write(text)
        want = d.finish(d.submit(path))["weights_digest"]
    with runs.InJob(c, nodes=3) as d:
        status = d.finish(d.submit(d.spec()))
        assert status["weights_digest"] == want, f"srun's weights {status['weights_digest']}, mpirun's {want}"
        assert status["nodes"] == "n[1-3]" and status["ranks"] == 3, status
        assert not any("lost" in e for e in d.events()), "nothing was lost on the way"


def every_rank_sees_all_gpus_of_its_node(c):
    worker = os.path.join(local.build_root(), "worker", "bitworker")
    show = os.path.join(c.dir, "show")
    with open(show, "w") as f:
        f.write(f'#!/bin/sh\necho "gpus $SLURM_PROCID $SLURM_LOCALID $CUDA_VISIBLE_DEVICES $NCCL_DEBUG $EXTRA"\nexec {worker} "$@"\n')
    os.chmod(show, 0o755)
    with runs.InJob(c, nodes=2, options="--gres=gpu:2", name="gpus", args=("--worker", show)) as d:
        d.finish(d.submit(d.spec(ranks=4, instances=8, slurm='gres: "gpu:2" env: "EXTRA=a b"')))
        with open(os.path.join(d.state, "runs", "r1", "logs", "worker-1.log")) as f:
            seen = sorted(re.findall(r"^gpus (.*)$", f.read(), re.M))
        assert seen == ["0 0 0,1 WARN a b", "1 1 0,1 WARN a b", "2 0 0,1 WARN a b", "3 1 0,1 WARN a b"], seen


def srun_takes_nodes_folded_and_from_a_file(c):
    """srun accepts node lists as bitd writes them: folded, or, if too long for an argument, in a file with a name a line."""
    names = os.path.join(c.dir, "nodes")
    c.write("nodes", "n1\nn3\n")
    for nodes in ("n[1,3]", names):
        out = c.slurm(f"srun --nodes=2 --nodelist='{nodes}' --ntasks=2 --ntasks-per-node=1 printenv SLURMD_NODENAME")
        assert sorted(out.split()) == ["n1", "n3"], f"--nodelist={nodes}: {out}"


def no_rank_is_sent_to_before_it_is_there(c):
    """Rank 0 is half a second late in MPI_Init. With Slurm's own default, which the user may set, that crashes it."""
    late = os.path.join(local.build_root(), "tests", "slurm", "liblate_rank.so")
    preload = f'env: "LD_PRELOAD={late}"'
    with runs.InJob(c, nodes=3, name="late") as d:
        d.finish(d.submit(d.spec(steps=20, at_step=10, slurm=preload)))
        assert not any("lost" in e for e in d.events()), "a rank ended in MPI_Init"
        path = d.spec(name="mixed", steps=20, at_step=10, slurm=preload + ' env: "SLURM_PMIX_FENCE=mixed"')
        run = d.submit(path, "--set", "launch.max_restarts=0")
        code = d.ctl("wait", run, "-q", timeout=600)[0]
        reason = d.status(run)["reason"]
        assert code == 105 and "signal 11" in reason, f"mixed ended with {code}: {reason}; is the ring needed no more?"


runs.main([srun_trains_what_mpirun_trains, srun_takes_nodes_folded_and_from_a_file, every_rank_sees_all_gpus_of_its_node,
           no_rank_is_sent_to_before_it_is_there], nodes=4, gpus=2)
