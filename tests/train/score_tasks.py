#!/usr/bin/env python3
"""Whole tasks against OLMo's own model and scorer, item by item, in f32 and 16-bit.

    score_tasks.py BITWORKER FILE.requests...

A small model of OLMo's vocabulary and context, with the same weights on both sides; OLMo's class and ICLMetric of the
package `ai2-olmo` read the requests in batches of similar length, padded as by OLMo's collator. Every sum must be within
1e-3 of OLMo's, and every score must equal OLMo's. Needs torchmetrics and scikit-learn in addition to what score.py needs.
All eleven tasks (deploy/tasks, bitctl tokenize --requests) take about half an hour, on BIT_THREADS threads (all); the
suite runs score.py instead, a sample that also covers the ternary model.
"""
import array
import importlib
import json
import os
import struct
import subprocess
import sys
import tempfile

import score
import trajectory
from trajectory import Case

import torch
from safetensors.numpy import save_file

SHAPE = {"VOCAB": 50304, "CONTEXT": 2048, "WIDTH": 64, "HEADS": 2, "LAYERS": 2, "HIDDEN": 128}
BATCH_TOKENS = 4096  # most tokens of a batch: memory holds their f32 logits over the vocabulary twice
METRICS = {1: "acc", 2: "len_norm", 3: "f1"}
for name, value in SHAPE.items():
    setattr(trajectory, name, value)
    setattr(score, name, value)


def read(path):
    """(metric, items) of a request file (proto/data/request_file.h); an item: document, choice, label, characters, context, continuation."""
    with open(path, "rb") as file:
        data = file.read()
    metric, width, _, documents, items = struct.unpack_from("<5I", data, 12)
    ids = array.array({2: "H", 4: "I"}[width], data[512 + 16 * documents + 20 * items:]).tolist()
    found, at, item = [], 0, 512 + 16 * documents
    for document in range(documents):
        _, label, choices = struct.unpack_from("<QII", data, 512 + 16 * document)
        for choice in range(choices):
            context_tokens, tokens, characters, _, same = struct.unpack_from("<5I", data, item)
            if not same:
                context, at = ids[at:at + context_tokens], at + context_tokens
            found.append((document, choice, label, characters, context, ids[at:at + tokens]))
            at, item = at + tokens, item + 20
    assert at == len(ids), path
    return METRICS[metric], found


def batches(items):
    """Yields batches of items' indices, of similar length."""
    lengths = [min(len(i[4]) + len(i[5]) - 1, SHAPE["CONTEXT"]) for i in items]
    one = []
    for place in sorted(range(len(items)), key=lambda p: -lengths[p]):
        if one and (len(one) + 1) * lengths[one[0]] > BATCH_TOKENS:
            yield one
            one = []
        one.append(place)
    if one:
        yield one


def collate(items):
    """A batch padded as by OLMo's collate_fn: to the right, with zeros."""
    queries = [(i[4] + i[5][:-1])[-SHAPE["CONTEXT"]:] for i in items]
    longest, most = max(map(len, queries)), max(len(i[5]) for i in items)
    return {
        "input_ids": torch.tensor([q + [0] * (longest - len(q)) for q in queries]),
        "continuation": torch.tensor([i[5] + [0] * (most - len(i[5])) for i in items]), "cont_len": torch.tensor([len(i[5]) for i in items]),
        "ctx_len": torch.tensor([len(q) - len(i[5]) + 1 for q, i in zip(queries, items)]), "cont_str_len": torch.tensor([i[3] for i in items]),
        "doc_id": torch.tensor([i[0] for i in items]), "cont_id": torch.tensor([i[1] for i in items]), "label_id": torch.tensor([i[2] for i in items])}


def theirs(downstream, made, metric, items):
    """(the metric's score, a sum for each item)"""
    scorer, sums = downstream.ICLMetric(metric), [0.0] * len(items)
    scorer.reset()
    with torch.no_grad():
        for places in batches(items):
            batch = collate([items[p] for p in places])
            scorer.update(batch, made(batch["input_ids"]).logits)
            for place, found in zip(places, scorer.loglikelihoods[-len(places):]):
                sums[place] = found[2].item() * (items[place][3] if metric == "len_norm" else 1)
    return scorer.compute().item(), sums


def score_of(downstream, metric, items, sums):
    """The score of OLMo's metric for these sums."""
    scorer = downstream.ICLMetric(metric)
    scorer.reset()
    for item, found in zip(items, sums):
        scorer.loglikelihoods.append(torch.Tensor((item[0], item[1], found / (item[3] if metric == "len_norm" else 1))))
        scorer.labels.append(torch.LongTensor(item[:3]))
    return scorer.compute().item()


def main():
    bitworker, *paths = sys.argv[1:]
    if not paths:
        sys.exit(__doc__.strip())
    torch.set_num_threads(int(os.environ.get("BIT_THREADS", os.cpu_count() or 1)))
    downstream = importlib.import_module("olmo.eval.downstream")  # trajectory has already loaded the package
    case, wrong, count = Case("whole tasks"), [], 0
    weights = {key: 4 * value for key, value in trajectory.draw(case).items()}
    made = trajectory.make_model(case, weights, torch.float32).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.safetensors")
        save_file(weights, path)
        argv = score.command(bitworker, case, path)
        argv[argv.index("both")] = "16bit"
        for file in paths:
            metric, items = read(file)
            lines = subprocess.run([*argv, file], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
            mine = [json.loads(line)["sum"] for line in lines]
            value, sums = theirs(downstream, made, metric, items)
            far = max(abs(a - b) for a, b in zip(mine, sums, strict=True))
            own = score_of(downstream, metric, items, mine)
            count += len(items)
            print("%-18s %6d items, %5d documents: sums apart %.1e at most, of %.1f on average; %s %.6f, OLMo's %.6f" % (
                os.path.basename(file).split(".")[0], len(items), items[-1][0] + 1, far, sum(sums) / len(sums), metric, own, value), flush=True)
            if far > score.LIMIT or own != value:
                wrong.append(file)
    print("FAILED: " + ", ".join(wrong) if wrong else f"all {count} within {score.LIMIT:g}, and every score equal")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
