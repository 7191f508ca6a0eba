"""torch's optimizers without the machinery of torch.compile, until someone compiles.

The first `Adam(...)` of a process and its first `step()` import torch._dynamo (torch 2.15), only to keep a compiler out that
nobody called; that takes longer than `import torch`. Here both do without, as long as torch._dynamo has not been imported;
afterwards they are torch's own again. The names are private to torch: where one has gone, nothing is changed.
"""

import functools
import sys

import torch
from torch.optim import Optimizer


def without_compiler() -> None:
    """Let all optimizers of torch.optim go without torch._dynamo while nobody compiles. Done once; harmless twice."""
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        plain = getattr(vars(Optimizer)[name], "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            plain.__dynamo_disable = _undisturbed(plain)  # where torch keeps what it calls in its place
    for optimizer in vars(torch.optim).values():
        step = vars(optimizer).get("step") if isinstance(optimizer, type) else None
        if getattr(getattr(step, "__code__", None), "co_name", None) == "_use_grad":
            optimizer.step = _step(step)


def _undisturbed(plain):
    @functools.wraps(plain)
    def call(*arguments, **options):
        if "torch._dynamo" in sys.modules:
            plain.__dynamo_disable = torch._dynamo.disable(plain, True, wrapping=False)
            return plain.__dynamo_disable(*arguments, **options)
        return plain(*arguments, **options)

    call._torchdynamo_disable = True
    return call


def _step(step):
    plain = step.__wrapped__

    @functools.wraps(step)
    def call(self, *arguments, **options):
        if "torch._dynamo" in sys.modules:
            return step(self, *arguments, **options)
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return plain(self, *arguments, **options)

    return call


without_compiler()
