"""Small trained checkpoints to export, and their codes and scales computed independently in numpy."""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
import fixture  # noqa: E402

try:
    import numpy as np
except ImportError:
    fixture.skip("this Python has no numpy")

# The models: the paper's form with an untied head; the form for serving, tied, with all of OLMo's options; RMS.
PAPER = dict(tied="false", quantizer='preset: "continual"')
PAPER_BY_PROJECTION = dict(tied="false", quantizer='preset: "reloaded"')
SERVED = dict(tied="true", clip_qkv="0.5",
              quantizer='preset: "export"')
RMS = dict(tied="false", quantizer='preset: "b158"')

SPEC = """
name: "{name}"
model {{ layers: 2 width: 64 heads: 2 mlp_hidden: 128 vocab: 256 vocab_padded: 640 context: 64 tied: {tied} clip_qkv: {clip_qkv}
        init: NORMAL init_std: 0.02 operands: FP32 }}
data {{ train: "train.npy" seed: 7 }}
batch {{ instances: 4 micro_instances: 2 }}
schedule {{ steps: {steps} peak_lr: 3e-3 warmup_steps: 2 }}
phases {{ switch {{ at_step: {at_step} optimizer: KEEP ramp_steps: {ramp} }} }}
quantizer {{ {quantizer} }}
checkpoint {{ every: 4 keep_last: 9 codes: true }}
launch {{ backend: CPU ranks: {ranks} threads: 1 }}
"""


def train(d, name, tied="false", clip_qkv="0", quantizer="", steps=8, at_step=4, ramp=0, ranks=2, sets=()):
    """Train a run to its end and return its id."""
    path = os.path.join(d.dir, f"{name}.txtpb")
    with open(path, "w") as f:
        f.write(SPEC.format(name=name, tied=tied, clip_qkv=clip_qkv, quantizer=quantizer, steps=steps, at_step=at_step, ramp=ramp,
                            ranks=ranks))
    run = d.submit(path, *(word for one in sets for word in ("--set", one)))
    d.finish(run)
    return run


def folder(d, run, step):
    return next(c["path"] for c in listed(d, run) if c["step"] == step)


def listed(d, run):
    return [json.loads(line) for line in d.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines()]


# ---- files

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "U8": np.uint8}


def read_safetensors(path):
    """name -> array; bf16 as float32."""
    with open(path, "rb") as f:
        data = f.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    out = {}
    for name, e in header.items():
        begin, end = (8 + length + x for x in e["data_offsets"])
        a = np.frombuffer(data[begin:end], DTYPES[e["dtype"]]).reshape(e["shape"])
        out[name] = (a.astype(np.uint32) << 16).view(np.float32) if e["dtype"] == "BF16" else a
    return out


def read_folder(path):
    """All tensors of an export in Hugging Face's form, and its config.json."""
    with open(os.path.join(path, "config.json")) as f:
        config = json.load(f)
    index = os.path.join(path, "model.safetensors.index.json")
    if not os.path.exists(index):
        return read_safetensors(os.path.join(path, "model.safetensors")), config
    with open(index) as f:
        where = json.load(f)["weight_map"]
    tensors = {}
    for name in sorted(set(where.values())):
        part = read_safetensors(os.path.join(path, name))
        assert set(part) == {t for t, n in where.items() if n == name}, f"{name} holds other tensors than the index says"
        tensors |= part
    return tensors, config


def to_bf16(w):
    bits = w.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7fff + (bits >> 16 & 1) >> 16).astype(np.uint32) << 16).view(np.float32)


# ---- expected tensors

LINEARS = {"att_proj": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], "attn_out": ["self_attn.o_proj"],
           "ff_proj": ["mlp.up_proj", "mlp.gate_proj"], "ff_out": ["mlp.down_proj"]}


def linears(weights, layers=2):
    """Yields for each linear (Hugging Face's names of its projections, the matrix)."""
    for layer in range(layers):
        for ours, theirs in LINEARS.items():
            yield [f"model.layers.{layer}.{t}" for t in theirs], weights[f"transformer.blocks.{layer}.{ours}.weight"]


def plain(weights):
    """Hugging Face's name -> the fp32 matrix."""
    out = {"model.embed_tokens.weight": weights["transformer.wte.weight"]}
    if "transformer.ff_out.weight" in weights:
        out["lm_head.weight"] = weights["transformer.ff_out.weight"]
    for names, w in linears(weights):
        out |= {f"{name}.weight": part for name, part in zip(names, np.split(w, len(names)))}
    return out


def ternary(weights, measure, by_projection):
    """Hugging Face's name of a linear -> (codes, scale)."""
    out = {}
    for names, w in linears(weights):
        parts = np.split(w, len(names))
        for name, part in zip(names, parts):
            measured = np.abs(part if by_projection else w).ravel()
            m = np.sort(measured)[(measured.size - 1) // 2] if measure == "MEDIAN" else np.float32(measured.astype(np.float64).mean())
            scale = np.float32(1) / np.maximum(np.float32(1e-5), m)
            out[name] = np.clip(np.rint(part * scale), -1, 1).astype(np.int8), scale
    return out


def worker_codes(folder):
    """The same from codes.safetensors, which the worker wrote into the checkpoint: four columns in a byte."""
    packed, out = read_safetensors(os.path.join(folder, "codes.safetensors")), {}
    for names, w in linears({n: p for n, p in packed.items() if not n.endswith("_scale")}):
        ours = next(n for n, p in packed.items() if p is w)
        codes = (w[..., None] >> np.array([0, 2, 4, 6], np.uint8) & 3).reshape(w.shape[0], -1).astype(np.int8) - 1
        scales = np.broadcast_to(packed[ours + "_scale"], len(names))
        out |= dict(zip(names, zip(np.split(codes, len(names)), scales)))
    return out


def unpack(packed):
    """Unpack Hugging Face's form: packed row r of n holds rows r, r + n, r + 2n, r + 3n."""
    return np.concatenate([(packed >> 2 * i & 3).astype(np.int8) - 1 for i in range(4)])
