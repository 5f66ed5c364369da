"""All mistakes of a specification at once, by `bitctl check`, the dry run and the submission; and the checks of model.init_from."""
import json
import os
import re
import subprocess

import fixture

NOWHERE = "/nowhere/bitd.sock"


def check(d, code, *args):
    """Output of `bitctl check`, which uses no daemon: stderr if an error is expected, otherwise stdout."""
    p = subprocess.run([d.bitctl, "check", *args], capture_output=True, text=True, env={**os.environ, "BITD_SOCKET": NOWHERE})
    assert p.returncode == code, f"bitctl check {' '.join(args)} ended with {p.returncode}, not {code}: {p.stderr}{p.stdout}"
    return p.stderr if code else p.stdout


def all_ways(d, code, spec, *args):
    """Assert that check, the dry run and the submission print the same errors, and return them."""
    said = {check(d, code, spec, *args)}
    for more in (["--dry-run"], []):
        got, out, err = d.ctl("submit", spec, *more, *args)
        assert got == code, f"submit {more} ended with {got}, not {code}: {err}{out}"
        said.add(err.replace("; nothing was submitted", ""))
    assert len(said) == 1, "check, the dry run and the submission differ:\n" + "\n".join(said)
    assert not d.ids(), "nothing was submitted"
    return said.pop()


def text_of(d, **changes):
    with open(d.spec()) as f:
        text = f.read()
    for old, new in changes.items():
        text = re.sub(rf"\b{old}: \S+", f"{old}: {new}", text)
    return text


def written(d, text, name="run.txtpb"):
    path = os.path.join(d.dir, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def place(text, what):
    """line:column of a text in a file."""
    before = text[:text.index(what)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def every_file_has_its_line():
    with fixture.Daemon() as d:
        os.makedirs(os.path.join(d.dir, "parts"))
        for name, count in (("parts/b.npy", 4096), ("parts/a.npy", 4096), ("odd.npy", 4097)):
            with open(os.path.join(d.dir, name), "wb") as f:
                f.write(b"\1\0" * (count // 2) + b"\0" * (count % 2))
        text = text_of(d).replace('train: "train.npy"', 'train: ["train.npy", "gone.npy"]\n       train: "parts"')
        text = text.replace('path: "valid.npy"', 'path: "valid.npy" path: "odd.npy" path: "away.npy"')
        said = all_ways(d, 65, written(d, text))
        for what, field, words in (('"gone.npy"', "data.train[1]", "gone.npy': No such file"),
                                   ('"parts"', "data.train[2]", f"is a folder: list its 2 token files, as in [\"{d.dir}/parts/a.npy\", ...]"),
                                   ('"odd.npy"', "eval.set[0].path[1]", "has 4097 bytes, which is no whole number of 16-bit ids"),
                                   ('"away.npy"', "eval.set[0].path[2]", "away.npy': No such file")):
            line = [x for x in said.split("\n") if f":{place(text, what)}: {field}: " in x]
            assert line and words in line[0], f"no line of {field} at {place(text, what)} with {words!r}: {said}"
        assert "4 problems in" in said


def files_come_with_the_rules():
    with fixture.Daemon() as d:
        broken = written(d, text_of(d, ranks="3", heads="5").replace("train.npy", "gone.npy"))
        said = all_ways(d, 64, broken)
        assert "model.heads" in said and "batch.instances" in said and "gone.npy': No such file" in said, said
        typo = written(d, text_of(d, ranks="3").replace("train.npy", "gone.npy").replace("seed: 7", "seeds: 7"))
        said = all_ways(d, 64, typo, "--set", "schedule.stepz=4")
        for words in ("did you mean seed?", "did you mean steps?", "not divisible by launch.ranks 3", "gone.npy': No such file"):
            assert words in said, f"lacks {words!r}: {said}"
        preset = written(d, text_of(d).replace("train.npy", "gone.npy").replace("model {", 'model { preset: "olmo_7b"'))
        said = all_ways(d, 64, preset)
        assert "olmo_1b" in said and "gone.npy': No such file" in said, said


def files_come_with_the_daemons_own_rules():
    with fixture.Daemon() as d:
        broken = written(d, text_of(d).replace("train.npy", "gone.npy").replace("backend: CPU", "launcher: SRUN backend: CPU"))
        code, _, err = d.ctl("submit", broken)
        assert code == 64 and "SLURM_JOB_ID" in err and "gone.npy': No such file" in err and "2 problems" in err, err


def of_very_many_the_rest_is_counted():
    with fixture.Daemon() as d:
        names = ", ".join(f'"gone-{i}.npy"' for i in range(70))
        said = all_ways(d, 65, written(d, text_of(d).replace('"train.npy"', f"[{names}]")))
        assert said.count("No such file") == 64 and "and 6 more" in said and "70 problems" in said, said


def json_has_the_problems_too():
    with fixture.Daemon() as d:
        path = written(d, text_of(d).replace("train.npy", "gone.npy").replace("valid.npy", "away.npy"))
        for args in (["check", path], ["submit", "--dry-run", path], ["submit", path]):
            code, out, _ = d.ctl(*args, "--json")
            reply = json.loads(out)
            assert code == 65 and reply["exit_code"] == 65, out
            assert [p["field"] for p in reply["problem"]] == ["data.train[0]", "eval.set[0].path[0]"], out
            assert all(p["line"] > 1 and p["column"] > 1 for p in reply["problem"]), out


def the_check_is_the_dry_run():
    with fixture.Daemon() as d:
        spec = d.spec()
        with_bitd = json.loads(d.ctl("submit", "--dry-run", "--json", spec, check=True)[1])
        without = json.loads(check(d, 0, "--json", spec))
        assert with_bitd.pop("command") and not without.pop("command")
        assert without.pop("unchecked") and not with_bitd.pop("unchecked")
        assert without == with_bitd
        assert without["memory"]["total"] > 0 and without["warning"]
        batch, ranks = without["spec"]["batch"]["instances"], without["spec"]["launch"]["ranks"]
        assert without["ranks_possible"] == [n for n in range(1, batch + 1) if batch % n == 0], without["ranks_possible"]
        assert without["rank_step_tokens"] == without["step_tokens"] // ranks and not without["scaling"], "processors are not modelled"
        gpus = json.loads(check(d, 0, "--json", spec, "--set", "launch.backend=AUTO", "--set", "launch.launcher=SRUN", "--set", "launch.slurm.gres=gpu:1", "--set", "launch.ranks=2"))
        assert [m["precision"] for m in gpus["scaling"]] == ["16bit", "ternary"], gpus["scaling"]
        assert all(0 < m["efficiency_least"] <= m["efficiency_most"] < 1 for m in gpus["scaling"]), gpus["scaling"]
        assert [c["name"] for c in gpus["scaling"][0]["collective"]] == ["gradients", "weights", "gradient norm"], gpus["scaling"][0]
        elsewhere = ["--set", "launch.backend=CUDA", "--set", "launch.launcher=SRUN", "--set", "launch.slurm.gres=gpu:8", "--set", "launch.ranks=512",
                     "--set", "batch.instances=512", "--set", "batch.micro_instances=0"]
        large = json.loads(check(d, 0, "--json", spec, *elsewhere))
        assert len(large["scaling"]) == 2 and large["rank_step_tokens"] * 512 == large["step_tokens"], large
        said = [w["text"] for w in large["warning"] if w["text"].startswith(("memory is not known", "the scaling model assumes"))]
        assert len(said) == 2 and large["memory"]["total"] == 0 or large["memory"]["total"] > 0, (said, large["memory"])
        page = check(d, 0, spec, *elsewhere)
        assert re.search(r"^16-bit on 512 GPUs: 0\.\d{3}( to 0\.\d{3})? of linear scaling, [\d.]+ ms to [\d.]+ ms a step$", page, re.M) and "H200 GPUs, 8 a node" in page and "batch allows  1 2 4 8 16 32 64 128 256 512 ranks" in page and "memory of one rank" in page, page
        page = check(d, 0, spec)
        assert "checked without a daemon; not checked:" in page and re.search(r"^memory of one rank", page, re.M), page
        quiet = subprocess.run([d.bitctl, "check", "-q", spec], capture_output=True, text=True)
        assert quiet.returncode == 0 and quiet.stdout == "" and quiet.stderr.startswith("warning: data: no dataset.json"), quiet
        for args, code in ((["--dry-run"], 0), ([], 69)):
            p = subprocess.run([d.bitctl, "submit", spec, "--socket", NOWHERE, *args], capture_output=True, text=True)
            assert p.returncode == code, p.stderr
            assert code or p.stdout == page, "the dry run where no daemon answers is the check"
        small = check(d, 64, spec, "--set", "launch.memory_gib=0.0001")
        assert "does not fit the memory" in small, small
        p = subprocess.run([d.bitctl, "check", "-"], input=text_of(d), capture_output=True, text=True, cwd=d.dir)
        assert p.returncode == 0, p.stderr


# ---- model.init_from

def tensors(layers=2, width=64, hidden=128, vocab=256):
    shapes = {"transformer.wte.weight": (vocab, width)}
    for i in range(layers):
        block = f"transformer.blocks.{i}."
        shapes |= {block + "att_proj.weight": (3 * width, width), block + "attn_out.weight": (width, width),
                   block + "ff_proj.weight": (2 * hidden, width), block + "ff_out.weight": (width, hidden)}
    return shapes | {"transformer.ff_out.weight": (vocab, width)}


def begun_from(d, name, shapes):
    path = os.path.join(d.dir, name)
    fixture.write_safetensors(path, shapes)
    return d.spec(), "--set", f"model.init_from={path}"


def every_tensor_that_differs():
    with fixture.Daemon() as d:
        shapes = tensors(width=32)
        del shapes["transformer.ff_out.weight"]
        said = all_ways(d, 64, *begun_from(d, "narrow.safetensors", shapes))
        for words in ("'transformer.wte.weight' is 256 x 32, and the model's is 256 x 64",
                      "'transformer.blocks.0.att_proj.weight' is 96 x 32, and the model's is 192 x 64; alike in 1 more block",
                      "'transformer.blocks.0.ff_out.weight' is 32 x 128, and the model's is 64 x 128; alike in 1 more block",
                      "has no tensor 'transformer.ff_out.weight'"):
            assert words in said, f"lacks {words!r}: {said}"
        assert "6 problems" in said, said
        page = check(d, 0, *begun_from(d, "deep.safetensors", tensors(layers=4)))
        assert page.count("warning: model.init_from: the model has no use for 'transformer.blocks.2.") == 4 and "and 1 more like it" in page, page
        path = os.path.join(d.dir, "deep.safetensors")
        with open(path, "rb") as f:
            data = f.read()
        with open(path, "wb") as f:
            f.write(data.replace(b'"F32"', b'"I32"'))
        said = all_ways(d, 64, d.spec(), "--set", f"model.init_from={path}")
        assert "'transformer.blocks.0.att_proj.weight' is I32, not F32, BF16 or F16; alike in 1 more block" in said, said


def hf(layers=2, width=64, hidden=128, vocab=256):
    shapes = {"model.embed_tokens.weight": (vocab, width), "lm_head.weight": (vocab, width)}
    for i in range(layers):
        shapes |= {f"model.layers.{i}.self_attn.{p}_proj.weight": (width, width) for p in "qkvo"}
        shapes |= {f"model.layers.{i}.mlp.{p}_proj.weight": (hidden, width) for p in ("gate", "up")}
        shapes[f"model.layers.{i}.mlp.down_proj.weight"] = (width, hidden)
    return shapes


def names_of_others_are_taken():
    with fixture.Daemon() as d:
        allenai = {"model." + name: shape for name, shape in tensors().items()}
        inside = {name.removeprefix("model."): shape for name, shape in hf().items()}
        for name, shapes in (("allenai", allenai), ("hf", hf()), ("inside", inside)):
            page = check(d, 0, *begun_from(d, name + ".safetensors", shapes))
            assert "model.init_from" not in page, page
        wrong = hf()
        wrong["model.layers.1.self_attn.k_proj.weight"] = (16, 64)
        for i in range(2):
            del wrong[f"model.layers.{i}.mlp.gate_proj.weight"]
            wrong[f"model.layers.{i}.input_layernorm.weight"] = (1, 64)
            wrong[f"model.layers.{i}.self_attn.rotary_emb.inv_freq"] = (1, 16)
        said = all_ways(d, 64, *begun_from(d, "wrong.safetensors", wrong))
        for words in ("'model.layers.1.self_attn.k_proj.weight' is 16 x 64, and the model's is 64 x 64",
                      "has no tensor 'model.layers.0.mlp.gate_proj.weight'; alike in 1 more block",
                      "has 'model.layers.0.input_layernorm.weight' and 1 more like it, but OLMo's norms have no weights"):
            assert words in said, f"lacks {words!r}: {said}"
        assert "3 problems in" in said, said
        said = all_ways(d, 64, *begun_from(d, "head.safetensors", hf()), "--set", "model.tied=true")
        assert "has a separate head 'lm_head.weight'" in said and "model.tied: false" in said, said


def folder_of(d, name, shapes=(), config=None, index=None):
    folder = os.path.join(d.dir, name)
    os.mkdir(folder)
    for file, some in dict(shapes).items():
        fixture.write_safetensors(os.path.join(folder, file), some)
    for file, content in (("config.json", config), ("model.safetensors.index.json", index)):
        if content is not None:
            with open(os.path.join(folder, file), "w") as f:
                f.write(content if isinstance(content, str) else json.dumps(content))
    return folder


def begun(d, folder, *args):
    return d.spec(), "--set", f"model.init_from={folder}", *args


def a_folder_of_another_form():
    with fixture.Daemon() as d:
        narrow = folder_of(d, "narrow", {"model.safetensors": tensors(width=32)})
        assert "is 256 x 32, and the model's is 256 x 64" in all_ways(d, 64, *begun(d, narrow))
        empty = folder_of(d, "empty")
        said = all_ways(d, 65, *begun(d, empty))
        assert "has neither MANIFEST" in said and "model.safetensors.index.json" in said, said
        names = sorted(hf())
        parts = {f"part-{k}.safetensors": {n: hf()[n] for n in names[k::2]} for k in (0, 1)}
        index = {"weight_map": {n: f"part-{k}.safetensors" for k in (0, 1) for n in names[k::2]}}
        assert "model.init_from" not in check(d, 0, *begun(d, folder_of(d, "parts", parts, index=index)))
        lacks = folder_of(d, "lacks", {"part-0.safetensors": parts["part-0.safetensors"]}, index=index)
        said = all_ways(d, 65, *begun(d, lacks))
        assert "part-1.safetensors" in said and "1 problem in" in said, said
        twice = folder_of(d, "twice", parts | {"part-1.safetensors": parts["part-1.safetensors"] | {names[0]: hf()[names[0]]}}, index=index)
        assert f"tensor '{names[0]}' is in '{twice}/part-0.safetensors' and in '{twice}/part-1" in all_ways(d, 65, *begun(d, twice))
        for name, text, words in (("out", {"weight_map": {"a": "../part-0.safetensors"}}, "is no name of a file beside it"),
                                  ("none", {}, "has no weight_map"), ("json", "{", "at byte"), ("list", "[]", "is no JSON object")):
            assert words in all_ways(d, 65, *begun(d, folder_of(d, name, index=text))), words
        for file, shapes in parts.items():  # as in Hugging Face's cache, where names are links into a folder of blobs
            os.rename(os.path.join(d.dir, "parts", file), os.path.join(d.dir, "blob-" + file))
            os.symlink("../blob-" + file, os.path.join(d.dir, "parts", file))
        assert "model.init_from" not in check(d, 0, *begun(d, os.path.join(d.dir, "parts")))
        said = all_ways(d, 65, *begun(d, f"{d.dir}/none-there"), "--set", f"data.train={d.dir}/gone.npy")
        assert "none-there: No such file" in said and "gone.npy': No such file" in said, said


HF = {"model_type": "olmo", "hidden_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 128,
      "vocab_size": 256, "max_position_embeddings": 64, "tie_word_embeddings": False, "hidden_act": "silu"}
FROM = """
model {{ from: "{folder}" {more} }}
data {{ train: "train.npy" }}
batch {{ instances: 8 }}
schedule {{ steps: 30 peak_lr: 3e-3 warmup_steps: 5 }}
launch {{ backend: CPU ranks: 2 }}
"""


def the_architecture_is_from_config_json():
    with fixture.Daemon() as d:
        weights = {"model.safetensors": hf()}

        def spec_of(name, config, more=""):
            folder_of(d, name, weights, config)
            return written(d, FROM.format(folder=name, more=more))

        reply = json.loads(check(d, 0, "--json", spec_of("plain", HF | {"clip_qkv": 8.0, "rope_theta": 5e5})))
        model = reply["spec"]["model"]
        want = {"layers": 2, "width": 64, "heads": 2, "mlp_hidden": 128, "vocab": 256, "vocab_padded": 256, "context": 64, "tied": False,
                "clip_qkv": 8, "rope_theta": 5e5, "norm_eps": 1e-5, "from": f"{d.dir}/plain", "init_from": f"{d.dir}/plain"}
        assert {key: model[key] for key in want} == want, model
        assert reply["spec"]["model"]["preset"] is None
        assert json.loads(d.ctl("submit", "--dry-run", "--json", os.path.join(d.dir, "run.txtpb"), check=True)[1])["spec"] == reply["spec"]
        said = all_ways(d, 64, spec_of("grouped", HF | {"num_key_value_heads": 1, "rms_norm_eps": 1e-6, "model_type": "llama"}))
        for words in ("grouped/config.json' has num_key_value_heads 1: bitd has as many heads", "has rms_norm_eps 1e-6", "has model_type \"llama\""):
            assert words in said, f"lacks {words!r}: {said}"
        assert "3 problems in" in said, said
        said = all_ways(d, 64, spec_of("other", HF, "width: 128 context: 32"))
        assert "model.width: 128, and '" in said and "says 64" in said and "1 problem in" in said and ":2:" in said, said
        said = all_ways(d, 64, spec_of("both", HF, 'preset: "olmo_20m"'))
        assert "model.preset: 'olmo_20m' and model.from both" in said, said
        said = all_ways(d, 64, spec_of("lacks", {k: v for k, v in HF.items() if k != "hidden_size"}))
        assert "has no hidden_size" in said, said
        said = all_ways(d, 64, spec_of("long", HF | {"max_position_embeddings": 131072}))
        assert "model.context: 131072 is above 65536 (131072 is model.from's)" in said, said
        said = all_ways(d, 65, spec_of("broken", "{"))
        assert "at byte" in said, said
        said = all_ways(d, 65, written(d, FROM.format(folder="gone", more="")))
        assert "model.from: '" in said and "gone': there is no such folder" in said, said
        said = all_ways(d, 65, written(d, FROM.format(folder="plain/model.safetensors", more="")))
        assert "model.safetensors' is a file: name the folder" in said, said
        folder_of(d, "bare", weights)
        said = all_ways(d, 65, written(d, FROM.format(folder="bare", more="")))
        assert "bare' has no config.json, and is no checkpoint of bitd's" in said, said
        # differences between the specification and the folder of model.init_from are printed as warnings
        folder = folder_of(d, "clipped", weights, HF | {"clip_qkv": 8.0})
        said = check(d, 0, *begun(d, folder))
        assert "warning: model.clip_qkv: 0, and '" in said, said
        tied = folder_of(d, "tied", weights, HF | {"tie_word_embeddings": True})
        said = check(d, 0, *begun(d, tied, "--set", "model.tied=true"))
        assert "has no use for 'lm_head.weight'" in said, said


def a_checkpoint_says_its_architecture():
    with fixture.Daemon() as d:
        run = d.submit(d.spec(steps=6, at_step=3, every=3))
        d.finish(run)
        last = d.status(run)["directory"] + "/checkpoints/step-00000006"
        reply = json.loads(check(d, 0, "--json", written(d, FROM.format(folder=last, more=""))))
        assert reply["spec"]["model"]["width"] == 64 and reply["spec"]["model"]["init_from"] == last, reply["spec"]["model"]
        for file in ("config.json", "model.safetensors"):  # without a MANIFEST, config.json describes the model
            os.makedirs(os.path.join(d.dir, "alone"), exist_ok=True)
            os.link(os.path.join(last, file), os.path.join(d.dir, "alone", file))
        again = json.loads(check(d, 0, "--json", written(d, FROM.format(folder="alone", more=""))))["spec"]["model"]
        assert again | {"from": last, "init_from": last} == reply["spec"]["model"], again


def corners(d, spec, *sets):
    """step -> (learning rate, weight decay, note) of a dry run."""
    reply = json.loads(check(d, 0, spec, "--json", *(word for s in sets for word in ("--set", s))))
    return {p["step"]: (p["lr"], p["weight_decay"], p["note"]) for p in reply["point"]}


def where_the_schedule_bends():
    with fixture.Daemon() as d:
        spec = d.spec(steps=1000, at_step=900)
        two = corners(d, spec, "schedule.preset=b158_700m", "schedule.peak_lr=", "schedule.warmup_steps=375",
                      "optimizer.weight_decay=", "schedule.final=", "schedule.warmup_start=")
        assert two[500][2] == "last step of the first stage" and abs(two[500][0] - 1.5e-3 * 500 / 625) < 1e-15, two
        assert two[501][2] == "first step of the second" and abs(two[501][0] - 1e-3 * 499 / 625) < 1e-15, two
        assert two[500][1] == 0.1 and two[501][1] == 0 and two[1000][0] == 0, two
        wsd = corners(d, spec, "schedule.shape=wsd", "schedule.decay_steps=200", "schedule.cosine_steps=950",
                      "phases.switch.lr_factor=0.5")
        assert wsd[750][2] == "last step before the decay", wsd
        assert wsd[950][2] == "end of the curve" and wsd[950][0] == wsd[1000][0], wsd
        assert "did you mean" in check(d, 64, spec, "--set", "schedule.preset=b158_700")


fixture.main([where_the_schedule_bends, every_file_has_its_line, files_come_with_the_rules, files_come_with_the_daemons_own_rules,
              of_very_many_the_rest_is_counted, json_has_the_problems_too, the_check_is_the_dry_run,
              every_tensor_that_differs, names_of_others_are_taken, a_folder_of_another_form,
              the_architecture_is_from_config_json, a_checkpoint_says_its_architecture])
