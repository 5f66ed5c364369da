"""The files of `bitctl export` against the checkpoint's own numbers by numpy; refusals; a full disk; a kill; an earlier export."""
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


def ternary(path, d, run, step, model, norm_weights=False):
    """Assert that the folder has numpy's codes and scales, which are also those that the worker trains with."""
    got, config = ck.read_folder(path)
    source = ck.folder(d, run, step)
    weights = ck.read_safetensors(os.path.join(source, "model.safetensors"))
    quantizer = model["quantizer"]
    want = ck.ternary(weights, "MEDIAN" if "continual" in quantizer or "reloaded" in quantizer else "MEAN", "continual" not in quantizer)
    worker = ck.worker_codes(source)
    for name, (codes, scale) in want.items():
        packed, ours = got.pop(f"{name}.weight"), got.pop(f"{name}.weight_scale")
        assert packed.dtype == np.uint8 and ours.dtype == np.float32 and ours.shape == (1,)
        assert abs(ours[0] / scale - 1) < 1e-6, f"{name}: {ours[0]}, numpy's {scale}"
        assert np.array_equal(ck.unpack(packed), worker[name][0]) and ours[0] == worker[name][1], f"{name}: not the worker's"
        assert (ck.unpack(packed) != codes).mean() < 1e-3, f"{name}: not numpy's"
        if norm_weights:
            ones = got.pop(f"{name}.rms_norm.weight")
            assert ones.shape == (weights_cols(weights, name),) and (ones == 1).all()
    same(got, {name: w for name, w in ck.plain(weights).items() if "layers" not in name}, "the rest")
    return config


def weights_cols(weights, name):
    return ck.plain(weights)[f"{name}.weight"].shape[1]


def bitnet_and_paper():
    with fixture.Daemon() as d:
        served, rms, paper, split = (ck.train(d, name, **model) for name, model in (("s", ck.SERVED), ("r", ck.RMS), ("p", ck.PAPER),
                                                                                     ("q", ck.PAPER_BY_PROJECTION)))
        config = ternary(exported(d, served, "hf-bitnet"), d, served, 8, ck.SERVED)["quantization_config"]
        assert config == {"quant_method": "bitnet", "linear_class": "bitlinear", "quantization_mode": "offline",
                          "modules_to_not_convert": ["lm_head"], "use_rms_norm": False, "rms_norm_eps": 1e-5}, config
        config = ternary(exported(d, rms, "hf-bitnet"), d, rms, 8, ck.RMS, norm_weights=True)
        assert config["quantization_config"]["use_rms_norm"] is True
        for run, model, norm, levels in ((paper, ck.PAPER, "layer", 128), (split, ck.PAPER_BY_PROJECTION, "layer", 128), (served, ck.SERVED, "none", 127),
                                         (rms, ck.RMS, "rms", 127)):
            path = exported(d, run, "hf-paper")
            config = ternary(path, d, run, 8, model)
            assert config["bitlinear"] == {"norm": norm, "norm_eps": 1e-5, "levels": levels, "measure": "absmax", "eps": 1e-5}, config
            assert config["auto_map"] == {"AutoModelForCausalLM": "modeling_bitd.OlmoBitLinearForCausalLM"} and "quantization_config" not in config
            with open(os.path.join(path, "modeling_bitd.py")) as f:
                compile(f.read(), "modeling_bitd.py", "exec")


def refused(d, words, source, form, *args, code=1):
    """Assert that the export is refused with these words and leaves nothing behind."""
    out = os.path.join(d.dir, "refused")
    got, said, err = d.ctl("export", source, "--to", form, "--output", out, *args)
    assert got == code and not said, f"{form} {args} ended with {got}: {said}{err}"
    assert all(word in err for word in words) and err.count("\n") == 1, err
    assert not os.path.exists(out) and not os.path.exists(out + ".partial")


def what_has_no_place_is_refused():
    with fixture.Daemon() as d:
        paper = ck.train(d, "p", **ck.PAPER)
        refused(d, ("LAYERNORM", "NO_NORM", "hf-paper"), paper, "hf-bitnet")
        levels = ck.train(d, "l", quantizer='preset: "export" activation_levels: 128')
        refused(d, ("activation_levels 128", "127", "hf-paper"), levels, "hf-bitnet")
        eps = ck.train(d, "e", quantizer='preset: "export" eps: 1e-4')
        refused(d, ("quantizer.eps 0.0001", "1e-05", "hf-paper"), eps, "hf-bitnet")
        served = ck.train(d, "s", ramp=3, **ck.SERVED)
        refused(d, ("after step 4", "16-bit phase", "--ternarise"), ck.folder(d, served, 4), "hf-bitnet")
        early = ck.train(d, "t", ramp=6, steps=12, **ck.SERVED)
        refused(d, ("after step 8", "strength 0.9", "after step 10", "--ternarise"), early, "hf-paper", "--step", "8")
        note = json.loads(d.ctl("export", early, "--to", "hf-paper", "--step", "8", "--ternarise", "--json", "--output",
                                os.path.join(d.dir, "forced"), check=True)[1])["note"]
        assert "not trained as codes" in note
        refused(d, ("no checkpoint of step 5",), served, "hf", "--step", "5")
        refused(d, ("after step 4", "16-bit phase"), f"{served}@4", "hf-bitnet")
        refused(d, ("has ids to 611", "rows"), ck.train(d, "v", sets=["model.vocab_padded=256"], **ck.PAPER), "hf", "--tokenizer", SMALL, code=65)
        refused(d, ("norm_eps 1e-06", "1e-05"), ck.train(d, "n", sets=["model.norm_eps=1e-6"], **ck.PAPER), "hf")


def numbers_above_a_types_range():
    with fixture.Daemon() as d:
        shapes = {"transformer.wte.weight": (640, 64)}
        for layer in range(2):
            shapes |= {f"transformer.blocks.{layer}.{name}.weight": shape for name, shape in
                       (("att_proj", (192, 64)), ("attn_out", (64, 64)), ("ff_proj", (256, 64)), ("ff_out", (64, 128)))}
        path = os.path.join(d.dir, "w.safetensors")
        fixture.write_safetensors(path, shapes, 70000.0)
        run = ck.train(d, "m", tied="true", steps=4, sets=["phases.switch=", f"model.init_from={path}", "schedule.peak_lr=1e-9"])
        refused(d, ("transformer.wte.weight", "holds 70000 at row 0, column 0", "f16", "bf16"), run, "hf", "--type", "f16", code=104)
        exported(d, run, "hf", "--type", "bf16")


def state(path):
    """name -> bytes of each file in a folder."""
    out = {}
    for name in sorted(os.listdir(path)):
        with open(os.path.join(path, name), "rb") as f:
            out[name] = f.read()
    return out


def broken_off_nothing_half_is_there():
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.PAPER)
        source, out, plan = ck.folder(d, run, 8), os.path.join(d.dir, "out"), os.path.join(d.dir, "plan")
        d.ctl("export", source, "--to", "hf", "--output", out, check=True)
        earlier = state(out)
        shim = os.path.join(fixture.build_root(), "tests", "faults", "libfaults.so")
        command = [d.bitctl, "export", source, "--to", "hf", "--type", "f32", "--force", "--output", out]
        for rule, code in (("write path=model.safetensors from=3 error 28", 73), ("fsync path=model error 28", 73), ("write path=config error 5", 73),
                           ("write path=model.safetensors from=2 kill 9", -9), ("fsync path=out.partial kill 9", -9), ("write path=bitd_export torn", -9),
                           ("fsync path=model.safetensors kill 15", -15)):
            with open(plan, "w") as f:
                f.write(rule + "\n")
            p = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LD_PRELOAD": shim, "BIT_FAULTS": plan})
            assert p.returncode == code, f"{rule}: ended with {p.returncode}: {p.stderr}"
            assert state(out) == earlier, f"{rule}: the earlier export is another"
            assert code < 0 or not os.path.exists(out + ".partial"), rule
            assert code < 0 or "out.partial/" in p.stderr, p.stderr
        os.unlink(plan)
        assert subprocess.run(command, capture_output=True).returncode == 0 and not os.path.exists(out + ".partial")
        assert state(out) != earlier and sorted(state(out)) == sorted(earlier)


def what_is_read_again_is_compared():
    """If a bit is flipped on the disk, reading the file back detects it and no export is made."""
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.SERVED)
        plan, shim = os.path.join(d.dir, "plan"), os.path.join(fixture.build_root(), "tests", "faults", "libfaults.so")
        for form, at in (("hf", 2), ("hf", 9), ("hf-bitnet", 4), ("hf-bitnet", 40), ("hf-bitnet", 200)):
            with open(plan, "w") as f:
                f.write(f"write path=model.safetensors from={at} count=1 flip\n")
            out = os.path.join(d.dir, "flipped")
            p = subprocess.run([d.bitctl, "export", ck.folder(d, run, 8), "--to", form, "--output", out], capture_output=True, text=True,
                               env={**os.environ, "LD_PRELOAD": shim, "BIT_FAULTS": plan})
            assert p.returncode == 65 and "read again" in p.stderr and not os.path.exists(out), f"{form}, write {at}: {p.returncode} {p.stderr}"


def a_damaged_checkpoint_is_not_exported():
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.PAPER)
        path = os.path.join(ck.folder(d, run, 8), "model.safetensors")
        with open(path, "r+b") as f:
            f.seek(200000)
            byte = f.read(1)
            f.seek(200000)
            f.write(bytes([byte[0] ^ 1]))
        refused(d, ("chunk ", "does not match its checksum"), ck.folder(d, run, 8), "hf", code=65)


def an_output_that_is_there():
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.PAPER)
        out = os.path.join(d.dir, "mine")
        os.mkdir(out)
        for force, words in (([], "--force"), (["--force"], "no export")):
            code, _, err = d.ctl("export", run, "--to", "hf", "--output", out, *force)
            assert code == 1 and words in err and os.listdir(out) == [], err
        out = os.path.join(d.dir, "twice")
        d.ctl("export", run, "--to", "hf", "--output", out + "/", check=True)
        earlier = state(out)
        assert d.ctl("export", run, "--to", "hf", "--output", out)[0] == 1 and state(out) == earlier
        os.mkdir(out + ".partial")
        os.mkdir(os.path.join(out + ".partial", "folder"))
        assert d.ctl("export", run, "--to", "hf", "--output", out, "--force")[0] == 73 and state(out) == earlier


def bitctl_needs_no_mpi_and_no_gpu():
    needed = subprocess.run(["readelf", "-d", os.path.join(fixture.build_root(), "ctl", "bitctl")], capture_output=True, text=True)
    assert needed.returncode == 0 and "libuv" not in needed.stdout and "libmpi" not in needed.stdout and "cuda" not in needed.stdout


if __name__ == "__main__":
    fixture.main([hf_in_each_type, several_files_have_an_index, the_tokenizer_goes_along, bitnet_and_paper, what_has_no_place_is_refused,
                  numbers_above_a_types_range, broken_off_nothing_half_is_there, what_is_read_again_is_compared,
                  a_damaged_checkpoint_is_not_exported, an_output_that_is_there, bitctl_needs_no_mpi_and_no_gpu])
