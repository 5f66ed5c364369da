"""The launch's secret in the memory of its ranks: its mappings are excluded from core files, and no core file is written anyway."""
import re
import resource

import fixture


MAPPING_MAX = 1 << 30  # a sanitizer's own mappings are terabytes and hold no data of ours


def read_memory(memory, begin, end):
    if end - begin > MAPPING_MAX:
        return b""
    try:
        memory.seek(begin)
        return memory.read(end - begin)
    except (OSError, OverflowError, ValueError):
        return b""  # a device's mapping, or unmapped meanwhile


def places(pid, secret):
    """For each copy of the secret in writable memory, the VmFlags of its mapping."""
    found = []
    with open(f"/proc/{pid}/smaps") as f:
        text = f.read()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for block in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text):
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) .w", block)
            if head:
                copies = read_memory(memory, int(head[1], 16), int(head[2], 16)).count(secret)
                flags = re.search(r"(?m)^VmFlags: (.*)$", block)
                found += [flags[1].split() if flags else []] * copies
    return found


def no_core_file_has_it():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=100000, at_step=50000, every=50000))
        d.wait(run, "--for", "step=5")
        with open(f"{d.state}/runs/{run}/secret", "rb") as f:
            secret = f.read()
        pids = d.worker_pids(run)
        assert len(secret) == 32 and len(pids) == 2, f"{len(secret)} bytes, ranks {pids}"
        for pid in pids:
            found = places(pid, secret)
            print(f"         pid {pid}: {len(found)} copies")
            assert found, "it is needed when the link is made again"
            assert all("dd" in flags for flags in found), f"a copy that a core file would have: {found}"
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
        d.ctl("cancel", run, check=True)


fixture.main([no_core_file_has_it])
