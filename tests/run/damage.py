"""OLMo's block with parts of the 1.58-bit phase, independently in numpy: the loss that `bitctl eval --damage` is compared with."""
import json
import struct

import numpy as np

SITES = ("att_proj", "attn_out", "ff_proj", "ff_out")
# part -> (sites that are blended, whether their weights are codes, whether their activations are codes)
PARTS = {"norms": (SITES, False, False), "weights": (SITES, True, False), "activations": (SITES, False, True), "qkv": (SITES[:1], True, True),
         "attention_out": (SITES[1:2], True, True), "up_gate": (SITES[2:3], True, True), "down": (SITES[3:], True, True),
         "16bit": ((), False, False), "ternary": (SITES, True, True)}


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    end = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:end])
    return {name: np.frombuffer(data, np.float32, count=int(np.prod(t["shape"])), offset=end + t["data_offsets"][0]).reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__"}


def norm(x, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


def linear(x, w, blended, weights, activations):
    """y = x W^T. If blended, x passes the inner norm, and weights and activations become codes as requested. The weight scale is
    that of the lower median of the whole fused matrix."""
    if not blended:
        return x @ w.T
    x = norm(x)
    w_scale = 1 / max(1e-5, np.sort(np.abs(w).ravel())[(w.size - 1) // 2])
    x_scale = 128 / np.maximum(1e-5, np.abs(x).max(-1, keepdims=True))
    if weights:
        w = np.clip(np.rint(w * w_scale), -1, 1) / w_scale
    if activations:
        x = np.clip(np.rint(x * x_scale), -128, 127) / x_scale
    return x @ w.T


def rotate(x):
    """(B, T, heads, head_dim)"""
    time, half = x.shape[1], x.shape[3] // 2
    angle = np.outer(np.arange(time), 10000.0 ** (-np.arange(half) / half))
    cos, sin = (np.concatenate([f(angle)] * 2, -1)[None, :, None] for f in (np.cos, np.sin))
    return x * cos + np.concatenate([-x[..., half:], x[..., :half]], -1) * sin


def attend(qkv, heads):
    shape = (*qkv.shape[:2], heads, -1)
    q, k, v = (part.reshape(shape) for part in np.split(qkv, 3, -1))
    scores = np.einsum("bthd,bshd->bhts", rotate(q), rotate(k)) / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(q.shape[1], dtype=bool), scores, -np.inf)
    share = np.exp(scores - scores.max(-1, keepdims=True))
    out = np.einsum("bhts,bshd->bthd", share / share.sum(-1, keepdims=True), v)
    return out.reshape(*qkv.shape[:2], -1)


def loss(path, tokens, heads, part):
    """Mean loss with untied weights; tokens (B, T)."""
    t = {name: w.astype(np.float64) for name, w in read_safetensors(path).items()}
    sites, weights, activations = PARTS[part]

    def project(x, block, site):
        return linear(x, t[f"transformer.blocks.{block}.{site}.weight"], site in sites, weights, activations)

    x = t["transformer.wte.weight"][tokens]
    for block in range(sum(".att_proj." in name for name in t)):
        x = x + project(attend(project(norm(x), block, "att_proj"), heads), block, "attn_out")
        up, gate = np.split(project(norm(x), block, "ff_proj"), 2, -1)
        x = x + project(up * gate / (1 + np.exp(-gate)), block, "ff_out")
    logits = (norm(x) @ t["transformer.ff_out.weight"].T)[:, :-1]
    top = logits.max(-1, keepdims=True)
    logits = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    return -np.take_along_axis(logits, tokens[:, 1:, None], -1).mean()
