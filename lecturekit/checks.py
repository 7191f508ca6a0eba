"""Checks of arguments, for the whole package: what is wrong is named, with its value and what it may be.

Each gives back what it was given, so that a constructor says once what its arguments are; of several names, a list.

>>> whole(latent=50), whole(0, sweeps=torch.arange(4)[3].numpy()[()])  # NumPy's whole numbers too; no bools, no floats
(50, 3)
>>> wholes(hidden=[500, 500]), shape([1, 28, 28], 3)
((500, 500), (1, 28, 28))
>>> number(0, 1, share=0.5, momentum=0), number(above=0, bandwidth=0.1)
([0.5, 0], 0.1)
>>> one_of(["minimax", "least-squares"], game="minimax"), words(changes=["lr"]), made_by(activation=torch.nn.Tanh).__name__
('minimax', ['lr'], 'Tanh')
>>> flag(skips=True), net(encoder=torch.nn.ReLU()), ends((3,), z=torch.zeros(5, 3)).shape  # (..., 3)
(True, ReLU(), torch.Size([5, 3]))
>>> sized("batch", 3, ..., x=torch.zeros(5, 3, 2)).shape
torch.Size([5, 3, 2])
>>> floats(a=torch.ones(2)), bits(x=torch.ones(2)), labels(torch.tensor([True, False]), classes=2, n=2)
(tensor([1., 1.]), tensor([1., 1.]), tensor([1, 0]))
>>> with trusted():  # in the loop of `fit`, which has looked at all data before it began: nothing waits for the device
...     labels(torch.tensor([7]), classes=3), trusting()
(tensor([7]), True)
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from inspect import signature
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

_trusted: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusted() -> Iterator[None]:
    """Within, what looks at tensors takes them for granted."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def trusting() -> bool:
    """Whether tensors are taken for granted."""
    return _trusted.get()


def _each(named: dict[str, Any], check: Callable[[str, Any], Any]) -> Any:
    """The one value checked, or a list of several."""
    found = [check(name, value) for name, value in named.items()]
    return found[0] if len(found) == 1 else found


def whole(least: int = 1, most: float = math.inf, **named: Any) -> Any:
    """Whole numbers from `least` to `most`, as ints.

    >>> whole(latent=0)
    Traceback (most recent call last):
        ...
    ValueError: latent must be a whole number of at least 1, not 0
    """

    def check(name, value):
        good = isinstance(value, Integral) and not isinstance(value, bool)
        if not good or not least <= value <= most:
            bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
            said = _said(value) + "; labels go by name: y=" * (name in ("k", "n") and isinstance(value, Tensor))
            name = {"k": "k, the number of samples,"}.get(name, name)
            raise (ValueError if good else TypeError)(f"{name} must be a whole number {bounds}, not {said}")
        return int(value)

    return _each(named, check)


def wholes(least: int = 1, empty: bool = False, **named: Any) -> Any:
    """Sequences of whole numbers, as tuples."""

    def check(name, value):
        parts = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | Tensor) else None
        if parts is None or not (parts or empty):
            raise TypeError(f"{name} must be a sequence of whole numbers, such as (8, 8), not {_said(value)}")
        return tuple(whole(least, **{f"{name}[{i}]": part}) for i, part in enumerate(parts))

    return _each(named, check)


def number(
    least: float = -math.inf, most: float = math.inf, *, above: float = -math.inf, below: float = math.inf, **named: Any
) -> Any:
    """Finite real numbers within the bounds; 0-dim tensors are numbers too.

    >>> number(0, weight=math.nan)
    Traceback (most recent call last):
        ...
    ValueError: weight must be a finite number of at least 0, not nan
    """

    def check(name, value):
        scalar = isinstance(value, Tensor) and value.ndim == 0 and value.dtype != torch.bool and not value.is_complex()
        good = scalar or (isinstance(value, Real) and not isinstance(value, bool))
        if not good or not math.isfinite(value) or not (least <= value <= most and above < value < below):
            bounds = {"of at least": least, "of at most": most, "above": above, "below": below}
            bounds = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if abs(bound) < math.inf)
            bounds = bounds.replace("of at least 0 and of at most 1", "from 0 to 1")
            problem = f"{name} must be a finite number {bounds}".rstrip()
            if (least, most, above, below) == (-math.inf, math.inf, 0, math.inf):
                problem = f"{name} must be positive and finite"
            raise (ValueError if good else TypeError)(f"{problem}, not {_said(value)}")
        return value if scalar else int(value) if isinstance(value, Integral) else float(value)

    return _each(named, check)


def flag(**named: Any) -> Any:
    """True or False."""

    def check(name, value):
        if not isinstance(value, bool) and str(getattr(value, "dtype", "")) != "bool":  # NumPy's
            raise TypeError(f"{name} must be True or False, not {_said(value)}")
        return bool(value)

    return _each(named, check)


def unknown(what: str, word: Any, words: Iterable[str]) -> ValueError:
    """The error for a word that is not one of `words`; it names the nearest.

    >>> unknown("view", "binery", ["binary", "unit"])
    ValueError("unknown view 'binery': did you mean 'binary'? there are binary, unit")
    """
    near = get_close_matches(str(word), list(words), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ValueError(f"unknown {what} {word!r}: {hint}there are {', '.join(words)}")


def one_of(words: Iterable[str], **named: Any) -> Any:
    """Words out of `words`."""

    def check(name, value):
        if not isinstance(value, str) or value not in words:
            raise unknown(name, value, words)
        return str(value)

    return _each(named, check)


def words(**named: Any) -> Any:
    """Sequences of words, not one word alone."""

    def check(name, value):
        if isinstance(value, str) or not (isinstance(value, Iterable) and all(isinstance(part, str) for part in value)):
            raise TypeError(f'{name} must be a sequence of words, such as ("lr",), not {_said(value)}')
        return value

    return _each(named, check)


def made_by(of: type = object, **named: Any) -> Any:
    """Classes or functions that make something: nn.ReLU, not nn.ReLU(). of: what, made without arguments."""

    def check(name, value):
        good = callable(value) and not isinstance(value, torch.nn.Module)
        try:
            if of is not object:
                signature(value).bind()
                good &= not isinstance(value, type) or issubclass(value, of)
        except (TypeError, ValueError):  # such as torch.relu, which wants an argument
            good = False
        if not good:
            raise TypeError(
                f"{name} must be a class or a function that makes one, such as nn.ReLU or torch.optim.Adam, not {_said(value)}"
            )
        return value

    return _each(named, check)


def net(**named: Any) -> Any:
    """Modules: nn.Linear(2, 8), not nn.Linear, and no functions, whose parameters nobody would find."""

    def check(name, value):
        if not isinstance(value, torch.nn.Module):
            raise TypeError(f"{name} must be a net, an instance of nn.Module, not {_said(value)}")
        return value

    return _each(named, check)


def tensor(**named: Any) -> Any:
    """Tensors, not arrays or lists."""

    def check(name, value):
        if not isinstance(value, Tensor):
            hint = ": x, y = split.tensors()" if hasattr(value, "tensors") else ": torch.as_tensor(...)"
            raise TypeError(f"{name} must be a tensor, not {_said(value)}{hint}")
        return value

    return _each(named, check)


def floats(**named: Any) -> Any:
    """Tensors of floating-point numbers, at least one, so that they have a mean."""
    for name, value in named.items():
        if not trusting() and (not tensor(**{name: value}).is_floating_point() or value.numel() == 0):
            what = f"{value.dtype} of shape {tuple(value.shape)}"
            raise ValueError(f"{name} must be a tensor of floating-point numbers, at least one, not {what}")
    return _each(named, lambda name, value: value)


def bits(**named: Any) -> Any:
    """Tensors of 0 and 1 and nothing else; looked at only where data are not `trusted`.

    >>> bits(x=torch.tensor([0, 0.5]))
    Traceback (most recent call last):
        ...
    ValueError: units are 0 or 1, but x runs from 0 to 0.5
    """

    def check(name, value):
        if not trusting() and not ((tensor(**{name: value}) == 0) | (value == 1)).all():
            raise ValueError(f"units are 0 or 1, but {name} runs from {value.min():.4g} to {value.max():.4g}")
        return value

    return _each(named, check)


def sized(*wanted: Any, **named: Any) -> Any:
    """Tensors of a shape, in which a word stands for any number, and an ellipsis at the end for any further dimensions."""

    def check(name, value):
        if trusting():
            return value
        found = tuple(tensor(**{name: value}).shape)
        full = (*wanted[:-1], *found[len(wanted) - 1 :]) if wanted[-1] is ... else wanted
        if len(full) != len(found) or any(a != b and not isinstance(a, str) for a, b in zip(full, found)):
            said = str(wanted).replace("'", "").replace("Ellipsis", "...")
            raise ValueError(f"{name} must be a tensor of shape {said}, not {found}")
        return value

    return _each(named, check)


def shape(event_shape: Any, dims: int | None = None) -> tuple[int, ...]:
    """The shape of an item as a tuple; with dims=3 that of an image, (C, H, W)."""
    found = wholes(event_shape=event_shape)
    if dims is not None and len(found) != dims:
        raise ValueError(f"event_shape must be that of images (C, H, W), not {found}")
    return found


def items(x: Any, event_shape: Sequence[int], who: str) -> Tensor:
    """x, a batch of items (B, *event_shape), or an error that says what they may have been meant to be.

    >>> items(torch.zeros(5, 28, 28), (1, 28, 28), "VAE")
    Traceback (most recent call last):
        ...
    ValueError: VAE models items of shape (1, 28, 28), not (28, 28); give the channel a dimension: x[:, None], or give the model event_shape=(28, 28)
    """
    if trusting():
        return x
    wanted, found = tuple(event_shape), tuple(tensor(x=x).shape[1:])
    if x.is_complex():
        raise TypeError(f"{who} models real numbers, not {x.dtype}")
    if x.ndim == 0 or found != wanted:
        hint = ""
        if tuple(x.shape) == wanted:
            hint = "give a batch, if only of one: x[None], or "
        elif len(wanted) == 3 and found == wanted[1:]:
            hint = "give the channel a dimension: x[:, None], or "
        elif len(found) == 3 and found[-1] in (1, 3) and found[0] not in (1, 3):
            hint = "channels come first: x.movedim(-1, 1), or "
        elif len(wanted) == 1 and math.prod(found) == wanted[0]:
            hint = "x.flatten(1), or "
        raise ValueError(f"{who} models items of shape {wanted}, not {found}; {hint}give the model event_shape={found}")
    return x


def ends(*shapes: Sequence[int], lead: int | None = None, **named: Any) -> Any:
    """Tensors whose last dimensions are one of `shapes`, under `lead` others, or under any number."""

    def check(name, value):
        if trusting():
            return value
        found = tuple(tensor(**{name: value}).shape)
        cuts = [(tuple(s), len(found) - len(s)) for s in shapes]
        if not any(n >= 0 and found[n:] == s and lead in (None, n) for s, n in cuts):
            wanted = " or ".join(f"({', '.join(map(str, ['batch' if lead == 1 else '...', *s]))})" for s in shapes)
            name = {"z": "z, the latents,"}.get(name, name)
            raise ValueError(f"{name} must be {wanted}, not {found}")
        return value

    return _each(named, check)


def labels(y: Any, classes: int, n: int | None = None) -> Tensor:
    """y as int64 labels (n,) from 0 to classes - 1: whole numbers of any dtype, or bools, one for each of n items.

    >>> labels(torch.tensor([0, 3]), classes=3)
    Traceback (most recent call last):
        ...
    ValueError: labels must be 0 to 2, not 0 to 3 (y[1] is 3)
    """
    if trusting():
        return y.long()
    if y is None:
        need = "" if n is None else f"{n} items need {n} labels: "
        raise ValueError(
            f"{need}this is a distribution given a label, 0 to {classes - 1}: pass y=, or data with labels"
        )
    if not isinstance(y, Tensor) or y.ndim != 1 or y.is_floating_point() or y.is_complex():
        what = f"{y.dtype} of shape {tuple(y.shape)}" if isinstance(y, Tensor) else _said(y)
        raise (ValueError if isinstance(y, Tensor) else TypeError)(
            f"y must be a tensor of labels, whole numbers (batch,), not {what}"
        )
    if n is not None and len(y) != n:
        raise ValueError(f"{n} items need {n} labels, not {len(y)}")
    y = y.long()
    bad = ((y < 0) | (y >= classes)).nonzero()
    if len(bad):
        at = int(bad[0])
        raise ValueError(f"labels must be 0 to {classes - 1}, not {y.min()} to {y.max()} (y[{at}] is {y[at]})")
    return y


def _said(value: Any) -> str:
    """A value in few words."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}" if value.ndim else f"tensor({value.item()!r})"
    text = " ".join(repr(value).split())
    text = text if len(text) <= 60 else text[:57] + "..."
    plain = isinstance(value, bool | int | float | str | tuple | list | None)
    return text if plain else f"{text}, a {type(value).__name__}"
