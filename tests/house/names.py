#!/usr/bin/env python3
"""Unique names, lines that fit the screen, and one function for plurals.

    tests/house/names.py [--tree FOLDER]

No struct is defined twice, no two folders have files of the same name, no line has more than 120 columns; the "s" of a
plural is made by bit_format_s (proto/format.h). Exit code 1 if a rule is broken.
"""
import argparse
import collections
import os
import re
import sys

import tree

COLUMNS = 120

# An operator has the same stem in each of these: its contract, its reference, its variants; so have a back end's parts of exec.
KERNELS = ("kernels", "kernels/exec", "kernels/ref", "kernels/cpu", "kernels/cuda", "kernels/cuda/gemm",
           "kernels/cuda/attention")
# Each program has one of these.
EVERYWHERE = ("main",)


def structs_twice(texts):
    """name -> places of the structs, unions and enums that are defined in more than one file.

    Only names that begin with bit_ or are in a header: `struct state` of a .c file is private to it. Twice in one file
    is allowed: such structs are parts of two others.
    """
    places_of = collections.defaultdict(list)
    for path, text in texts.items():
        for name, line in tree.struct_names(tree.without_comments(text)):
            if name.startswith("bit_") or path.endswith((".h", ".cuh")):
                places_of[name].append(f"{path}:{line}")
    return {name: where for name, where in sorted(places_of.items())
            if len({place.split(":")[0] for place in where}) > 1}


def stems_twice(paths):
    """stem -> folders that have a file of that name, if there are several."""
    folders_of = collections.defaultdict(set)
    for path in paths:
        folder, name = os.path.split(path)
        folders_of[name.split(".")[0]].add("kernels" if folder in KERNELS else folder)
    return {stem: sorted(folders) for stem, folders in sorted(folders_of.items())
            if len(folders) > 1 and stem not in EVERYWHERE}


def wide_lines(texts, columns):
    return [(path, number) for path, text in texts.items()
            for number, line in enumerate(text.split("\n"), 1) if len(line) > columns]


def own_plurals(texts):
    return [(path, number) for path, text in texts.items() if path != "proto/format.h"
            for number, line in enumerate(text.split("\n"), 1) if re.search(r'\? "" : "s"|\? "s" : ""', line)]


def places(name, where):
    return f"{name}: {' '.join(where)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", default=tree.here(), help="root of the sources (default: this script's tree)")
    args = parser.parse_args()

    paths = tree.files(args.tree)
    texts = {path: tree.read(args.tree, path) for path in paths}
    problems = [f"defined twice: {places(name, where)}" for name, where in structs_twice(texts).items()]
    problems += [f"a file of several folders: {places(name, where)}" for name, where in stems_twice(paths).items()]
    problems += [f"{path}:{number}: over {COLUMNS} columns" for path, number in wide_lines(texts, COLUMNS)]
    problems += [f"{path}:{number}: a plural by hand: bit_format_s() makes it" for path, number in own_plurals(texts)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
