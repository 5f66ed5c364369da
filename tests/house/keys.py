#!/usr/bin/env python3
"""Every key of `bitctl help json` must have an explanation.

    tests/house/keys.py BITCTL

A key's explanation is its comment in proto/bit.proto, after the field, which is on a line of its own, or its row in
ctl/cli/key_meanings.c if it means the same in all objects. Keys of a specification are left out: the specification
documents them. Exit code 1 if one has none.
"""
import re
import subprocess
import sys

# Parts of a RunSpec whose names do not end in Spec.
OF_SPECIFICATIONS = ("EvalSet", "TaskSet", "DataSource")


def unexplained(page):
    """(Object.key of each unexplained key, number of objects)"""
    found, objects, name = [], 0, None
    for line in page.split("\nObjects: ")[1].split("\nEnumerations\n")[0].split("\n"):
        key = re.match(r"  (\w+) +((?:list of )?(?:true or false|16 hex digits|\w+)(?:, or no key| or null)?)(?: +(.*)|$)", line)
        if re.match(r"[A-Z]\w+$", line):
            name, objects = line, objects + 1
        elif key and not key.group(3) and not name.endswith("Spec") and name not in OF_SPECIFICATIONS:
            found.append(f"{name}.{key.group(1)}")
    return found, objects


def main():
    page = subprocess.run([sys.argv[1], "help", "json"], capture_output=True, text=True, check=True).stdout
    found, objects = unexplained(page)
    for key in found:
        print(f"{key}: has no meaning in `bitctl help json`: comment it in proto/bit.proto")
    if objects < 60:
        print(f"the page has {objects} objects: has its layout changed?")
    return 1 if found or objects < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
