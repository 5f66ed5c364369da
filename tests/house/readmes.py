#!/usr/bin/env python3
"""The files, links and functions that READMEs name must exist, and their tables must be complete.

    tests/house/readmes.py [--tree FOLDER] [FOLDER...]

The tables of a folder's README whose first column is headed "file" must list every file of the folder and no other;
files of a folder below that has a README with such a table of its own are in that one instead. A
name in code quotes there is a path from the README's folder, with or without its ending (`run/history`, `limits.h`), or
a pattern (`block_*`); a name without a path means that file in any folder below. In all READMEs: every link leads to a
file, and to a heading of it, and every function or macro of ours (bit_x, BIT_X) exists. Exit code 1 if a rule is broken.
"""
import argparse
import fnmatch
import os
import re
import sys

import tree

# Folders whose READMEs, or those of the folders below, must list all files.
FOLDERS = ("daemon", "ctl", "proto", "kernels", "worker")

# Names that are in no source: deploy/test reads them.
ELSEWHERE = {"BIT_FUZZ_S"}


def named(text):
    """The names in the first columns of the tables of files."""
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
    """Whether a table's name means this file, whose path is relative to the README's folder."""
    whole, stem = path, os.path.splitext(path)[0]
    if "/" not in name:
        whole, stem = os.path.basename(whole), os.path.basename(stem)
    return fnmatch.fnmatch(whole, name) or fnmatch.fnmatch(stem, name)


def own_tables(root, folder):
    """The folders below this one that have a README with a table of files."""
    return [os.path.dirname(path) for path in tree.files(root, (folder,), ("README.md",))
            if os.path.dirname(path) != folder and named(tree.read(root, path))]


def problems_of(root, folder):
    names = named(tree.read(root, os.path.join(folder, "README.md")))
    below = tuple(f"{inner}/" for inner in own_tables(root, folder))
    paths = [os.path.relpath(path, folder)
             for path in tree.files(root, (folder,), (".c", ".h", ".cu", ".cuh", ".proto", ".sh"))
             if not path.startswith(below)]
    for path in paths:
        if not any(stands_for(name, path) for name in names):
            yield f"{folder}/{path}: has no line in {folder}/README.md"
    for name in names:
        if not any(stands_for(name, path) for path in paths):
            yield f"{folder}/README.md: no file is `{name}`"
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{folder}/README.md: `{name}` stands there {names.count(name)} times"


def readmes(root):
    """Paths of all READMEs, relative to the root."""
    found = [name for name in os.listdir(root) if name.endswith(".md")]
    return sorted(found + tree.files(root, tree.FOLDERS + ("tests", "deploy"), (".md",)))


def words(root):
    """All names of ours in the sources, and the prefixes from which macros build names."""
    found = set()
    for path in tree.files(root, tree.FOLDERS + ("tests",), (".c", ".h", ".cu", ".cuh", ".py", ".proto", ".build")):
        found.update(re.findall(r"\b(?:bit|BIT)_\w+", tree.read(root, path)))
    return found


def anchors(text):
    """The anchors that GitHub gives the headings of a text in Markdown."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead_links(root, path, text):
    """Yields the links of a README to missing files and headings."""
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        at = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        if not os.path.exists(os.path.join(root, at)):
            yield f"{path}: there is no {target}"
        elif anchor and anchor not in anchors(tree.read(root, at)):
            yield f"{path}: {at} has no heading #{anchor}"


def untrue(root):
    """Yields dead links, and names that no source has."""
    known = words(root)
    for path in readmes(root):
        text = tree.read(root, path)
        yield from dead_links(root, path, text)
        for name in sorted(set(re.findall(r"\b(?:bit|BIT)_[a-z0-9A-Z_]+\b(?!\*)", text)) - known):
            if name not in ELSEWHERE:
                yield f"{path}: the sources have no {name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", default=FOLDERS, metavar="FOLDER", help=f"instead of {' '.join(FOLDERS)}")
    parser.add_argument("--tree", default=tree.here(), help="root of the sources (default: this script's tree)")
    args = parser.parse_args()

    folders = [each for folder in args.folders for each in [folder, *own_tables(args.tree, folder)]]
    problems = [problem for folder in folders for problem in problems_of(args.tree, folder)]
    problems += untrue(args.tree)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
