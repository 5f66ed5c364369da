"""What is done in which order in the time that there is: items in the order of their worth, on the cards that each needs.

An item is a process of its own (`run --item`), so that what one of them breaks, or is cut off in, is its own rows. Those that
need one card run side by side, one on each card; those that need all of them come after, alone. An item begins only where the
seconds that it is thought to take are left; while single cards work, the time of what was planned for all of them is kept.
"""
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
import typing

ALL = 0  # cards of an item: every one there is
GRACE_S = 15  # that an item has to end in once it was told to


@dataclasses.dataclass
class Item:
    name: str
    part: str
    seconds: float  # on an H200, with the cards that it needs
    cards: int      # 1 or ALL
    call: typing.Callable  # call(report, host)
    after: tuple = ()      # names of items that have to have ended, where they are done at all
    home: int = -1         # what is compared with each other is done on one card: by this number; -1: on any

    def may_be_on(self, lane, lanes):
        return self.home < 0 or self.home % lanes == lane


def makespan(items, lanes):
    """Seconds that they take together: each single one on the card that is free first, then those for all cards."""
    free, ended = [0.0] * lanes, {}
    for item in items:
        if item.cards != ALL:
            lane = min((k for k in range(lanes) if item.may_be_on(k, lanes)), key=free.__getitem__)
            begin = max([free[lane]] + [ended[name] for name in item.after if name in ended])
            free[lane] = ended[item.name] = begin + item.seconds
    return max(free) + sum(item.seconds for item in items if item.cards == ALL)


def helpers(items):
    """Names of those that are done for the sake of others."""
    return {name for item in items for name in item.after}


def choose(items, seconds, lanes):
    """Those that fit, by worth, without those that would help nobody then."""
    chosen = []
    for item in items:
        if makespan(chosen + [item], lanes) <= seconds:
            chosen.append(item)
    idle = [item for item in chosen if item.name in helpers(items) - helpers(chosen)]
    return choose([item for item in items if item not in idle], seconds, lanes) if idle else chosen


class Plan:
    """Who does what when; the items' names say which are left, which are under way."""

    def __init__(self, items, seconds, lanes, now=time.monotonic):
        self.left, self.running, self.lanes, self.now = list(items), set(), lanes, now
        self.deadline = now() + seconds
        self.chosen = {item.name for item in choose(items, seconds, lanes)}
        self.idle = helpers(items) - self.chosen  # nobody whom they would help is planned
        self.slower = {}  # part -> its items' seconds over what they were thought to take, of the slowest

    def seconds_of(self, item):
        return item.seconds * max(1.0, self.slower.get(item.part, 1.0))

    def kept(self):
        """For what was planned for all cards, while single ones work."""
        return sum(self.seconds_of(i) for i in self.left if i.cards == ALL and i.name in self.chosen)

    def blocked(self, item):
        waiting = {i.name for i in self.left if i.name not in self.idle} | self.running
        return any(name in waiting for name in item.after)

    def fits(self, item, kept):
        return self.now() + self.seconds_of(item) <= self.deadline - kept

    def next(self, cards, lane=0, keep=True):
        """(the next item for these cards or None, whether one may come once something has ended)"""
        kept = self.kept() if keep and cards != ALL else 0.0
        able = [i for i in self.left if i.cards == cards and i.name not in self.idle and self.fits(i, kept)
                and (cards == ALL or i.may_be_on(lane, self.lanes))]
        for item in able:
            if not self.blocked(item):
                self.left.remove(item)
                self.running.add(item.name)
                return item, True
        return None, bool(able) and bool(self.running)

    def ended(self, item, took):
        self.running.discard(item.name)
        self.slower[item.part] = max(took / item.seconds, self.slower.get(item.part, 1.0))


class Runner:
    """command(item, lane, seconds): the program that does it. Its rows, lines of JSON on stdout, become the report's."""

    def __init__(self, report, plan, command, devices, timer=threading.Timer):
        self.report, self.plan, self.command, self.timer = report, plan, command, timer
        self.devices = devices  # of each lane, as CUDA_VISIBLE_DEVICES has them; [None]: whatever there is
        self.changed = threading.Condition()
        self.processes, self.stopped = set(), False

    def run(self):
        for keep in (True, False):  # what did not fit is looked at once more when the rest is done
            lanes = [threading.Thread(target=self.lane, args=(k, keep)) for k in range(self.plan.lanes)]
            for lane in lanes:
                lane.start()
            for lane in lanes:
                lane.join()
            self.alone()
        for item in self.plan.left:
            left = max(0.0, self.plan.deadline - self.plan.now())
            self.report.skip(item.name, f"left out: it takes about {self.plan.seconds_of(item):.0f} s, and {left:.0f} are left")

    def lane(self, lane, keep):
        while not self.stopped:
            with self.changed:
                item, hope = self.plan.next(1, lane, keep)
                if item is None and hope:
                    self.changed.wait(1)
            if item is not None:
                self.do(item, lane)
            elif not hope:
                return

    def alone(self):
        item = self.plan.next(ALL)[0]
        while item is not None and not self.stopped:
            self.do(item, None)
            item = self.plan.next(ALL)[0]

    def environment(self, lane):
        if lane is None or self.devices[lane] is None:
            return None
        return os.environ | {"CUDA_VISIBLE_DEVICES": self.devices[lane]}

    def do(self, item, lane):
        begin, seconds = time.monotonic(), max(1.0, self.plan.deadline - self.plan.now())
        process = subprocess.Popen(self.command(item, lane, seconds), stdout=subprocess.PIPE, text=True, start_new_session=True,
                                   env=self.environment(lane))
        with self.changed:
            self.processes.add(process)
        cut = threading.Event()
        ender = self.timer(seconds, self.cut, (process, cut))
        ender.start()
        for line in process.stdout:
            self.take(item, lane, line)
        code = process.wait()
        ender.cancel()
        if cut.is_set():
            self.report.skip(item.name, f"cut off after {seconds:.0f} s")
        elif code != 0:
            self.report.check(item.name, False, f"its process ended with {code}: see {self.report.out}/{item.name}")
        with self.changed:
            self.processes.discard(process)
            self.plan.ended(item, time.monotonic() - begin)
            self.changed.notify_all()
        self.report.took(item.name, time.monotonic() - begin, item.seconds)

    def take(self, item, lane, line):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not {"what", "result", "figure", "target"} <= row.keys():
            print(line, end="", file=sys.stderr, flush=True)  # what a program of the item has to say
            return
        self.report.add_row(row | {"item": item.name, "card": None if lane is None else self.devices[lane]})

    def cut(self, process, cut):
        cut.set()
        self.end(process)

    @staticmethod
    def end(process):
        """Told to, it ends what it has started; then by force."""
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

    def stop(self):
        self.stopped = True
        with self.changed:
            processes = list(self.processes)
        for process in processes:
            self.end(process)
