"""`bitctl export --to gguf`, read and dequantised by PyPI's gguf package: the checkpoint's codes times its scales, or its weights; the
vocabulary; what is refused."""
import json
import os
import struct
import subprocess

import checkpoints as ck
import fixture
import numpy as np

try:
    import gguf
except ImportError:
    fixture.skip("this Python has no gguf package")

SMALL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize", "small.json")
WIDE = ("model.width=256", "model.heads=4", "model.mlp_hidden=256")  # rows that every type can hold
SERVED = dict(tied="false", quantizer='preset: "b158" inner_norm: NO_NORM weight_measure: MEDIAN granularity: FUSED')
FLOATS = ("f32", "f16", "bf16")
TERNARY = ("tq1_0", "tq2_0", "q2_0")
HEADS = 4


def teach_q2_0():
    """Register type 42, for which gguf 0.19 has no name."""
    types = gguf.GGMLQuantizationType
    if 42 not in types._value2member_map_:
        member = int.__new__(types, 42)
        member._name_, member._value_ = "Q2_0", 42
        types._value2member_map_[42] = types._member_map_["Q2_0"] = member
        gguf.GGML_QUANT_SIZES[member] = (64, 18)


def export(d, source, kind, *args):
    out = os.path.join(d.dir, kind)
    d.ctl("export", source, "--to", "gguf", "--type", kind, "--output", out, "--force", *args, check=True)
    assert sorted(os.listdir(out)) == ["bitd_export.json", "model.gguf"] and not os.path.exists(out + ".partial")
    return gguf.GGUFReader(os.path.join(out, "model.gguf"))


def numbers(tensor):
    kind, (rows, cols) = tensor.tensor_type.name, (int(tensor.shape[1]), int(tensor.shape[0]))
    data = np.asarray(tensor.data)
    if kind in ("F32", "F16"):
        return data.reshape(rows, cols).astype(np.float32)
    data = data.view(np.uint8).reshape(rows, -1)
    if kind == "Q2_0":
        blocks = data.reshape(-1, 18)
        codes = (blocks[:, 2:, None] >> np.array([0, 2, 4, 6], np.uint8) & 3).reshape(len(blocks), 64).astype(np.float32) - 1
        return (codes * blocks[:, :2].copy().view(np.float16).astype(np.float32)).reshape(rows, cols)
    return gguf.quants.dequantize(data, tensor.tensor_type).reshape(rows, cols)


NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
         "mlp.up_proj": "ffn_up", "mlp.gate_proj": "ffn_gate", "mlp.down_proj": "ffn_down"}


def name_of(theirs):
    """llama.cpp's name of a linear."""
    _, _, layer, part = theirs.removesuffix(".weight").split(".", 3)
    return f"blk.{layer}.{NAMES[part]}.weight"


def turned(name, w):
    """The matrix with the rows of q and k in llama.cpp's order."""
    if not name.endswith(("attn_q.weight", "attn_k.weight")):
        return w
    return w.reshape(HEADS, 2, len(w) // HEADS // 2, -1).swapaxes(1, 2).reshape(w.shape)


ROUND = {"f32": lambda w: w, "f16": lambda w: w.astype(np.float16).astype(np.float32), "bf16": ck.to_bf16}


def expect(reader, want, kind):
    got = {t.name: t for t in reader.tensors}
    assert set(got) == set(want), set(got) ^ set(want)
    for name, w in want.items():
        is_linear = name.startswith("blk.")
        type_name = kind.upper() if is_linear or kind in FLOATS else "F16"
        assert got[name].tensor_type.name == type_name, f"{name} is {got[name].tensor_type.name}"
        have = numbers(got[name])
        assert np.array_equal(have.view(np.uint32), w.view(np.uint32)), f"{kind}: {name} differs"


def weights_of(d, run, step):
    return ck.read_safetensors(os.path.join(ck.folder(d, run, step), "model.safetensors"))


def ends(weights, kind):
    """The expected embedding and head."""
    of = ROUND[kind if kind in FLOATS else "f16"]
    out = {"token_embd.weight": of(weights["transformer.wte.weight"])}
    if "transformer.ff_out.weight" in weights:
        out["output.weight"] = of(weights["transformer.ff_out.weight"])
    return out


def codes_and_scales_in_every_type():
    teach_q2_0()
    with fixture.Daemon() as d:
        for model, measure, by_projection in ((SERVED, "MEDIAN", False), (ck.SERVED, "MEAN", True)):
            run = ck.train(d, "m", **model, sets=WIDE)
            weights = weights_of(d, run, 8)
            linears = ck.ternary(weights, measure, by_projection)
            for kind in FLOATS + TERNARY:
                want = ends(weights, kind)
                for theirs, (codes, scale) in linears.items():
                    name, factor = name_of(theirs), np.float32(1) / scale
                    factor = factor if kind in FLOATS else np.float32(np.float16(factor))
                    w = turned(name, codes.astype(np.float32) * factor)
                    want[name] = ROUND[kind](w) if kind in FLOATS else w
                expect(export(d, run, kind), want, kind)


def numbers_of_the_16_bit_phase():
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.PAPER, sets=WIDE)  # its inner norm exists only after the switch
        weights = weights_of(d, run, 4)
        for kind in FLOATS:
            want = ends(weights, kind)
            for theirs, w in ck.plain(weights).items():
                if "layers" in theirs:
                    want[name_of(theirs)] = ROUND[kind](turned(name_of(theirs), w))
            expect(export(d, ck.folder(d, run, 4), kind), want, kind)


def field(reader, key):
    f = reader.fields.get(key)
    return None if f is None else f.contents()


def what_the_model_is():
    teach_q2_0()
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.SERVED, sets=WIDE)
        tied = export(d, run, "q2_0")
        keys = {"general.architecture": "olmo", "general.name": "m", "general.file_type": 41, "general.quantization_version": 2,
                "olmo.context_length": 64, "olmo.embedding_length": 256, "olmo.block_count": 2, "olmo.feed_forward_length": 256,
                "olmo.attention.head_count": 4, "olmo.attention.head_count_kv": 4, "olmo.rope.dimension_count": 64,
                "olmo.rope.freq_base": 10000.0, "olmo.vocab_size": 640, "olmo.attention.clamp_kqv": 0.5,
                "tokenizer.ggml.model": "no_vocab"}
        for key, value in keys.items():
            assert field(tied, key) == value, f"{key} is {field(tied, key)}"
        assert abs(field(tied, "olmo.attention.layer_norm_epsilon") - 1e-5) < 1e-11
        assert "output.weight" not in {t.name for t in tied.tensors}
        for kind, file_type in {"f32": 0, "f16": 1, "bf16": 32, "tq1_0": 36, "tq2_0": 37}.items():
            reader = export(d, run, kind)
            assert field(reader, "general.file_type") == file_type
            assert field(reader, "general.quantization_version") == (None if kind in FLOATS else 2)


def a_vocabulary_goes_along():
    with open(SMALL) as f:
        small = json.load(f)
    for token in small["added_tokens"]:
        token["lstrip"] = token["rstrip"] = False
    with fixture.Daemon() as d:
        path = os.path.join(d.dir, "t.json")
        with open(path, "w") as f:
            json.dump(small, f)
        run = ck.train(d, "m", **ck.SERVED, sets=WIDE)
        reader = export(d, run, "tq2_0", "--tokenizer", path)
        tokens, types = field(reader, "tokenizer.ggml.tokens"), field(reader, "tokenizer.ggml.token_type")
        texts, kinds = [f"[PAD{i}]" for i in range(640)], [5] * 640
        for text, i in small["model"]["vocab"].items():
            texts[i], kinds[i] = text, 1
        for t in small["added_tokens"]:
            texts[t["id"]], kinds[t["id"]] = t["content"], 3 if t["special"] else 4
        assert tokens == texts and types == kinds
        assert field(reader, "tokenizer.ggml.merges") == [" ".join(m) for m in small["model"]["merges"]]
        assert (field(reader, "tokenizer.ggml.model"), field(reader, "tokenizer.ggml.pre")) == ("gpt2", "olmo")
        end = texts.index("<|endoftext|>")
        assert field(reader, "tokenizer.ggml.eos_token_id") == field(reader, "tokenizer.ggml.bos_token_id") == end
        assert field(reader, "tokenizer.ggml.add_bos_token") is False
        code, _, said = d.ctl("export", run, "--to", "gguf", "--tokenizer", SMALL, "--output", os.path.join(d.dir, "no"))
        assert code == 65 and "lstrip" in said and "without --tokenizer" in said, (code, said)
        assert not [n for n in os.listdir(d.dir) if n.startswith("no")]


def what_llama_cpp_has_no_place_for_is_refused():
    with fixture.Daemon() as d:
        def refused(run, kind, *why, args=()):
            out = os.path.join(d.dir, "out")
            code, said, complaint = d.ctl("export", run, "--to", "gguf", "--type", kind, "--output", out, *args)
            assert code == 1 and said == "" and all(w in complaint for w in why), (code, said, complaint)
            assert not os.path.exists(out) and not os.path.exists(out + ".partial")

        paper = ck.train(d, "paper", **ck.PAPER, sets=WIDE)
        for kind in ("f16", "tq2_0"):
            refused(paper, kind, "llama.cpp's olmo cannot hold inner norm LAYERNORM", "inner_norm: NO_NORM", "hf-paper")
        refused(ck.folder(d, paper, 4), "tq2_0", "of the 16-bit phase", "--ternarise")
        export(d, ck.folder(d, paper, 4), "tq2_0", "--ternarise")
        refused(ck.train(d, "rms", **ck.RMS, sets=WIDE), "q2_0", "inner norm RMSNORM", "hf-bitnet")
        wide = ck.train(d, "levels", tied="true", quantizer='preset: "continual" inner_norm: NO_NORM', sets=WIDE)
        refused(wide, "tq1_0", "127 levels, the model's 128", "activation_levels: 127", "--type f16")
        export(d, wide, "f16")
        mean = SERVED["quantizer"] + " activation_measure: MEAN"
        refused(ck.train(d, "mean", tied="true", quantizer=mean, sets=WIDE), "tq2_0", "activation_measure: ABSMAX")
        narrow = ck.train(d, "narrow", **ck.SERVED)
        refused(narrow, "tq2_0", "'blk.0.attn_q.weight' has rows of 64", "256", "--type q2_0 takes 64")
        teach_q2_0()
        export(d, narrow, "q2_0")
        code, _, said = d.ctl("export", narrow, "--to", "hf", "--type", "q2_0", "--output", os.path.join(d.dir, "out"))
        assert code == 2, (code, said)


def a_damaged_checkpoint_leaves_nothing():
    with fixture.Daemon() as d:
        run = ck.train(d, "m", **ck.SERVED, sets=WIDE)
        path = os.path.join(ck.folder(d, run, 8), "model.safetensors")
        with open(path, "r+b") as f:
            f.seek(-1000, os.SEEK_END)
            byte = f.read(1)
            f.seek(-1000, os.SEEK_END)
            f.write(bytes([byte[0] ^ 1]))
        out = os.path.join(d.dir, "out")
        code, _, said = d.ctl("export", ck.folder(d, run, 8), "--to", "gguf", "--output", out)
        assert code == 65 and "does not match its checksum" in said, (code, said)
        with open(path, "r+b") as f:
            f.seek(-1000, os.SEEK_END)
            f.write(byte)
            f.seek(-4, os.SEEK_END)
            f.write(struct.pack("<f", float("inf")))
        code, _, said = d.ctl("export", ck.folder(d, run, 8), "--to", "gguf", "--output", out)
        assert code == 65 and not os.path.exists(out) and not os.path.exists(out + ".partial"), (code, said)


def faulty(d, rule, *args):
    """Run an export under a fault of tests/faults/shim.c. Returns (exit code, below 0 the signal that ended it; stderr)."""
    rules = os.path.join(d.dir, "rules")
    with open(rules, "w") as f:
        f.write(rule + "\n")
    shim = os.path.join(fixture.build_root(), "tests", "faults", "libfaults.so")
    p = subprocess.run([d.bitctl, "export", *args], capture_output=True, text=True, timeout=120,
                       env=os.environ | {"LD_PRELOAD": shim, "BIT_FAULTS": rules})
    os.unlink(rules)
    return p.returncode, p.stderr


def broken_off_it_is_not_there():
    with fixture.Daemon() as d:
        source = ck.folder(d, ck.train(d, "m", **ck.SERVED, sets=WIDE), 8)
        out = os.path.join(d.dir, "out")
        words = source, "--to", "gguf", "--output", out
        file = os.path.join(out, "model.gguf")

        def contents():
            with open(file, "rb") as f:
                return f.read()

        # A disk that is full in the header, in the data and at the sync; a flipped bit in each.
        for rule, code, why in (("write path=model.gguf from=1 error 28", 73, "No space left"),
                                ("write path=model.gguf from=3 error 28", 73, "No space left"),
                                ("fsync path=model.gguf error 28", 73, "No space left"),
                                ("write path=model.gguf from=1 count=1 flip", 65, "corrupt"),
                                ("write path=model.gguf from=4 count=1 flip", 65, "other than the checkpoint's")):
            got, said = faulty(d, rule, *words)
            assert got == code and why in said, (rule, got, said)
            assert not os.path.exists(out) and not os.path.exists(out + ".partial"), rule
        # Killed in the middle of the data, and at the rename: only a .partial file is left, which does not hinder a later export.
        for rule in ("write path=model.gguf from=3 torn", "rename kill 9"):
            got, _ = faulty(d, rule, *words)
            assert got == -9 and not os.path.exists(out) and os.path.exists(out + ".partial"), (rule, got)
        assert d.ctl("export", *words)[0] == 0 and not os.path.exists(out + ".partial")
        whole = contents()
        assert d.ctl("export", *words)[0] != 0 and contents() == whole
        for rule in ("write path=model.gguf from=3 error 28", "write path=model.gguf from=3 torn"):
            got, _ = faulty(d, rule, *words, "--force", "--type", "f16")
            assert got != 0 and contents() == whole, rule
        assert d.ctl("export", *words, "--force")[0] == 0 and contents() == whole, "the same checkpoint gives the same bytes"


if __name__ == "__main__":
    fixture.main([codes_and_scales_in_every_type, numbers_of_the_16_bit_phase, what_the_model_is, a_vocabulary_goes_along,
                  what_llama_cpp_has_no_place_for_is_refused, a_damaged_checkpoint_leaves_nothing, broken_off_it_is_not_there])
