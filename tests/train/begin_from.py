#!/usr/bin/env python3
"""Training that begins from a model in a foreign format: 40 steps by bitd and by OLMo's own classes.

    begin_from.py               BIT_BUILD names the build folder

Each case draws OLMo's model from a seed and writes it in a published format: OLMo's names, allenai's or Hugging Face's,
in f32, bf16 or f16, in one file or in several with an index. bitd takes the architecture from the folder's config.json
(model.from). The conversion is that of transformers' convert_olmo_weights_to_hf.py; if BIT_TRANSFORMERS names a Python
that has transformers, its own class writes a folder, too. Losses and norms of all steps are as close to PyTorch's in f32
as in trajectory.py.

Where q, k and v are clipped, at 0.5, f32 rounding may put a value at the bound on either side of it, some 0.03 of them a
step here, and the gradient jumps: such cases compare every step from bitd's own weights before it, with PyTorch in f64.
Losses do not jump. The test also checks that clipping, and the order of the halves of ff_proj, change the result.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "run"), os.path.dirname(HERE)]
import trajectory as t  # noqa: E402, which skips where something is missing
from fixture import Daemon  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

torch = t.torch
LIMIT = {"loss": 1e-6, "norm": 5e-6}  # relative, over 40 steps; the 20 steps of trajectory.py are within a third of it
LIMIT_STEP = 3e-7  # for a loss from the same weights

OLMO_CONFIG = {
    "model_type": "hf_olmo", "d_model": t.WIDTH, "n_heads": t.HEADS, "n_kv_heads": None, "n_layers": t.LAYERS, "mlp_ratio": 4,
    "mlp_hidden_size": None, "activation_type": "swiglu", "block_type": "sequential", "alibi": False, "rope": True,
    "rope_full_precision": False, "layer_norm_type": "default", "layer_norm_with_affine": False, "attention_layer_norm": False,
    "multi_query_attention": False, "include_bias": False, "bias_for_layer_norm": False, "attention_dropout": 0.0,
    "residual_dropout": 0.0, "embedding_dropout": 0.0, "vocab_size": t.VOCAB, "embedding_size": t.VOCAB,
    "max_sequence_length": t.CONTEXT}
HF_CONFIG = {
    "architectures": ["OlmoForCausalLM"], "model_type": "olmo", "hidden_size": t.WIDTH, "num_attention_heads": t.HEADS,
    "num_key_value_heads": t.HEADS, "num_hidden_layers": t.LAYERS, "intermediate_size": t.HIDDEN, "hidden_act": "silu",
    "attention_bias": False, "attention_dropout": 0.0, "vocab_size": t.VOCAB, "max_position_embeddings": t.CONTEXT,
    "rope_theta": 10000.0, "rope_scaling": None}


def to_hf(state):
    """As convert_olmo_weights_to_hf.py: q, k, v and up, gate are the chunks of OLMo's fused matrices."""
    out = {"model.embed_tokens.weight": state["transformer.wte.weight"]}
    for i in range(t.LAYERS):
        ours, theirs = f"transformer.blocks.{i}.", f"model.layers.{i}."
        for name, w in zip("qkv", state[ours + "att_proj.weight"].chunk(3)):
            out[theirs + f"self_attn.{name}_proj.weight"] = w
        out[theirs + "self_attn.o_proj.weight"] = state[ours + "attn_out.weight"]
        for name, w in zip(("up", "gate"), state[ours + "ff_proj.weight"].chunk(2)):
            out[theirs + f"mlp.{name}_proj.weight"] = w
        out[theirs + "mlp.down_proj.weight"] = state[ours + "ff_out.weight"]
    if "transformer.ff_out.weight" in state:
        out["lm_head.weight"] = state["transformer.ff_out.weight"]
    return out


def from_hf(state):
    out = {"transformer.wte.weight": state["model.embed_tokens.weight"]}
    for i in range(t.LAYERS):
        ours, theirs = f"transformer.blocks.{i}.", f"model.layers.{i}."
        out[ours + "att_proj.weight"] = torch.cat([state[theirs + f"self_attn.{name}_proj.weight"] for name in "qkv"])
        out[ours + "attn_out.weight"] = state[theirs + "self_attn.o_proj.weight"]
        out[ours + "ff_proj.weight"] = torch.cat([state[theirs + f"mlp.{name}_proj.weight"] for name in ("up", "gate")])
        out[ours + "ff_out.weight"] = state[theirs + "mlp.down_proj.weight"]
    return out | ({"transformer.ff_out.weight": state["lm_head.weight"]} if "lm_head.weight" in state else {})


def save(folder, tensors, dtype, config, files=1):
    os.makedirs(folder)
    tensors = {name: w.detach().to(dtype).contiguous().clone() for name, w in tensors.items()}
    names = sorted(tensors)
    if files == 1:
        save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    else:
        where = {name: f"model-{k % files + 1:05d}-of-{files:05d}.safetensors" for k, name in enumerate(names)}
        for file in set(where.values()):
            save_file({name: tensors[name] for name in names if where[name] == file}, os.path.join(folder, file))
        with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
            json.dump({"metadata": {"total_size": 1}, "weight_map": where}, f)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)


def draw(case, dtype):
    """OLMo's own initial weights, rounded as by saving them; q, k and v so large that a fifth exceeds 0.5."""
    state = {name: torch.from_numpy(w) for name, w in t.draw(case).items()}
    for name in state:
        if name.endswith("att_proj.weight"):
            state[name] = state[name] * 2
    return {name: w.to(dtype).float() for name, w in state.items()}


def hugging_face(folder):
    """Two shards of bf16, with an untied head."""
    case = t.Case("Hugging Face, 2 x bf16, untied", tied=False)
    state = draw(case, torch.bfloat16)
    save(folder, to_hf(state), torch.bfloat16, HF_CONFIG | {"tie_word_embeddings": False, "clip_qkv": None}, files=2)
    return case, state


def allenai(folder):
    case = t.Case("allenai, f16, tied")
    state = draw(case, torch.float16)
    save(folder, {"model." + name: w for name, w in state.items()}, torch.float16, OLMO_CONFIG | {"weight_tying": True})
    return case, state


def olmo(folder):
    case = t.Case("OLMo, f32, tied, clip 0.5", clip=0.5)
    state = draw(case, torch.float32)
    save(folder, state, torch.float32, OLMO_CONFIG | {"weight_tying": True, "clip_qkv": 0.5})
    return case, state


MAKE = """
import sys, torch, transformers as hf
config = hf.OlmoConfig(hidden_size={width}, num_attention_heads={heads}, num_hidden_layers={layers}, intermediate_size={hidden},
                       vocab_size={vocab}, max_position_embeddings={context}, tie_word_embeddings=False, clip_qkv=0.5,
                       pad_token_id=1, eos_token_id=0)
torch.manual_seed(3)
made = hf.OlmoForCausalLM(config)
for layer in made.model.layers:  # so large that a fifth of them is clipped
    for linear in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj):
        linear.weight.data *= 2
made = made.to(torch.bfloat16)
made.save_pretrained(sys.argv[1], max_shard_size="200KB")
ids = torch.arange({context})[None] % {vocab}
print(hf.__version__, made.float()(ids, labels=ids).loss.item())
"""


def transformers(folder):
    """A model that transformers' own class draws and saves in shards. Asserts that its loss on one text equals that of OLMo's class."""
    program = MAKE.format(width=t.WIDTH, heads=t.HEADS, layers=t.LAYERS, hidden=t.HIDDEN, vocab=t.VOCAB, context=t.CONTEXT)
    said = subprocess.run([os.environ["BIT_TRANSFORMERS"], "-c", program, folder], check=True, capture_output=True, text=True).stdout.split()
    case = t.Case("transformers %s, bf16, untied, clip" % said[0], tied=False, clip=0.5)
    state = {}
    for file in os.listdir(folder):
        if file.endswith(".safetensors"):
            state |= load_file(os.path.join(folder, file))
    state = from_hf({name: w.float() for name, w in state.items()})
    logits = t.make_model(case, {name: w.numpy() for name, w in state.items()}, torch.float32)(torch.arange(t.CONTEXT)[None] % t.VOCAB).logits
    loss = torch.nn.functional.cross_entropy(logits[0, :-1], torch.arange(1, t.CONTEXT) % t.VOCAB).item()
    print("%-38s loss of a text %s; OLMo's class %.9g; %d files" % (case.name, said[1], loss, len(os.listdir(folder))))
    assert t.relative(loss, float(said[1])) < 1e-6
    return case, state


def cases():
    return [hugging_face, allenai, olmo] + ([transformers] if os.environ.get("BIT_TRANSFORMERS") else [])


SPEC = """
name: "begun"
model {{ from: "{folder}" operands: FP32 }}
data {{ train: "train.npy" seed: 7 }}
batch {{ instances: {batch} micro_instances: 4 }}
schedule {{ steps: {steps} peak_lr: {peak} warmup_steps: {warmup} }}
checkpoint {{ every: 1 keep_last: 64 }}
launch {{ backend: CPU ranks: 2 threads: 1 }}
"""


def write_spec(daemon, folder):
    path = os.path.join(daemon.dir, "begun.txtpb")
    with open(path, "w") as f:
        f.write(SPEC.format(folder=os.path.basename(folder), batch=t.BATCH, steps=t.STEPS, peak=t.PEAK, warmup=t.WARMUP))
    return path


def compare_trajectories(case, ours, weights, ids):
    ours = [ours.steps[s] for s in range(1, t.STEPS + 1)]
    f32, f64 = (t.trajectory(case, weights, ids, dtype, switch=t.STEPS) for dtype in (torch.float32, torch.float64))
    mine, peer = t.farthest(ours, f32, 1, t.STEPS), t.farthest(f32, f64, 1, t.STEPS)
    print("%-38s loss %.1e %.1e   norm %.1e %.1e" % (case.name, mine[0], peer[0], mine[1], peer[1]), flush=True)
    return ["%s: %s: %.1e, more than %.0e" % (case.name, what, found, LIMIT[what])
            for what, found in zip(LIMIT, mine) if not found <= LIMIT[what]]


def compare_steps(case, ours, ids):
    """Compare each step from bitd's weights before it, from step 2 on: there is no checkpoint before step 1."""
    found = t.step_errors(case, ours, ids, first=2, ternary=False)
    mine, theirs = t.report_steps(case.name, "gradient", found["gradient"])
    t.report_steps(case.name, "loss", found["loss"])
    most = max(ours for ours, _ in found["loss"])
    wrong = [] if most <= LIMIT_STEP else ["%s: a loss is off by %.1e" % (case.name, most)]
    return wrong + ([] if mine <= t.PEER_FACTOR * theirs else ["%s: gradients: median %.1e, PyTorch's %.1e" % (case.name, mine, theirs)])


def first_loss(case, state, ids):
    return t.loss_of(t.make_model(case, {name: w.numpy() for name, w in state.items()}, torch.float32), ids).item()


def swapped(state):
    """The weights with up and gate swapped."""
    return {name: torch.cat(w.chunk(2)[::-1]) if name.endswith("ff_proj.weight") else w for name, w in state.items()}


def check_that_it_matters(case, state, ids):
    """Check that a mistake would change the first loss by far more than the limits."""
    right, wrong = first_loss(case, state, ids), []
    others = {"halves of ff_proj": first_loss(case, swapped(state), ids)}
    if case.clip:
        others["no clip"] = first_loss(t.Case("", tied=case.tied), state, ids)
    for what, loss in others.items():
        print("%-38s %s would change the first loss by %.1e" % (case.name, what, t.relative(loss, right)))
        if not t.relative(loss, right) > 10 * LIMIT_STEP:
            wrong.append("%s: %s cannot be seen" % (case.name, what))
    return wrong


def main():
    torch.set_num_threads(1)
    print("PyTorch %s; largest relative distances over %d steps: ours to its f32, its f32 to f64" % (torch.__version__, t.STEPS))
    wrong = []
    with Daemon() as daemon:
        ids = t.batches(daemon.dir)
        for make in cases():
            folder = os.path.join(daemon.dir, make.__name__)
            case, state = make(folder)
            weights = {name: w.numpy() for name, w in state.items()}
            ours = t.OurRun(daemon, write_spec(daemon, folder))
            first = first_loss(case, state, ids[0])
            if not t.relative(ours.steps[1][0], first) <= LIMIT_STEP:
                wrong.append("%s: the first loss is %r, and OLMo's %r" % (case.name, ours.steps[1][0], first))
            wrong += compare_steps(case, ours, ids) if case.clip else compare_trajectories(case, ours, weights, ids)
            wrong += check_that_it_matters(case, state, ids[0])
    print("\n".join(wrong) if wrong else "all within")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
