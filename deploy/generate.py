#!/usr/bin/env python3
"""Continue a text in llama.cpp, with a model that `bitctl export --to gguf --tokenizer FILE` wrote.

    deploy/generate.py MODEL.gguf "The function returns"          (needs the package llama-cpp-python)
"""
import argparse
import sys


def main():
    o = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    o.add_argument("model", help="the file model.gguf")
    o.add_argument("text", help="the text to continue")
    o.add_argument("--tokens", type=int, default=60, help="number of tokens to add (60)")
    o.add_argument("--temperature", type=float, default=0.8, help="0 takes the likeliest token each time (0.8)")
    o.add_argument("--seed", type=int, default=1)
    o = o.parse_args()
    try:
        import llama_cpp
    except ImportError:
        sys.exit("generate.py: this Python has no llama-cpp-python; `pip install llama-cpp-python` builds it in about ten minutes")
    llama = llama_cpp.Llama(o.model, n_ctx=0, verbose=False, seed=o.seed)
    print(o.text, end="")
    for part in llama(o.text, max_tokens=o.tokens, temperature=o.temperature, stream=True):
        print(part["choices"][0]["text"], end="", flush=True)
    print()


if __name__ == "__main__":
    main()
