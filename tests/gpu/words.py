"""Real tokens without a network: Python's own library as documents, by the tests' tokenizer and `bitctl tokenize`."""
import json
import os
import subprocess
import sysconfig

TOKENIZER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize", "small.json")
BYTES = 4 << 20


def documents(folder):
    """Yields (name, text) of the library's modules in the order of their paths, without installed packages and tests."""
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if f not in ("site-packages", "dist-packages", "test", "__pycache__"))
        for name in sorted(names):
            if name.endswith(".py"):
                with open(os.path.join(where, name), encoding="utf-8", errors="replace") as f:
                    yield name, f.read()


def make(bitctl, out, most=BYTES):
    """Tokenize the library, or about its first `most` characters. Returns the token file's path."""
    source, total = os.path.join(out, "documents.jsonl"), 0
    with open(source, "w") as f:
        for name, text in documents(sysconfig.get_paths()["stdlib"]):
            if total > most:
                break
            f.write(json.dumps({"id": name, "source": "python", "text": text}) + "\n")
            total += len(text)
    assert total > BYTES / 4, f"only {total} characters of Python's library; name a token file with --tokens"
    folder = os.path.join(out, "tokens")
    subprocess.run([bitctl, "tokenize", "--quiet", "--force", "--tokenizer", TOKENIZER, "--output", folder, source], check=True, timeout=60)
    return os.path.join(folder, "part-0-00000.npy")
