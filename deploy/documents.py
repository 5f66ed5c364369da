#!/usr/bin/env python3
"""Turn a folder of plain documentation (.rst.txt, .pod) into Dolma documents: JSON lines of {"id", "source", "text"}, gzipped.

usage: documents.py FOLDER TRAIN.jsonl.gz VALID.jsonl.gz

Every 50th document is held out into VALID. The order and the bytes depend on the folder's contents alone.
"""
import gzip
import json
import os
import sys

ENDINGS = (".rst.txt", ".pod")
HELD_OUT = 50
SHORTEST = 200  # characters; less is an index page


def documents(root):
    paths = []
    for folder, _, names in os.walk(root):
        paths += [os.path.join(folder, n) for n in names if n.endswith(ENDINGS)]
    for path in sorted(paths):
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read().strip()
        if len(text) >= SHORTEST:
            yield os.path.relpath(path, root), text


def write(path, docs):
    part = path + ".part"
    with open(part, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=6) as f:
        for name, text in docs:
            f.write(json.dumps({"id": name, "source": "debian", "text": text}, ensure_ascii=False).encode() + b"\n")
    os.replace(part, path)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    docs = list(documents(sys.argv[1]))
    if len(docs) < HELD_OUT:
        sys.exit(f"{sys.argv[1]}: only {len(docs)} documents with {' or '.join(ENDINGS)}")
    write(sys.argv[2], [d for i, d in enumerate(docs) if i % HELD_OUT != HELD_OUT - 1])
    write(sys.argv[3], [d for i, d in enumerate(docs) if i % HELD_OUT == HELD_OUT - 1])


main()
