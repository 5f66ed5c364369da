"""llama.cpp on the files of `bitctl export --to gguf`: it loads every type, and its logits equal those of llama_arithmetic.py on the
checkpoint's own weights. Called by tests/export/run, with a Python that has llama-cpp-python.

An activation midway between two int8 codes may be rounded either way, and each later position then differs by some hundredths. So a
sequence is compared up to its first position at which an activation lies within TIE codes of a border; later ones may differ by
SPREAD. At a position where the head's input lies midway between two fp16 values the bound is AT_HEAD. In f16 and bf16 files every
position has such activations, in every matrix; their bounds in NEAR allow for that.
"""
import argparse
import contextlib
import ctypes
import os
import subprocess
import sys
import unicodedata

import gguf
import llama_cpp
import numpy as np

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tokenize"))
import checkpoints as ck  # noqa: E402
import fixture  # noqa: E402
import inputs  # noqa: E402
import llama_arithmetic  # noqa: E402

NEAR = {"f32": 1e-5, "f16": 1e-3, "bf16": 1e-2, "tq1_0": 1e-4, "tq2_0": 1e-4, "q2_0": 1e-4}
TIE, AT_HEAD, SPREAD = 1e-4, 2e-3, 0.5
SEQUENCES, LENGTH = 12, 24


def open_model(path, vocab_only=False):
    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
        return llama_cpp.Llama(path, n_ctx=64, n_batch=64, n_ubatch=64, n_threads=1, n_threads_batch=1, logits_all=not vocab_only,
                               type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32, flash_attn=False, verbose=False,
                               vocab_only=vocab_only)


def logits_of(llama, ids):
    llama.reset()
    llama.eval(list(map(int, ids)))
    return np.array(llama.scores[:len(ids)])


def compare(path, model, vocab, trained=None, seed=1):
    """(number of positions compared; largest difference among those without and with a tie at the head's input, and among the
    positions not compared; spread of the logits; largest and mean difference from training's arithmetic, or None)"""
    rng, llama = np.random.default_rng(seed), open_model(path)
    near, head, far, compared, away = 0.0, 0.0, 0.0, 0, []
    bound = NEAR[model.kind]
    for _ in range(SEQUENCES):
        ids = rng.integers(0, vocab, LENGTH)
        want, closest, own = model.logits(ids)
        got = logits_of(llama, ids)
        off = np.abs(got - want).max(-1)
        if trained is not None:
            away.append(np.abs(got - trained.logits(ids)[0]))
        is_tie = own < TIE
        limit = np.where(is_tie, AT_HEAD, bound)
        clear = int((closest > TIE).sum())  # closest never grows with the position
        while clear < LENGTH and off[clear] < limit[clear]:  # a tie that was rounded the same way in both
            clear += 1
        compared += clear
        near = max(near, off[:clear][~is_tie[:clear]].max(initial=0))
        head = max(head, off[:clear][is_tie[:clear]].max(initial=0))
        far = max(far, off[clear:].max(initial=0))
    return compared, near, head, far, want.std(), np.max(away) if away else None, np.mean(away) if away else None


def check(name, path, model, vocab, trained=None):
    compared, near, head, far, spread, most, mean = compare(path, model, vocab, trained)
    good = near < NEAR[model.kind] and head < AT_HEAD and far < SPREAD and compared >= SEQUENCES * LENGTH // 3
    print(f"{'ok' if good else 'FAILED':6} {name:16} {model.kind:6} {compared:4d} of {SEQUENCES * LENGTH} positions: at most {near:.1e}, "
          f"{head:.1e} with a tie before the head; the rest {far:.1e}"
          + (f"; from training's arithmetic {most:.2f}, mean {mean:.1e}" if trained is not None else "") + f"; spread {spread:.2f}")
    return good


# ---- tokens

# Texts that llama.cpp's own split patterns and tables may treat differently. All are in NFC, because llama.cpp does not normalise.
ODD = ["", " ", "  ", "\n", " \n \t x", "a  b   c\t\td", "I'm we'll THEY'RE it's 'twas", "x=1;\r\n\r\ny", "3.14159 1,000,000 0x7f", "naïve café Ångström",
       "日本語のテキスト、漢字。", "한국어 문장", "Привет, мир!", "नमस्ते दुनिया", "مرحبا بالعالم", "👩‍👩‍👧‍👦 🇩🇪 ☃️", "\u00a0\u2003\u3000x", "a\u200bb", "…—–“”‘’",
       "<|endoftext|>", "a<|endoftext|>b", "<|padding|> <|endoftext", "|||EMAIL_ADDRESS||| |||IP_ADDRESS|||", " " * 23, " " * 24 + "x", " " * 61 + "y",
       "\x00\x01\x7f", "\U0001d54f\U0001f9ff\U00020000", "ﬁ ½ ² Ⅷ", "def f(x):\n        return {'a': [1, 2]}\n"]


def pieces(llama, ids):
    """The text of ids. Llama.detokenize drops tokens longer than 32 bytes."""
    vocab, room = llama_cpp.llama_model_get_vocab(llama.model), 4096
    buffer = (ctypes.c_char * room)()
    return b"".join(buffer[:llama_cpp.llama_token_to_piece(vocab, i, buffer, room, 0, True)] for i in ids)


def check_tokens(path, tokenizer_json, texts):
    """Compare llama.cpp's ids of texts, with the file's vocabulary, with those of Hugging Face's tokenizers."""
    from tokenizers import Tokenizer
    llama, theirs = open_model(path, vocab_only=True), Tokenizer.from_file(tokenizer_json)
    count = 0
    for text in texts:
        data = text.encode()
        ours = llama.tokenize(data, add_bos=False, special=True)
        want = theirs.encode(text, add_special_tokens=False).ids
        if ours != want:
            at = next((i for i, (a, b) in enumerate(zip(ours, want)) if a != b), min(len(ours), len(want)))
            print(f"FAILED tokens {text[:60]!r}: from token {at} on {ours[at:at + 6]}, tokenizers {want[at:at + 6]}")
            return False
        if pieces(llama, ours) != data:
            print(f"FAILED tokens {text[:60]!r} comes back as {pieces(llama, ours)[:80]!r}")
            return False
        count += len(want)
    print(f"ok     tokens of {len(texts)} texts, {count} of them, and back: {os.path.basename(tokenizer_json)}")
    return True


# ---- llama.cpp's own converter

def convert(source, python, folder, kind, out):
    """Run convert_hf_to_gguf.py of llama.cpp's sources with a Python that has transformers."""
    command = [python, os.path.join(source, "convert_hf_to_gguf.py"), folder, "--outtype", kind, "--outfile", out, "--no-lazy"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TORCHDYNAMO_DISABLE": "1"})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}:\n{done.stderr[-3000:]}")


def check_converter(name, ours, theirs, differing=()):
    """Whether both files have the same tensors: name, type, shape and bytes, except those in `differing`."""
    a, b = ({t.name: t for t in gguf.GGUFReader(path).tensors} for path in (ours, theirs))
    wrong = sorted(set(a) ^ set(b)) + [n for n in sorted(set(a) & set(b)) if a[n].tensor_type != b[n].tensor_type or
                                       list(a[n].shape) != list(b[n].shape) or a[n].data.tobytes() != b[n].data.tobytes()]
    wrong = [n for n in wrong if n not in differing]
    print(f"{'FAILED' if wrong else 'ok':6} {name:16} the converter's tensors: {len(a) - len(wrong)} of {len(a)} byte for byte {wrong[:3] or ''}")
    return not wrong


# ---- all

WIDE = {"width": 256, "heads": 4, "mlp_hidden": 512}
VOCAB, ROWS = 50280, 50304
MODELS = {"tied": (dict(tied="true", quantizer='preset: "export" weight_measure: MEDIAN granularity: FUSED'), "median", False, 0),
          "untied": (dict(tied="false", clip_qkv="0.5", quantizer='preset: "export" weight_measure: MEAN granularity: PROJECTION'),
                     "mean", True, 0.5)}


def check_model(d, name, o):
    settings, measure, by_projection, clip = MODELS[name]
    run = ck.train(d, name, **settings, sets=[f"model.{k}={v}" for k, v in WIDE.items()] + [f"model.vocab={VOCAB}", f"model.vocab_padded={ROWS}"])
    shape = {**WIDE, "layers": 2, "clip_qkv": clip}
    good = True

    def export(step, form, kind):
        out = os.path.join(d.dir, f"{name}-{step}-{form}-{kind}")
        if not os.path.exists(out):
            d.ctl("export", ck.folder(d, run, step), "--to", form, "--type", kind, "--output", out, "--tokenizer", o.tokenizer, check=True)
        return out

    def converted(step, form, kind, of):
        out = os.path.join(d.dir, "converted.gguf")
        convert(o.llama_cpp, o.transformers_python, export(step, form, of), kind, out)
        return check_converter(f"{name} {kind}", os.path.join(export(step, "gguf", kind), "model.gguf"), out)

    for step, kinds in ((4, ("f32", "f16", "bf16")), (8, ("f32", "f16", "bf16", "tq1_0", "tq2_0", "q2_0"))):
        weights = os.path.join(ck.folder(d, run, step), "model.safetensors")
        make = lambda kind: llama_arithmetic.Model(weights, shape, kind, *((measure, by_projection) if step == 8 else ()))
        for kind in kinds:
            path = os.path.join(export(step, "gguf", kind), "model.gguf")
            good &= check(f"{name} step {step}", path, make(kind), VOCAB, make("trained") if step == 8 else None)
    if o.llama_cpp:
        for kind in ("f32", "f16"):
            good &= converted(4, "hf", kind, kind)
        for kind in ("tq1_0", "tq2_0"):
            good &= converted(8, "hf-bitnet", kind, "f16")
    if name == "tied":
        texts = [unicodedata.normalize("NFC", t) for t in inputs.found_texts(1_000_000)]
        path = os.path.join(export(8, "gguf", "q2_0"), "model.gguf")
        good &= check_tokens(path, o.tokenizer, ODD) and check_tokens(path, o.tokenizer, texts)
    return good


def main():
    o = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    o.add_argument("--tokenizer", required=True, help="OLMo's tokenizer.json of 50280 tokens")
    o.add_argument("--llama-cpp", help="llama.cpp's sources, for its converter")
    o.add_argument("--transformers-python", default=sys.executable, help="a Python with transformers, which the converter needs")
    o = o.parse_args()
    with fixture.Daemon() as d:
        sys.exit(0 if all([check_model(d, name, o) for name in MODELS]) else 1)


if __name__ == "__main__":
    main()
