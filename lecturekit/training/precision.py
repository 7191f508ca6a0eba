"""In which floating-point format the networks run."""

import torch
from torch import nn

from lecturekit import checks

PRECISIONS = ("auto", "float32", "bfloat16")

# Autocast casts weights and activations at every step. Measured on a CPU with bfloat16 arithmetic, batches of about 100:
# a net of 57 000 weights took 1.3 times as long with it, one of 407 000 took 0.8, one of 1.3 million 0.6.
WORTH_IT = 200_000


def autocast_dtype(precision: str, model: nn.Module, device: torch.device) -> torch.dtype | None:
    """bfloat16 where the networks are to run in it, None where they run as they are.

    "auto": bfloat16 if the hardware computes faster with it and the model is large enough to gain; never for float64.

    >>> net, cpu = nn.Linear(2, 2), torch.device("cpu")
    >>> autocast_dtype("bfloat16", net, cpu), autocast_dtype("auto", net, cpu)  # too small to gain
    (torch.bfloat16, None)
    """
    checks.one_of(PRECISIONS, precision=precision)
    if precision == "float32" or any(p.dtype == torch.float64 for p in model.parameters()):
        return None
    if precision == "auto" and not (fast_bfloat16(device) and sum(p.numel() for p in model.parameters()) >= WORTH_IT):
        return None
    return torch.bfloat16


def fast_bfloat16(device: torch.device) -> bool:
    """Does the hardware multiply bfloat16 matrices faster than float32 ones?"""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":  # private names, absent in some versions of torch: then the answer is no
        asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        return any(getattr(torch.cpu, name, lambda: False)() for name in asked)
    return False
