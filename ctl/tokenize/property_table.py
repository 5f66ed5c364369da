#!/usr/bin/env python3
"""Write property_table.h: the character properties that split patterns can name, and case folding.

    pip install --target u16 unicodedata2==16.0.0 regex==2024.11.6
    PYTHONPATH=u16 python3 ctl/tokenize/property_table.py > ctl/tokenize/property_table.h

Both packages have Unicode 16.0, as does Oniguruma 6.9.10, the regular expression engine of Hugging Face's tokenizers.
tests/tokenize/patterns.py compares every property with Oniguruma's.
"""
import sys

import regex
import regex._regex as engine
import unicodedata2 as ucd
from regex._regex_core import PROPERTIES

VERSION = "16.0.0"
FOLD = regex.IGNORECASE | regex.UNICODE | regex.FULLCASE
FLAGS = [("ALPHABETIC", r"\p{Alphabetic}"), ("UPPERCASE", r"\p{Uppercase}"), ("LOWERCASE", r"\p{Lowercase}")]
NOT_ONIGURUMAS = {"KATAKANAORHIRAGANA", "HRKT"}  # no character has it
ALL = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
TEXT = "".join(map(chr, ALL))


def members(pattern):
    return {ord(c) for run in regex.finditer(f"{pattern}+", TEXT) for c in run.group()}


def scripts():
    """A list of names for each script, the first being Unknown, and the script of each code point that is not Unknown."""
    names = {}
    for name, number in PROPERTIES["SCRIPT"][1].items():
        if name not in NOT_ONIGURUMAS:
            names.setdefault(number, []).append(name)
    groups = [names.pop(0)] + sorted(names.values())
    script = {}
    for number, group in enumerate(groups):
        if number > 0:
            script.update(dict.fromkeys(members(r"\p{sc=%s}" % group[0]), number))
    return groups, script


def runs(script):
    """A row for each code point where something changes: first code point, category, flags, script."""
    flagged = [members(pattern) for _, pattern in FLAGS]
    rows, last = [], None
    for c in range(0x110000):
        flags = sum(1 << i for i, having in enumerate(flagged) if c in having)
        row = (ucd.category(chr(c)), flags, script.get(c, 0))
        if row != last:
            rows.append((c, *row))
        last = row
    return rows


def fold(c):
    """Case folding of CaseFolding.txt, lines C and F; the package does not fold I and dotted I because of Turkish."""
    return {0x49: "i", 0x130: "i\u0307"}.get(c) or engine.fold_case(FOLD, chr(c))


def emit(declaration, items):
    print(f"static const {declaration} = {{")
    line = "   "
    for text in items:
        text = f" {text},"
        if len(line) + len(text) > 118:
            print(line)
            line = "   "
        line += text
    print(line)
    print("};\n")


def main():
    if ucd.unidata_version != VERSION:
        sys.exit(f"needs unicodedata2 {VERSION}, found {ucd.unidata_version}")
    groups, script = scripts()
    rows = runs(script)
    folds = [(c, fold(c)) for c in ALL]
    single = [(c, ord(f)) for c, f in folds if len(f) == 1 and ord(f) != c]
    several = [(c, f) for c, f in folds if len(f) > 1]
    print(f"/* Written by ctl/tokenize/property_table.py. Unicode {VERSION}. Only property.c includes this. */")
    print("/* clang-format off */")
    print("#ifndef BIT_CTL_PROPERTY_TABLE_H\n#define BIT_CTL_PROPERTY_TABLE_H\n\n#include <stdint.h>\n")
    categories = sorted({row[1] for row in rows})
    print("enum property_category {")
    for at in range(0, len(categories), 8):
        print("    " + ", ".join(f"CATEGORY_{c.upper()}" for c in categories[at:at + 8]) + ",")
    print("};\n")
    print("enum property_flag { " + ", ".join(f"{name} = {1 << i}" for i, (name, _) in enumerate(FLAGS)) + " };\n")
    emit(f"char category_names[{len(categories)}][3]", [f'"{c}"' for c in categories])
    print("/* By number; a script has up to three names, in lower case and without '_'. */")
    emit(f"char *const script_names[{len(groups)}][3]",
         ["{" + ", ".join('"' + n.lower().replace("_", "") + '"' for n in group) + "}" for group in groups])
    print("/* From `first` up to the next row's. */")
    emit("struct { uint32_t first; uint8_t category, flags, script; } property_runs[%d]" % len(rows),
         [f"{{0x{c:x}, CATEGORY_{category.upper()}, {flags}, {number}}}" for c, category, flags, number in rows])
    print("/* Common case folding: to one character. */")
    emit(f"struct {{ uint32_t from, to; }} folds[{len(single)}]", [f"{{0x{c:x}, 0x{f:x}}}" for c, f in single])
    print("/* Full case folding where it is several. */")
    emit(f"struct {{ uint32_t from, to[3]; }} long_folds[{len(several)}]",
         [f"{{0x{c:x}, {{" + ", ".join(f"0x{ord(x):x}" for x in f) + "}}" for c, f in several])
    print("#endif")


main()
