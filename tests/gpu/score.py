"""Log-likelihoods of requests: the GPU's sums against the CPU's, and OLMo-1B's time against PyTorch's."""
import array
import json
import os
import random
import statistics
import struct
import sys

from report import json_lines, run, tail

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer_score.py")
NAMES = {"16bit": "16-bit", "ternary": "ternary"}
ITEMS, ITEMS_TOKENS = 58141, 71  # items of OLMo's eleven tasks, and tokens of each: to estimate the time of all
MUST = 3.0                       # least requests/s of bitworker over PyTorch's at its best batch size
# Bounds for the largest and the mean difference between the CPU's sums and the GPU's; None: printed, not judged. In bf16 every
# product's operands are rounded, and in the ternary phase a value on a border between codes may be rounded either way.
NEAR = {("FP32", "16bit"): (1e-3, 3e-4), ("FP32", "ternary"): (None, 5e-2), ("BF16", "16bit"): (None, 5e-2), ("BF16", "ternary"): (None, 0.2)}


def draw(path, contexts, lengths, vocab=50280, seed=1):
    """Write random requests, four continuations for each context. lengths: the ranges of the context's and the continuation's."""
    rng = random.Random(seed)
    with open(path, "w") as file:
        for _ in range(contexts):
            context = [rng.randrange(vocab) for _ in range(rng.randint(*lengths[0]))]
            for _ in range(4):
                continuation = [rng.randrange(vocab) for _ in range(rng.randint(*lengths[1]))]
                file.write(json.dumps({"context": context, "continuation": continuation}) + "\n")
    return path


def lines_of(path):
    """The items of a request file (proto/data/request_file.h), as lines of JSON."""
    with open(path, "rb") as file:
        data = file.read()
    width, documents, items = (struct.unpack_from("<I", data, at)[0] for at in (16, 24, 28))
    table, at = 512 + 16 * documents, 512 + 16 * documents + 20 * items
    ids, context = array.array({2: "H", 4: "I"}[width], data[at:]), []
    at = 0
    for item in range(items):
        context_tokens, tokens, _, _, same = struct.unpack_from("<5I", data, table + 20 * item)
        if not same:
            context, at = ids[at:at + context_tokens].tolist(), at + context_tokens
        yield json.dumps({"context": context, "continuation": ids[at:at + tokens].tolist()}) + "\n"
        at += tokens


def as_lines(path, files):
    """Write all items of the request files to one file of lines, for the peer."""
    with open(path, "w") as to:
        for file in files:
            to.writelines(lines_of(file))
    return path


def score(report, host, what, paths, *more, limit=60):
    """The lines of JSON, or None after a row that says why."""
    command = [os.path.join(host.build, "worker", "bitworker"), "score", "--precision", "both", *more, *paths]
    log = os.path.join(report.out, f"score-{what.replace(' ', '-').replace(',', '')}.log")
    code, out = run(command, log, report.left(limit))
    found = json_lines(out)
    if code != 0 or not found:
        report.add(what, "FAILED", f"exit {code}: {tail(log)}")
        return None
    return found


# ---- the CPU's sums and the GPU's


def small_model(operands):
    fields = ("model.layers=4", "model.context=512", "model.operands=" + operands, "quantizer.weight_measure=MEAN", "model.init=NORMAL", "model.init_std=0.06")
    return ["--model", "olmo_20m"] + [f"--set={field}" for field in fields]


def sums(lines, precision):
    return [line["sum"] for line in lines if line["precision"] == precision]


def compare(report, host, operands):
    """Compare the sums of short and long requests, single tokens, and requests that are truncated."""
    path = draw(os.path.join(report.out, "requests-small.jsonl"), 20, ((1, 120), (1, 40)))
    with open(draw(os.path.join(report.out, "requests-long.jsonl"), 3, ((300, 600), (1, 90)), seed=2)) as more, open(path, "a") as file:
        file.write(more.read())
    cpu = score(report, host, f"sums on the CPU, {operands}", [path], *small_model(operands), "--set=launch.backend=CPU",
                f"--set=launch.threads={host.cpu_threads}")
    gpu = score(report, host, f"sums on the GPU, {operands}", [path], *small_model(operands), f"--set=launch.backend={host.backend}")
    if cpu is None or gpu is None:
        return
    for precision in NAMES:
        apart = [abs(a - b) for a, b in zip(sums(cpu, precision), sums(gpu, precision))]
        most, mean = NEAR[operands, precision]
        holds = len(apart) == 92 and statistics.mean(apart) <= mean and (most is None or max(apart) <= most)
        report.check(f"sums on the GPU and the CPU, {NAMES[precision]}, {operands}", holds,
                     f"apart {max(apart):.1e} at most, {statistics.mean(apart):.1e} on average, of {statistics.mean(sums(cpu, precision)):.0f}",
                     f"mean <= {mean:g}" + (f", most <= {most:g}" if most else ""))
    again = score(report, host, f"sums again, {operands}", [path], *small_model(operands), f"--set=launch.backend={host.backend}",
                  *(["--ranks", "2"] if host.gpus > 1 or host.small else []))
    if again is not None:
        report.check(f"the same bits {'on two ranks' if host.gpus > 1 or host.small else 'again'}, {operands}",
                     [line["sum"] for line in gpu] == [line["sum"] for line in again], f"{len(gpu)} sums", "equal")


# ---- speed


def own(report, host, paths):
    """precision -> requests/s of bitworker score."""
    lines = score(report, host, "bitworker score, OLMo-1B", paths, "--model", "olmo_20m" if host.small else "olmo_1b", "--summary", "--repeat", "3",
                  "--set=quantizer.weight_measure=MEAN", f"--set=launch.backend={host.backend}", limit=200)
    for line in lines or []:
        all_s = ITEMS / line["requests_per_s"] * ITEMS_TOKENS / (line["tokens"] / line["requests"])
        told = f"{line['ms'] / 1e3:.1f} s" if host.requests else f"about {all_s:.0f} s for eleven tasks"
        report.add(f"bitworker score, {NAMES[line['precision']]}", "ok",
                   f"{line['requests_per_s']:.0f} requests/s, {line['us_per_request']:.1f} us each; {line['requests']} of {line['tokens']} tokens, "
                   f"{line['rows']} rows computed", told, score=line)
    return {line["precision"]: line["requests_per_s"] for line in lines or []}


def peer(report, host, path, phase, *more, limit=150):
    """requests/s, or None after a row that says why."""
    what = f"PyTorch, {NAMES[phase]}{''.join(' ' + m for m in more)}"
    log = os.path.join(report.out, f"peer-score-{phase}{''.join(more)}.log")
    command = [sys.executable, PEER, path, "--phase", phase, *more, *(["--batch", "64,128"] if host.requests else []), *(["--model", "tiny", "--device", "cpu"] if host.small else [])]
    code, out = run(command, log, report.left(limit))
    lines = json_lines(out)
    if not lines or code not in (0, None):  # batches finished before the limit count
        report.skip(what, out.strip() if code == 77 else f"not done in {limit} s" if code is None else f"exit {code}: {tail(log)}")
        return None
    best = max(lines, key=lambda line: line["requests_per_s"])
    report.add(what, "ok", f"{best['requests_per_s']:.0f} requests/s at a batch of {best['batch']}, {best['memory_gib']} GiB",
               "batches " + "/".join(str(line["batch"]) for line in lines), peer=lines)
    return best["requests_per_s"]


def speed(report, host, with_peer):
    """Requests of HellaSwag's lengths: contexts of 50 tokens, continuations of 30."""
    path = os.path.join(report.out, "requests.jsonl")
    if host.requests:
        as_lines(path, host.requests)
    else:
        draw(path, 20 if host.small else 2000, ((20, 80), (6, 54)), vocab=500 if host.small else 50280)
    mine = own(report, host, host.requests or [path])
    if not with_peer or (host.small and host.requests):  # their ids exceed a tiny model's vocabulary
        return
    for phase in NAMES:
        theirs = peer(report, host, path, phase)
        if host.small or theirs is None or phase not in mine:
            report.skip(f"{NAMES[phase]} over PyTorch", "not two models of one size" if host.small else "one side has no figure")
        else:
            report.at_least(f"{NAMES[phase]} over PyTorch's best batch", mine[phase] / theirs, MUST)
    for more in (["--gather"],) if host.small else (["--gather"], ["--compile"]):
        theirs = peer(report, host, path, "16bit", *more, limit=150)
        if theirs is not None and not host.small and "16bit" in mine:
            report.add(f"16-bit over PyTorch {more[0][2:]}", "ok", f"{mine['16bit'] / theirs:.2f}")


def all_of_it(report, host, with_peer):
    for operands in ("FP32", "BF16"):
        report.guarded(f"sums, {operands}", compare, report, host, operands)
    report.guarded("speed of scoring", speed, report, host, with_peer)
