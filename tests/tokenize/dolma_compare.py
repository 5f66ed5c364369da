#!/usr/bin/env python3
"""The files of `bitctl tokenize` against those of `dolma tokens`, byte for byte.

    dolma_compare.py BITCTL SMALL.json      BIT_DOLMA_PYTHON: a Python that has the package `dolma`, if not this one

dolma shuffles documents; with one process, one open file (--ring_size 1), one document at a time (--batch_size 1) and
one input it keeps their order. Each .npy is compared, and the content of each .csv.gz (gzip stores the time of
writing). Exit 77 without the package.
"""
import glob
import gzip
import json
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import unicodedata

sys.dont_write_bytecode = True
import inputs  # noqa: E402

PYTHON = os.environ.get("BIT_DOLMA_PYTHON", sys.executable)
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}


def has_dolma():
    return subprocess.run([PYTHON, "-c", "import dolma.cli.tokenizer"], **QUIET).returncode == 0


def texts(rng):
    """Code, characters of every script, white space at the ends, empty text, end-of-text tokens inside and at the end."""
    folder = sysconfig.get_path("stdlib")
    for path in sorted(glob.glob(os.path.join(folder, "*.py")))[:40]:
        with open(path, encoding="utf-8", errors="replace") as f:
            yield f.read(20000)
    assigned = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]
    for begin in range(0, len(assigned), 400):
        yield "".join(assigned[begin:begin + 400])
    for _ in range(300):
        yield "".join(rng.choice(assigned) for _ in range(rng.randint(0, 200)))
    yield from ["", " ", "\n\u3000\x1c", "  x  ", "<|endoftext|>", "a<|endoftext|>", "a<|endoftext|>b", "e\u0301" * 500]


def write_documents(path, rng):
    count = 0
    with gzip.open(path, "wt", encoding="utf-8") as out:
        for text in texts(rng):
            document = {"id": rng.choice(["plain", "with,comma", 'with "quotes"', "li\nne", "\u00e9"]) + str(count),
                        "source": "test", "text": text, "metadata": {"text": [1, {"id": 2}]}}
            out.write(json.dumps(document, ensure_ascii=rng.random() < 0.5) + "\n")
            count += 1
            if count % 50 == 0:
                out.write(rng.choice(['{"id": "x"}\n', '{"id": "x", "text": 5}\n', '{"id": "x", "text": "y\n']))
    return count


def run_both(bitctl, tokenizer, documents, folder, max_size):
    ours, theirs = (os.path.join(folder, f"{who}-{max_size}") for who in ("ours", "theirs"))
    subprocess.run([bitctl, "tokenize", "-t", tokenizer, "-o", ours, "--max-size", str(max_size), documents], check=True,
                   **QUIET)
    subprocess.run([PYTHON, "-m", "dolma.cli.__main__", "tokens", "--documents", documents, "--destination", theirs,
                    "--tokenizer.name_or_path", tokenizer, "--tokenizer.eos_token_id", str(inputs.end_of_text(tokenizer)),
                    "--processes", "1", "--ring_size", "1", "--batch_size", "1", "--max_size", str(max_size), "--dtype",
                    "uint16", "--work_dir.input", os.path.join(folder, "work-in"), "--work_dir.output",
                    os.path.join(folder, f"work-{max_size}")], check=True, **QUIET)
    return ours, theirs


def content(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
        return f.read()


def compare(ours, theirs):
    names = {who: sorted(n for n in os.listdir(who) if n.startswith("part-")) for who in (ours, theirs)}
    if names[ours] != names[theirs] or len(names[ours]) == 0:
        print("files differ:", names)
        return 1, 0, 0
    different = [n for n in names[ours] if content(os.path.join(ours, n)) != content(os.path.join(theirs, n))]
    for name in different:
        print(f"{ours}/{name} differs from {theirs}/{name}")
    tokens = sum(os.path.getsize(os.path.join(ours, n)) // 2 for n in names[ours] if n.endswith(".npy"))
    return len(different), len(names[ours]), tokens


def main():
    bitctl, tokenizer = sys.argv[1:3]
    if not has_dolma():
        print(f"skipped: {PYTHON} has no package `dolma`; BIT_DOLMA_PYTHON names one that has it")
        sys.exit(77)
    different = files = tokens = 0
    with tempfile.TemporaryDirectory() as folder:
        documents = os.path.join(folder, "documents.json.gz")
        tokenizer = inputs.with_old_merges(tokenizer, os.path.join(folder, "tokenizer.json"))
        count = write_documents(documents, random.Random(20260102))
        for max_size in (1 << 22, 60_000):
            found = compare(*run_both(bitctl, tokenizer, documents, folder, max_size))
            different, files, tokens = different + found[0], files + found[1], tokens + found[2]
    print(f"{count} documents, {files} files, {tokens} tokens, {different} files differ")
    sys.exit(different > 0)


main()
