"""One row of the table: a fault, its targets, and the function that injects it."""
from collections import namedtuple

# detect, again: target seconds; lost: target steps; None: no target. run(result, rng, many) injects the fault; many (a Share)
# gives the number of trials. parts: the long version may be cut into so many parts, each with beds of its own.
Row = namedtuple("Row", "number fault detect again lost run parts", defaults=(1,))


class Share:
    """The trials of a row that one of its parts must do: the parts divide the row's trials among them."""

    def __init__(self, trials=0, long=False, part=0, parts=1):
        self.trials, self.long, self.part, self.parts = trials, long, part, parts

    def __call__(self, short, long):
        return len(self.span(short, long))

    def span(self, short, long):
        """This part's trials as a range of indices into all trials of the row."""
        count = self.trials or (long if self.long else short)
        return range(count * self.part // self.parts, count * (self.part + 1) // self.parts)
