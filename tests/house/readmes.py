#!/usr/bin/env python3
"""Every file of a folder stands in the tables of its README, and nothing else does.

    tests/house/tables.py [--tree FOLDER] [FOLDER...]

The tables meant are those whose first column is headed "file". What stands in code quotes there is a path from the
README's folder, with or without its ending (`run/history`, `limits.h`), or a pattern (`block_*`); a name alone is that
file of any folder below. Exit code 1 if a file is missed or a name is nobody's.
"""
import argparse
import fnmatch
import os
import re
import sys

import tree

# Folders whose README has a file a line.
FOLDERS = ("daemon",)


def named(text):
    """What the first columns of the tables of files name."""
    names, inside = [], False
    for line in text.split("\n"):
        if not line.startswith("|"):
            inside = False
        elif re.match(r"\|\s*files?\s*\|", line):
            inside = True
        elif inside:
            names += re.findall(r"`([^`]+)`", line.split("|")[1])
    return names


def stands_for(name, path):
    """Whether a name of a table means this file, given below the README's folder."""
    whole, stem = path, os.path.splitext(path)[0]
    if "/" not in name:
        whole, stem = os.path.basename(whole), os.path.basename(stem)
    return fnmatch.fnmatch(whole, name) or fnmatch.fnmatch(stem, name)


def problems_of(root, folder):
    names = named(tree.read(root, os.path.join(folder, "README.md")))
    paths = [os.path.relpath(path, folder)
             for path in tree.files(root, (folder,), (".c", ".h", ".cu", ".cuh", ".proto", ".sh"))]
    for path in paths:
        if not any(stands_for(name, path) for name in names):
            yield f"{folder}/{path}: has no line in {folder}/README.md"
    for name in names:
        if not any(stands_for(name, path) for path in paths):
            yield f"{folder}/README.md: no file is `{name}`"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{folder}/README.md: `{name}` stands there {names.count(name)} times"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", default=FOLDERS, metavar="FOLDER", help=f"instead of {' '.join(FOLDERS)}")
    parser.add_argument("--tree", default=tree.here(), help="the sources; those that this script lies in")
    args = parser.parse_args()

    problems = [problem for folder in args.folders for problem in problems_of(args.tree, folder)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
