"""bitd accepts every run that the documents show or deploy/runs has: submit --dry-run, in a folder with the files it names."""
import glob
import json
import os
import re
import shutil
import struct

import fixture

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def examples():
    """(place, text) of each file of deploy/runs, and of each block of a README that is a run."""
    for path in sorted(glob.glob(os.path.join(ROOT, "deploy", "runs", "*.txtpb"))):
        with open(path) as f:
            yield os.path.relpath(path, ROOT), f.read()
    readmes = [os.path.join(ROOT, "README.md"), *glob.glob(os.path.join(ROOT, "*", "README.md")), *glob.glob(os.path.join(ROOT, "*", "*", "README.md"))]
    for path in sorted(readmes):
        with open(path) as f:
            blocks = re.findall(r"^```[a-z]*\n(.*?)^```", f.read(), re.M | re.S)
        for number, block in enumerate(blocks):
            here = re.search(r"<<(\w+)\n(.*?)^\1$", block, re.M | re.S)
            if here:  # a shell command that writes the run to a file, with tokens in /tmp
                block = here.group(2).replace('"/tmp/', '"')
            if re.search(r"^(name:|model *\{|data *\{|schedule *\{)", block, re.M):
                yield f"{os.path.relpath(path, ROOT)}, block {number + 1}", block


def make_tokens(folder, text):
    """Make the token files that the text names, all zeros: their content does not matter here."""
    for name in re.findall(r'"([^"]+\.npy)"', text):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.truncate(1 << 26)


# Models that examples begin from, by name: each gets its config.json and a weight file of the right size without data.
OLMO = {"model_type": "olmo", "hidden_size": 2048, "num_attention_heads": 16, "num_hidden_layers": 16, "intermediate_size": 8192,
        "vocab_size": 50304, "max_position_embeddings": 2048, "tie_word_embeddings": True, "clip_qkv": None}
MODELS = {"OLMo-1B-hf": OLMO,
          "OLMo-1B-0724-hf": OLMO | {"tie_word_embeddings": False, "clip_qkv": 8.0, "max_position_embeddings": 4096}}


def shapes_of(c):
    width, hidden = c["hidden_size"], c["intermediate_size"]
    found = {"model.embed_tokens.weight": (c["vocab_size"], width)}
    for i in range(c["num_hidden_layers"]):
        block = f"model.layers.{i}."
        found |= {f"{block}self_attn.{p}_proj.weight": (width, width) for p in "qkvo"}
        found |= {f"{block}mlp.{p}_proj.weight": (hidden, width) for p in ("gate", "up")}
        found[block + "mlp.down_proj.weight"] = (width, hidden)
    return found | ({} if c["tie_word_embeddings"] else {"lm_head.weight": (c["vocab_size"], width)})


def make_model(folder, config):
    os.makedirs(folder)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    header, at = {}, 0
    for name, (rows, cols) in shapes_of(config).items():
        header[name] = {"dtype": "F32", "shape": [rows, cols], "data_offsets": [at, at + 4 * rows * cols]}
        at += 4 * rows * cols
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + at)
    return at // 4


def models_of_others_are_taken():
    with fixture.Daemon() as d:
        os.mkdir(os.path.join(d.dir, "dolma"))
        with open(os.path.join(ROOT, "deploy", "runs", "convert_olmo_1b.txtpb")) as f:
            text = f.read()
        make_tokens(d.dir, text)
        for name, config in MODELS.items():  # narrower, so that they fit any machine's memory
            config |= {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2}
            count = make_model(os.path.join(d.dir, name), config)
            path = os.path.join(d.dir, "convert.txtpb")
            with open(path, "w") as f:
                f.write(text.replace('"OLMo-1B-hf"', f'"{name}"'))
            code, out, err = d.ctl("check", "--json", path, "--set", "launch.ranks=1", "--set", "batch.instances=8")
            assert code == 0, err + out
            reply = json.loads(out)
            model = reply["spec"]["model"]
            assert reply["parameters"] == count and reply["linear_parameters"] == 2 * 128 * (4 * 128 + 3 * 512), reply
            assert model["tied"] == config["tie_word_embeddings"] and model["clip_qkv"] == (config["clip_qkv"] or 0), model
            assert model["context"] == config["max_position_embeddings"] and model["vocab"] == 50280, model
            assert not [w for w in reply["warning"] if w["field"].startswith("model")], reply["warning"]
            points = {p["step"]: p for p in reply["point"]}
            assert points[1]["precision"] == "ternary" and points[1]["lr"] < 1e-6 and points[1]["strength"] < 1e-3, points


def every_example_is_taken():
    seen = []
    with fixture.Daemon() as d:
        for place, text in examples():
            folder = os.path.join(d.dir, f"example-{len(seen)}")
            os.mkdir(folder)
            make_tokens(folder, text)
            for name in re.findall(r'\bfrom: "([^"]+)"', text):
                make_model(os.path.join(folder, name), MODELS[name])
            path = os.path.join(folder, "run.txtpb")
            with open(path, "w") as f:
                f.write(text)
            code, out, err = d.ctl("submit", "--dry-run", path)
            small = code == 64 and err.strip().endswith("does not fit the memory")  # of this machine; the specification itself was accepted
            assert small or (code == 0 and "# The specification" in out), f"{place} is refused ({code}): {err.strip()}"
            seen.append(place)
        assert any(place.startswith("README.md") for place in seen), f"README.md shows no run: {seen}"
        assert len(seen) > 5 and not d.ids(), seen
        print(f"         {len(seen)} examples")


# (runs, steps if each were trained alone, steps with common parts trained once), as the files' comments state them.
SWEEPS = {"paper": (14, 140000, 92000), "reloaded_lr": (12, 120000, 120000), "reloaded_decay": (11, 110000, 100000),
          "figure2": (42, 29400, 19320)}

SMALL = [word for field in ("model.layers=1", "model.width=64", "model.heads=2", "model.mlp_hidden=128", "launch.ranks=1")
         for word in ("--set", field)]  # so that they fit any machine's memory


def every_sweep_is_planned():
    runs = os.path.join(ROOT, "deploy", "runs")
    names = [os.path.splitext(os.path.basename(path))[0] for path in sorted(glob.glob(os.path.join(runs, "*.sweep")))]
    assert set(SWEEPS) <= set(names), names
    with fixture.Daemon() as d:
        for path in glob.glob(os.path.join(runs, "*.txtpb")) + glob.glob(os.path.join(runs, "*.sweep")):
            shutil.copy(path, d.dir)
            with open(path) as f:
                make_tokens(d.dir, f.read())
        for name in names:
            code, out, err = d.ctl("sweep", "--dry-run", "--json", os.path.join(d.dir, name + ".sweep"), *(SMALL if name == "paper" else ()))
            if code == 64 and name not in SWEEPS and json.loads(out)["text"].endswith("does not fit the memory"):
                continue
            assert code == 0, f"{name}.sweep is refused ({code}): {err.strip()}{out.strip()}"
            plan = json.loads(out)
            came_to = (len(plan["branch"]), plan["steps_alone"], plan["steps_planned"])
            assert came_to == SWEEPS.get(name, came_to), (name, came_to)
        plan = d.ctl("sweep", "--dry-run", os.path.join(d.dir, "paper.sweep"), *SMALL, check=True)[1]
        assert "14 runs, 140,000 steps alone, 92,000 planned: 34 % saved" in plan, plan


fixture.main([every_example_is_taken, every_sweep_is_planned, models_of_others_are_taken])
