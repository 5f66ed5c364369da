"""Hugging Face's transformers on the exports of bitctl: its logits against those of OLMo's own model and PyPI's `bitlinear`, its
tokens and text, and its log-likelihoods against bitworker's. Called by tests/export/run, with a Python that has transformers.

Everything is f32. If sums are added in another order (those of RMS, of a mean, ours), an activation midway between two int8 codes may
be rounded either way, and each later position then differs by some thousandths. So a sequence is compared up to the first such
position.
"""
import argparse
import json
import os
import subprocess
import sys

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # otherwise the first product waits for a C++ compiler
os.environ["HF_HUB_OFFLINE"] = "1"
HERE = os.path.dirname(os.path.abspath(__file__))
import checkpoints as ck  # noqa: E402
import fixture  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

NEAR, SUM_NEAR, SPREAD = 1e-5, 2e-4, 0.5
SEQUENCES, LENGTH, SHORT = 24, 48, 12
WIDE = ["model.width=256", "model.heads=4", "model.mlp_hidden=1024", "schedule.peak_lr=1e-3"]
WORDS = ["model.vocab=50280", "model.vocab_padded=50304"]  # OLMo's
# name -> (model, forms of its ternary checkpoint)
MODELS = {
    "paper": (ck.PAPER, ("hf-paper",)),
    "paper, by projection": (dict(tied="true", clip_qkv="0.5", quantizer='preset: "reloaded"'), ("hf-paper",)),
    "export": (ck.SERVED, ("hf-bitnet", "hf-paper")),
    "export, median, fused": (dict(tied="false", quantizer='preset: "export" weight_measure: MEDIAN granularity: FUSED'), ("hf-bitnet",)),
    "RMS": (ck.RMS, ("hf-bitnet", "hf-paper")),
}


def load(folder):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=True).eval()


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.from_numpy(ids)).logits.numpy()


def reference(d, checkpoint, precision, ids):
    here, out = os.path.join(d.dir, "ids.npy"), os.path.join(d.dir, "logits.npy")
    np.save(here, ids)
    subprocess.run([sys.executable, os.path.join(HERE, "olmo_logits.py"), checkpoint, precision, here, out], check=True)
    return np.load(out)


def line(good, name, text):
    print(f"{'ok' if good else 'FAILED':6} {name:40} {text}", flush=True)
    return good


def check_logits(name, got, want):
    """Compare logits, in each sequence up to the first position at which a tie between two codes was rounded the other way."""
    off = np.abs(got - want).max(axis=2)
    clear = np.cumsum(off >= NEAR, axis=1) == 0
    good = clear.mean() > 0.6 and off.max() < SPREAD
    return line(good, name, f"at most {off[clear].max(initial=0):.1e} at {clear.sum()} of {clear.size} positions"
                + ("" if clear.all() else f"; {off.max():.1e} after a tie") + f"; spread {want.std():.2f}")


def check_worker(d, name, checkpoint, precision, model, ids):
    """Compare with the sums of bitworker score, for short requests, so that most have no tie."""
    ids = ids.reshape(-1, SHORT)
    worker = os.path.join(fixture.build_root(), "worker", "bitworker")
    asked = "".join(json.dumps({"context": s[:1].tolist(), "continuation": s[1:].tolist()}) + "\n" for s in ids)
    p = subprocess.run([worker, "score", "--checkpoint", checkpoint, "--precision", precision, "--set", "launch.backend=cpu"], input=asked,
                       capture_output=True, text=True, check=True)
    got = np.array([json.loads(x)["sum"] for x in p.stdout.splitlines()])
    with torch.no_grad():
        logs = torch.log_softmax(torch.from_numpy(logits_of(model, ids)).double(), -1)
        want = logs[:, :-1].gather(-1, torch.from_numpy(ids)[:, 1:, None]).sum((1, 2)).numpy()
    off = np.abs(got - want)
    away = int((off >= SUM_NEAR).sum())
    good = away <= (len(off) // 3 if precision == "ternary" else 0) and off.max() < SPREAD
    return line(good, name, f"bitworker's log-likelihoods: at most {off[off < SUM_NEAR].max(initial=0):.1e} in {len(off) - away} of {len(off)}"
                + (f"; {off.max():.1e} in the rest" if away else "") + f"; they are {want.mean():.0f}")


def check_text(name, folder, model, tokenizer_json):
    """The exported folder alone suffices to make the tokens of `tokenizers` and to generate text."""
    from tokenizers import Tokenizer
    text = "The quick brown fox, 3.14 naïve café's\n\n  x"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text)["input_ids"]
    good = ids == Tokenizer.from_file(tokenizer_json).encode(text, add_special_tokens=False).ids and tokenizer.decode(ids) == text
    good &= tokenizer.eos_token_id == model.config.eos_token_id == model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids("<|endoftext|>")
    with torch.no_grad():
        out = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False)
    return line(good and out.shape[1] > len(ids), name, f"{type(tokenizer).__name__}, {len(ids)} tokens and back; {out.shape[1] - len(ids)} generated")


def check_model(d, name, tokenizer_json):
    settings, forms = MODELS[name]
    speaks = name == "export"
    run = ck.train(d, "".join(c for c in name if c.isalpha()), **settings, sets=WIDE + (WORDS if speaks else []))
    ids, good = np.random.default_rng(1).integers(0, 50280 if speaks else 256, (SEQUENCES, LENGTH)), True
    for step, precision, form in [(4, "16bit", "hf")] + [(8, "ternary", form) for form in forms]:
        checkpoint, out = ck.folder(d, run, step), os.path.join(d.dir, f"{run}-{form}")
        d.ctl("export", checkpoint, "--to", form, "--type", "f32", "--output", out, *(["--tokenizer", tokenizer_json] if speaks else []), check=True)
        model = load(out)
        good &= check_logits(f"{name}: {form}", logits_of(model, ids), reference(d, checkpoint, precision, ids))
        good &= check_worker(d, f"{name}: {form}", checkpoint, precision, model, ids)
        if speaks:
            good &= check_text(f"{name}: {form}", out, model, tokenizer_json)
    return good


def main():
    o = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    o.add_argument("--tokenizer", required=True, help="OLMo's tokenizer.json of 50280 tokens")
    o = o.parse_args()
    print(f"       transformers {transformers.__version__}, torch {torch.__version__}")
    with fixture.Daemon() as d:
        sys.exit(0 if all([check_model(d, name, o.tokenizer) for name in MODELS]) else 1)


if __name__ == "__main__":
    main()
