"""One row of the table: a fault, its targets, and how it is planted."""
from collections import namedtuple

# detect, again: seconds; lost: steps. None: no target. run(result, rng, many) plants it; many says how many trials are
# asked for. parts: the long version may be cut into so many, each with beds of its own.
Row = namedtuple("Row", "number fault detect again lost run parts", defaults=(1,))


class Share:
    """How many trials of a row one of its parts has to do. The parts of a row share out what is asked between them."""

    def __init__(self, trials=0, long=False, part=0, parts=1):
        self.trials, self.long, self.part, self.parts = trials, long, part, parts

    def __call__(self, short, long):
        return len(self.span(short, long))

    def span(self, short, long):
        """The same as indices into all of them."""
        count = self.trials or (long if self.long else short)
        return range(count * self.part // self.parts, count * (self.part + 1) // self.parts)
