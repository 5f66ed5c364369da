#!/usr/bin/env python3
"""Writes the comments of bit.proto as a C table, for `bitctl help json`: protobuf-c's descriptors have no comments.

    field_comments.py bit.proto > field_comments.h

A message's comment is on the lines before it. A field's comment follows the field on its line, and continues on lines that
hold nothing else. The fields of a message on one line have none; a comment after such a line is the message's. An
enumeration's comment is on the lines before it or after it on its line.
"""
import re
import sys


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def comments(lines):
    """Yields (message, field or "", text), in the order of the file."""
    message, before, last = None, [], None
    for line in lines:
        code, _, said = line.partition("//")
        code, said = code.strip(), said.strip()
        if not code and said.startswith("---"):
            before, last = [], None
        elif not code and said:
            if last is not None:
                last[2] += " " + said
            elif message is None:
                before.append(said)
        elif not code:
            before, last = [], None
        elif code.startswith("message "):
            name = code.split()[1]
            text = " ".join(before + ([said] if said else []))
            if text:
                yield [name, "", text]
            message, before, last = (None if "}" in code else name), [], None
        elif code.startswith("enum "):
            text = " ".join(before + ([said] if said else []))
            if text:
                yield [code.split()[1], "", text]
            before, last = [], None
        elif code.startswith("}"):
            message, last = None, None
        elif message is not None:
            field = re.match(r"(?:required|optional|repeated)?\s*[\w.]+\s+(\w+)\s*=", code)
            last = [message, field.group(1), said] if field and said else None
            if last:
                yield last


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        found = list(comments(f.read().splitlines()))
    print("static const struct {\n    const char *message, *field, *text; /* field \"\": of the message */\n} field_comments[] = {")
    for message, field, text in found:
        print(f"    {{{c_string(message)}, {c_string(field)}, {c_string(text)}}},")
    print("};")


main()
