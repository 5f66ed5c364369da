#!/usr/bin/env python3
"""Turn a folder of plain documentation into Dolma documents: JSON lines of {"id", "source", "text"}, gzipped.

usage: documents.py FOLDER OUTPUT

Writes OUTPUT/python.jsonl.gz from the .rst.txt files below FOLDER, OUTPUT/perl.jsonl.gz from the .pod files, and every
50th document of each to OUTPUT/python-valid.jsonl.gz and OUTPUT/perl-valid.jsonl.gz instead. The output, to the byte,
depends only on FOLDER.
"""
import gzip
import json
import os
import sys

SOURCES = {"python": ".rst.txt", "perl": ".pod"}
HELD_OUT = 50
SHORTEST = 200  # characters; shorter files are index pages


def documents(root, source):
    paths = []
    for folder, _, names in os.walk(root):
        paths += [os.path.join(folder, n) for n in names if n.endswith(SOURCES[source])]
    for path in sorted(paths):
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read().strip()
        if len(text) >= SHORTEST:
            yield {"id": os.path.relpath(path, root), "source": source, "text": text}


def write(path, docs):
    part = path + ".part"
    with open(part, "wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=6) as f:
        for doc in docs:
            f.write(json.dumps(doc, ensure_ascii=False).encode() + b"\n")
    os.replace(part, path)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    root, output = sys.argv[1:]
    os.makedirs(output, exist_ok=True)
    for source in SOURCES:
        docs = list(documents(root, source))
        if len(docs) < HELD_OUT:
            sys.exit(f"{root}: only {len(docs)} documents with {SOURCES[source]}")
        write(os.path.join(output, f"{source}.jsonl.gz"), [d for i, d in enumerate(docs) if i % HELD_OUT != HELD_OUT - 1])
        write(os.path.join(output, f"{source}-valid.jsonl.gz"), [d for i, d in enumerate(docs) if i % HELD_OUT == HELD_OUT - 1])


main()
