"""A run that begins from a `bitctl export` for Hugging Face has the same model: to the bit in f32, and rounded once in 16 bits."""
import json
import os

import fixture

FROM = """
name: "again"
model {{ from: "{folder}" }}
data {{ train: "train.npy" seed: 7 }}
batch {{ instances: 8 micro_instances: 2 }}
schedule {{ steps: {steps} peak_lr: {rate} warmup_steps: 0 }}
checkpoint {{ every: 0 }}
launch {{ backend: CPU ranks: {ranks} threads: 1 }}
"""


def trained(d, folder, steps=3, ranks=2, rate=3e-3):
    """Train `steps` steps from the folder's model. Returns (weights digest, folder of the last checkpoint)."""
    path = os.path.join(d.dir, "again.txtpb")
    with open(path, "w") as f:
        f.write(FROM.format(folder=folder, steps=steps, ranks=ranks, rate=rate))
    run = d.submit(path)
    d.finish(run)
    status = d.status(run)
    return status["weights_digest"], os.path.join(status["directory"], "checkpoints", f"step-{steps:08d}")


def exported(d, checkpoint, name, *args):
    out = os.path.join(d.dir, name)
    d.ctl("export", checkpoint, "--to", "hf", "--output", out, *args, check=True)
    return out


def weights(folder):
    """The bytes of each tensor, by name."""
    found = {}
    for file in sorted(os.listdir(folder)):
        if not file.endswith(".safetensors"):
            continue
        with open(os.path.join(folder, file), "rb") as f:
            data = f.read()
        start = 8 + int.from_bytes(data[:8], "little")
        for name, entry in json.loads(data[8:start]).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                found[name] = entry["dtype"], data[start + begin:start + end]
    return found


def out_and_in_again_is_the_same():
    with fixture.Daemon() as d:
        first = d.submit(d.spec(name="first", steps=6, at_step=5, every=6, extra=""), "--set", "phases.switch=")
        d.finish(first)
        checkpoint = os.path.join(d.status(first)["directory"], "checkpoints", "step-00000006")
        want, _ = trained(d, checkpoint)
        f32 = exported(d, checkpoint, "f32", "--type", "f32")
        assert trained(d, f32)[0] == want
        shards = exported(d, checkpoint, "shards", "--type", "f32", "--file-bytes", "40000")
        assert len([x for x in os.listdir(shards) if x.endswith(".safetensors")]) > 3, os.listdir(shards)
        assert trained(d, shards)[0] == want
        for kind, dtype in (("bf16", "BF16"), ("f16", "F16")):
            once = exported(d, checkpoint, kind, "--type", kind)
            _, begun = trained(d, once, steps=1, ranks=4, rate=1e-300)  # too little to change anything
            again = exported(d, begun, kind + "-again", "--type", kind)
            assert weights(again) == weights(once) and {kind for kind, _ in weights(once).values()} == {dtype}
            assert weights(exported(d, begun, kind + "-f32", "--type", "f32")) != weights(f32), "it was rounded"


fixture.main([out_and_in_again_is_the_same])
