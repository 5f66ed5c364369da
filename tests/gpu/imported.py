"""A model of published size: OLMo-1B-0724-hf's folder with random weights, trained from on a GPU and exported again, to the bit."""
import json
import os
import shutil
import struct
import subprocess
import time

import numpy as np

OLMO_1B = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 16, "num_key_value_heads": 16,
           "vocab_size": 50304, "max_position_embeddings": 4096}
SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
         "vocab_size": 1024, "max_position_embeddings": 64}
CONFIG = {"architectures": ["OlmoForCausalLM"], "model_type": "olmo", "hidden_act": "silu", "attention_bias": False, "clip_qkv": 8.0,
          "rope_theta": 10000.0, "tie_word_embeddings": False, "torch_dtype": "bfloat16"}
SPEC = """
name: "imported"
model {{ from: "{folder}" vocab: {vocab} }}
data {{ train: "{tokens}" seed: 7 }}
batch {{ instances: {instances} micro_instances: {micro} }}
schedule {{ steps: 4 peak_lr: 1e-300 warmup_steps: 0 }}
phases {{ switch {{ at_step: 2 optimizer: RESET }} }}
quantizer {{ preset: "export" }}
checkpoint {{ every: 0 }}
launch {{ backend: {backend} ranks: 1 threads: {threads} }}
"""


def shapes(config):
    """Yields (name, shape) of each tensor of transformers' OlmoForCausalLM."""
    width, hidden = config["hidden_size"], config["intermediate_size"]
    yield "model.embed_tokens.weight", (config["vocab_size"], width)
    for layer in range(config["num_hidden_layers"]):
        for name in "qkvo":
            yield f"model.layers.{layer}.self_attn.{name}_proj.weight", (width, width)
        for name, shape in (("gate", (hidden, width)), ("up", (hidden, width)), ("down", (width, hidden))):
            yield f"model.layers.{layer}.mlp.{name}_proj.weight", shape
    yield "lm_head.weight", (config["vocab_size"], width)


def write_file(path, tensors, rng):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (rows, cols) in tensors:
        header[name] = {"dtype": "BF16", "shape": [rows, cols], "data_offsets": [at, at + 2 * rows * cols]}
        at += 2 * rows * cols
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, (rows, cols) in tensors:
            drawn = rng.standard_normal(rows * cols, dtype=np.float32) * np.float32(0.02)
            drawn[drawn == 0] = np.float32(0.02)  # no zeros: a step of any size turns a -0 into +0
            f.write((drawn.view(np.uint32) >> 16).astype(np.uint16).tobytes())


def write_folder(folder, config):
    """Write a model of two files and an index. Returns its number of parameters."""
    os.makedirs(folder)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    tensors, rng = list(shapes(config)), np.random.default_rng(1)
    half, index = len(tensors) // 2, {}
    for i, part in enumerate((tensors[:half], tensors[half:])):
        name = f"model-{i + 1:05d}-of-00002.safetensors"
        write_file(os.path.join(folder, name), part, rng)
        index |= {tensor: name for tensor, _ in part}
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {}, "weight_map": index}, f)
    return sum(rows * cols for _, (rows, cols) in tensors)


def tensors_of(folder):
    """name -> (file, offset, bytes)"""
    found = {}
    for file in sorted(f for f in os.listdir(folder) if f.endswith(".safetensors")):
        path = os.path.join(folder, file)
        with open(path, "rb") as f:
            size, = struct.unpack("<Q", f.read(8))
            for name, entry in json.loads(f.read(size)).items():
                if name != "__metadata__":
                    begin, end = entry["data_offsets"]
                    found[name] = path, 8 + size + begin, end - begin
    return found


def read(at):
    path, offset, size = at
    with open(path, "rb") as f:
        f.seek(offset)
        return f.read(size)


def differing(one, other):
    a, b = tensors_of(one), tensors_of(other)
    return sorted(a.keys() ^ b.keys()) + [name for name in a if name in b and read(a[name]) != read(b[name])]


def full_size(report, host, bed):
    config = CONFIG | (SMALL if host.small else OLMO_1B)
    folder, out = os.path.join(bed.dir, "published"), os.path.join(bed.dir, "exported")
    parameters = write_folder(folder, config)
    spec = os.path.join(bed.dir, "imported.txtpb")
    with open(spec, "w") as f:
        f.write(SPEC.format(folder=folder, vocab=config["vocab_size"], tokens=host.tokens, instances=2, micro=2, backend=host.backend,
                            threads=host.cpu_threads))
    run = bed.submit(spec)
    bed.finish(run, timeout=300)
    ready = bed.ready(run)[0]
    losses = [loss for loss, *_ in bed.losses(run).values()]
    report.check(f"a published model of {parameters / 1e9:.2f}G parameters, trained from", len(losses) == 4,
                 f"first loss {losses[0]:.4f}, first ternary loss {losses[2]:.4f}, {ready['backend']}", "4 steps, the switch after 2")
    begin = time.monotonic()
    process = subprocess.Popen([bed.bitctl, "export", bed.checkpoint(run)["path"], "--to", "hf", "--type", "bf16", "-o", out],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    _, code, used = os.wait4(process.pid, 0)
    assert code == 0, said
    wrong = differing(folder, out)
    report.check("and exported again", not wrong, f"{time.monotonic() - begin:.1f} s, {used.ru_maxrss / 2**20:.2f} GiB of memory at most; "
                 f"{len(wrong)} of {len(tensors_of(folder))} tensors differ {' '.join(wrong[:2])}", "the same bytes")
    begin = time.monotonic()
    shutil.rmtree(out)
    code, said, err = bed.ctl("export", bed.checkpoint(run)["path"], "--to", "hf-bitnet", "-o", out)
    report.check("and as ternary codes", code == 0, f"{time.monotonic() - begin:.1f} s; {said.strip() or err.strip()}", "exit 0")
