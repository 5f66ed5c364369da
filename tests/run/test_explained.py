"""Self-describing checkpoints: config.json, metadata and codes against numpy, OLMo's own loader and PyPI's bitlinear; checkpoints of
older versions still load."""
import glob
import json
import os
import struct
import subprocess

import fixture
from wire_bytes import body, crc32c, fields, put_varint

try:
    import numpy as np
    import safetensors
    import safetensors.numpy
except ImportError as e:
    fixture.skip(f"{e}")
try:
    import bitlinear
    import torch
    from olmo import config as olmo_config
    from olmo import model as olmo_model
except ImportError:
    bitlinear = None

CODES = ("--set", "checkpoint.codes=true", "--set", "schedule.warmup_steps=1")
LARGER = ("--set", "model.width=96", "--set", "model.heads=3", "--set", "model.mlp_hidden=512", "--set", "model.layers=3")
PARTS = {"att_proj": 3, "ff_proj": 2}


def folder(d, run, step):
    return os.path.join(d.state, "runs", run, "checkpoints", f"step-{step:08d}")


def metadata(path):
    with safetensors.safe_open(path, "numpy") as f:
        return f.metadata()


def trained(d, name, *args, steps=12, at_step=6, ramp=4, every=4, ranks=2):
    run = d.submit(d.spec(name=name, steps=steps, at_step=at_step, ramp=ramp, every=every, ranks=ranks), *CODES, "--set", "checkpoint.keep_every=1", *args)
    d.finish(run)
    return run


def unpack(packed):
    four = packed[..., None] >> np.array([0, 2, 4, 6], "uint8") & 3
    return four.reshape(packed.shape[0], -1).astype(np.int8) - 1


def scale(w, measure):
    """A segment's scale by bitlinear, if it can be imported, otherwise by the formula."""
    if bitlinear is not None:
        kind = {"MEDIAN": "AbsMedian", "MEAN": "AbsMean"}[measure]
        return bitlinear.bitlinear.scale(torch.from_numpy(w), (-1, 1), getattr(bitlinear.measures, kind)(), False, 1e-5).numpy().reshape(())
    magnitude = np.sort(np.abs(w).ravel())
    m = magnitude[(magnitude.size - 1) // 2] if measure == "MEDIAN" else magnitude.mean(dtype=np.float64)
    return np.float32(1) / np.maximum(np.float32(m), np.float32(1e-5))


def check_codes(path, measure, granularity):
    """Compare a checkpoint's codes and scales with those computed from its weights."""
    weights = safetensors.numpy.load_file(os.path.join(path, "model.safetensors"))
    packed = safetensors.numpy.load_file(os.path.join(path, "codes.safetensors"))
    linears = [name for name in weights if ".blocks." in name]
    assert sorted(packed) == sorted(linears + [n + "_scale" for n in linears]), sorted(packed)
    for name in linears:
        parts = PARTS.get(name.split(".")[-2], 1) if granularity == "PROJECTION" else 1
        ours, codes = packed[name + "_scale"], unpack(packed[name])
        assert ours.dtype == np.float32 and ours.shape == (parts,) and codes.shape == weights[name].shape
        for s, w, c in zip(ours, np.split(weights[name], parts), np.split(codes, parts)):
            assert abs(s / scale(w, measure) - 1) < 1e-6, (name, s, scale(w, measure))
            assert (c == np.clip(np.rint(w * s), -1, 1)).all(), name
    assert any((unpack(packed[n]) == 0).any() for n in linears)


def a_loader_reads_the_architecture():
    with fixture.Daemon() as d:
        run = trained(d, "explained", "--set", "model.vocab_padded=260", "--set", "model.clip_qkv=0.5", "--set", "model.tied=false")
        listed = {c["step"]: c for c in map(json.loads, d.ctl("ckpt", "ls", run, "--json", check=True)[1].splitlines())}
        assert sorted(listed) == [4, 6, 8, 12], listed
        for step, info in listed.items():
            path = folder(d, run, step)
            ternary = step > 6
            assert sorted(os.listdir(path)) == sorted(["MANIFEST", "config.json", "model.safetensors", "exp_avg.safetensors", "exp_avg_sq.safetensors"] +
                                                      ["codes.safetensors"] * ternary)
            said = metadata(os.path.join(path, "model.safetensors"))
            assert said["weights_digest"] == f"{int(info['weights_digest'], 16):016x}" if isinstance(info["weights_digest"], str) else True, info
            strength = {4: "0", 6: "0", 12: "1"}.get(step)
            assert (said["format"], said["run"], said["step"], said["phase"]) == ("pt", run, str(step), "TERNARY" if ternary else "SIXTEEN_BIT"), said
            assert said["strength"] == strength if strength else 0 < float(said["strength"]) < 1, said
            assert said["data.next_batch"] == str(step + 1) and said["data.instances"] == "8" and said["data.seed"] == "7", said
            assert (said["quantizer.weight_measure"], said["quantizer.granularity"], said["quantizer.inner_norm"], said["quantizer.activation_levels"],
                    said["quantizer.eps"]) == ("MEDIAN", "FUSED", "LAYERNORM", "128", "1e-05"), said
            assert len(said["moments_digest"]) == 16
            assert said.get("switched_after") == ("6" if ternary else None), said
            others = metadata(os.path.join(path, "exp_avg.safetensors"))
            assert others == {k: v for k, v in said.items() if not k.endswith("_digest")}, others
            with open(os.path.join(path, "config.json")) as f:
                config = json.load(f)
            assert config["bitd"]["step"] == step and config["bitd"]["quantizer"]["eps"] == 1e-5 and config["bitd"]["vocab"] == 256, config
            check_loaders(path, config)


def check_loaders(path, config):
    weights = safetensors.numpy.load_file(os.path.join(path, "model.safetensors"))
    hf = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "vocab_size",
          "tie_word_embeddings", "clip_qkv", "rope_theta", "model_type")
    assert [config[k] for k in hf] == [64, 128, 2, 2, 2, 64, 260, False, 0.5, 10000, "olmo"], config
    if bitlinear is None:
        return
    known = {f.name for f in olmo_config.ModelConfig.__dataclass_fields__.values()}
    made = olmo_model.OLMo(olmo_config.ModelConfig(**{k: v for k, v in config.items() if k in known}, init_device="cpu"))
    made.load_state_dict({name: torch.from_numpy(w) for name, w in weights.items()}, strict=True)
    assert made.config.mlp_hidden_size == 256 and made.config.clip_qkv == 0.5 and not made.config.weight_tying


def codes_are_what_the_weights_make():
    with fixture.Daemon() as d:
        seen = {}
        for preset, measure, granularity in (("continual", "MEDIAN", "FUSED"), ("reloaded", "MEDIAN", "PROJECTION"), ("b158", "MEAN", "PROJECTION")):
            run = trained(d, preset, *LARGER, "--set", f'quantizer.preset="{preset}"', steps=3, at_step=1, ramp=0, every=0, ranks=4)
            check_codes(folder(d, run, 3), measure, granularity)
            assert not os.path.exists(os.path.join(folder(d, run, 1), "codes.safetensors")), "of the 16-bit phase"
            code, out, err = d.ctl("ckpt", "verify", run)
            assert code == 0 and out.count("good") == 2, (out, err)
            seen[preset] = run
        # The checksums cover the codes and the scales: one byte of each is changed.
        path = os.path.join(folder(d, seen["b158"], 3), "codes.safetensors")
        with open(path, "rb") as f:
            data = f.read()
        first = 8 + struct.unpack("<Q", data[:8])[0]
        for at, said in ((len(data) - 1, "does not match its checksum"), (first + 1, "the header, bytes 0 to")):
            with open(path, "wb") as f:
                f.write(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
            code, _, err = d.ctl("ckpt", "verify", os.path.dirname(path))
            assert code == 65 and said in err, (code, err)


def shown(d, what):
    return json.loads(d.ctl("ckpt", "show", what, "--json", check=True)[1])


def show_says_what_numpy_finds():
    with fixture.Daemon() as d:
        for preset, measure, granularity in (("continual", "MEDIAN", "FUSED"), ("reloaded", "MEDIAN", "PROJECTION"), ("b158", "MEAN", "PROJECTION")):
            run = trained(d, preset, *LARGER, "--set", f'quantizer.preset="{preset}"', "--set", "model.tied=false", steps=4, at_step=2, ramp=0, every=0)
            for step, precision in ((2, "16bit"), (4, "ternary")):
                path = folder(d, run, step)
                told = shown(d, f"{run}@{step}")
                weights = safetensors.numpy.load_file(os.path.join(path, "model.safetensors"))
                said = metadata(os.path.join(path, "model.safetensors"))
                assert (told["path"], told["run"], told["step"], told["phase"]["precision"]) == (path, run, step, precision), told
                assert said["weights_digest"] == f"{int(told['weights_digest'], 16):016x}" and said["moments_digest"] == f"{int(told['moments_digest'], 16):016x}"
                assert told["pre_switch"] == (step == 2) and told["next_batch"] == step + 1 and told["strength"] == (step == 4)
                assert told["quantizer"]["weight_measure"] == measure.lower() and told["model"]["mlp_hidden"] == 512 and told["ranks"] == 2
                assert {f["name"]: f["bytes"] for f in told["file"]} == {n: os.path.getsize(os.path.join(path, n)) for n in os.listdir(path) if n != "MANIFEST"}
                assert [(t["name"], t["dtype"], (t["rows"], t["cols"]), t["bytes"]) for t in told["tensor"]] == [
                    (n, "F32", w.shape, w.nbytes) for n, w in sorted(weights.items(), key=lambda p: [t["name"] for t in told["tensor"]].index(p[0]))]
                zeros = elements = 0
                for t in told["tensor"]:
                    if ".blocks." not in t["name"]:
                        assert t["zero_fraction"] is None and t["scale"] == [], t
                        continue
                    parts = PARTS.get(t["name"].split(".")[-2], 1) if granularity == "PROJECTION" else 1
                    w, found = weights[t["name"]], 0
                    for s, part in zip(t["scale"], np.split(w, parts), strict=True):
                        assert abs(s / scale(part, measure) - 1) < 1e-6, t
                        found += int((np.rint(part * np.float32(s)) == 0).sum())
                    assert t["zero_fraction"] == found / w.size, (t, found, w.size)
                    zeros, elements = zeros + found, elements + w.size
                assert told["zero_fraction"] == zeros / elements and told["linear_parameters"] == elements
                assert told["parameters"] == sum(w.size for w in weights.values()) and told["bytes"] == sum(f["bytes"] for f in told["file"])
        assert shown(d, run)["step"] == shown(d, "@last")["step"] == shown(d, "@last@step-00000004")["step"] == 4


def show_needs_no_daemon_and_names_what_is_wrong():
    with fixture.Daemon() as d:
        run = trained(d, "shown", steps=4, at_step=2, ramp=0, every=0)
        path = folder(d, run, 4)
        again = shown(d, run)
        for args, code, said in (((f"{run}@3",), 1, "has no checkpoint of step 3; it has those of steps 2, 4"), ((f"{run}@x",), 2, "'x' is no step"), (("none",), 102, "no run 'none'"),
                                 ((f"{d.dir}/nothing",), 1, "No such file"), ((d.dir,), 65, "has no MANIFEST"),
                                 ((os.path.join(path, "model.safetensors"),), 65, "is a file")):
            got = d.ctl("ckpt", "show", *args)
            assert got[0] == code and said in got[2] and not got[1], (args, got)
        d.process.terminate()
        d.process.wait()

        def show(what, *args):
            p = subprocess.run([d.bitctl, "ckpt", "show", *args, what], capture_output=True, text=True, cwd=os.path.dirname(path),
                               env=os.environ | {"BITD_SOCKET": os.path.join(d.dir, "nobody")})
            return p.returncode, p.stdout, p.stderr

        assert json.loads(show("step-00000004/", "--json")[1])["tensor"] == again["tensor"]
        code, out, err = show(path)
        assert code == 0 and not err and "1.58-bit at strength 1.000, switched after step 2" in out and "81920 in matrices" in out and "have code 0" in out, out
        assert "would have code 0, if it switched here" in show(folder(d, run, 2), "-q")[1]
        make_old(path)
        old = json.loads(show(path, "--json")[1])
        assert old["tensor"] == again["tensor"] and len(old["file"]) == 3 and old["strength"] is None, old
        for name, at, said in (("model.safetensors", -1, "does not match its checksum"), ("model.safetensors", 100, "the header"),
                               ("MANIFEST", -1, "do not match the checksum")):
            with open(os.path.join(path, name), "rb") as f:
                data = bytearray(f.read())
            keep = bytes(data)
            data[at if name == "MANIFEST" or at >= 0 else len(data) - 256 * 64 * 4 - 4] ^= 1
            with open(os.path.join(path, name), "wb") as f:
                f.write(data)
            code, out, err = show(path)
            assert code == 65 and said in err and name in err and not out, (name, code, out, err)
            with open(os.path.join(path, name), "wb") as f:
                f.write(keep)


def ranks_change_no_byte():
    """Codes may be cut between ranks at any place, and the checksums of the pieces are combined."""
    with fixture.Daemon() as d:
        first = trained(d, "one", *LARGER, steps=3, at_step=1, ramp=0, every=0, ranks=1)
        pinned = folder(d, first, 3)
        files = []
        for ranks in (1, 2, 4):
            run = d.submit(d.spec(name=f"from{ranks}", steps=3, at_step=2, every=0, ranks=ranks), *LARGER, *CODES,
                           "--set", f'model.init_from="{pinned}"', "--set", "schedule.peak_lr=1e-12")
            d.finish(run)
            assert d.ctl("ckpt", "verify", run)[0] == 0
            with open(os.path.join(folder(d, run, 3), "codes.safetensors"), "rb") as f:
                data = f.read()
            files.append(data[8 + struct.unpack("<Q", data[:8])[0]:])
        assert files[0] == files[1] == files[2]


def what_cannot_be_packed_is_refused():
    with fixture.Daemon() as d:
        code, _, err = d.ctl("submit", d.spec(), *CODES, "--set", "model.mlp_hidden=130")
        assert code == 64 and "checkpoint.codes" in err and "divisible by 4" in err, (code, err)


# ---- a checkpoint of an older version


def make_old(path):
    """Turn the folder into one of the previous version: three files with plain headers, and a manifest of version 1."""
    with open(os.path.join(path, "MANIFEST"), "rb") as f:
        manifest = f.read()[16:]
    out = b""
    for number, field in fields(manifest):
        if number == 1:
            field = b"\x08\x01"
        elif number in (15, 16):
            continue
        elif number == 10:
            file = dict(fields(body(field)))
            name = body(file[1]).decode()
            if not name.startswith(("model", "exp_avg")):
                os.remove(os.path.join(path, name))
                continue
            old_header(os.path.join(path, name), file)
            content = b"".join(file[n] for n in sorted(file))
            field = b"\x52" + put_varint(len(content)) + content
        out += field
    with open(os.path.join(path, "MANIFEST"), "wb") as f:
        f.write(b"BITMAN01" + struct.pack("<II", len(out), crc32c(out)) + out)


def old_header(path, file):
    with open(path, "rb") as f:
        data = f.read()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header["__metadata__"] = {"format": "pt"}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 4096)
    head = struct.pack("<Q", len(text)) + text
    with open(path, "wb") as f:
        f.write(head + data[8 + length:])
    file[2] = b"\x10" + put_varint(len(head) + len(data) - 8 - length)
    file[3] = b"\x1d" + struct.pack("<I", crc32c(head))
    file[4] = b"\x20" + put_varint(len(head))


def an_old_checkpoint_goes_on():
    with fixture.Daemon(hold=(9,)) as d:
        path = d.spec(steps=30, at_step=6, every=8)
        with d.held_no_more():
            whole = d.finish(d.submit(path, *CODES))["weights_digest"]
        run = d.submit(path, *CODES, "--set", "checkpoint.keep_every=1")
        d.wait(run, "--for", "step=8")
        d.ctl("pause", run, "--no-wait", check=True)
        d.let_on()
        assert d.wait(run, "--for", "state=paused") == 0
        stopped = d.status(run)["step"]
        for old in glob.glob(os.path.join(d.state, "runs", run, "checkpoints", "*")):
            make_old(old)
        code, out, err = d.ctl("ckpt", "verify", run)
        assert code == 0 and out.count("good") >= 2, (out, err)
        d.ctl("resume", run, check=True)
        with d.held_no_more():
            assert d.finish(run)["weights_digest"] == whole
        assert not any("bad" in e for e in d.events(run)) and stopped < 30
        # Another run can begin from it, too.
        other = d.submit(d.spec(name="from", steps=2, at_step=1, every=0), "--set", "schedule.warmup_steps=1", "--set", f'model.init_from="{folder(d, run, stopped)}"')
        with d.held_no_more():
            d.finish(other)


fixture.main([a_loader_reads_the_architecture, codes_are_what_the_weights_make, show_says_what_numpy_finds,
              show_needs_no_daemon_and_names_what_is_wrong, ranks_change_no_byte, what_cannot_be_packed_is_refused,
              an_old_checkpoint_goes_on])
