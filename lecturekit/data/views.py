"""Views: uint8 pixels of any shape -> what a model sees, on the same device, which is not waited for.

The random ones draw from ``generator``, or from the device's default generator.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from lecturekit.checks import tensor, unknown, whole


def binary(x: Tensor, generator: Generator | None = None) -> Tensor:
    """A fresh draw from Bernoulli(x / 255), float32 0 or 1: binarization anew at every call.

    >>> binary(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([0., 1.])
    """
    # The draw is below 1: 255 is always on, and 0 never. On a CPU torch.bernoulli takes three times as long.
    return (_uniform(_bytes(x), generator).mul_(255) < x).float()


def unit(x: Tensor, generator: Generator | None = None) -> Tensor:
    """x / 255, float32 in [0, 1].

    >>> unit(torch.tensor([0, 51, 255], dtype=torch.uint8))
    tensor([0.0000, 0.2000, 1.0000])
    """
    return _bytes(x) / 255


def signed(x: Tensor, generator: Generator | None = None) -> Tensor:
    """x / 127.5 - 1, float32 in [-1, 1].

    >>> signed(torch.tensor([0, 255], dtype=torch.uint8))
    tensor([-1.,  1.])
    """
    return _bytes(x) / 127.5 - 1


def levels(x: Tensor, generator: Generator | None = None, levels: int = 256) -> Tensor:
    """floor(x * levels / 256), int64 in 0 .. levels - 1.

    >>> levels(torch.tensor([0, 127, 128, 255], dtype=torch.uint8), levels=2)
    tensor([0, 0, 1, 1])
    """
    return (_bytes(x).int() * whole(2, 256, levels=levels) >> 8).long()


def dequantized(x: Tensor, generator: Generator | None = None) -> Tensor:
    """(x + u) / 256 with u uniform on [0, 1), float32 in [0, 1).

    >>> x = dequantized(torch.full((1000,), 255, dtype=torch.uint8))
    >>> bool(((255 / 256 <= x) & (x < 1)).all())
    True
    """
    # In float32 the largest u, one in 2^17, would round 255 + u up to 256 and leave [0, 1).
    return (_uniform(_bytes(x), generator).add_(x) / 256).clamp_(max=1 - 2**-24)


def identity(x: Tensor, generator: Generator | None = None) -> Tensor:
    """x itself: for points in the plane, which are numbers already.

    >>> identity(torch.tensor([0.5, -2.0]))
    tensor([ 0.5000, -2.0000])
    """
    if tensor(x=x).dtype == torch.uint8:
        raise TypeError(f"view='identity' is for points in the plane; pixels have the views {', '.join(PIXELS)}")
    return x


def _bytes(x):
    if tensor(x=x).dtype != torch.uint8:
        raise TypeError(
            f"a view takes pixels 0 .. 255 of dtype uint8, not {x.dtype}; of x in [0, 1]: (255 * x).round().byte()"
        )
    return x


def _uniform(x, generator):
    return torch.rand(x.shape, device=x.device, dtype=torch.float32, generator=generator)


PIXELS = {f.__name__: f for f in (binary, unit, signed, levels, dequantized)}
POINTS = {"identity": identity}


@dataclass(frozen=True)
class View:
    """A view by name: ``View("binary")(x)``, ``View("levels", levels=4)(x)``.

    >>> View("levels", levels=4)(torch.tensor([0, 64, 255], dtype=torch.uint8))
    tensor([0, 1, 3])
    >>> View("binery")
    Traceback (most recent call last):
        ...
    ValueError: unknown view 'binery': did you mean 'binary'? there are binary, unit, signed, levels, dequantized
    """

    name: str
    levels: int | None = None  # for "levels" only: how many, from 2 to 256 (the default)

    def __post_init__(self):
        if not isinstance(self.name, str) or self.name not in PIXELS | POINTS:
            raise unknown("view", self.name, list(PIXELS))
        if self.name == "levels":
            count = 256 if self.levels is None else whole(2, 256, levels=self.levels)
            object.__setattr__(self, "levels", count)
        elif self.levels is not None:
            raise ValueError(f"levels={self.levels} belongs to view='levels', not to view={self.name!r}")

    def __call__(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        if self.name == "levels":
            return levels(x, generator, self.levels)
        return (PIXELS | POINTS)[self.name](x, generator)
