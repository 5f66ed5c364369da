"""The model of olmo_torch.py with bf16 operands, on the parameters of an Olmo: what bitworker computes, product by product.

The residual stream, its gradient (both may be bf16 in 16-bit), the norms' insides, scales and all sums are f32. Only
these are rounded to bf16:
    weights (embedding and head in both phases; in the ternary phase below strength 1 the blends of values and codes);
    the norms' outputs where they are operands; q, k, v before and after clamp and rotation, the attention's output,
    up and gate, swiglu's output, the logits; and the gradient at each of these, on its way back;
    where the processor multiplies bf16 pairs, the probabilities and the gradients of the scores inside attention;
    the output's gradient over the activations' scale, in a ternary weight's gradient.
With data_gradient: INT8 the output's gradient is rounded to 255 values a token for the gradient at a ternary input.
At strength 1 codes are multiplied: whole numbers, which bf16 represents exactly.
"""
import math

import torch
import torch.nn.functional as F
from torch.autograd import Function

from olmo_torch import MEASURES, NORMS, rotate


class Arithmetic:
    """A run's linears and its processor's products. The reference kernels have no bf16 products: they convert to f32, and round
    neither the probabilities nor the output's gradient over the scale."""

    def __init__(self, quantizer, strength, reference_kernels, bf16_pairs, bf16_stream=False, int8_gradient=False):
        self.quantizer, self.strength = quantizer, strength
        self.int8_gradient = int8_gradient and strength == 1
        self.stream = held if bf16_stream else lambda x: x
        self.pairs = bf16_pairs and not reference_kernels
        self.rounds_over_scale = not reference_kernels


def bf16(x):
    return x.bfloat16().float()


class Held(Function):
    """Rounds a tensor and its gradient to bf16."""

    @staticmethod
    def forward(ctx, x):
        return bf16(x)

    @staticmethod
    def backward(ctx, dy):
        return bf16(dy)


held = Held.apply


class RoundedBack(Function):
    """For what is added to the residual stream: only the gradient is rounded, because it becomes an operand."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, dy):
        return bf16(dy)


class Rounded(Function):
    """Rounds a published weight; its master's gradient stays f32."""

    @staticmethod
    def forward(ctx, w):
        return bf16(w)

    @staticmethod
    def backward(ctx, dy):
        return dy


def blend(scaled, codes, strength):
    return codes if strength == 1 else bf16(scaled + strength * (codes - scaled))


class Ternary(Function):
    """y = x_q W_q^T / (w_scale x_scale) for one norm's output and several matrices side by side, each with its own scale."""

    @staticmethod
    def forward(ctx, x, arithmetic, *weights):
        q, strength = arithmetic.quantizer, arithmetic.strength
        x_scale = q.levels / MEASURES[q.activation_measure](x, True).clamp(min=q.eps)
        x_q = blend(x * x_scale, (x * x_scale).round().clamp(-128, 127), strength)
        w_scale = [1.0 / MEASURES[q.weight_measure](w, False).clamp(min=q.eps) for w in weights]
        w_q = [blend(w * s, (w * s).round().clamp(-1, 1), strength) for w, s in zip(weights, w_scale)]
        ctx.save_for_backward(x_scale, x_q, *w_q)
        ctx.w_scale, ctx.arithmetic = w_scale, arithmetic
        return torch.cat([F.linear(x_q, w) * (1 / (s * x_scale)) for w, s in zip(w_q, w_scale)], dim=-1)

    @staticmethod
    def backward(ctx, dy):
        x_scale, x_q, *w_q = ctx.saved_tensors
        over_scale = bf16(dy / x_scale) if ctx.arithmetic.rounds_over_scale else dy / x_scale
        sizes = [w.shape[0] for w in w_q]
        dx_of = dy
        if ctx.arithmetic.int8_gradient and len(w_q) == 1:
            dy_scale = 127 / dy.abs().amax(-1, keepdim=True).clamp(min=1e-30)
            dx_of = (dy * dy_scale).round() / dy_scale
        dx = sum(part @ w / s for part, w, s in zip(dx_of.split(sizes, dim=-1), w_q, ctx.w_scale))
        dw = over_scale.flatten(0, -2).T @ x_q.flatten(0, -2)
        return (bf16(dx), None, *dw.split(sizes))


class Attention(Function):
    """Causal attention of q, k, v (B, H, T, D) in bf16; probabilities are summed in f32 before they are rounded."""

    @staticmethod
    def forward(ctx, q, k, v, pairs):
        time, root = q.shape[-2], 1 / math.sqrt(q.shape[-1])
        scores = q @ k.transpose(-1, -2) * root
        scores.masked_fill_(torch.ones(time, time, dtype=torch.bool).triu(1), float("-inf"))
        weights = (scores - scores.amax(-1, keepdim=True)).exp()
        total = weights.sum(-1, keepdim=True)
        y = (bf16(weights) if pairs else weights) @ v / total
        ctx.save_for_backward(q, k, v, weights / total, bf16(y))
        ctx.root, ctx.pairs = root, pairs
        return y

    @staticmethod
    def backward(ctx, dy):
        q, k, v, p, y = ctx.saved_tensors
        ds = p * (dy @ v.transpose(-1, -2) - (dy * y).sum(-1, keepdim=True)) * ctx.root
        if ctx.pairs:
            p, ds = bf16(p), bf16(ds)
        return ds @ k, ds.transpose(-1, -2) @ q, p.transpose(-1, -2) @ dy, None


def layer_norm(x, eps):
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def project(projections, x, arithmetic):
    weights = [part.weight for part in projections.parts]
    if arithmetic.quantizer is not None:
        return Ternary.apply(x, arithmetic, *weights)
    return F.linear(held(x), Rounded.apply(weights[0]))


def inner_norm(x, arithmetic):
    return x if arithmetic.quantizer is None else NORMS[arithmetic.quantizer.norm](x)


def norm_stream(block, x, arithmetic):
    """The block's norm, then the ternary linear's own norm, as in the reference."""
    return inner_norm(layer_norm(x, block.shape.norm_eps), arithmetic)


def block_forward(block, x, cos, sin, arithmetic):
    qkv = held(project(block.att_proj, norm_stream(block, x, arithmetic), arithmetic))
    if block.shape.clip_qkv > 0:
        qkv = held(qkv.clamp(-block.shape.clip_qkv, block.shape.clip_qkv))
    q, k, v = (block.heads(part) for part in qkv.chunk(3, dim=-1))
    y = Attention.apply(held(rotate(q, cos, sin)), held(rotate(k, cos, sin)), v, arithmetic.pairs)
    y = held(y.transpose(1, 2).reshape(x.shape))
    x = arithmetic.stream(x + RoundedBack.apply(project(block.attn_out, inner_norm(y, arithmetic), arithmetic)))
    up, gate = held(project(block.ff_proj, norm_stream(block, x, arithmetic), arithmetic)).chunk(2, dim=-1)
    y = held(F.silu(gate) * up)
    return arithmetic.stream(x + RoundedBack.apply(project(block.ff_out, inner_norm(y, arithmetic), arithmetic)))


def forward(model, ids, arithmetic):
    """Logits of `model`, an Olmo; its parameters receive the gradients."""
    embedding = Rounded.apply(model.wte.weight)
    x = arithmetic.stream(F.embedding(ids, embedding))
    for block in model.blocks:
        x = block_forward(block, x, model.cos, model.sin, arithmetic)
    x = held(layer_norm(x, model.shape.norm_eps))
    head = embedding if model.head is None else Rounded.apply(model.head.weight)
    return held(F.linear(x, head))
