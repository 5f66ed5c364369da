#!/usr/bin/env python3
"""Scores of tasks against OLMo's ICLMetric, on the same log-likelihoods; standard errors against numpy's.

    task_scores.py BITCTL SCORES SMALL.json [--seed N]

Random logits of two values, so that choices tie, go into ICLMetric.update and compute; their sums go to `scores`.
If Python has scikit-learn and torchmetrics, OLMo uses them; otherwise f1 is computed here by its definition. Exit 77
without ai2-olmo and torch.
"""
import importlib.util
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import olmo_package  # noqa: E402

HAS_SKLEARN = importlib.util.find_spec("sklearn") is not None  # before olmo_package fakes it
VOCAB = 8
WORDS = [" a", " b", " river", " stone", " of small stones", " ä", " x y z", " and then it rained", " no", " yes it is"]
failures = 0


def expect(what, holds, *more):
    global failures
    if not holds:
        failures += 1
        print(f"FAILED: {what}", *more)


def f1_by_definition(labels, predicted, pos_label):
    true = sum(a == b == pos_label for a, b in zip(labels, predicted))
    wrong = sum((a == pos_label) != (b == pos_label) for a, b in zip(labels, predicted))
    return 2 * true / (2 * true + wrong) if true else 0.0


def draw_task(rng, metric, documents):
    """Yields random requests of a task, with choices of several kinds and lengths."""
    for number in range(documents):
        choices = 2 if metric == "f1" else rng.randint(2, 5)
        words = ["yes", "no"] if metric == "f1" else rng.sample(WORDS, choices)
        label = rng.randrange(choices)
        for choice in range(choices):
            yield {"task": metric, "document": number, "choice": choice, "context": "It", "continuation": " " + words[choice].strip(),
                   "label": label, "metric": metric}


def ask(torch, rng, metric, requests):
    """Put random logits, a row for each token, into OLMo's metric. Returns the sums of log-likelihoods."""
    sums = []
    for r in requests:
        count = rng.randint(1, 3)
        logits = torch.tensor([rng.sample([0.0] * (VOCAB // 2) + [2.0] * (VOCAB // 2), VOCAB) for _ in range(count + 1)])[None]
        tokens = torch.tensor([rng.randrange(VOCAB) for _ in range(count)])
        batch = {"doc_id": torch.tensor([r["document"]]), "cont_id": torch.tensor([r["choice"]]), "continuation": tokens[None],
                 "cont_len": torch.tensor([count]), "ctx_len": torch.tensor([1]), "label_id": torch.tensor([r["label"]]),
                 "cont_str_len": torch.tensor([len(r["continuation"]) - 1])}
        metric.update(batch, logits)
        rows = torch.nn.functional.log_softmax(logits[0], dim=-1)[:count]
        sums.append(float(torch.gather(rows, 1, tokens[:, None]).sum()))
    return sums


def our_score(scores, file, sums):
    done = subprocess.run([scores, file], input=struct.pack(f"<{len(sums)}d", *sums), capture_output=True)
    if done.returncode != 0:
        return done.returncode, done.stderr.decode()
    pairs = dict(line.split("=") for line in done.stdout.decode().splitlines())
    return 0, {k: [int(n) for n in v.split(",")] if k in ("predicted", "labels") else float(v) for k, v in pairs.items()}


def predictions(requests, sums, metric):
    """[(predicted choice, label)] of each document, by the definition, in fp32 as in OLMo."""
    f32 = lambda x: struct.unpack("<f", struct.pack("<f", x))[0]  # noqa: E731
    documents = {}
    for r, s in zip(requests, sums):
        value = f32(f32(s) / (len(r["continuation"]) - 1)) if metric == "len_norm" else f32(s)
        documents.setdefault(r["document"], (r["label"], []))[1].append(value)
    return [(values.index(max(values)), label) for label, values in documents.values()]


def count_ties(requests, sums, metric):
    """Number of documents in which another choice ties with the predicted one."""
    values = {}
    for r, s in zip(requests, sums):
        values.setdefault(r["document"], []).append(s / (len(r["continuation"]) - 1 if metric == "len_norm" else 1))
    return sum(v.count(max(v)) > 1 for v in values.values())


def resampled_f1(rng, pairs, times):
    scores = []
    for _ in range(times):
        drawn = rng.choices(pairs, k=len(pairs))
        scores.append(f1_by_definition([label for _, label in drawn], [p for p, _ in drawn], 0))
    mean = sum(scores) / times
    return math.sqrt(sum((s - mean) ** 2 for s in scores) / (times - 1))


def check_score(rng, metric, requests, sums, theirs, ours):
    pairs = predictions(requests, sums, metric)
    choices = max(r["choice"] for r in requests) + 1
    expect("OLMo's score", abs(ours["score"] - theirs) < 1e-6, metric, ours, theirs)
    expect("predicted", ours["predicted"] == [sum(p == c for p, _ in pairs) for c in range(choices)], metric, ours)
    expect("labels", ours["labels"] == [sum(label == c for _, label in pairs) for c in range(choices)], metric, ours)
    always = [[(c, label) for _, label in pairs] for c in range(choices)]
    if metric == "f1":
        best = [f1_by_definition([label for _, label in a], [p for p, _ in a], 0) for a in always]
        if len(pairs) >= 300:  # the delta method needs many documents
            error = resampled_f1(rng, pairs, 2000)
            expect("error", abs(ours["error"] - error) < 0.1 * error, metric, ours, error)
    else:
        right = [float(p == label) for p, label in pairs]
        best = [sum(p == label for p, label in a) / len(a) for a in always]
        mean = sum(right) / len(right)
        error = math.sqrt(sum((x - mean) ** 2 for x in right) / (len(right) - 1) / len(right))
        expect("error", abs(ours["error"] - error) < 1e-12, metric, ours, error)
    expect("constant", abs(ours["constant"] - max(best)) < 1e-12 and best[int(ours["best_choice"])] == max(best), metric, ours, best)
    expect("classes", bool(ours["same_choices"]) == (metric == "f1"), metric, ours)


def check_metric(modules, programs, folder, rng, metric, documents):
    downstream, torch = modules
    bitctl, scores, small = programs
    requests = list(draw_task(rng, metric, documents))
    with open(f"{folder}/{metric}.jsonl", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(r) + "\n" for r in requests)
    subprocess.run([bitctl, "tokenize", "-q", "-f", "--requests", "-t", small, "-o", folder, f"{folder}/{metric}.jsonl"], check=True)
    judge = downstream.ICLMetric(metric_type=metric)
    judge.reset()
    sums = ask(torch, rng, judge, requests)
    code, ours = our_score(scores, f"{folder}/{metric}.requests", sums)
    expect("a score", code == 0, ours)
    check_score(rng, metric, requests, sums, float(judge.compute()), ours)
    if documents >= 300:
        expect("equals are drawn", count_ties(requests, sums, metric) >= (3 if metric == "len_norm" else 10), metric, count_ties(requests, sums, metric))
    return requests, sums


def check_no_numbers(scores, folder, requests, sums):
    sums = sums[:]
    sums[7], sums[9] = float("nan"), float("-inf")
    code, said = our_score(scores, f"{folder}/acc.requests", sums)
    first = f"task 'acc', document {requests[7]['document']}, choice {requests[7]['choice']}"
    expect("NaN is named", code != 0 and first in said and "NaN" in said and f"2 of {len(sums)}" in said, code, said)


def main():
    programs = sys.argv[1:4]
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else 20260301
    modules = olmo_package.load("olmo.eval.downstream")
    if modules is None:
        sys.exit(77)
    import torch
    downstream, rng = modules[0], random.Random(seed)
    if not HAS_SKLEARN:
        downstream.f1_score = f1_by_definition
    folder = tempfile.mkdtemp(prefix="bit-task-scores-")
    try:
        for metric in ("f1", "len_norm", "acc"):
            for documents in (3, 40, 300):
                requests, sums = check_metric((downstream, torch), programs, folder, rng, metric, documents)
        check_no_numbers(programs[1], folder, requests, sums)
    finally:
        shutil.rmtree(folder)
    print(f"seed {seed}, f1 by {'scikit-learn' if HAS_SKLEARN else 'its definition'}: {failures} failed")
    sys.exit(failures > 0)


main()
