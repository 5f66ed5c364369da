#!/usr/bin/env python3
"""Sources that clang-format would change.

    tests/house/format.py

Only clang-format 14, Debian 12's, since other versions decide otherwise in places. Exit code 1 if a file is named, 77
where that version is not installed.
"""
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

import tree

VERSION = 14
AT_ONCE = 40 # files for one process


def formatter():
    """The program's path, or None."""
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path and re.search(rf"version {VERSION}\.", subprocess.run([path, "--version"], capture_output=True, text=True).stdout):
            return path
    return None


def changed(program, root, paths):
    """Counter of file -> places that would change."""
    out = subprocess.run([program, "--dry-run", *paths], cwd=root, capture_output=True, text=True)
    if out.returncode != 0:
        sys.exit(f"clang-format failed: {out.stderr}")
    return collections.Counter(re.findall(r"^(\S+):\d+:\d+: warning: code should be clang-formatted", out.stderr, re.M))


def main():
    program = formatter()
    if program is None:
        print(f"clang-format {VERSION} is not installed")
        return 77
    root, found = tree.here(), collections.Counter()
    paths = tree.files(root, tree.FOLDERS + ("tests",))
    groups = [paths[i:i + AT_ONCE] for i in range(0, len(paths), AT_ONCE)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for counts in pool.map(lambda group: changed(program, root, group), groups):
            found += counts
    for path, places in sorted(found.items()):
        print(f"{path}: differs from its formatted text (clang-format -i), places: {places}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
