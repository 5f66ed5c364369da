"""One row of the table: a fault, its targets, and how it is planted."""
from collections import namedtuple

# detect, again: seconds; lost: steps. None: no target. run(result, rng, long) plants it.
Row = namedtuple("Row", "number fault detect again lost run")
