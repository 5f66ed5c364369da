"""The launcher's side on a cluster of eight nodes: srun places two ranks on each node, and two nodes are lost at the same moment.

tests/daemon/test_fleet.c tests how many ranks bitd itself can serve.
"""
import os
import re

import cluster

cluster.enter()

import runs  # noqa: E402
from runs import until  # noqa: E402

NODES = 8


def two_ranks_a_node_on_eight_nodes(c):
    with runs.InJob(c, nodes=NODES, name="sixteen") as d:
        status = d.finish(d.submit(d.spec(ranks=2 * NODES, instances=2 * NODES, micro=1, steps=8, at_step=4, every=8, slurm="ranks_per_node: 2")))
        assert status["nodes"] == f"n[1-{NODES}]" and status["ranks"] == 2 * NODES, status
        assert not any("lost" in e for e in d.events()), "nothing was lost on the way"
        with open(os.path.join(d.dir, "job.out")) as f:
            here = re.search(rf"every rank is here run=r1 ranks={2 * NODES} ms=(\d+)", f.read())
        assert here, "every rank has a link"


def two_nodes_lost_at_once_cost_one_launch(c):
    """When the first loss is detected the other node is known to be gone, too, so that the next launch uses the six live ones."""
    with runs.InJob(c, nodes=NODES, name="lost", config="heartbeat_timeout = 3\nfence_timeout = 8\n") as d:
        run = d.submit(d.spec(ranks=6, instances=12, micro=1, steps=60, at_step=30, every=10))
        d.reach(run, 12)
        for number in (2, 5):
            c.node[number].cut()
        status = d.finish(run)
        lost = [e["lost"] for e in d.events() if "lost" in e]
        assert len(lost) == 1 and re.match("node n[25] was lost", lost[0]["cause"]), lost
        assert status["nodes"] == "n[1,3-4,6-8]" and status["ranks"] == 6, status
        for number in (2, 5):
            c.node[number].heal()
            until(lambda: not c.node[number].pids("bitworker"), 20, "the lost node's rank ends itself")


runs.main([two_ranks_a_node_on_eight_nodes, two_nodes_lost_at_once_cost_one_launch], nodes=NODES)
