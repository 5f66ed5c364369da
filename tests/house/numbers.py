#!/usr/bin/env python3
"""Figures about the sources: sizes of folders, functions and lines, and names that mean two things.

    tests/house/numbers.py [--tree FOLDER] [--build BUILD] [--list]

For the sources of proto, kernels, worker, daemon and ctl, without generated tables. --build also counts files in
circles of calls, from a build of the same tree. --list names them.
"""
import argparse
import collections
import json
import os
import subprocess

import names
import tree

COLUMNS = 100


def circles(build):
    script = os.path.join(tree.here(), "tests", "circles")
    answer = subprocess.run([script, build, "--json", "--most", "1000"], check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)["circles"]


def report(what, number, which, listed):
    print(f"{number:6}  {what}")
    for item in which if listed else []:
        print(f"          {item}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", default=tree.here(), help="root of the sources (default: this script's tree)")
    parser.add_argument("--build", help="a build of them, for the circles")
    parser.add_argument("--list", action="store_true", help="list them")
    args = parser.parse_args()

    paths = tree.files(args.tree)
    texts = {path: tree.read(args.tree, path) for path in paths}
    folders = collections.Counter(os.path.dirname(path) for path in paths)
    largest, most = folders.most_common(1)[0]
    report(f"files in the largest folder ({largest}), of {len(paths)} in {len(folders)}", most,
           [f"{n} {folder}" for folder, n in folders.most_common()], args.list)
    if args.build:
        found = circles(os.path.realpath(args.build))
        report(f"files in {len(found)} circles of calls, the largest of {max(map(len, found), default=0)}",
               sum(map(len, found)), [" ".join(circle) for circle in found], args.list)
    functions = [f for path in paths for f in tree.functions(path, texts[path])]
    long = sorted((f for f in functions if f.lines > 40), key=lambda f: -f.lines)
    report(f"functions over 40 lines, of {len(functions)}", len(long),
           [f"{f.lines} {f.file}:{f.line} {f.name}" for f in long], args.list)
    twice = names.structs_twice(texts)
    report("struct names defined twice", len(twice), [names.places(name, where) for name, where in twice.items()],
           args.list)
    stems = names.stems_twice(paths)
    report("file stems in several folders", len(stems), [names.places(name, where) for name, where in stems.items()],
           args.list)
    wide = names.wide_lines(texts, COLUMNS)
    lines = sum(text.count("\n") for text in texts.values())
    report(f"lines over {COLUMNS} columns, of {lines}", len(wide), [], args.list)


if __name__ == "__main__":
    main()
