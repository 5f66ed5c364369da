"""Loads OLMo's own classes from the PyPI package `ai2-olmo`, without the packages that only its trainer needs.

Packages that they import but never call here (wandb, boto3, rich, omegaconf, ...) are replaced by modules in which every
name exists. BIT_OLMO is the folder or the wheel of the package, if it is not installed.
"""
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import types


class AnyAttribute(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return ()


class Anything(Exception, metaclass=AnyAttribute):
    """Accepts any call; usable as a decorator, a base class, a type and an exception."""

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return args[0] if len(args) == 1 and callable(args[0]) else self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()

    def __class_getitem__(cls, item):
        return cls


class Nothing(types.ModuleType):
    """A module in which every name exists."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(self, name, type(name, (Anything,), {}))
        return getattr(self, name)


class MissingFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The last finder on sys.meta_path: asked only for modules that no other finder found."""

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in ("olmo", "torch", "numpy") else importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Nothing(spec.name)

    def exec_module(self, module):
        pass


def attend(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False):
    """scaled_dot_product_attention by its definition, for a torch that lacks it."""
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if is_causal:
        scores = scores.masked_fill(scores.new_ones(scores.shape[-2:]).triu(1).bool(), float("-inf"))
    if attn_mask is not None:
        scores = scores + attn_mask
    return scores.softmax(dim=-1) @ v


def complete_torch(torch):
    """Adds to torch 1.13 what OLMo's model needs from torch 2."""
    if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        torch.nn.functional.scaled_dot_product_attention = attend
        torch.backends.cuda.enable_mem_efficient_sdp = lambda enabled: None


def load(*names):
    """The modules with these names ("olmo.model"), or None with the reason printed."""
    if importlib.util.find_spec("torch") is None:
        print("skipped: Python has no torch, which OLMo's classes need")
        return None
    if os.environ.get("BIT_OLMO"):
        sys.path.insert(0, os.environ["BIT_OLMO"])
    found = importlib.util.find_spec("olmo")
    if found is None or not found.submodule_search_locations:
        print("skipped: no ai2-olmo package (pip download --no-deps ai2-olmo==0.6.0, and name the wheel in BIT_OLMO)")
        return None
    import torch  # before anything is replaced, so that it finds the real packages
    complete_torch(torch)
    # Packages that OLMo needs. They test for their own optional dependencies, so they are imported before the replacement.
    for name in ("datasets", "requests", "sklearn.metrics", "torchmetrics"):
        if importlib.util.find_spec(name.split(".")[0]) is not None:
            importlib.import_module(name)
    try:
        import torch.distributed.fsdp  # noqa: F401
    except ValueError:  # Debian's torch 1.13 cannot import it under Python 3.11, and the classes only name it
        sys.modules["torch.distributed.fsdp"] = Nothing("torch.distributed.fsdp")
    for name, folder in (("olmo", ""), ("olmo.data", "data")):
        package = types.ModuleType(name)  # without running its __init__, which imports everything
        package.__path__ = [os.path.join(found.submodule_search_locations[0], folder)]
        sys.modules[name] = package
    sys.meta_path.append(MissingFinder())
    if "olmo.optim" in names:  # it imports this class from the package olmo
        sys.modules["olmo"].LayerNormBase = importlib.import_module("olmo.model").LayerNormBase
    return [importlib.import_module(name) for name in names]
