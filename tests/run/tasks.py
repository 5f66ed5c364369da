"""Small downstream tasks for tests: their request files, a run that is evaluated on them, and the results in its journal."""
import json
import os
import random
import subprocess

SMALL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize", "small.json")
WORDS = "the of and to in that it is was for on are as with they be at one have this from or had by word but not what all were".split()
TASKS = {"choose": ("acc", 3, 700), "yes": ("f1", 2, 40), "long": ("len_norm", 4, 300)}
MODEL = ("--set", "model.vocab=612", "--set", "model.vocab_padded=640")


def items_of(task, seed=1, times=1):
    """The items of a task's documents, as a file of JSON lines has them; `times` as many documents as in TASKS."""
    metric, choices, documents = TASKS[task]
    rng = random.Random(f"{task} {seed}")

    def words(least, most):
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(least, most)))

    for document in range(times * documents):
        label, context = rng.randrange(choices), words(4, 12)
        for choice in range(choices):
            text = (" yes", " no")[choice] if metric == "f1" else " " + words(1, 5)
            yield dict(task=task, document=document, choice=choice, context=context, continuation=text, label=label, metric=metric)


def make_requests(d, seed=1, times=1):
    folder = os.path.join(d.dir, f"tasks-{seed}")
    os.mkdir(folder)
    for task in TASKS:
        with open(os.path.join(folder, task + ".jsonl"), "w") as f:
            f.writelines(json.dumps(item) + "\n" for item in items_of(task, seed, times))
    subprocess.run([d.bitctl, "tokenize", "-q", "--requests", "-t", SMALL, "--output", folder, *(os.path.join(folder, t + ".jsonl") for t in TASKS)],
                   check=True)
    return folder


def evals(folder):
    return " ".join(f'task {{ path: "{folder}/{task}.requests" }}' for task in TASKS) + " tasks_at: 6"


def submit(d, folder, *args, **spec):
    return d.submit(d.spec(**({"steps": 8, "at_step": 7, "every": 3} | spec), tasks=evals(folder)), *MODEL, *args)


def scored(d, run):
    return [e["scored"] for e in d.events(run, True) if e.get("scored")]


def results(d, run):
    """(step, task, precision) -> result; asserts that none occurs twice."""
    all_ = [r["result"] for r in scored(d, run) if r.get("result")]
    by = {(r["after_step"], r["task"], r["precision"]): r for r in all_}
    assert len(by) == len(all_), [(r["after_step"], r["task"], r["precision"]) for r in all_]
    return by


def sums(d, run):
    """(step, task, precision) -> a sum for each item; asserts that the parts are contiguous."""
    by, at = {}, {}
    for part in scored(d, run):
        key = (part["after_step"], part["task"], part["precision"])
        assert part["first"] == at.get(key, 0), (key, part["first"])
        at[key] = part["first"] + part["documents"]
        by.setdefault(key, []).extend(part["sum"])
    return by


def same(one, other):
    keep = ("score", "counts", "documents")
    return one.keys() == other.keys() and all(one[k][f] == other[k][f] for k in one for f in keep)


def after_parts(d, run, count=1):
    """Wait until `count` parts of tasks are scored; the run is then held before the next. Returns the process ids of its ranks.
    Needs Daemon(hold_parts=True)."""
    with subprocess.Popen([d.bitctl, "events", "--socket", d.socket, run, "--steps", "--json", "--follow"], stdout=subprocess.PIPE, text=True) as p:
        for line in p.stdout:
            count -= bool(json.loads(line).get("scored"))
            if count == 0:
                break
        p.kill()
    return d.worker_pids(run)
