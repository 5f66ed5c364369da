"""The faults of a soak and their times: they depend on the seed alone, not on the machine."""
import random
from collections import namedtuple

# weight: relative frequency. longest: the most seconds that it lasts; 0 for an instantaneous fault.
Kind = namedtuple("Kind", "name weight longest")
KINDS = [
    Kind("kill rank", 8, 0),
    Kind("kill launcher", 3, 0),
    Kind("stop rank", 3, 6),
    Kind("stop launcher", 1, 4),
    Kind("kill bitd", 4, 2),
    Kind("end bitd", 2, 1),
    Kind("stop bitd", 3, 5),
    Kind("full disk", 3, 3),
    Kind("full journal", 2, 2),
    Kind("full checkpoint", 2, 3),
    Kind("failing disk", 3, 4),
    Kind("failing sync", 2, 2),
    Kind("slow disk", 2, 4),
    Kind("clock jump", 3, 3),
    Kind("garbage", 4, 2),
    Kind("idle clients", 2, 3),
    Kind("slow readers", 3, 5),
    Kind("pause", 2, 3),
    Kind("checkpoint", 2, 0),
]
ENDS_BITD = ("kill bitd", "end bitd")
GAP_S = 2.0   # between two faults, on average
TICK_S = 0.1  # between two polls of bitd, runs and commands

# pick, other: in [0, 1), for the fault's choices at its time, such as which rank.
Planned = namedtuple("Planned", "at kind last pick other")


def plan(seed, seconds):
    """No fault ends bitd in the last third, so that leaks of that whole time show at the end."""
    rng = random.Random(f"soak {seed}")
    at, out = 0.0, []
    while True:
        at += rng.expovariate(1 / GAP_S)
        kind = rng.choices(KINDS, [k.weight for k in KINDS])[0]
        planned = Planned(round(at, 3), kind.name, round(rng.random() * kind.longest, 3), rng.random(), rng.random())
        if at >= seconds:
            return out
        if kind.name not in ENDS_BITD or at < seconds * 2 / 3:
            out.append(planned)
