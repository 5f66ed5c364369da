"""OLMo in PyTorch, written for comparison: the parity suite's oracle and the benchmark's peer.

Its ternary linears are those of the PyPI package `bitlinear` (the reference implementation) if it can be imported,
otherwise a transcription of its formula. Works with PyTorch 1.13 and newer.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

try:
    import bitlinear as reference
except ImportError:
    reference = None

SITES = ("att_proj", "attn_out", "ff_proj", "ff_out")


@dataclass
class Shape:
    width: int
    heads: int
    hidden: int
    vocab: int
    vocab_padded: int
    context: int
    layers: int = 2
    tied: bool = True
    clip_qkv: float = 0.0
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5


@dataclass
class Quantizer:
    weight_measure: str = "AbsMedian"
    activation_measure: str = "AbsMax"
    levels: int = 128
    norm: str = "LayerNorm"  # LayerNorm, RMSNorm or None
    by_projection: bool = False
    eps: float = 1e-5


# ---- the ternary linear


def rms_norm(x):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


def layer_norm(x):
    return F.layer_norm(x, x.shape[-1:])


NORMS = {"LayerNorm": layer_norm, "RMSNorm": rms_norm, "None": lambda x: x}
MEASURES = {
    "AbsMax": lambda x, row: x.abs().amax(-1, keepdim=True) if row else x.abs().max(),
    "AbsMean": lambda x, row: x.abs().mean(-1, keepdim=True) if row else x.abs().mean(),
    "AbsMedian": lambda x, row: x.abs().median(-1, keepdim=True).values if row else x.abs().median(),
}

# Smallest distance of any scaled value to the border between two codes, of activations and of weights, over everything
# quantised since the last reset, and the scaled activations themselves, linear by linear. With another order of
# summation a value on a border may be rounded either way.
borders = {"watch": False, "activation": 1.0, "weight": 1.0, "activations": []}


def watch_borders(scaled, low, high):
    if borders["watch"]:
        inside = scaled.detach()[(scaled.detach() > low - 1) & (scaled.detach() < high + 1)]
        what = "weight" if high == 1 else "activation"
        borders[what] = min(borders[what], (inside - inside.floor() - 0.5).abs().min().item())
        if what == "activation":
            borders["activations"].append(scaled.detach())


def round_clamp(scaled, low, high, strength):
    watch_borders(scaled, low, high)
    return scaled + strength * (scaled.round().clamp(low, high) - scaled).detach()


class TernaryLinear(nn.Linear):
    """y = (x_q W_q^T) / (w_scale x_scale), transcribed from bitlinear 2.4 (arXiv 2502.11895)."""

    def __init__(self, in_features, out_features, quantizer):
        super().__init__(in_features, out_features, bias=False)
        self.quantizer = quantizer
        self.lambda_ = 1.0

    def forward(self, x):
        q = self.quantizer
        x = NORMS[q.norm](x)
        x_scale = q.levels / MEASURES[q.activation_measure](x.detach(), True).clamp(min=q.eps)
        w_scale = 1.0 / MEASURES[q.weight_measure](self.weight.detach(), False).clamp(min=q.eps)
        x_q = round_clamp(x * x_scale, -128, 127, self.lambda_)
        w_q = round_clamp(self.weight * w_scale, -1, 1, self.lambda_)
        return F.linear(x_q, w_q) / (w_scale * x_scale)


def package_strategy(scaled, code_range, lambda_=1.0):
    """The package's own rounding. Its range also sets the scale's numerator; in our quantizer these are two settings."""
    low, high = (-128, 127) if code_range[1] > 1 else code_range
    watch_borders(scaled, low, high)
    return reference.bitlinear.round_clamp(scaled, (low, high), lambda_)


def package_suffices(quantizer):
    """Whether the package can express this quantizer: with 127 levels it also limits the codes to ±127, which makes no difference
    only with AbsMax."""
    return quantizer.levels == 128 or quantizer.activation_measure == "AbsMax"


def package_linear(in_features, out_features, quantizer):
    return reference.BitLinear(
        in_features, out_features, bias=False, eps=quantizer.eps,
        weight_measure=quantizer.weight_measure, activation_measure=quantizer.activation_measure,
        activation_range=8 if quantizer.levels == 128 else (-127, 127),
        norm={"LayerNorm": "LayerNorm", "RMSNorm": rms_norm, "None": None}[quantizer.norm])


def ternary_name(quantizer=None):
    if reference is None:
        return "bitlinear transcribed"
    alone = quantizer is None or package_suffices(quantizer)
    return "bitlinear %s%s" % (version("bitlinear"), "" if alone else ", range set")


def version(package):
    from importlib.metadata import version as of

    return of(package)


def make_linear(in_features, out_features, quantizer):
    if quantizer is None:
        return nn.Linear(in_features, out_features, bias=False)
    return (package_linear if reference else TernaryLinear)(in_features, out_features, quantizer)


class Projections(nn.Module):
    """One matrix of OLMo, as several linears side by side if each projection has its own scale."""

    def __init__(self, in_features, parts, quantizer):
        super().__init__()
        self.parts = nn.ModuleList(make_linear(in_features, n, quantizer) for n in parts)

    def forward(self, x):
        y = [part(x) for part in self.parts]
        return y[0] if len(y) == 1 else torch.cat(y, dim=-1)


# ---- the model


def at_least_f32(x):
    return x if x.dtype == torch.float64 else x.float()


def rotate(x, cos, sin):
    """Rotate the halves of each head of x (B, H, T, D), in f32 or wider."""
    x1, x2 = at_least_f32(x).chunk(2, dim=-1)
    return torch.cat((x1 * cos - x2 * sin, x2 * cos + x1 * sin), dim=-1).to(x.dtype)


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    time = q.shape[-2]
    scores = at_least_f32(q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
    mask = torch.ones(time, time, dtype=torch.bool).triu(1)
    return F.softmax(scores.masked_fill(mask, float("-inf")), dim=-1).to(v.dtype) @ v


class Block(nn.Module):
    def __init__(self, shape, quantizer):
        super().__init__()
        split = quantizer is not None and quantizer.by_projection
        width, hidden = shape.width, shape.hidden
        self.shape = shape
        self.att_proj = Projections(width, [width] * 3 if split else [3 * width], quantizer)
        self.attn_out = Projections(width, [width], quantizer)
        self.ff_proj = Projections(width, [hidden] * 2 if split else [2 * hidden], quantizer)
        self.ff_out = Projections(hidden, [width], quantizer)

    def norm(self, x):
        return F.layer_norm(x, x.shape[-1:], eps=self.shape.norm_eps)

    def heads(self, x):
        return x.view(x.shape[0], x.shape[1], self.shape.heads, -1).transpose(1, 2)

    def forward(self, x, cos, sin):
        qkv = self.att_proj(self.norm(x))
        if self.shape.clip_qkv > 0:
            qkv = qkv.clamp(-self.shape.clip_qkv, self.shape.clip_qkv)
        q, k, v = (self.heads(part) for part in qkv.chunk(3, dim=-1))
        y = attend(rotate(q, cos, sin), rotate(k, cos, sin), v)
        x = x + self.attn_out(y.transpose(1, 2).reshape(x.shape))
        up, gate = self.ff_proj(self.norm(x)).chunk(2, dim=-1)
        return x + self.ff_out(F.silu(gate) * up)


class Olmo(nn.Module):
    def __init__(self, shape, quantizer=None):
        super().__init__()
        self.shape, self.quantizer = shape, quantizer
        self.wte = nn.Embedding(shape.vocab_padded, shape.width)
        self.blocks = nn.ModuleList(Block(shape, quantizer) for _ in range(shape.layers))
        self.head = None if shape.tied else nn.Linear(shape.width, shape.vocab_padded, bias=False)
        half = shape.width // shape.heads // 2
        frequency = shape.rope_theta ** -(torch.arange(half, dtype=torch.float64) / half)
        angle = torch.arange(shape.context, dtype=torch.float64)[:, None] * frequency
        self.register_buffer("cos", angle.cos().float())
        self.register_buffer("sin", angle.sin().float())

    def set_strength(self, strength):
        if reference:
            reference.bitlinear.set_lambda_(self, strength)
        for module in self.modules():
            if isinstance(module, TernaryLinear):
                module.lambda_ = strength

    def set_watched(self, watched):
        """Set whether `borders` is recorded. If not, and if the package suffices, the package's own rounding is used unchanged."""
        borders.update(watch=watched, activation=1.0, weight=1.0, activations=[])
        for module in self.modules():
            if reference and isinstance(module, reference.BitLinear):
                own = not watched and package_suffices(self.quantizer)
                module.strategy = reference.bitlinear.round_clamp if own else package_strategy

    def forward(self, ids):
        x = self.wte(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        x = F.layer_norm(x, x.shape[-1:], eps=self.shape.norm_eps)
        return F.linear(x, self.wte.weight if self.head is None else self.head.weight)

    def loss(self, ids, logits=None):
        """OLMo's loss: summed over the targets inside each instance, divided by all positions."""
        logits = self(ids) if logits is None else logits
        vocab = logits.shape[-1]
        total = F.cross_entropy(at_least_f32(logits[:, :-1].reshape(-1, vocab)), ids[:, 1:].reshape(-1), reduction="sum")
        return total / ids.numel()

    def flat(self):
        """Yields (name, parameters, concatenated by rows) in the order of the flat vector."""
        yield "transformer.wte.weight", [self.wte.weight]
        for i, block in enumerate(self.blocks):
            for site in SITES:
                yield "transformer.blocks.%d.%s.weight" % (i, site), [p.weight for p in getattr(block, site).parts]
        if self.head is not None:
            yield "transformer.ff_out.weight", [self.head.weight]

    def load_flat(self, vector):
        at = 0
        with torch.no_grad():
            for _, parts in self.flat():
                for p in parts:
                    p.copy_(vector[at:at + p.numel()].view_as(p))
                    at += p.numel()
        assert at == vector.numel()
