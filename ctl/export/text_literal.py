"""Print a text file as a C string literal, one source line per line of the file."""
import json
import sys

with open(sys.argv[1], encoding="ascii") as f:
    for line in f:
        print("    " + json.dumps(line))
