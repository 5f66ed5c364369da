#!/usr/bin/env python3
"""`bitctl tokenize` against the `tokenizers` package and `dolma tokens`: the same documents, on the same cores.

    bench.py BITCTL SMALL.json      inputs.py lists the variables for documents and tokenizer; SMALL.json is the default
                                    BIT_DOLMA_PYTHON: a Python that has the package `dolma`, if not this one

One after another, each on all cores. bitctl and dolma are timed as whole processes, from .jsonl.gz files to token files
on disk. For tokenizers only the calls of encode_batch are timed, in batches of 1000 texts in memory: no reading,
unpacking, parsing or writing. Peak memory is the kernel's for one process; for dolma's several processes it is the
largest observed sum (shared pages divided among them). Exit 77 without `tokenizers`; 1 if its number of tokens differs
from bitctl's.
"""
import gzip
import importlib.metadata
import importlib.util
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
import inputs  # noqa: E402

BATCH = 1000
TEXT_BYTES = 30_000_000
DOLMA_PYTHON = os.environ.get("BIT_DOLMA_PYTHON", sys.executable)
CORES = len(os.sched_getaffinity(0))


# ---- input ----

def repeated(limit):
    """Texts found on the machine, repeated if there are too few."""
    left, found = limit, list(inputs.found_texts(limit))
    for text in itertools.cycle(found):
        left -= len(text.encode())
        if left < 0:
            return
        yield text


def write_documents(folder):
    """Write four files for each core, because dolma divides work by files."""
    source, texts = inputs.texts(TEXT_BYTES, TEXT_BYTES)
    if "BIT_CORPUS" not in os.environ:
        texts = repeated(TEXT_BYTES)
    files = [gzip.open(os.path.join(folder, f"{i:03}.jsonl.gz"), "wt", encoding="utf-8") for i in range(4 * CORES)]
    count = size = 0
    for text in texts:
        files[count % len(files)].write(json.dumps({"id": str(count), "text": text}, ensure_ascii=False) + "\n")
        count += 1
        size += len(text.encode())
    for f in files:
        f.close()
    return f"{count} documents, {size} bytes of text ({source})"


# ---- measuring ----

def held(session):
    """Memory of a session's processes in bytes, shared pages divided among the processes that map them."""
    total = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) == session:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    total += int(re.search(r"^Pss: +(\d+)", f.read(), re.M).group(1)) * 1024
        except (OSError, AttributeError):
            continue  # the process has just ended
    return total


class Watch(threading.Thread):
    def __init__(self, session):
        super().__init__(daemon=True)
        self.session, self.peak, self.ended = session, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.2):
            self.peak = max(self.peak, held(self.session))


def measured(what, argv, count_tokens):
    """Run argv in its own session. count_tokens(stdout) returns the row's tokens and may override other entries."""
    with tempfile.TemporaryFile() as errors:
        begin = time.monotonic()
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        watch = Watch(process.pid)
        watch.start()
        out = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        row = {"what": what, "seconds": time.monotonic() - begin, "cpu": used.ru_utime + used.ru_stime}
        watch.ended.set()
        watch.join()
        if status != 0:
            errors.seek(0)
            sys.exit(f"{what} failed:\n" + errors.read().decode(errors="replace")[-4000:])
    row["peak"] = max(watch.peak, used.ru_maxrss * 1024)
    row.update(count_tokens(out))
    return row


# ---- the three ----

def with_bitctl(bitctl, tokenizer, documents, folder):
    argv = [bitctl, "tokenize", "--json", "-t", tokenizer, "-o", os.path.join(folder, "ours"), documents]
    return measured("bitctl tokenize", argv, lambda out: {"tokens": json.loads(out)["tokens"]})


def with_tokenizers(method, tokenizer, documents):
    argv = [sys.executable, __file__, "--tokenizers", method, tokenizer, documents]
    return measured(f"tokenizers {method}", argv, json.loads)


def encode_documents(method, tokenizer, documents):
    """Runs in its own process: time and processor time of the batch calls alone."""
    import tokenizers
    encode = getattr(tokenizers.Tokenizer.from_file(tokenizer), method)
    row = {"tokens": 0, "seconds": 0.0, "cpu": 0.0}

    def processor_time():
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    def flush():
        begin, cpu = time.monotonic(), processor_time()
        row["tokens"] += sum(map(len, encode(batch, add_special_tokens=False))) + len(batch)
        row["seconds"] += time.monotonic() - begin
        row["cpu"] += processor_time() - cpu
        batch.clear()

    batch = []
    for name in sorted(os.listdir(documents)):
        with gzip.open(os.path.join(documents, name), "rt", encoding="utf-8") as lines:
            for line in lines:
                text = json.loads(line)["text"].strip()
                batch += [text] if text else []
                if len(batch) == BATCH:
                    flush()
    flush()
    print(json.dumps(row))


def with_dolma(tokenizer, documents, folder):
    to = os.path.join(folder, "dolma")
    options = ["--processes", str(CORES), "--dtype", "uint16"]
    argv = [DOLMA_PYTHON, "-m", "dolma.cli.__main__", "tokens", "--documents", documents + "/*.gz", "--destination", to,
            "--tokenizer.name_or_path", inputs.with_old_merges(tokenizer, os.path.join(folder, "old.json")),
            "--tokenizer.eos_token_id", str(inputs.end_of_text(tokenizer)),
            "--work_dir.input", os.path.join(folder, "in"), "--work_dir.output", os.path.join(folder, "out"), *options]

    def count(_):
        return {"tokens": sum(e.stat().st_size // 2 for e in os.scandir(to) if e.name.endswith(".npy"))}

    return measured("dolma tokens " + " ".join(options), argv, count)


def dolma_versions():
    """None without the package, otherwise its version, that of its tokenizers, and the seconds that its start takes."""
    script = "import dolma.cli.__main__, importlib.metadata as m; print(m.version('dolma'), m.version('tokenizers'))"
    begin = time.monotonic()
    done = subprocess.run([DOLMA_PYTHON, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if done.returncode != 0:
        return None
    dolma, tokenizers = done.stdout.split()[-2:]
    return f"dolma {dolma} (tokenizers {tokenizers}; {time.monotonic() - begin:.1f} s of its wall time is its start)"


# ---- report ----

def cpu_model():
    with open("/proc/cpuinfo") as f:
        found = re.search(r"^model name\s*: (.*)$", f.read(), re.M)
    return found.group(1) if found else os.uname().machine


def print_table(rows):
    print(f"{'':42}{'tokens':>12}{'wall s':>9}{'tokens/s':>12}{'CPU s':>9}{'peak MiB':>10}{'x time':>9}{'x CPU':>9}")
    for r in rows:
        print(f"{r['what']:42}{r['tokens']:12}{r['seconds']:9.2f}{r['tokens'] / r['seconds']:12.0f}{r['cpu']:9.2f}"
              f"{r['peak'] / 2**20:10.0f}{r['seconds'] / rows[0]['seconds']:9.2f}{r['cpu'] / rows[0]['cpu']:9.2f}")


def main():
    bitctl, small = sys.argv[1:]
    if importlib.util.find_spec("tokenizers") is None:
        print("skipped: no Python package `tokenizers`")
        sys.exit(77)
    tokenizer = inputs.full_tokenizer() or small
    versions = ["tokenizers " + importlib.metadata.version("tokenizers"), dolma_versions()]
    with tempfile.TemporaryDirectory() as folder:
        documents = os.path.join(folder, "documents")
        os.mkdir(documents)
        described = write_documents(documents)
        rows = [with_bitctl(bitctl, tokenizer, documents, folder)]
        rows += [with_tokenizers(m, tokenizer, documents) for m in ("encode_batch", "encode_batch_fast")]
        rows += [with_dolma(tokenizer, documents, folder)] if versions[1] else []
    print_table(rows)
    print(f"{cpu_model()}, {CORES} cores, load {os.getloadavg()[0]:.1f}; {', '.join(filter(None, versions))}; "
          f"{os.path.basename(tokenizer)}; {described}")
    sys.exit(len({r["tokens"] for r in rows[:3]}) != 1)


if sys.argv[1] == "--tokenizers":
    encode_documents(*sys.argv[2:])
else:
    main()
