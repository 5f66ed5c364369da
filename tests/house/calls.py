#!/usr/bin/env python3
"""Calls that only one place may make, on behalf of all others.

    tests/house/calls.py [--tree FOLDER]

Tests must not make temporary names by themselves, which would leave folders behind, and bitctl must not print texts
unescaped, which would let a run's name control the terminal. Strings and comments are ignored. Exit code 1 if there are
such calls.
"""
import argparse
import re
import sys

import tree

# (folder, forbidden calls, what to use instead, files that may make them)
RULES = (
    ("tests", ("mkdtemp", "mkstemp", "mkstemps", "mkostemp", "tmpnam", "tempnam"), "test_folder() of tests/folder.h",
     ("tests/folder.h", "tests/unit/test_folder.c")),
    ("ctl", ("printf", "fprintf", "vprintf", "vfprintf", "puts", "fputs", "fwrite", "json_dumpf"), "ctl/show/show.h",
     # show.c escapes texts, help.c prints only our own; hf_files.c writes tensors' names, which are ours, to files
     ("ctl/show/show.c", "ctl/cli/help.c", "ctl/export/hf_files.c")),
)


def called(text, names):
    """Numbers, from 1, of the lines that call one of the functions."""
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
    parser.add_argument("--tree", default=tree.here(), help="root of the sources (default: this script's tree)")
    args = parser.parse_args()

    problems = list(problems_of(args.tree))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
