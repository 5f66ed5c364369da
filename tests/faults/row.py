"""One row of the table: a fault, its targets, and how it is planted."""
from collections import namedtuple

# detect, again: seconds; lost: steps. None: no target. run(result, rng, many) plants it;
# many(short, long) says how many trials are asked for.
Row = namedtuple("Row", "number fault detect again lost run")
