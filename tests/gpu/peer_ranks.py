"""The peer on several ranks, each with its own GPU: DistributedDataParallel or FSDP2, as PyTorch's users run them.

DistributedDataParallel has every weight and moment on each rank and adds gradients in the last micro-batch of a step
(no_sync before it). FSDP2 shards weights, gradients and moments; bf16 weights are gathered once a step and stay until
its end, gradients are added in fp32 in the last micro-batch (set_requires_gradient_sync). Blocks are compiled one by
one, so that finished gradients are communicated during the backward pass of earlier blocks.
"""
import contextlib
import os
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

KINDS = ("ddp", "fsdp2")


def quiet_fabric():
    """NVLink multicast stays off, as for bitd, unless the environment sets it otherwise."""
    os.environ.setdefault("NCCL_NVLS_ENABLE", "0")
    os.environ.setdefault("TORCH_SYMM_MEM_DISABLE_MULTICAST", "1")


class Alone:
    """One rank."""
    rank, size = 0, 1

    def wrap(self, module):
        return module

    def last(self, module, last):
        return contextlib.nullcontext()

    def barrier(self):
        pass

    def slowest(self, value):
        return value

    def mean(self, value):
        return value


class Ranks(Alone):
    def __init__(self, rank, size, kind, device):
        self.rank, self.size, self.kind, self.device = rank, size, kind, device

    def wrap(self, module):
        """The module wrapped for this kind of sharing; it has `olmo`, whose blocks are already compiled."""
        if self.kind == "ddp":
            on = {"device_ids": [self.rank]} if self.device.type == "cuda" else {}
            return torch.nn.parallel.DistributedDataParallel(module, gradient_as_bucket_view=True, broadcast_buffers=False, **on)
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False)
        how = {"mesh": init_device_mesh(self.device.type, (self.size,)), "mp_policy": policy, "reshard_after_forward": False}
        for block in module.olmo.blocks:
            fully_shard(block, **how)
        return fully_shard(module, **how)

    def last(self, module, last):
        """Context for one micro-batch. last: whether it is the last of its step, which synchronises gradients."""
        if self.kind == "ddp":
            return contextlib.nullcontext() if last else module.no_sync()
        module.set_requires_gradient_sync(last)
        module.set_reshard_after_backward(last)
        return contextlib.nullcontext()

    def barrier(self):
        dist.barrier(device_ids=[self.rank] if self.device.type == "cuda" else None)

    def _all(self, value, op):
        x = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(x, op)
        return x.item()

    def slowest(self, value):
        return self._all(value, dist.ReduceOp.MAX)

    def mean(self, value):
        return self._all(value, dist.ReduceOp.SUM) / self.size


def be_rank(rank, function, args, store):
    device = torch.device("cuda", rank) if args.device == "cuda" else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", init_method=f"file://{store}", rank=rank, world_size=args.ranks,
                            device_id=device if device.type == "cuda" else None)
    ranks = Ranks(rank, args.ranks, args.sharing, device)
    try:
        function(args, ranks)
        ranks.barrier()  # no rank leaves while another is inside a collective
    finally:
        dist.destroy_process_group()


def start(function, args):
    """Call function(args, ranks) on every rank; raises the error of a rank that failed."""
    quiet_fabric()
    with tempfile.TemporaryDirectory(prefix="peer-") as folder:
        mp.spawn(be_rank, (function, args, os.path.join(folder, "store")), nprocs=args.ranks)
