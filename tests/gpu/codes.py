"""Ternary codes of a checkpoint's fp32 weights in numpy: an independent implementation of the specification."""
import json
import struct

import numpy as np

PARTS = {"att_proj": 3, "ff_proj": 2}  # number of projections in one matrix
EPS = np.float32(1e-5)


def tensors(path):
    """(name, f32 matrix) of a safetensors file, in the file's order."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        base = f.tell()
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            yield name, np.memmap(path, "<f4", "r", base + begin, ((end - begin) // 4,)).reshape(entry["shape"])


def scale(w, measure):
    magnitude = np.abs(w).ravel()
    if measure == "mean":
        m = magnitude.mean(dtype=np.float64)
    else:
        at = (magnitude.size - 1) // 2  # the lower of the two in the middle
        m = np.partition(magnitude, at)[at]
    return np.float32(1) / max(EPS, np.float32(m))


def codes(path, measure, split):
    """name -> int8 codes of every linear."""
    found = {}
    for name, w in tensors(path):
        site = name.split(".")[-2]
        if ".blocks." not in name:
            continue
        parts = np.split(w, PARTS.get(site, 1) if split else 1)
        found[name] = np.concatenate([np.clip(np.rint(p * scale(p, measure)), -1, 1).astype(np.int8) for p in parts])
    return found


def zeros(found):
    return sum(int((c == 0).sum()) for c in found.values()), sum(c.size for c in found.values())


def differing(a, b):
    """The share of codes that differ."""
    return sum(int((a[name] != b[name]).sum()) for name in a) / sum(c.size for c in a.values())
