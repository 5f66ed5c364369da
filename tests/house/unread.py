#!/usr/bin/env python3
"""Fields that are never read and functions that are never called.

    tests/house/unread.py [--tree FOLDER] [--build BUILD] [--tests]

A field is unread if no source has its name after a dot or an arrow, except where something is stored into it. This is a
scan of words, so an unread field that shares its name with a read one is missed. With a build: functions that no other
object file references, and no other source either (for sources that are built only with CUDA). Exit code 1 if something
is found that this file does not list with a reason. --tests also reports functions that only tests call.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys

import tree

# Structs with a layout for other readers: struct -> who reads it.
STRUCTS = {
    "sched_attributes": "the kernel",
    "bit_value": "proto/text/reflect copies the union into a field of a message",
    "bit_product_key": "kernels/cuda/gemm/blas compares whole keys",
    "bit_product_choice": "proto/ckpt/product_set has its bytes",
}
FIELDS = {
    "pointer": "proto/text/reflect has a union as large as any field",
}

def uses(texts):
    """(counts of fields' names that are read, counts of those that are stored into)"""
    read, stored = collections.Counter(), collections.Counter()
    for text in texts:
        for match in re.finditer(r"(?:->|\.)\s*(\w+)((?:\[[^\[\]]*\])*)\s*(=(?!=))?", text):
            (stored if match.group(3) else read)[match.group(1)] += 1
    return read, stored


def of_macros(texts):
    """Words of macros, their arguments and offsetof: a table of fields made by macros counts as reading them."""
    words = set()
    for text in texts:
        for match in re.finditer(r"#\s*define[^\n]*(?:\\\n[^\n]*)*", text):
            words.update(re.findall(r"\w+", match.group(0)))
        for match in re.finditer(r"\b[A-Z][A-Z0-9_]*\s*\(([^;{}]*?)\)", text):
            words.update(re.findall(r"\w+", match.group(1)))
        for match in re.finditer(r"\boffsetof\s*\([^)]*\)", text):
            words.update(re.findall(r"\w+", match.group(0)))
    return words


def unread_fields(root):
    product = {path: tree.without_comments(tree.read(root, path)) for path in tree.files(root)}
    others = [tree.without_comments(tree.read(root, path)) for path in tree.files(root, ("tests",))]
    read, stored = uses(list(product.values()) + others)
    macros = of_macros(list(product.values()) + others)
    for path, text in product.items():
        for field in tree.fields(path, text):
            if field.struct in STRUCTS or field.name in macros or field.name in FIELDS:
                continue
            if path.endswith((".cu", ".cuh")) and len(re.findall(rf"\b{field.name}\b", text)) > 1: # bare in a method
                continue
            if not read[field.name]:
                yield field, "stored, never read" if stored[field.name] else "never used"


def objects(build):
    """Object files of the current build, without those of deleted sources."""
    listing = subprocess.run(["ninja", "-C", build, "-t", "compdb"], check=True, capture_output=True, text=True).stdout
    outputs = {os.path.join(entry["directory"], entry["output"]) for entry in json.loads(listing)}
    return sorted(path for path in outputs if path.endswith(".o") and os.path.exists(path))


def symbols(paths):
    """path -> (functions that an object file exports, symbols that it references)."""
    of_path = {path: (set(), set()) for path in paths}
    listing = subprocess.run(["nm", "-gA", *paths], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        path, _, rest = line.partition(":")
        kind, name = rest.split()[-2:]
        if kind in "TUw":
            of_path[path][kind != "T"].add(name)
    return of_path


def uncalled_functions(root, build, tests):
    """(name, what is wrong) of the product's exported functions that no other object file references."""
    defined, named_by, product_named = set(), collections.defaultdict(set), set()
    for path, (theirs, used) in symbols(objects(build)).items():
        for function in used:
            named_by[function].add(path)
        if os.path.relpath(path, build).split("/")[0] in tree.FOLDERS and not path.endswith(".pb-c.c.o"):
            product_named |= used
            defined |= theirs
    mentions = collections.defaultdict(set)
    for path in tree.files(root, tree.FOLDERS + ("tests",), (".c", ".cu")):
        for word in set(re.findall(r"\bbit_\w+", tree.without_comments(tree.read(root, path)))):
            mentions[word].add(path)
    for function in sorted(defined - {"main"}):
        if not named_by[function] and len(mentions[function]) <= 1:
            yield function, "no other file calls it: static, or none"
        elif tests and function not in product_named:
            yield function, "tests alone call it"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", default=tree.here(), help="root of the sources (default: this script's tree)")
    parser.add_argument("--build", help="a build of them, for the functions")
    parser.add_argument("--tests", action="store_true", help="tell of functions that tests alone call, too")
    args = parser.parse_args()

    problems = [f"{field.file}:{field.line}: {field.struct}.{field.name}: {why}"
                for field, why in unread_fields(args.tree)]
    if args.build:
        problems += [f"{function}(): {why}" for function, why in uncalled_functions(args.tree, os.path.realpath(args.build), args.tests)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
