#!/usr/bin/env python3
"""Write small.json, the tokenizer of the tests: 600 tokens trained on the text below, in GPT-NeoX's format.

    python3 tests/tokenize/make_small.py > tests/tokenize/small.json      (needs the tokenizers package)
"""
import json

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

TEXT = """
The river rose in the night, and by morning the lower road was under water. Nobody in the village had seen it so
high since the winter of 1931, when the old bridge went. They'd carried the hens up to the loft; they've done it
before, and they'll do it again. "It's only water," said my grandmother, who wasn't afraid of anything, and I'm told
she'd said the same in 1931. We're still here, aren't we?

A measurement without an error bar is a rumour. If the thermometer reads 21.5 degrees, the room may be at 21.3 or
21.7, and the difference matters when a hundred rooms are averaged. Write down the instrument, the time and the place;
write down what you did not do. The reader can't ask you later.

def longest(words):
    best = ""
    for word in words:
        if len(word) > len(best):
            best = word
    return best

for (int i = 0; i < count; i++) {
        total += value[i] * weight[i];
}

Der Fluß stieg über Nacht. Où est la clé ? El niño pequeño comió mañana. Jak se máš, příteli? Привет, мир.
Καλημέρα κόσμε. 春はあけぼの。 한국어 문장입니다. مرحبا بالعالم. नमस्ते दुनिया।

The recipe is simple: 200 g of flour, 2 eggs, 300 ml of milk, a pinch of salt. Stir, wait for half an hour, and bake
thin cakes in a hot pan. The first one always sticks. The second one is for the cook. After that they are for
everybody else, with sugar, with lemon, or with the jam that the neighbours brought when the river went down again.
"""


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  show_progress=False)
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(6, 1, -1)])
    tokenizer.add_tokens([AddedToken("|||IP_ADDRESS|||", normalized=True), AddedToken("Ame\u0301lie", normalized=True)])
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", normalized=False, special=True),
                                  AddedToken("<|end|>", normalized=False, special=True),
                                  AddedToken("<left>", normalized=False, lstrip=True, special=True),
                                  AddedToken("<right>", normalized=False, rstrip=True, special=True),
                                  AddedToken("<both>", normalized=True, lstrip=True, rstrip=True)])
    print(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, indent=1, sort_keys=False))


main()
