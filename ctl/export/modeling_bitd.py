"""OLMo with linears of ternary codes, as bitd trains them; transformers loads it with trust_remote_code=True."""
import torch
from torch import nn
from torch.nn import functional as F
from transformers import OlmoForCausalLM


class BitLinear(nn.Module):
    def __init__(self, rows, cols, settings):
        super().__init__()
        self.settings = settings
        self.register_buffer("weight", torch.ones(rows // 4, cols, dtype=torch.uint8))
        self.register_buffer("weight_scale", torch.ones(1))

    def forward(self, inputs):
        s, x = self.settings, inputs.float()
        if s["norm"] == "layer":
            x = F.layer_norm(x, x.shape[-1:], eps=s["norm_eps"])
        elif s["norm"] == "rms":
            x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + s["norm_eps"])
        size = {"absmax": torch.amax, "mean": torch.mean, "median": lambda *a, **k: torch.median(*a, **k).values}[s["measure"]]
        scale = s["levels"] / size(x.abs(), -1, keepdim=True).clamp(min=s["eps"])
        codes = torch.cat([self.weight >> 2 * quarter & 3 for quarter in range(4)]).float() - 1
        y = F.linear((x * scale).round().clamp(-128, 127), codes)
        return (y / (self.weight_scale.float() * scale)).to(inputs.dtype)


class OlmoBitLinearForCausalLM(OlmoForCausalLM):
    def __init__(self, config):
        super().__init__(config)
        for name, linear in [(n, m) for n, m in self.model.named_modules() if isinstance(m, nn.Linear)]:
            parent, _, leaf = name.rpartition(".")
            setattr(self.model.get_submodule(parent), leaf, BitLinear(linear.out_features, linear.in_features, config.bitlinear))
