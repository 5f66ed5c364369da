"""How each fault of the soak is injected into the processes that exist at its time."""
import json
import os
import signal
import socket
import subprocess
import time

from bed import kill
from rows_world import CLIENTS
from soak_plan import TICK_S
import hostile

EVENTS_REQUEST = 53
DISK = ("open", "write", "pwrite", "fallocate", "mkdir")  # the calls that need disk space


def rules_of(kind, state, p):
    """The shim's rules for this fault; None for a fault of another kind."""
    sign = 1 if p.pick < 0.5 else -1
    seed = int(p.other * (1 << 30))
    return {
        "full disk": [f"{call} path={state} error 28" for call in DISK],
        "full journal": ["write who=bitd path=/journal error 28"],
        "full checkpoint": ["fallocate who=bitworker path=.partial error 28", "write who=bitworker path=MANIFEST error 28"],
        "failing disk": [f"fsync who=bitworker path=.partial p=25 seed={seed} error 5",
                         f"pwrite who=bitworker path=.partial p=15 seed={seed + 1} error 5",
                         f"pwrite who=bitworker path=.partial p=20 seed={seed + 2} short 1000",
                         f"rename who=bitd path=.partial p=20 seed={seed + 3} error 5"],
        "failing sync": ["fdatasync who=bitd path=/journal error 5"],
        "slow disk": [f"fsync path={state} delay 300", f"fdatasync path={state} delay 100", f"write path={state} delay 20"],
        "clock jump": [f"clock shift {sign * int(60 + p.other * 7200)}"],
    }.get(kind)


def catches(pid, number):
    """Whether the process has a handler for this signal. Before it has installed one, the signal kills it."""
    try:
        with open(f"/proc/{pid}/status") as f:
            caught = next(int(line.split()[1], 16) for line in f if line.startswith("SigCgt"))
    except (OSError, StopIteration):
        return False
    return caught >> (number - 1) & 1 == 1


class Faults:
    """Mix-in of a Bed, a method a fault: each returns what it hit, or None. Faults that last are ended through self.later."""

    def write_rules(self):
        lines = [line for rules in self.active.values() for line in rules]
        self.rules(*lines) if lines else self.heal()

    def plant(self, p):
        self.planted[p.kind] += 1
        met = self.plant_rules(p) if rules_of(p.kind, self.state, p) else getattr(self, p.kind.replace(" ", "_"))(p)
        self.met[p.kind] += bool(met)
        self.plan_log.write(json.dumps({**p._asdict(), "met": met or None}) + "\n")
        self.plan_log.flush()

    def plant_rules(self, p):
        if p.kind in self.active:
            return None
        self.active[p.kind] = rules_of(p.kind, self.state, p)
        self.write_rules()

        def over():
            del self.active[p.kind]
            self.healed = time.monotonic()
            self.write_rules()
        self.later(p.last, over)
        return f"for {p.last} s"

    def processes(self, named):
        """Sorted pids of this soak's launches whose names begin with `named`."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/comm") as f:
                    name = f.read().strip()
                if not name.startswith(named):
                    continue
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if self.tmp.encode() in f.read():
                        found.append(int(pid))
            except OSError:
                pass
        return sorted(found)

    def one_of(self, named, pick):
        found = self.processes(named)
        return found[int(pick * len(found))] if found else None

    def kill_rank(self, p):
        pid = self.one_of("bitworker", p.pick)
        return pid and kill(pid) and f"pid {pid}"

    def kill_launcher(self, p):
        pid = self.one_of("mpirun", p.pick)
        return pid and kill(pid) and f"pid {pid}"

    def freeze(self, pid, seconds):
        if pid is None or not kill(pid, signal.SIGSTOP):
            return None
        self.later(seconds, lambda: kill(pid, signal.SIGCONT))
        return f"pid {pid} for {seconds} s"

    def stop_rank(self, p):
        return self.freeze(self.one_of("bitworker", p.pick), p.last)

    def stop_launcher(self, p):
        return self.freeze(self.one_of("mpirun", p.pick), p.last)

    def stop_bitd(self, p):
        return None if self.ended_by_us else self.freeze(self.process.pid, p.last)

    def kill_bitd(self, p):
        if self.ended_by_us:
            return None
        self.ended_by_us = True
        self.kill()
        self.later(p.last, self.launch_bitd)
        return f"for {p.last} s"

    def end_bitd(self, p):
        """SIGTERM to bitd; it is restarted when it has ended."""
        if self.ended_by_us or not catches(self.process.pid, signal.SIGTERM):
            return None
        self.ended_by_us = True
        kill(self.process.pid, signal.SIGCONT)
        self.process.terminate()

        def again():
            if self.process.poll() is None:
                self.later(TICK_S, again)
                return
            if self.process.returncode != 0:
                self.wrong.append(f"told to go, bitd ended with {self.process.returncode}")
            self.launch_bitd()
        self.later(p.last, again)
        return "told to go"

    def lend(self, seconds, processes):
        def over():
            for process in processes:
                process.kill()
                process.wait()
                self.lending.remove(process)
        self.lending += processes
        self.later(seconds, over)
        return f"{len(processes)} for {seconds} s"

    def garbage(self, p):
        """Bad clients at the clients' socket or at the workers'."""
        path = self.socket if p.pick < 0.7 else os.path.join(self.state, "link.sock")
        return self.lend(p.last, [subprocess.Popen([CLIENTS, "bad", path, "400", "200", str(int(p.other * (1 << 30)))],
                                                   stdout=subprocess.DEVNULL)])

    def idle_clients(self, p):
        count = str(1 + int(p.pick * 100))
        return self.lend(p.last, [subprocess.Popen([CLIENTS, "idle", self.socket, count], stdin=subprocess.PIPE,
                                                   stdout=subprocess.DEVNULL)])

    def slow_readers(self, p):
        """Clients that request all past and future steps of a run and read nothing."""
        runs, readers = sorted(self.runs), []
        if not runs:
            return None
        run = runs[int(p.other * len(runs))]
        for _ in range(1 + int(p.pick * 12)):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.setblocking(False)
            try:
                s.connect(self.socket)
                s.send(hostile.frame(EVENTS_REQUEST, hostile.field(1, run) + hostile.field(3, 1) + hostile.field(4, 1)))
                readers.append(s)
            except OSError:
                s.close()  # bitd is away
        self.later(p.last, lambda: [s.close() for s in readers])
        return readers and f"{len(readers)} of {run} for {p.last} s"

    def ask(self, *words):
        """Start a user's command; bitctl retries while bitd is away, or reports why it failed."""
        self.lending.append(subprocess.Popen([self.bitctl, words[0], "--socket", self.socket, *words[1:]], stdout=self.said,
                                             stderr=self.said))

    def pause(self, p):
        runs = self.busy_runs()
        if not runs:
            return None
        run = runs[int(p.pick * len(runs))]
        self.ask("pause", run)
        self.later(p.last, lambda: self.ask("resume", run))
        return f"{run} for {p.last} s"

    def checkpoint(self, p):
        runs = self.busy_runs()
        if not runs:
            return None
        self.ask("checkpoint", runs[int(p.pick * len(runs))])
        return runs[int(p.pick * len(runs))]
