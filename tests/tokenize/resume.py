#!/usr/bin/env python3
"""`bitctl tokenize` is killed at random moments until one call completes: the folder must equal an undisturbed one's.

    resume.py BITCTL SMALL.json [--seed N]

tests/unit/ctl/tokenize/test_tokenize_resume.c dies at each call that changes the disk; this test kills the real program
with all its threads, at any moment, by SIGKILL or SIGINT.
"""
import filecmp
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

ROUNDS, KILLS = 4, 12


def write_inputs(folder, rng):
    words = ["river", "water", "1931", "hens", "\u043c\u0438\u0440", "rose.", "\n", "<|endoftext|>"]
    for name, opened in (("a.jsonl", open), ("b.json.gz", gzip.open), ("c.jsonl", open)):
        with opened(os.path.join(folder, name), "wt", encoding="utf-8") as out:
            for i in range(4000):
                text = " ".join(rng.choices(words, k=rng.randint(0, 300)))
                out.write(json.dumps({"id": f"{name}{i}", "text": text}) + "\n" if rng.random() < 0.98 else "{broken\n")


def start(bitctl, tokenizer, inputs, output):
    return subprocess.Popen([bitctl, "tokenize", "-q", "-t", tokenizer, "-o", output, "--max-size", "40000", inputs],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    bitctl, tokenizer = sys.argv[1:3]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    rng = random.Random(seed)
    kills = failures = 0
    with tempfile.TemporaryDirectory() as folder:
        inputs, whole = os.path.join(folder, "in"), os.path.join(folder, "whole")
        os.mkdir(inputs)
        write_inputs(inputs, rng)
        begin = time.monotonic()
        assert start(bitctl, tokenizer, inputs, whole).wait() == 0
        taken = time.monotonic() - begin
        for number in range(ROUNDS):
            output = os.path.join(folder, str(number))
            for _ in range(KILLS):
                process = start(bitctl, tokenizer, inputs, output)
                try:
                    process.wait(rng.uniform(0, taken * 0.6))
                except subprocess.TimeoutExpired:
                    process.send_signal(rng.choice([signal.SIGKILL, signal.SIGINT]))
                    kills += 1
                failures += process.wait() not in (0, -signal.SIGKILL, -signal.SIGINT)
            failures += start(bitctl, tokenizer, inputs, output).wait() != 0
            names = sorted(os.listdir(whole))
            same = filecmp.cmpfiles(whole, output, names, shallow=False)[0]
            if sorted(os.listdir(output)) != names or sorted(same) != names:
                print("differs:", sorted(set(names) ^ set(os.listdir(output)) | set(names) - set(same)))
                failures += 1
    print(f"seed {seed}: {kills} kills, {len(names)} files, {failures} failures")
    sys.exit(failures > 0 or kills == 0)


main()
