"""All items, most valuable first, with the seconds that each takes on an H200."""
import contextlib
import functools
import os
import threading

from plan import ALL, Item

PARTS = ("kcheck", "sanitize", "runs", "faults", "shared", "bench", "peer", "many", "options", "accuracy", "snapshot", "import", "score")
ALIASES = {"two": "many"}
SHARE = "tests/gpu/libshare_gpu.so"
HOME = {"16bit": 0, "ternary": 1}  # with several cards, the one on which bitd, PyTorch and the options of a phase are timed

# ---- parts that are one item


def on_gpu(report, host, parts):
    import checks
    if "kcheck" in parts:
        report.guarded("kcheck", checks.kcheck, report, host)
    if "sanitize" in parts:
        report.guarded("compute-sanitizer", checks.sanitize, report, host)


def compared(report, host, parts):
    """The CPU's runs of the comparison are trained while kcheck and the sanitizers use the GPU."""
    import runs
    comparison = runs.Comparison(report, host)
    with runs.Bed(host) as cpu, runs.Bed(host) as gpu:
        lane = threading.Thread(target=report.guarded, args=("CPU's runs", comparison.train, "cpu", cpu, "CPU"))
        lane.start()
        on_gpu(report, host, parts)
        report.guarded("GPU's runs", comparison.train, "gpu", gpu, host.backend)
        lane.join()
        report.guarded("comparison", comparison.compare, cpu, gpu)
        report.guarded("resuming", runs.resumed, report, host, gpu)


def faulty(report, host):
    import faults
    import runs
    with runs.Bed(host) as bed:
        report.guarded("impossible configurations", faults.cannot_be, report, host, bed)
        if host.gpus > 0:
            report.guarded("a full GPU", faults.gpu_full, report, host, bed)
    with faults.faults_bed(host) as bed:
        report.guarded("NaN", faults.number_lost, report, host, bed)
        if host.gpus > 0:
            report.guarded("a GPU lost", faults.gpu_lost, report, host, bed, 1)


def shared_gpu(function):
    """Decorator: the item runs with share_gpu.c preloaded, so that all ranks use the first GPU."""
    @functools.wraps(function)
    def on_one(report, host):
        import runs
        with runs.variables(LD_PRELOAD=os.path.join(host.build, SHARE)) if host.gpus else contextlib.nullcontext():
            function(report, host)
    return on_one


@shared_gpu
def shared_collectives(report, host):
    import shared
    shared.collectives(report, host)


def in_bed(what, module, name, *args):
    """An item's call: a function of a module, with a daemon of its own."""
    def call(report, host):
        import importlib
        import runs
        with runs.Bed(host) as bed:
            report.guarded(what, getattr(importlib.import_module(module), name), report, host, bed, *args)
    return call


def published(report, host):
    try:
        import imported  # noqa: F401
    except ImportError as e:
        report.skip("a published model", str(e))
        return
    in_bed("a published model", "imported", "full_size")(report, host)


def scored(with_peer, report, host):
    import score
    score.all_of_it(report, host, with_peer)


# ---- parts of several items


def checks_items(parts):
    wanted = [p for p in ("kcheck", "sanitize", "runs") if p in parts]
    on_card = {"kcheck": 36, "sanitize": 85}
    gpu_s = sum(on_card.get(p, 0) for p in wanted)
    if "runs" in parts:
        return [Item("-".join(wanted), "runs", max(80, gpu_s + 12) + 55, 1, lambda report, host: compared(report, host, parts))]
    return [Item(p, p, on_card[p], 1, functools.partial(on_gpu, parts=(p,))) for p in wanted]


def shared_items():
    return [
        Item("shared-collectives", "shared", 85, 1, shared_collectives),
        Item("shared-losses", "shared", 185, 1, shared_gpu(in_bed("ranks and one", "shared", "ranks"))),
        Item("shared-killed", "shared", 70, 1, shared_gpu(in_bed("a rank killed", "faults", "rank_killed", 2))),
        Item("shared-tasks", "shared", 60, 1, shared_gpu(in_bed("downstream tasks", "evaluated", "on_several", 2))),
    ]


def call(module, name, *args, **more):
    """An item's call that imports its module only when it runs: the plan itself needs neither numpy nor PyTorch."""
    def later(report, host):
        import importlib
        getattr(importlib.import_module(module), name)(report, host, *args, **more)
    return later


def bench_items(small):
    import bench
    wanted = [("16bit", 16), ("ternary", 16), ("16bit", 24), ("ternary", 24), ("16bit", 8), ("ternary", 8)]
    return [Item(f"bench-{phase}-{micro}", "bench", 22, 1, call("bench", "single", phase, micro), home=HOME[phase])
            for phase, micro in wanted[:2 if small else 6]], \
        [Item(f"option-{phase}-{micro}-{what.split('=')[0]}", "options", 22, 1, call("bench", "single", phase, micro, (what,)), home=HOME[phase])
         for phase, micro, what in bench.OPTIONS]


def peer_items(small):
    import peers
    variants = peers.ALONE[:2] + peers.ALONE[-1:] if small else peers.ALONE
    first = Item("peer-compile", "peer", 130, 1, call("peers", "compile_all", variants))
    return [first] + [Item(f"peer-{phase}-{micro}-{residual}", "peer", 45, 1, call("peers", "measure", phase, micro, residual), (first.name,), HOME[phase])
                      for phase, micro, residual in variants]


def many_items(gpus, small, with_peer):
    """[(order, item)], sorted: items of the largest number of GPUs first, then those that show the scaling."""
    import many
    numbers = [2] if small else many.counts(gpus)
    found = []
    for n in numbers:
        found += on_all_of(n, n == numbers[0], with_peer)
    return sorted(found, key=lambda pair: pair[0])


def on_all_of(n, largest, with_peer):
    """[(order, item)] for n GPUs: the largest number of GPUs comes before smaller ones, and long steps come last."""
    import bench
    step_s = 2048 / 8 / n * 0.22  # of the batch of 4M tokens
    late = 0 if largest else 10

    def item(worth, name, seconds, *args, cards=ALL, **more):
        return worth + late, Item(f"many-{n}-{name}", "many", seconds, cards, call("many", *args, **more))

    rows = [item(0, "collectives", 20, "collectives", n)]
    for phase in bench.NAMES:
        rows.append(item(1, f"scaling-{phase}", 35, "scaling", phase, n))
        rows.append(item(6 if step_s < 20 else 20, f"batch-{phase}", 15 + 4 * step_s, "whole_batch", phase, n))
        if largest:
            rows.append((1, Item(f"many-1-scaling-{phase}", "many", 28, 1, call("many", "scaling", phase, 1))))
    rows.append(item(2, "losses", 35, "losses", n))
    rows.append(item(3, "killed", 50, "killed", n))
    rows.append(item(3, "lost", 50, "lost", n))
    rows.append(item(4, "rooted", 20, "rooted", n))
    if with_peer:
        rows += [item(5 if sharing == "fsdp2" else 7, f"peer-{phase}-{sharing}", 75, "peer", phase, n, sharing)
                 for phase in bench.NAMES for sharing in ("fsdp2", "ddp")]
    if largest:
        rows.append(item(8, "stall", 85, "stall", n))
        rows.append(item(8, "tasks", 40, "tasks", n))
        rows.append(item(8, "missing", 45, "missing", n))
        rows.append((9, Item("many-no-nccl", "many", 20, ALL, call("many", "no_nccl"))))
    return rows


def table(parts, gpus, small, with_peer):
    """Items of these parts, most valuable first."""
    plain, options = bench_items(small)
    of_part = {
        "faults": [Item("faults", "faults", 60, 1, faulty)],
        "shared": shared_items(),
        "bench": plain,
        "peer": peer_items(small) if with_peer else [],
        "many": [item for _, item in many_items(gpus, small, with_peer)],
        "options": options,
        "accuracy": [Item("accuracy", "accuracy", 80, 1, in_bed("data gradients of int8", "accuracy", "int8_gradients"))],
        "snapshot": [Item("snapshot", "snapshot", 85, 1, in_bed("checkpoints beside training", "snapshot", "beside_training"))],
        "import": [Item("import", "import", 90, 1, published)],
        "score": [Item("score", "score", 180 if with_peer else 60, 1, functools.partial(scored, with_peer))],
    }
    peers = of_part.pop("peer")
    # All PyTorch items wait for the compilation: it starts early, so that no card waits for it.
    first = peers[:1] if "peer" in parts else []
    of_part["peer"] = peers[1:]
    return checks_items(parts) + first + [item for part in PARTS if part in parts for item in of_part.get(part, [])]


def wanted(words, gpus, small, with_peer):
    """(items, unknown words): the items of the named parts, most valuable first, then those whose names begin with a word."""
    words = [ALIASES.get(word, word) for word in words]
    parts = [word for word in words if word in PARTS]
    found = table(parts, gpus, small, with_peer)
    have, unknown = {item.name for item in found}, []
    for word in words:
        if word in PARTS:
            continue
        named = [item for item in table(PARTS, gpus, small, with_peer) if item.name.startswith(word)]
        unknown += [word] if not named else []
        found += [item for item in named if item.name not in have]
        have |= {item.name for item in named}
    return found, unknown
