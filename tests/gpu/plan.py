"""The schedule of items within the given time: most valuable first, on the cards that each needs.

An item is a process of its own (`run --item`), so that a failure or timeout costs only its own rows. Items that need one card
run side by side, one on each card; those that need all cards run afterwards, one at a time. An item starts only if its expected
seconds are left; while single-card items run, the time planned for those of all cards is reserved.
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
GRACE_S = 15  # between SIGTERM and SIGKILL


@dataclasses.dataclass
class Item:
    name: str
    part: str
    seconds: float  # on an H200, with the cards that it needs
    cards: int      # 1 or ALL
    call: typing.Callable  # call(report, host)
    after: tuple = ()      # names of items that must have ended before, if they are planned at all
    home: int = -1         # items to compare with each other share this number and so a card; -1: any card

    def may_be_on(self, lane, lanes):
        return self.home < 0 or self.home % lanes == lane


def makespan(items, lanes):
    """Total seconds: each single-card item on the card that is free first, then those for all cards."""
    free, ended = [0.0] * lanes, {}
    for item in items:
        if item.cards != ALL:
            lane = min((k for k in range(lanes) if item.may_be_on(k, lanes)), key=free.__getitem__)
            begin = max([free[lane]] + [ended[name] for name in item.after if name in ended])
            free[lane] = ended[item.name] = begin + item.seconds
    return max(free) + sum(item.seconds for item in items if item.cards == ALL)


def helpers(items):
    """Names of items that only prepare others."""
    return {name for item in items for name in item.after}


def choose(items, seconds, lanes):
    """The items that fit, most valuable first, without those that would prepare no chosen item."""
    chosen = []
    for item in items:
        if makespan(chosen + [item], lanes) <= seconds:
            chosen.append(item)
    idle = [item for item in chosen if item.name in helpers(items) - helpers(chosen)]
    return choose([item for item in items if item not in idle], seconds, lanes) if idle else chosen


class Plan:
    """The state of the schedule: which items are left and which are running."""

    def __init__(self, items, seconds, lanes, now=time.monotonic):
        self.left, self.running, self.lanes, self.now = list(items), set(), lanes, now
        self.deadline = now() + seconds
        self.chosen = {item.name for item in choose(items, seconds, lanes)}
        self.idle = helpers(items) - self.chosen  # no item that they prepare is planned
        self.slower = {}  # part -> largest ratio of real to expected seconds of its items

    def seconds_of(self, item):
        return item.seconds * max(1.0, self.slower.get(item.part, 1.0))

    def kept(self):
        """Seconds reserved for the planned items of all cards while single-card items run."""
        return sum(self.seconds_of(i) for i in self.left if i.cards == ALL and i.name in self.chosen)

    def blocked(self, item):
        waiting = {i.name for i in self.left if i.name not in self.idle} | self.running
        return any(name in waiting for name in item.after)

    def fits(self, item, kept):
        return self.now() + self.seconds_of(item) <= self.deadline - kept

    def next(self, cards, lane=0, keep=True):
        """(the next item for these cards or None, whether one may become available when a running item ends)"""
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
    """Runs a Plan. command(item, lane, seconds): the program of an item; its rows, lines of JSON on stdout, go into the report."""

    def __init__(self, report, plan, command, devices, timer=threading.Timer):
        self.report, self.plan, self.command, self.timer = report, plan, command, timer
        self.devices = devices  # CUDA_VISIBLE_DEVICES of each lane; [None]: unchanged
        self.changed = threading.Condition()
        self.processes, self.stopped = set(), False

    def run(self):
        for keep in (True, False):  # items that did not fit get a second chance after the others
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
            print(line, end="", file=sys.stderr, flush=True)  # other output of the item's program
            return
        self.report.add_row(row | {"item": item.name, "card": None if lane is None else self.devices[lane]})

    def cut(self, process, cut):
        cut.set()
        self.end(process)

    @staticmethod
    def end(process):
        """SIGTERM, on which the item ends what it has started; after GRACE_S SIGKILL to its process group."""
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
