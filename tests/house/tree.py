"""The product's sources as text: files, structs with their fields, functions with their lines."""
import collections
import os
import re

FOLDERS = ("proto", "kernels", "worker", "daemon", "ctl")
GENERATED = ("unicode_table.h", "property_table.h")

Field = collections.namedtuple("Field", "struct name file line")
Function = collections.namedtuple("Function", "name file line lines")


def here():
    """The root of the tree that has this script."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def files(root, folders=FOLDERS, endings=(".c", ".h", ".cu", ".cuh")):
    """Sorted paths relative to the root, without generated tables."""
    found = []
    for folder in folders:
        for at, inner, names in os.walk(os.path.join(root, folder)):
            inner.sort()
            found += [os.path.relpath(os.path.join(at, name), root) for name in names
                      if name.endswith(endings) and name not in GENERATED]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return f.read()


def without_comments(text):
    """The text with comments, strings and character constants blanked; line numbers stay the same."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def struct_names(text):
    """[(name, line)] of the structs, unions and enums that a text defines; mere mentions are left out."""
    return [(match.group(1), text.count("\n", 0, match.start()) + 1)
            for match in re.finditer(r"\b(?:struct|union|enum)\s+(\w+)\s*\{", text)]


def body_of(text, at):
    """The text between the brace at `at` and the one that closes it."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[at + 1:i]
    return text[at + 1:]


def declared_names(declaration):
    """`const char *name[4], **next : 3` -> name, next; `int (*run)(void *of)` -> run."""
    pointer = re.search(r"\(\s*\*+\s*(?:const\s+)?(\w+)", declaration)
    if pointer:
        return [pointer.group(1)]
    names = []
    for part in re.sub(r"\[[^\]]*\]|\([^)]*\)", "", declaration).split(","):
        words = re.findall(r"\w+", part.split(":")[0])
        if words and (len(words) > 1 or names):
            names.append(words[-1])
    return names


def fields(path, text):
    """Fields of every struct and union of a text without comments; fields of nested structs count for the outer one, too."""
    found = []
    for match in re.finditer(r"\b(?:struct|union)\s*(\w*)\s*\{", text):
        body, at = body_of(text, match.end() - 1), match.end()
        offset = 0
        for declaration in without_bodies(body).split(";")[:-1]:
            start = offset + len(declaration) - len(declaration.lstrip())
            offset += len(declaration) + 1
            if re.match(r"\s*(#|static_assert|_Static_assert|using|static)", declaration):
                continue
            if "(" in declaration and not re.search(r"\(\s*\*", declaration): # a method
                continue
            line = text.count("\n", 0, at + start) + 1
            found += [Field(match.group(1), name, path, line) for name in declared_names(declaration)]
    return found


def without_bodies(text):
    """The text with braces and their contents blanked, innermost first; a method's body becomes a semicolon."""
    def blank(match):
        end = ";" if match.group(1) else " "
        return match.group(1) + re.sub(r"[^\n]", " ", match.group(2)[:-1]) + end
    while True:
        after = re.sub(r"(\)\s*(?:const\s*)?|)(\{[^{}]*\})", blank, text)
        if after == text:
            return text
        text = after


def functions(path, text):
    """Functions of a formatted text, each from the first line of its head to the closing brace in column 0."""
    lines, found, head = text.split("\n"), [], None
    for number, line in enumerate(lines, 1):
        if re.match(r"[A-Za-z_]", line) and not line.endswith(";") and head is None:
            head = number
        if line == "{" and head is not None:
            begun = head
            signature = " ".join(lines[head - 1:number - 1])
            name = re.search(r"(?<!_)\b(\w+)\s*\(", re.sub(r"__\w+__(\([^)]*\))?", "", signature))
            head = ("body", begun, name.group(1) if name else "?")
        elif line.startswith("}") and isinstance(head, tuple):
            found.append(Function(head[2], path, head[1], number - head[1] + 1))
            head = None
        elif not isinstance(head, tuple) and (line == "" or line.endswith(";") or line.startswith(("#", "}"))):
            head = None
    return found
