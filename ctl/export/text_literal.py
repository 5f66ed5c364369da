"""A file as a literal of C, a line of it on each line."""
import json
import sys

with open(sys.argv[1], encoding="ascii") as f:
    for line in f:
        print("    " + json.dumps(line))
