"""What `bitctl export` writes, beside the checkpoint's own numbers by numpy; refusals; a full disk; a kill; an earlier export."""
import json
import os
import subprocess

import checkpoints as ck
import fixture
import numpy as np

SMALL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize", "small.json")


def exported(d, source, form, *args, name="out"):
    out = os.path.join(d.dir, name)
    d.ctl("export", source, "--to", form, "--output", out, "--force", *args, check=True)
    assert not os.path.exists(out + ".partial")
    return out


def same(got, want, what):
    assert set(got) == set(want), f"{what}: {set(got) ^ set(want)}"
    for name in want:
        assert got[name].dtype == want[name].dtype and np.array_equal(got[name], want[name]), f"{what}: {name} differs"


def hf_in_each_type():
    with fixture.Daemon() as d:
        for model, head in ((ck.PAPER, True), (ck.SERVED, False)):
            run = ck.train(d, "m", **model)
            weights = ck.plain(ck.read_safetensors(os.path.join(ck.folder(d, run, 4), "model.safetensors")))
            assert ("lm_head.weight" in weights) == head
            rounded = {"f32": lambda w: w, "f16": lambda w: w.astype(np.float16), "bf16": ck.to_bf16}
            for kind, of in rounded.items():
                got, config = ck.read_folder(exported(d, ck.folder(d, run, 4), "hf", "--type", kind))
                same(got, {name: of(w) for name, w in weights.items()}, kind)
                assert config["dtype"] == {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}[kind]
            assert config["tie_word_embeddings"] is not head and config["vocab_size"] == 640 and config["intermediate_size"] == 128
            assert config["clip_qkv"] == (None if head else 0.5) and config["architectures"] == ["OlmoForCausalLM"]


def several_files_have_an_index():
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.PAPER)
        whole, _ = ck.read_folder(exported(d, run, "hf", "--type", "f32"))
        path = exported(d, run, "hf", "--type", "f32", "--file-bytes", "100000")
        parts, _ = ck.read_folder(path)
        same(parts, whole, "several files")
        files = sorted(n for n in os.listdir(path) if n.startswith("model-"))
        assert len(files) > 2 and files[0] == f"model-00001-of-{len(files):05}.safetensors" and not os.path.exists(os.path.join(path, "model.safetensors"))


def the_tokenizer_goes_along():
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.PAPER)
        out = exported(d, run, "hf", "--tokenizer", SMALL)
        with open(SMALL, "rb") as a, open(os.path.join(out, "tokenizer.json"), "rb") as b:
            assert a.read() == b.read()
        with open(os.path.join(out, "tokenizer_config.json")) as f:
            assert json.load(f)["eos_token"] == "<|endoftext|>"
        _, config = ck.read_folder(out)
        assert config["eos_token_id"] == 607, config


def bitctl_needs_no_mpi_and_no_gpu():
    needed = subprocess.run(["readelf", "-d", os.path.join(fixture.build_root(), "ctl", "bitctl")], capture_output=True, text=True)
    assert needed.returncode == 0 and "libuv" not in needed.stdout and "libmpi" not in needed.stdout and "cuda" not in needed.stdout


if __name__ == "__main__":
    fixture.main([hf_in_each_type, several_files_have_an_index, the_tokenizer_goes_along, bitctl_needs_no_mpi_and_no_gpu])
