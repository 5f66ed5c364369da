#!/usr/bin/env python3
"""Calls that one place makes for all others.

    tests/house/calls.py [--tree FOLDER]

Tests make no temporary names by themselves, and bitctl prints no text as it is: the one leaves folders behind, the other
lets a run's name write to a terminal. Strings and comments are no calls. Exit code 1 if something is not so.
"""
import argparse
import re
import sys

import tree

# Where, which calls, what to use instead, and who may: that place itself.
RULES = (
    ("tests", ("mkdtemp", "mkstemp", "mkstemps", "mkostemp", "tmpnam", "tempnam"), "test_folder() of tests/folder.h",
     ("tests/folder.h", "tests/unit/test_folder.c")),
    ("ctl", ("printf", "fprintf", "vprintf", "vfprintf", "puts", "fputs", "fwrite", "json_dumpf"), "ctl/show/show.h",
     # show.c makes texts harmless, help.c prints our own; hf_files.c writes tensors' names, which are ours, into files
     ("ctl/show/show.c", "ctl/cli/help.c", "ctl/export/hf_files.c")),
)


def called(text, names):
    """Lines, from 1, on which one of the functions is called."""
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(names) + r")\s*\(")
    return [number for number, line in enumerate(tree.without_comments(text).split("\n"), 1) if pattern.search(line)]


def problems_of(root):
    for folder, names, instead, may in RULES:
        for path in tree.files(root, (folder,), (".c", ".h")):
            if path not in may:
                for number in called(tree.read(root, path), names):
                    yield f"{path}:{number}: use {instead}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", default=tree.here(), help="the sources; those that this script lies in")
    args = parser.parse_args()

    problems = list(problems_of(args.tree))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
