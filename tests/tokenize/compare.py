#!/usr/bin/env python3
"""Our ids against those of the `tokenizers` package, and our decoding against the texts.

    compare.py ENCODE SMALL.json [--seed N]      inputs.py lists the variables for documents and one more tokenizer

Exit 77 without the package. Prints the differences, and a last line with counts.
"""
import copy
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

sys.dont_write_bytecode = True
import inputs  # noqa: E402

try:
    import tokenizers
except ImportError:
    print("skipped: no Python package `tokenizers`")
    sys.exit(77)

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CORPUS_BYTES, FOUND_BYTES, BATCH_CHARACTERS = 50_000_000, 4_000_000, 4_000_000
PLAIN_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def run(encode, path, items, *words):
    request = b"".join(struct.pack("<I", n) + data for n, data in items)
    answer = subprocess.run([encode, path, *words], input=request, stdout=subprocess.PIPE, check=True).stdout
    at = 0
    while at < len(answer):
        (count,) = struct.unpack_from("<I", answer, at)
        size = count if words else 4 * count
        yield answer[at + 4:at + 4 + size]
        at += 4 + size


class Comparison:
    def __init__(self, encode, path):
        self.encode, self.path = encode, path
        self.theirs = tokenizers.Tokenizer.from_file(path)
        self.texts = self.ids = self.differing = self.failures = 0

    def fail(self, what, text, *more):
        self.failures += 1
        if self.failures <= 5:
            print(f"{self.path}: {what}: {ascii(text[:100])}", *more)

    def ids_of(self, texts):
        encoded = [t.encode() for t in texts]
        answers = run(self.encode, self.path, [(len(t), t) for t in encoded])
        return [list(struct.unpack(f"<{len(a) // 4}I", a)) for a in answers]

    def check(self, what, texts):
        ours = self.ids_of(texts)
        theirs = [e.ids for e in self.theirs.encode_batch(texts, add_special_tokens=False)]
        if len(ours) != len(texts):
            return self.fail(what, "", f"{len(ours)} answers to {len(texts)} texts")
        for text, a, b in zip(texts, ours, theirs):
            if a != b:
                k = next(i for i in range(max(len(a), len(b))) if a[i:i + 1] != b[i:i + 1])
                self.differing += sum(x != y for x, y in itertools.zip_longest(a, b))
                self.fail(what, text, f"id {k}: ours {a[k:k + 6]}, theirs {b[k:k + 6]}")
        self.texts += len(texts)
        self.ids += sum(map(len, theirs))

    def check_documents(self):
        """Compare whole documents of a corpus or of the machine, some megabytes at a time."""
        source, texts = inputs.texts(CORPUS_BYTES, FOUND_BYTES)
        batch, documents, size, before = [], 0, 0, (self.ids, self.differing)
        for text in itertools.chain(texts, [None]):
            if text is None or sum(map(len, batch)) > BATCH_CHARACTERS:
                self.check("document", batch)
                batch = []
            if text is not None:
                batch.append(text)
                documents, size = documents + 1, size + len(text.encode())
        print(f"{source}, {os.path.basename(self.path)}: {documents} documents, {size} bytes, "
              f"{self.ids - before[0]} ids, {self.differing - before[1]} ids differ")
        if documents == 0:
            self.fail("no document", source)

    def check_round_trip(self, texts):
        """Decoding gives the text's NFC, for texts of which no added token strips white space."""
        items = [(len(i), struct.pack(f"<{len(i)}I", *i)) for i in self.ids_of(texts)]
        for text, back in zip(texts, run(self.encode, self.path, items, "decode")):
            if self.theirs.normalizer.normalize_str(text) != back.decode():
                self.fail("round trip", text, ascii(back[:100]))
        self.texts += len(texts)


# ---- texts ----

def code_points():
    """All characters except surrogates; of private and unassigned ones one in 37."""
    for c in range(0x110000):
        category = unicodedata.category(chr(c))
        if category != "Cs" and (category not in ("Cn", "Co") or c % 37 == 0):
            yield chr(c)


def in_contexts(separator):
    forms = ["%", "a%b", "1%2", "!%!", " % ", "x  %% y", "'%'s", "\n%\n", "e%\u0301\u0323z", "\u0345%\u0334"]
    return [separator.join(f.replace("%", c) for f in forms) for c in code_points()]


def mixed(rng, count):
    pools = [
        list(map(chr, range(0x300))),
        list(" \n\t\r\x0b\x85\xa0\u2028\u2029\u3000\u180e\u200bas'1"),
        list(map(chr, range(0x300, 0x370))) + list("aeoA\u1100\u1161\u11a8\uac00"),
        list(map(chr, range(0x900, 0xE00))),
        list(map(chr, [*range(0x1100, 0x1200), *range(0xAC00, 0xAC80)])),
        list("'stremdvl SRTEM  \u2019\u017f"),
        list(map(chr, range(0x1D00, 0x2000))),
        list(map(chr, range(0x590, 0x900))),
        list(map(chr, range(0x10A00, 0x12000))),
        [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000],
    ]
    for _ in range(count):
        chosen = rng.choices(pools, k=rng.randint(1, 3))
        yield "".join(rng.choice(rng.choice(chosen)) for _ in range(rng.randint(0, 60)))


def with_added(rng, contents, count):
    parts = contents + [" ", "  ", "x", "'s", "\n", "é", "e\u0301", "\u0301", "1", "<|endof", "|||", "text|>", "\u3000", "\t"]
    for _ in range(count):
        yield "".join(rng.choice(parts) for _ in range(rng.randint(1, 14)))


def long_runs(rng):
    units = ["a", " ", "\n", "\r\n", "\t", "=", "ab", "a\u0301", "\u0301", "\u0323\u0301", "\u4e00", "1", "\U0001f600",
             "\u00a0", "\u2028", "the ", "'s", "\u1100\u1161\u11a8", "\u05b0\u05b1", ".-"]
    for unit in units:
        yield from (unit * 100, unit * 3000)
    yield from ("a" * 1_000_000, " " * 1_000_000, "\n" * 1_000_000)
    yield "".join(rng.choice("abcdefghij") for _ in range(300_000))
    for n in range(60):
        yield from ("x" + " " * n + "y", "x" + " " * n, "x" + "\n" * n + "y")


def picked():
    controls = "".join(map(chr, range(32)))
    return ["", " ", "\n", controls, controls * 3, "I'm you're we've they'll he'd it's can't I'M 'S's''s '' 's", "\u2019s",
            "a\r\nb\r\n\r\nc", "\x85a\x85 b", "\u2028x\u2029", "\xa0x \xa0 y", "١٢٣ ४५६ 123 Ⅷ ½ ²", "x\x00y", "\ufeffhi",
            "a\u0300\u0301", "\ufb01", "\u212b", "\u2126", "\u1e9b\u0323", "q\u0307\u0323", "\U0001d15e", "\u0958", "\u2adc",
            "\u0f73", "\u1c89\u1c8a \U000105c9 \U00011383"]


# ---- variants of a tokenizer ----

def variants(base):
    def variant(**changes):
        d = copy.deepcopy(base)
        for key, value in changes.items():
            (d["model"] if key == "ignore_merges" else d)[key] = value
        return d

    def split(pattern, behavior="Isolated", invert=False):
        return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}

    def sequence(*steps):
        return {"type": "Sequence", "pretokenizers": list(steps)}

    yield "prefix space", variant(pre_tokenizer={**PLAIN_BYTES, "add_prefix_space": True, "use_regex": True})
    yield "no split", variant(pre_tokenizer=PLAIN_BYTES)
    yield "split by GPT-2's pattern", variant(pre_tokenizer=sequence(split({"Regex": GPT2}), PLAIN_BYTES))
    yield "split by Llama 3's pattern", variant(pre_tokenizer=sequence(split({"Regex": LLAMA3}), PLAIN_BYTES),
                                                ignore_merges=True, normalizer=None)
    yield "digits", variant(pre_tokenizer=sequence({"type": "Digits", "individual_digits": True},
                                                   {**PLAIN_BYTES, "use_regex": True}))
    yield "digit runs", variant(pre_tokenizer=sequence({"type": "Digits", "individual_digits": False}, PLAIN_BYTES))
    yield "text removed", variant(pre_tokenizer=sequence(split({"String": "a."}, "Removed"), PLAIN_BYTES))
    yield "all but text removed", variant(pre_tokenizer=sequence(split({"Regex": "[a-m ]+"}, "Removed", True), PLAIN_BYTES))
    yield "normalizer sequence", variant(normalizer={"type": "Sequence", "normalizers": [{"type": "NFC"}]})


def compare_all(comparison, rng, everything):
    added = [a["content"] for a in json.load(open(comparison.path))["added_tokens"]]
    texts = list(mixed(rng, 20000))
    comparison.check("mixed", texts)
    comparison.check("added tokens", list(with_added(rng, added, 10000)))
    comparison.check("picked", picked())
    if everything:
        comparison.check("code points", in_contexts("<|endoftext|>"))
        comparison.check("long runs", list(long_runs(rng)))
    comparison.check_round_trip(texts)


def main():
    encode, small = sys.argv[1:3]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 20260101
    rng = random.Random(seed)
    done = []
    full = inputs.full_tokenizer()
    for path in filter(None, (small, full)):
        done.append(Comparison(encode, path))
        compare_all(done[-1], rng, everything=path == (full or small))
    done[-1].check_documents()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in variants(json.load(open(small))):
            path = os.path.join(folder, name)
            json.dump(content, open(path, "w"))
            done.append(Comparison(encode, path))
            done[-1].check(name, [*mixed(rng, 4000), *picked()])
    failures = sum(c.failures for c in done)
    print(f"tokenizers {tokenizers.__version__}, seed {seed}: {len(done)} tokenizers, {sum(c.texts for c in done)} texts, "
          f"{sum(c.ids for c in done)} ids, {failures} differ")
    sys.exit(failures > 0)


main()
