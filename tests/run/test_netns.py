"""bitd and its workers in network namespaces of their own, with a cable between them: a whole run over the sealed link, undisturbed and
with the cable pulled for a second. Skipped where network namespaces cannot be made.
"""
import os
import shutil
import subprocess
import time

from fixture import Daemon, main, skip

if os.geteuid() != 0:
    skip("needs root, to make network namespaces")
for tool in ("ip", "nsenter"):
    if not shutil.which(tool):
        skip(f"no {tool}")

NAMES = [f"bit{os.getpid()}{end}" for end in "ab"]


def ip(*args, check=True):
    return subprocess.run(("ip", *args), check=check, capture_output=True, text=True)


class Cable:
    """Two namespaces, 10.123.0.1 and .2 (and fd12::1, ::2) at the ends of a cable."""

    def __enter__(self):
        made = ip("netns", "add", NAMES[0], check=False)
        if made.returncode != 0:
            skip(f"ip netns add: {made.stderr.strip()}")
        entered = ip("-n", NAMES[0], "link", check=False)
        if entered.returncode != 0:
            ip("netns", "del", NAMES[0], check=False)
            skip(f"ip -n: {entered.stderr.strip()}")
        ip("netns", "add", NAMES[1])
        ip("link", "add", NAMES[0], "netns", NAMES[0], "type", "veth", "peer", "name", NAMES[1], "netns", NAMES[1])
        for i, name in enumerate(NAMES):
            ip("-n", name, "addr", "add", f"10.123.0.{i + 1}/24", "dev", name)
            ip("-n", name, "addr", "add", f"fd12::{i + 1}/64", "dev", name, "nodad")
            for device in ("lo", name):
                ip("-n", name, "link", "set", device, "up")
        return self

    def __exit__(self, kind, value, trace):
        for name in NAMES:
            ip("netns", "del", name, check=False)

    def set(self, state):
        ip("-n", NAMES[0], "link", "set", NAMES[0], state)


def wrap(folder, name, namespace, program):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(f'#!/bin/sh\nexec nsenter --net=/run/netns/{namespace} {program} "$@"\n')
    os.chmod(path, 0o755)
    return path


class Apart(Daemon):
    def __init__(self, listen, hold=()):
        super().__init__(hold=hold)
        mpirun = wrap(self.dir, "mpirun", NAMES[1], shutil.which("mpirun"))
        self.bitd = wrap(self.dir, "bitd", NAMES[0], self.bitd)
        with open(self.config, "a") as f:
            f.write(f"listen = {listen}\nlink = tcp\nmpirun = {mpirun}\n")


def digest(daemon, pull=None):
    run = daemon.submit(daemon.spec(steps=60, at_step=30, every=20))
    if pull:
        assert daemon.wait(run, "--for", "step=10") == 0
        pull()
    status = daemon.finish(run)
    assert status.get("restarts", 0) == 0, status
    return status["weights_digest"]


def a_run_across_two_networks():
    with Daemon() as d:
        here = digest(d)
    for listen in ("10.123.0.1:0", "[fd12::1]:0", f"{NAMES[0]}:4100-4199"):
        with Cable(), Apart(listen) as d:
            there = digest(d)
            assert there == here, (listen, there, here)


def a_cable_pulled_for_a_second():
    with Daemon() as d:
        here = digest(d)
    with Cable() as cable, Apart("10.123.0.1:0", hold=(11,)) as d:
        def pull():
            cable.set("down")
            d.let_on()
            time.sleep(1)  # the fault itself
            cable.set("up")
        assert digest(d, pull) == here


main([a_run_across_two_networks, a_cable_pulled_for_a_second])
