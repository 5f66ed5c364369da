#!/usr/bin/env python3
"""Write unicode_table.h: the properties of each code point that the tokenizer uses.

    pip install --target u16 unicodedata2==16.0.0
    PYTHONPATH=u16 python3 ctl/tokenize/unicode_table.py > ctl/tokenize/unicode_table.h

The table deliberately mixes three versions of Unicode, because Hugging Face's tokenizers does and our ids must equal
its ids. Classes (letter, number, space) are those of its regular expression engine, Oniguruma 6.9.10, Unicode 16.0.
Digits, of the pre-tokenizer Digits, are the numbers of Rust's standard library, Unicode 17.0 in the releases of 0.23.
NFC is that of its normalisation crate, unicode-normalization-alignments 0.1, Unicode 9.0. The stability policy forbids
later versions to change what NFC does to an existing character, so NFC of Unicode 9.0 is that of Unicode 16.0 without
the younger characters; perl tells each character's age.
"""
import subprocess
import sys

import unicodedata2 as ucd

CLASS_VERSION = "16.0.0"
NFC_AGE = "9.0"
SPACES = [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
OTHER, LETTER, NUMBER, SPACE = range(4)
YOUNGER_NUMBERS = {*range(0x11DE0, 0x11DEA), *range(0x16FF4, 0x16FF7)}  # added by Unicode 17.0
BLOCK = 128


def code_points():
    return (c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)


def known_to_nfc():
    script = r'no warnings; for (0..0xd7ff, 0xe000..0x10ffff) { print "$_\n" if chr =~ /\p{Present_In: %s}/ }' % NFC_AGE
    return {int(line) for line in subprocess.check_output(["perl", "-e", script], text=True).split()}


def unicode_class(c):
    if c in SPACES:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(ucd.category(chr(c))[0], OTHER)


def decomposition(c):
    """A single step of the canonical decomposition: one or two code points, or none."""
    text = ucd.decomposition(chr(c))
    return [] if not text or text.startswith("<") else [int(x, 16) for x in text.split()]


def table(known):
    decompose = {c: decomposition(c) for c in code_points() if c in known and decomposition(c)}
    compose = {}
    for c, parts in decompose.items():
        if len(parts) == 2 and ucd.normalize("NFC", chr(c)) == chr(c):
            compose[tuple(parts)] = c
    seconds = {second for _, second in compose} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    entries = {}
    index = []
    for c in range(0x110000):
        if 0xD800 <= c <= 0xDFFF:
            entry = (OTHER, 0, 0, 0)
        else:
            ccc = ucd.combining(chr(c)) if c in known else 0
            unstable = c in known and (c in seconds or ucd.normalize("NFC", chr(c)) != chr(c))
            digit = unicode_class(c) == NUMBER or c in YOUNGER_NUMBERS
            entry = (unicode_class(c), ccc, int(unstable), int(digit))
        index.append(entries.setdefault(entry, len(entries)))
    return decompose, compose, list(entries), index


def two_stages(index):
    blocks = {}
    first = []
    for start in range(0, len(index), BLOCK):
        block = tuple(index[start:start + BLOCK])
        first.append(blocks.setdefault(block, len(blocks)))
    return first, [v for block in blocks for v in block]


def emit(declaration, values, form=str):
    print(f"static const {declaration} = {{")
    line = "   "
    for v in values:
        text = f" {form(v)},"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line)
    print("};\n")


def braces(values):
    return "{" + ", ".join(f"0x{v:x}" for v in values) + "}"


def main():
    if ucd.unidata_version != CLASS_VERSION:
        sys.exit(f"needs unicodedata2 {CLASS_VERSION}, found {ucd.unidata_version}")
    decompose, compose, entries, index = table(known_to_nfc())
    first, second = two_stages(index)
    print(f"/* Written by ctl/tokenize/unicode_table.py. Classes: Unicode {CLASS_VERSION}; digits: 17.0; normalisation: {NFC_AGE}. */")
    print("/* clang-format off */")
    print("#ifndef BIT_CTL_UNICODE_TABLE_H\n#define BIT_CTL_UNICODE_TABLE_H\n\n#include <stdint.h>\n\n#include \"ctl/tokenize/unicode.h\"\n")
    print(f"#define BIT_UNICODE_BLOCK {BLOCK}\n")
    print("/* The different combinations of class, combining class, and whether NFC may change it or join it leftwards, digit. */")
    emit(f"struct bit_unicode unicode_entry[{len(entries)}]", entries, braces)
    emit(f"uint16_t unicode_first[{len(first)}]", first)
    emit(f"uint8_t unicode_second[{len(second)}]", second)
    rows = [(c, p[0], p[1] if len(p) == 2 else 0) for c, p in sorted(decompose.items())]
    emit(f"struct {{ uint32_t whole, first, second; }} unicode_decompose[{len(rows)}]", rows, braces)
    rows = [(a, b, c) for (a, b), c in sorted(compose.items())]
    emit(f"struct {{ uint32_t first, second, whole; }} unicode_compose[{len(rows)}]", rows, braces)
    print("#endif")


main()
