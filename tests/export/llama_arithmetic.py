"""OLMo's forward pass in numpy, from a checkpoint's fp32 weights, in the arithmetic of llama.cpp's CPU back end: each weight type
quantises the activations in its own way. Written from the formulas, not from what bitctl exports.

    F32         fp32
    F16, BF16   activations are rounded to that type before the product
    TQ1_0       activations are int8 by blocks of 256: x (-127 / the largest by magnitude, with its sign), to nearest, ties to
    TQ2_0       even; the weight's scale is a half
    Q2_0        activations are int8 by blocks of 32: x / (largest magnitude / 127), the block's scale being a half
    trained     no type of llama.cpp: int8 by whole rows, fp32 scales, as in training; the difference is due to llama.cpp's blocks
"""
import json
import struct

import numpy as np

F = np.float32


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data, np.float32, offset=t["data_offsets"][0],
                                count=t["shape"][0] * t["shape"][1]).reshape(t["shape"]) for name, t in header.items()}


def to_bfloat(x):
    bits = np.ascontiguousarray(x, F).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(F)


def room(x):
    """Distance of x from the nearest midpoint between two fp16 values, in fp16 steps: 0 at the midpoint."""
    _, exponent = np.frexp(np.abs(x.astype(np.float64)))
    steps = x.astype(np.float64) / 2.0 ** (np.maximum(exponent, -13) - 11)
    return 0.5 - np.abs(steps - np.rint(steps))


ROUND = {"f32": lambda x: x.astype(F), "f16": lambda x: x.astype(np.float16).astype(F), "bf16": to_bfloat}


def ternarise(w, measure):
    """(codes, factor that they are multiplied with)"""
    values = np.abs(w).ravel()
    m = np.sort(values)[(values.size - 1) // 2] if measure == "median" else values.astype(np.float64).mean()
    scale = F(1) / max(F(m), F(1e-5))
    return np.clip(np.rint(w * scale), -1, 1).astype(F), F(1) / scale


class Linear:
    """A matrix of type `kind`. codes: None, or the codes of `weight`, which are multiplied with `scale`."""

    def __init__(self, kind, weight, codes=None, scale=None):
        self.kind = kind
        self.closest = np.inf  # by position: smallest distance of an activation to a border between codes, in codes
        if kind in ROUND:
            self.weight = ROUND[kind](weight if codes is None else codes * scale).astype(np.float64)
        else:
            self.weight, self.scale = codes.astype(np.float64), np.float64(F(scale) if kind == "trained" else np.float16(scale))

    def quantise(self, x):
        size = {"q2_0": 32, "trained": x.shape[-1]}.get(self.kind, 256)
        blocks = x.reshape(len(x), -1, size)
        largest = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.kind == "q2_0":
                d = np.abs(largest) / F(127)
                exact, step = blocks * np.where(d > 0, F(1) / d, F(0)), d.astype(np.float16).astype(F)
            else:
                inverse = F(-127) / largest
                exact, step = np.where(largest != 0, blocks * inverse, F(0)), np.where(largest != 0, F(1) / inverse, F(0))
        codes = np.rint(exact)
        self.closest = (0.5 - np.abs(exact - codes)).reshape(len(x), -1).min(-1)
        if self.kind == "q2_0":
            # A block's scale has an error of some 1e-7 of itself, which is 1e-4 of an fp16 step; its codes one of 1e-5 of a code.
            self.closest = np.minimum(self.closest, room(d).reshape(len(x), -1).min(-1) / 10)
        return (codes.astype(np.float64) * step).reshape(x.shape)

    def __call__(self, x):
        x = x.astype(F)
        if self.kind in ROUND:
            return (ROUND[self.kind](x).astype(np.float64) @ self.weight.T).astype(F)
        return (self.quantise(x) @ self.weight.T * self.scale).astype(F)


class Model:
    """shape: layers, width, heads, mlp_hidden, context, rope_theta, clip_qkv, as in the specification. kind: a type of bitctl
    export. measure: None for a 16-bit checkpoint, otherwise "mean" or "median"; by_projection: each projection has its scale."""

    def __init__(self, path, shape, kind, measure=None, by_projection=False):
        w = read_safetensors(path)
        self.shape = shape
        rest = kind if kind in ROUND else "f32" if kind == "trained" else "f16"
        make = lambda m: Linear(kind, m) if measure is None else Linear(kind, m, *ternarise(m, measure))

        def split(m, count):
            if measure is None or by_projection:
                return [make(p) for p in np.split(m, count)]
            codes, scale = ternarise(m, measure)
            return [Linear(kind, p, c, scale) for p, c in zip(np.split(m, count), np.split(codes, count))]

        self.kind = kind
        self.embedding = ROUND[rest](w["transformer.wte.weight"])
        self.head = Linear(rest, w.get("transformer.ff_out.weight", w["transformer.wte.weight"]))
        self.blocks = []
        for i in range(shape["layers"]):
            t = lambda name: w[f"transformer.blocks.{i}.{name}.weight"]
            self.blocks.append((*split(t("att_proj"), 3), make(t("attn_out")), *split(t("ff_proj"), 2), make(t("ff_out"))))

    def logits(self, ids):
        """(logits of each position; the smallest distance of an activation to another code up to this position; the same at this
        position for the head's input)"""
        s = self.shape
        heads, size = s["heads"], s["width"] // s["heads"]
        angle = np.outer(np.arange(len(ids)), 1 / s.get("rope_theta", 1e4) ** (np.arange(0, size, 2) / size))
        angle = np.concatenate([angle, angle], -1)
        cos, sin = np.cos(angle).astype(F), np.sin(angle).astype(F)
        closest = np.full(len(ids), np.inf)

        def norm(x):
            x = x.astype(np.float64)
            return ((x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)).astype(F)

        def turn(x):
            x = x.reshape(len(ids), heads, size).swapaxes(0, 1)
            return x * cos + np.concatenate([-x[..., size // 2:], x[..., :size // 2]], -1) * sin

        def call(linear, x):
            out = linear(x)
            np.minimum(closest, linear.closest, out=closest)
            return out

        x = self.embedding[ids]
        for q, k, v, out, up, gate, down in self.blocks:
            n = norm(x)
            qkv = [call(m, n) for m in (q, k, v)]
            if s.get("clip_qkv"):
                qkv = [np.clip(m, F(-s["clip_qkv"]), F(s["clip_qkv"])) for m in qkv]
            score = (turn(qkv[0]).astype(np.float64) @ turn(qkv[1]).astype(np.float64).swapaxes(1, 2)) / np.sqrt(size)
            score[:, np.triu_indices(len(ids), 1)[0], np.triu_indices(len(ids), 1)[1]] = -np.inf
            p = np.exp(score - score.max(-1, keepdims=True))
            p /= p.sum(-1, keepdims=True)
            a = (p @ qkv[2].reshape(len(ids), heads, size).swapaxes(0, 1)).swapaxes(0, 1).reshape(len(ids), -1)
            x = x + call(out, a)
            n = norm(x)
            g, u = call(gate, n).astype(np.float64), call(up, n)
            x = x + call(down, (g / (1 + np.exp(-g)) * u).astype(F))
        last = norm(x)
        own = room(last).min(-1) / 10 if self.head.kind == "f16" else np.full(len(ids), np.inf)
        return self.head(last), np.minimum.accumulate(closest), own
