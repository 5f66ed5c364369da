"""The order and the batches of bitd against numpy's shuffle and OLMo's own loader.

    compare.py BATCHES          BIT_OLMO=FOLDER_OR_WHEEL: where the `ai2-olmo` package is, if Python does not find it
                                BIT_PEER_PYTHON=... runs it under another interpreter, one that has numpy and torch
                                BIT_ORDER_COUNT=N compares a large order, too: 1500000000 takes 6 GB and some minutes

OLMo's MemMapDataset and IterableDataset are used as published (tests/olmo_package.py).
"""
import os
import subprocess
import sys
import tempfile

PEER = os.environ.get("BIT_PEER_PYTHON")
if PEER and "BIT_PEER_RUNNING" not in os.environ:
    os.environ["BIT_PEER_RUNNING"] = "1"
    os.execv(PEER, [PEER, *sys.argv])

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import olmo_package  # noqa: E402

SKIP = 77
WINDOW = 1 << 22  # BIT_SHUFFLE_WINDOW
try:
    import numpy as np
except ImportError:
    print("skipped: Python has no numpy")
    sys.exit(SKIP)

SPEC = """
name: "compare"
model {{ layers: 1 width: 64 heads: 2 mlp_hidden: 64 vocab: 65536 vocab_padded: 65536 context: {context} }}
data {{ {data} seed: {seed} }}
batch {{ instances: {batch} }}
schedule {{ steps: 1000000 peak_lr: 1e-3 warmup_steps: 0 }}
launch {{ ranks: 1 }}
"""


def run(program, *args):
    return subprocess.run([program, *map(str, args)], check=True, stdout=subprocess.PIPE).stdout


def numpy_order(seed, count):
    order = np.arange(count, dtype=np.uint32)
    np.random.Generator(np.random.PCG64(seed=seed)).shuffle(order)
    return order


def check_orders(program):
    cases = 0
    for seed, epoch, count, window in [
            (6198, 0, 1, 1), (6198, 0, 2, 1), (6198, 1, 3, 2), (0, 0, 16, 16), (6198, 0, 100003, 2097152), (6198, 5, 100003, 30000),
            (2**32 - 1, 1, 65536, 65536), (2**40, 0, 65537, 1000), (1, 7, 1 << 20, 1 << 18), (6198, 2, (1 << 20) + 1, 1 << 19),
            (6198, 0, 3000017, 2097152), (6198, 3, 5 * (1 << 20), 1 << 21), (6198, 0, 20000003, WINDOW)]:
        got = np.frombuffer(run(program, "order", seed, epoch, count, window), dtype=np.uint32)
        assert np.array_equal(got, numpy_order(seed + epoch, count)), f"order of {count}, seed {seed}, epoch {epoch}, window {window}"
        cases += 1
    rng = np.random.default_rng(os.getpid())
    for _ in range(40):
        seed, epoch, count = int(rng.integers(2**48)), int(rng.integers(10)), int(rng.integers(1, 20000))
        window = int(rng.integers(count // 20 + 1, count + 2))
        got = np.frombuffer(run(program, "order", seed, epoch, count, window), dtype=np.uint32)
        assert np.array_equal(got, numpy_order(seed + epoch, count)), f"order of {count}, seed {seed}, epoch {epoch}, window {window}"
        cases += 1
    print(f"orders equal to numpy {np.__version__}: {cases}")


def check_large_order(program, count):
    """Compare the first, a middle and the last window of an order for which numpy needs gigabytes and minutes."""
    theirs = numpy_order(6198, count)
    for begin in (0, count // 2, max(count - WINDOW, 0)):
        end = min(begin + WINDOW, count)
        got = np.frombuffer(run(program, "order", 6198, 0, count, WINDOW, begin, end), dtype=np.uint32)
        assert np.array_equal(got, theirs[begin:end]), f"order of {count}: places {begin} to {end}"
    print(f"order of {count} equal to numpy's at its begin, middle and end: {3 * WINDOW} places")


def write_files(folder, context):
    """Write files of odd lengths, one too short for an instance; every token depends on its file and place."""
    paths = []
    for i, count in enumerate([context * 37 + 5, context - 1, context * 11, context * 120 + context // 2]):
        paths.append(os.path.join(folder, f"{i}.npy"))
        ((np.arange(count, dtype=np.uint32) * 7 + 13 * i) % 65536).astype("<u2").tofile(paths[-1])
    return paths


def our_steps(program, folder, first, last, context, batch, seed, data):
    path = os.path.join(folder, "spec.txtpb")
    with open(path, "w") as f:
        f.write(SPEC.format(context=context, batch=batch, seed=seed, data=data))
    return np.frombuffer(run(program, "tokens", path, first, last), dtype="<u2").reshape(-1, batch, context)


def check_olmo(program, classes, folder):
    Iterable, MemMap = classes
    context, cases, rows = 32, 0, 0
    paths = write_files(folder, context)
    dataset = MemMap(*paths, chunk_size=context, memmap_dtype=np.uint16)
    train = "".join(f'train: "{p}" ' for p in paths)
    for batch, seed in ((8, 6198), (24, 1), (12, 2**33)):
        epoch_steps = len(dataset) // batch
        for epoch in (0, 1, 2):
            ours = our_steps(program, folder, epoch * epoch_steps + 1, (epoch + 1) * epoch_steps, context, batch, seed, train)
            for world in (w for w in (1, 2, 3, 4, 6, 8, 12) if batch % w == 0):
                for begin in (0, 1, epoch_steps // 2):  # a restart at step `begin` of the epoch
                    for rank in range(world):
                        theirs = Iterable(dataset, batch, seed=seed, epoch=epoch, start_index=begin * batch, drop_last=True,
                                          world_size=world, rank=rank, fs_local_rank=0, num_threads=0)
                        got = [row["input_ids"].numpy() for row in theirs][:(epoch_steps - begin) * (batch // world)]
                        want = ours[begin:, rank::world].reshape(-1, context)
                        assert len(got) == len(want), f"{len(got)} instances, not {len(want)}"
                        assert np.array_equal(np.array(got), want), f"batch {batch} seed {seed} epoch {epoch} world {world} rank {rank} from {begin}"
                        cases += 1
                        rows += len(want)
    print(f"instances by rank equal to OLMo's IterableDataset over MemMapDataset: {cases} cases, {rows} rows")


def check_mixture(program, folder):
    """Each source of a mixture has its own order; a single source equals data.train."""
    context, batch, seed = 32, 8, 6198
    paths = write_files(folder, context)
    alone = our_steps(program, folder, 1, 60, context, batch, seed, f'train: "{paths[0]}" train: "{paths[3]}"')
    one = our_steps(program, folder, 1, 60, context, batch, seed, f'source {{ name: "a" path: "{paths[0]}" path: "{paths[3]}" }}')
    assert np.array_equal(alone, one), "a single source is data.train"
    mixed = our_steps(program, folder, 1, 100, context, batch, seed,
                      f'source {{ name: "a" path: "{paths[0]}" weight: 0.7 }} source {{ name: "b" path: "{paths[2]}" weight: 0.3 }}')
    counts = np.array([0, 0])
    files = [np.fromfile(p, dtype="<u2") for p in (paths[0], paths[2])]
    sizes = [len(f) // context for f in files]
    orders = [np.concatenate([numpy_order(seed + e, n) for e in range(800 // n + 1)]) for n in sizes]
    for step, rows in enumerate(mixed, 1):
        for row in rows:
            place = [orders[k][counts[k]] for k in (0, 1)]
            expected = [files[k][place[k] * context:(place[k] + 1) * context] for k in (0, 1)]
            k = 0 if np.array_equal(row, expected[0]) else 1
            assert np.array_equal(row, expected[k]), f"step {step}: a row that is due from neither source"
            counts[k] += 1
        assert abs(counts[0] - 0.7 * batch * step) < 2, f"step {step}: {counts}"
    later = our_steps(program, folder, 57, 100, context, batch, seed,
                      f'source {{ name: "a" path: "{paths[0]}" weight: 0.7 }} source {{ name: "b" path: "{paths[2]}" weight: 0.3 }}')
    assert np.array_equal(later, mixed[56:]), "a step does not depend on where the run began"
    print(f"mixture of 0.7 and 0.3 over 100 steps: {counts[0]} and {counts[1]} instances, each in its source's order")


def main():
    program = sys.argv[1]
    check_orders(program)
    if "BIT_ORDER_COUNT" in os.environ:
        check_large_order(program, int(os.environ["BIT_ORDER_COUNT"]))
    with tempfile.TemporaryDirectory(prefix="bit-") as folder:
        check_mixture(program, folder)
        olmo = olmo_package.load("olmo.data.iterable_dataset", "olmo.data.memmap_dataset")
        if olmo is None:
            sys.exit(SKIP)
        check_olmo(program, (olmo[0].IterableDataset, olmo[1].MemMapDataset), folder)


main()
