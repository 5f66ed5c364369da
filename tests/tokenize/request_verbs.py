#!/usr/bin/env python3
"""Request files that the verbs make from the test's own texts: their content, read here by the layout in
proto/data/request_file.h; the output of `bitctl data` about them; and mistakes, each with its message and exit code.

    request_verbs.py BITCTL SMALL.json

Ids are compared with those of the package `tokenizers` if Python has it.
"""
import gzip
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

try:
    import tokenizers
except ImportError:
    tokenizers = None

failures = 0


def expect(what, holds, *more):
    global failures
    if not holds:
        failures += 1
        print(f"FAILED: {what}", *more)


# ---- tasks: one context for all choices, one context for each choice, class words; texts that are hard to count ----


def lines(task, metric, documents):
    for number, (label, choices) in documents.items():
        for choice, (context, continuation) in enumerate(choices):
            yield {"task": task, "document": number, "choice": choice, "context": context, "continuation": continuation,
                   "label": label, "metric": metric}


TASKS = {
    "rivers": ("len_norm", {
        0: (1, [("The river rose because", " it had not rained."), ("The river rose because", " the snow melted.")]),
        7: (0, [("Der Fluß ist", " schön und tief."), ("Der Fluß ist", " trocken.")]),
        2**40: (2, [("水は", "流れる"), ("水は", " \U0001f600e\u0301"), ("水は", " ä\u00a0\t\nb"), ("水は", "  two")]),
    }),
    "who": ("acc", {n: (n % 2, [(f"Part {n}: the cup", " fell over."), (f"Part {n}: the table", " fell over.")]) for n in range(40)}),
    "same": ("f1", {n: (n // 3 % 2, [(f"{n} is three\nAnswer:", " yes"), (f"{n} is three\nAnswer:", " no")]) for n in range(30)}),
}


def write(path, requests, opener=open):
    with opener(path, "wt", encoding="utf-8") as f:
        f.writelines(json.dumps(r, ensure_ascii=len(path) % 2 == 0) + "\n" for r in requests)


# ---- the layout ----


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def text(field):
    return field.rstrip(b"\0").decode()


def read(path):
    data = open(path, "rb").read()
    expect("magic", data[:8] == b"bitdreq\n")
    version, metric, width, vocab, documents, items, ids = struct.unpack_from("<6IQ", data, 8)
    table, listed, own = struct.unpack_from("<2I4xI", data, 496)
    tables = 512 + 16 * documents + 20 * items
    expect("version and size", version == 1 and len(data) == tables + width * ids)
    expect("checksums", (table, listed, own) == (crc32c(data[512:tables]), crc32c(data[tables:]), crc32c(data[:508])))
    at, rest, found = 512 + 16 * documents, struct.unpack_from(f"<{ids}{'H' if width == 2 else 'I'}", data, tables), []
    for d in range(documents):
        number, label, choices = struct.unpack_from("<QII", data, 512 + 16 * d)
        for choice in range(choices):
            context, continuation, characters, size, same = struct.unpack_from("<5I", data, at)
            at += 20
            if not same:
                before, rest = rest[:context], rest[context:]
            found.append((number, choice, label, list(before), list(rest[:continuation]), characters, size, same))
            rest = rest[continuation:]
    expect("every id is an item's", len(rest) == 0)
    return {"metric": ("", "acc", "len_norm", "f1")[metric], "vocab": vocab, "sha256": data[40:104].decode(),
            "task": text(data[104:176]), "tokenizer": text(data[176:432]), "items": found}


def check_file(path, task, small, encode):
    metric, documents = TASKS[task]
    file, expected = read(path), list(lines(task, metric, documents))
    expect("head", (file["task"], file["metric"], file["tokenizer"]) == (task, metric, "small"), file["task"])
    expect("tokenizer", file["sha256"] == hashlib.sha256(open(small, "rb").read()).hexdigest())
    expect("as many items", len(file["items"]) == len(expected))
    before = None
    for r, (number, choice, label, context, continuation, characters, size, same) in zip(expected, file["items"]):
        plain = r["continuation"].removeprefix(" ")
        expect("place", (number, choice, label) == (r["document"], r["choice"], r["label"]), r)
        expect("lengths", (characters, size) == (len(plain), len(plain.encode())), r, characters, size)
        expect("a context is stored once", same == (choice > 0 and r["context"] == before), r)
        if encode is not None:
            expect("ids", (context, continuation) == (encode(r["context"]), encode(r["continuation"])), r)
        before = r["context"]


# ---- verbs ----


class Bitctl:
    def __init__(self, path):
        self.path = path

    def run(self, *words):
        done = subprocess.run([self.path, *map(str, words)], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def json(self, *words):
        code, out, err = self.run(*words, "--json")
        expect(f"{words} exits with 0", code == 0, out, err)
        return [json.loads(line) for line in out.splitlines()]

    def refuses(self, exit_code, part, *words):
        code, out, err = self.run(*words)
        expect(f"{words}: exit {exit_code} and '{part}'", code == exit_code and part in err, code, out, err)


def check_tokenize(bitctl, small, folder):
    inputs, out = os.path.join(folder, "in"), os.path.join(folder, "out")
    os.makedirs(inputs)
    write(f"{inputs}/rivers.jsonl", lines("rivers", *TASKS["rivers"]))
    write(f"{inputs}/who.jsonl", reversed(list(lines("who", *TASKS["who"]))))
    write(f"{inputs}/same.jsonl.gz", lines("same", *TASKS["same"]), gzip.open)
    said = bitctl.json("tokenize", "-t", small, "-o", out, "--requests", inputs)
    expect("a line a task", [s["task"] for s in said] == ["rivers", "same", "who"], said)
    expect("counts", (said[0]["items"], said[0]["documents"], said[0]["unchanged"]) == (8, 3, False), said[0])
    encode = None
    if tokenizers is not None:
        theirs = tokenizers.Tokenizer.from_file(small)
        encode = lambda t: theirs.encode(t, add_special_tokens=False).ids  # noqa: E731
    for task in TASKS:
        check_file(f"{out}/{task}.requests", task, small, encode)
    said = bitctl.json("tokenize", "-t", small, "-o", out, "--requests", "--context", 12, inputs)
    expect("the second call changes nothing", all(s["unchanged"] for s in said), said)
    expect("what 12 tokens cut", [s["cut"] > 0 for s in said] == [s["longest_query"] > 12 for s in said], said)
    return inputs, out


def check_tokenize_mistakes(bitctl, small, inputs, out):
    words = ("tokenize", "-t", small, "-o", out, "--requests")
    bitctl.refuses(2, "--strict is for documents", *words, "--strict", inputs)
    bitctl.refuses(2, "--end-of-text is for documents", *words, "-e", "x", inputs)
    bitctl.refuses(2, "--context is for --requests", "tokenize", "-t", small, "-o", out, "-c", 9, inputs)
    bitctl.refuses(2, "--context", *words, "-c", 0, inputs)
    bitctl.refuses(65, "does not fit a context length of 2", *words, "-c", 2, inputs)
    write(f"{inputs}/../bad.jsonl", [{**r, "label": 9} for r in lines("bad", *TASKS["who"])])
    code, said, err = bitctl.run(*words, "--force", f"{inputs}/../bad.jsonl", f"{inputs}/who.jsonl")
    expect("a mistake stops no other task", code == 65 and "bad.jsonl:1: label 9" in err and "who.requests" in said, said, err)
    expect("and writes no file", not os.path.exists(f"{out}/bad.requests"))
    write(f"{inputs}/../other.jsonl", lines("who", "len_norm", TASKS["who"][1]))
    bitctl.refuses(1, "name another --output", *words, f"{inputs}/../other.jsonl")
    bitctl.refuses(65, "of task 'who', and so is", *words, f"{inputs}/who.jsonl", f"{inputs}/../other.jsonl")


def check_data(bitctl, small, out):
    info = {m["task"]: m for m in bitctl.json("data", "info", out)}
    expect("a folder's request files", sorted(info) == sorted(TASKS), info)
    expect("labels", info["same"]["labels"] == [15, 15] and info["rivers"]["labels"] == [1, 1, 1], info)
    for m in info.values():
        items = read(m["path"])["items"]
        expect("longest", m["longest_query"] == max(len(i[3]) + len(i[4]) - 1 for i in items), m)
        expect("scored", m["scored_tokens"] == sum(len(i[4]) for i in items), m)
    expect("all good", all(m["good"] for m in bitctl.json("data", "verify", out)))
    shown = bitctl.json("data", "show", f"{out}/rivers.requests", "-d", 2**40, "--text", "-t", small)
    expected = list(lines("rivers", *TASKS["rivers"]))[4:]
    for m, r in zip(shown, expected):
        expect("text", (m["context"], m["label"], m["choice"]) == (r["context"], r["label"], r["choice"]), m, r)
    expect("all choices", len(shown) == 4 and shown[0]["continuation"] == "流れる", shown)
    code, said, _ = bitctl.run("data", "show", f"{out}/who.requests", "--text", "-t", small)
    expect("for people", code == 0 and "the right one" in said and "Part 0: the cup" in said and " fell over." in said, said)


def check_data_mistakes(bitctl, small, out):
    file = f"{out}/who.requests"
    bitctl.refuses(2, "--step is for runs", "data", "show", file, "--step", 4)
    bitctl.refuses(2, "--text needs --tokenizer", "data", "show", file, "--text")
    bitctl.refuses(2, "--document is for request files", "data", "show", "r1", "--document", 4)
    bitctl.refuses(2, "has no document 40; its 40 are from 0 to 39", "data", "show", file, "--document", 40)
    bitctl.refuses(65, "is not below 3", "data", "verify", file, "--vocab", 3)
    bitctl.refuses(65, "does not fit a context length of 1", "data", "info", file, "--context", 1)
    other = json.load(open(small))
    other["added_tokens"] = other["added_tokens"][:1]
    json.dump(other, open(f"{out}/other.json", "w"))
    bitctl.refuses(65, "these requests are of tokenizer 'small'", "data", "show", file, "--text", "-t", f"{out}/other.json")
    data = bytearray(open(file, "rb").read())
    data[600] ^= 1
    open(f"{out}/damaged.requests", "wb").write(data)
    code, said, err = bitctl.run("data", "verify", out)
    expect("one is damaged, the others good", code == 65 and "damaged.requests" in err and said.count("good") == 3, said, err)


def main():
    bitctl, small = Bitctl(sys.argv[1]), os.path.abspath(sys.argv[2])
    folder = tempfile.mkdtemp(prefix="bit-request-verbs-")
    try:
        inputs, out = check_tokenize(bitctl, small, folder)
        check_tokenize_mistakes(bitctl, small, inputs, out)
        check_data(bitctl, small, out)
        check_data_mistakes(bitctl, small, out)
    finally:
        shutil.rmtree(folder)
    print(f"{failures} failed")
    sys.exit(failures > 0)


main()
