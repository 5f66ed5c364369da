#!/usr/bin/env python3
"""Split patterns: our pieces against those of the `tokenizers` package, whose engine is Oniguruma.

    patterns.py CUT [--seed N] [--random N]

Three parts, each isolated and removed: a table of single constructs, each equal or refused, as the table states; every
property, over the characters where one begins or ends; and random patterns made of such parts, over random texts, equal
or refused. Then the pre-tokenizer Digits, over every character. Exit 77 without the package.
"""
import argparse
import random
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True

try:
    import tokenizers
except ImportError:
    print("skipped: no Python package `tokenizers`")
    sys.exit(77)

EQUAL = r"""
\w+ | \W+ | \s+ | \S+ | \d+ | \D+ | \h+ | \H+ | \b | \B | \bb | ^ | $ | ^. | .$ | \A | \z | \Z | \A. | .\z | .\Z | \Ga
. | .+ | (?m:.+) | (?m).a | (?mi:A.) | \R | \Kb | a\Kb | \p{L}+ | \P{L}+ | \p{^L}+ | \P{^L}+ | \p{Lu} | \p{Letter}+
\p{Nd}+ | \p{N}{1,3} | \p{Han}+ | \p{Hiragana}+ | \p{Cyrillic}+ | \p{Greek} | \p{Punct} | \p{S}+ | \p{Alphabetic}+
[\w]+ | [^\w]+ | [\W]+ | [\w\s]+ | [^\w\s]+ | [\h]+ | [[:alpha:]]+ | [[:alnum:]]+ | [[:upper:]]+ | [[:lower:]]+
[[:punct:]]+ | [[:space:]]+ | [[:digit:]]+ | [[:word:]]+ | [[:graph:]]+ | [[:print:]]+ | [[:cntrl:]]+ | [[:blank:]]+
[[:xdigit:]]+ | [[:ascii:]]+ | [[:^alpha:]]+ | [^[:alpha:]]+ | [a-z&&[^aeiou]]+ | [a-m&&f-z] | [^a-m&&f-z]+ | [\w&&[^\d]]+
[a-c[x-z]]+ | [a[^b]]+ | [\p{L}&&[^\p{Lu}]]+ | [-a]+ | [a-]+ | [a&b]+ | [\]\[]+ | [\b] | [.$^*]+ | [\p{L}\p{M}]+
a| | b* | x* | () | a{,2} | a{2} | a{2,} | a{1,2} | a{2}? | a{2}+ | a{1,2}+ | a{1,2}? | a{,2}? | a{,} | a{x | a{0} | } | ]
a++ | a?+a | a*+ | a+?b | a*?b | a+* | (?>a+)b | (a)b | (?<name>a)b | a(?i)b|c | (?i:a)b | (?i)abc | (?i)k | (?i)[a-k]+
(?i)[^a-k]+ | (?i)[^\s\p{L}\p{N}]+ | (?i)\p{Lu}+ | (?i:'s|'t|'re|'ve|'m|'ll|'d) | (?=b) | (?!b) | (?<=a)b | (?<!a)b | (?<=a|bc)x
(?<=^)a | (?=$)| \s+(?!\S) | \s*[\r\n]+ | \x41 | \x{1F600} | \u00e9 | \t | \n | \/ | \- | \" | a\ b | \s*$ | (?:ab|a)b
""".strip("\n")
REFUSED = r"""
\X | \y | \Y | \N | \O | \1 | (a)\1 | \k<n> | \g<1> | \07 | \cA | \M-a | \q | \p{Emoji} | \p{InBasicLatin} | \pL | \p{} | \p{Word}
(?x)a b | (?s). | (?a)\w | (?W)\w | (?#a)b | (?~ab) | (?(1)a|b) | (*FAIL) | (?{x}) | a{3,1} | (?:a*)* | a** | (a|)+ | ^* | \b+ | (?=a)*
[a-\d] | [\d-a] | [a-c-e] | []a] | [^]a] | [a&&] | [&&a] | [z-a] | [[:foo:]] | [\R] | [\q] | [a | (a | a) | * | {2} | (?i)ss | (?i)ß
(?i)[ß] | (?i)st | (?i)s+ | (?i)s{2} | (?i)\p{L}ss | (?i)[\p{L}] | (?i)[[:upper:]] | (?<=a+)b | (?=a\K)b | \xe9 | \x{110000} | \ud800
a{65536} | a{
""".strip("\n")
REFUSED_BY_NOBODY = {r"a{", r"(?i)s+"}

CATEGORIES = ("L LC Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Cn Co "
              "Letter Cased_Letter Uppercase_Letter Lowercase_Letter Titlecase_Letter Modifier_Letter Other_Letter Mark "
              "Nonspacing_Mark Spacing_Mark Enclosing_Mark Number Decimal_Number Letter_Number Other_Number Punctuation "
              "Symbol Math_Symbol Currency_Symbol Modifier_Symbol Other_Symbol Separator Space_Separator Line_Separator "
              "Paragraph_Separator Other Control Format Unassigned Private_Use Any Assigned ASCII Alphabetic Uppercase "
              "Lowercase White_Space Punct").split()
SCRIPTS = ("Adlam Arabic Armenian Bengali Bopomofo Braille Cherokee Common Coptic Cyrillic Devanagari Ethiopic Garay "
           "Georgian Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana Inherited Kannada Kawi Katakana Khmer Lao Latin "
           "Malayalam Mongolian Myanmar Ol_Onal Oriya Sinhala Sunuwar Tamil Telugu Thaana Thai Tibetan Todhri Toto "
           "Tulu_Tigalari Unknown Vithkuqi Yi Hani Hira Kana Cyrl Latn Grek Zinh Zyyy").split()


def constructs(table):
    return [p.strip(" ") for line in table.splitlines() for p in line.split(" | ")]


# ---- both sides ----

def ours(cut, texts, *words):
    """The pieces of each text, or the reason why the pattern is refused or matching gives up."""
    data = [t.encode() for t in texts]
    request = b"".join(struct.pack("<I", len(d)) + d for d in data)
    done = subprocess.run([cut, *words], input=request, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode == 2 or b"gives up" in done.stderr:
        return done.stderr.decode(errors="replace").strip()
    if done.returncode != 0:
        sys.exit(f"{words}: exit {done.returncode}: {done.stderr.decode(errors='replace')}")
    words = struct.unpack(f"<{len(done.stdout) // 4}I", done.stdout)
    pieces, at = [], 0
    for d in data:
        ranges = words[at + 1:at + 1 + 2 * words[at]]
        pieces.append([d[b:e].decode() for b, e in zip(ranges[::2], ranges[1::2])])
        at += 1 + 2 * words[at]
    return pieces


def theirs(pattern, behavior, texts):
    try:
        split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), behavior)
    except Exception as e:
        return str(e)
    try:
        return [[piece for piece, _ in split.pre_tokenize_str(t)] for t in texts]
    except BaseException as e:  # a Rust panic is not an Exception
        if "retry-limit" not in str(e):
            raise
        return str(e)


class Comparison:
    def __init__(self, cut):
        self.cut = cut
        self.equal = self.refused = self.failures = 0

    def fail(self, pattern, behavior, *what):
        self.failures += 1
        if self.failures <= 20:
            print(" ".join((ascii(pattern), behavior + ":", *what)), flush=True)

    def check(self, pattern, behavior, texts, want=None):
        mine, yours = ours(self.cut, texts, pattern, behavior), theirs(pattern, behavior, texts)
        if isinstance(mine, str):
            self.refused += 1
            if want == EQUAL:
                self.fail(pattern, behavior, "refused:", mine)
            return
        self.equal += 1
        if want == REFUSED:
            return self.fail(pattern, behavior, "is not refused")
        if isinstance(yours, str):
            return self.fail(pattern, behavior, "taken, while tokenizers says:", yours) if want else None
        for text, a, b in zip(texts, mine, yours):
            if a != b:
                k = next(i for i in range(max(len(a), len(b))) if a[i:i + 1] != b[i:i + 1])
                return self.fail(pattern, behavior, f"{ascii(text[:60])}, piece {k}: ours {ascii(a[k:k + 3])}, "
                                                    f"theirs {ascii(b[k:k + 3])}")

    def check_all(self, patterns, texts, want=None):
        jobs = [(p, b) for p in patterns for b in ("isolated", "removed")]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda job: self.check(*job, texts, want), jobs))


# ---- texts ----

PICKED = ["a\nb\n\nc\n", "\n", "a", "aab aabb axb bcx\n", "a\r\nb\rc\x85d\u2028e", "I'll we'RE 'S '\u017f K\u212a", "x{2} a{x a} b] aaaa{,}",
          "e\u0301te\u0301 \u0928\u092e\u0938\u094d\u0924\u0947 \u05e9\u05b8\u05dc\u05d5\u05b9\u05dd \u0e17\u0e35\u0e48 x\u00b2 \u24d0\u24b6 \u2165 \u00bd_",
          "a  \u180eb\u180e \u00a0\u2003c", "\U0001fa77\U0001fae8 \U0001d2c0\U0001d2d3 \U00031350 \u1c89\u1c8a \U00011de0", "DEAD beef 0x1F \t\x0b\x0c z",
          "日本語テキスト、ひらがな Привет, мир! Ελλάδα ΣΑΣ", "[x] ] } { \\ / - . $ ^ * \x08 \" a b \x00\x7f", "straße STRASSE ﬁ ﬆ ﬀ ss St FI \u1e9e"]
POOLS = ["aAbBcxyz", "aabb'sSkK", " \t\n\r\x0b\x85\xa0\u180e\u2028\u3000", "0123\u0663\u096a\u00b2\u00bd\u2165", "!?.,-_'\"$+<^`|~[]{}\\",
         "\u0301\u0323\u0345\u094d\u0e48\u20dd", "éÉßſK\u1e9eſDžıİ", "कखहगतर", "日本ひカ한ภ", "αΑσςΣµ\u0399\u03b9", "\u24d0\u24b6\u2170\u00aa", "\U0001f600\u200d\U0001fa77\U0001fae9\U0001d2c0\U000105c9"]


def random_texts(rng, count):
    anywhere = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for _ in range(count):
        pools = rng.choices(POOLS, k=rng.randint(1, 4))
        yield "".join(rng.choice(rng.choice(pools)) if rng.random() < 0.95 else rng.choice(anywhere)
                      for _ in range(rng.randint(0, 40)))


# ---- random patterns ----

PARTS = (r"a b c x A ' s k . ^ $ \b \B \d \D \s \S \w \W \h \H \R \A \z \Z \G \K \n \r é К " " "
         r"\p{L} \p{N} \P{L} \p{Lu} \p{Ll} \p{M} \p{P} \p{^Nd} \p{Han} [a-c] [^a-c] [\w] [^\s\p{L}] [[:alpha:]] [[:punct:]\d] [^\r\n] "
         r"[a-z&&[^b]] [\w&&[^\d_]] [^\p{L}&&\w] [A-Zé] [-a] [[:^space:]&&[^\d]]").split(" ")
REPEATS = ["*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}", "{,2}", "{2,}", "{1,3}?", "{2}?", "{1,2}+", "+*", "?*"]
GROUPS = ["(%s)", "(?:%s)", "(?>%s)", "(?=%s)", "(?!%s)", "(?<=%s)", "(?<!%s)", "(?i:%s)", "(?m:%s)", "(?-i:%s)", "(?i)%s", "(?mi-i:%s)", "(?<n>%s)"]


def random_pattern(rng, depth=0):
    def one():
        part = rng.choice(PARTS) or " "
        if depth < 3 and rng.random() < 0.25:
            part = rng.choice(GROUPS) % random_pattern(rng, depth + 1)
        return part + (rng.choice(REPEATS) if rng.random() < 0.4 else "")

    def sequence():
        return "".join(one() for _ in range(rng.choice((1, 1, 2, 2, 3, 4))))

    return "|".join(sequence() for _ in range(rng.choice((1, 1, 1, 2, 3))))


# ---- Digits ----

def check_digits(c):
    """Compare Digits over every character. Older releases have an older Unicode: 0.21.4 lacks the numbers of 17.0."""
    young = {*map(chr, range(0x11DE0, 0x11DEA)), *map(chr, range(0x16FF4, 0x16FF7))}
    alone = tokenizers.pre_tokenizers.Digits(individual_digits=True)
    if len(alone.pre_tokenize_str("a\U00011de0")) == 2:
        young = set()
    text = "".join("x" + chr(n) for n in range(0x110000) if not 0xD800 <= n < 0xE000 and chr(n) not in young)
    for word, peer in (("digit", alone), ("digits", tokenizers.pre_tokenizers.Digits(individual_digits=False))):
        if ours(c.cut, [text], word)[0] != [piece for piece, _ in peer.pre_tokenize_str(text)]:
            c.fail("Digits", word, "another set of numbers")


# ---- whole ----

def borders(cut):
    """The characters where some property begins or ends, with their neighbours, by our own tables."""
    everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    found = set()
    for name in CATEGORIES + SCRIPTS:
        pieces = ours(cut, [everything], r"\p{%s}+" % name, "isolated")
        if isinstance(pieces, str):
            sys.exit(f"\\p{{{name}}}: {pieces}")
        for piece in pieces[0]:
            found.update((piece[0], piece[-1]))
    return "".join(sorted(found))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("cut")
    args.add_argument("--seed", type=int, default=20260101)
    args.add_argument("--random", type=int, default=150)
    args = args.parse_args()
    rng = random.Random(args.seed)
    texts = PICKED + list(random_texts(rng, 300))
    c = Comparison(args.cut)
    equal, refused = constructs(EQUAL), constructs(REFUSED)
    c.check_all(equal, texts, EQUAL)
    c.check_all([p for p in refused if p not in REFUSED_BY_NOBODY], texts, REFUSED)
    table = f"{len(equal)} constructs equal, {len(refused)} refused"
    c.check_all([r"\p{%s}" % name for name in CATEGORIES + SCRIPTS], [borders(args.cut)], EQUAL)
    before = c.equal, c.refused
    c.check_all([random_pattern(rng) for _ in range(args.random)], texts)
    check_digits(c)
    print(f"tokenizers {tokenizers.__version__}, seed {args.seed}: {table}, {len(CATEGORIES + SCRIPTS)} properties, random "
          f"patterns and behaviours: {c.equal - before[0]} taken, {c.refused - before[1]} refused; {c.failures} differ")
    sys.exit(c.failures > 0)


main()
