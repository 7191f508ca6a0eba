"""What every system of the course is: a set of players that take turns.

Maximum likelihood is the game with one player, wake-sleep has two, a GAN two, a LAPGAN two per level. A model says who
its players are, what each of them moves and which loss each descends; `fit` plays the game. Hu et al. (2018),
"On Unifying Deep Generative Models", argue that this is more than a manner of speaking.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from lecturekit import checks

Terms = Mapping[str, Tensor]
"""What a loss returns: 0-dim tensors. "loss" is descended, the others are logged. Never call .item() in a loss: it waits
for the device."""


@dataclass
class Batch:
    """What a loss sees in one turn.

    x, y: the first stream's items (B, *event_shape) and labels (B,), or None where there are none.
    streams: every stream by its name, each a Batch of its own: batch["labelled"].x.
    progress: 0-dim, on the device, in [0, 1): how much of the training is over, for warm-up.
    memo: a cache for one round, detached; whoever reads it must be able to compute it again.

    >>> labelled = Batch(torch.zeros(5, 2), torch.arange(5))
    >>> batch = Batch(torch.zeros(3, 2), streams={"labelled": labelled})
    >>> len(batch), batch["labelled"].y
    (3, tensor([0, 1, 2, 3, 4]))
    """

    x: Tensor
    y: Tensor | None = None
    streams: dict[str, "Batch"] = field(default_factory=dict)
    progress: Tensor | None = None
    memo: dict[str, Tensor] = field(default_factory=dict)

    def __getitem__(self, name: str) -> "Batch":
        if name not in self.streams:
            raise KeyError(f"no stream {name!r} in this batch; it has {sorted(self.streams)}")
        return self.streams[name]

    def __len__(self) -> int:
        return len(self.x)


def adam(parameters: list[nn.Parameter]) -> Optimizer:
    """The default optimizer: fused Adam with a learning rate of 1e-3.

    >>> adam([nn.Parameter(torch.zeros(1))]).defaults["lr"]
    0.001
    """
    return Adam(parameters, lr=1e-3, fused=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class Player:
    """One player of the game: `moves` are its parameters, `loss` what it descends.

    turns: how many turns it takes in a round (a critic plays 5); turns 2, 3, ... draw fresh batches.
    when: False makes it sit a turn out (the freezing rule of a GAN).
    schedule: progress in [0, 1) -> factor on the base learning rate.
    after: called after each step, under no_grad (the clipping of a WGAN).
    clip: the largest norm that this player's gradient may have; longer ones are scaled down to it.

    >>> net = nn.Linear(2, 1)
    >>> critic = Player(name="critic", moves=net, loss=lambda batch: {"loss": net(batch.x).mean()}, turns=5)
    >>> [p.shape for p in critic.parameters()]
    [torch.Size([1, 2]), torch.Size([1])]
    """

    name: str
    moves: nn.Module | nn.Parameter | Iterable[nn.Module | nn.Parameter]
    loss: Callable[[Batch], Terms]
    optimizer: Callable[[list[nn.Parameter]], Optimizer] = adam
    turns: int = 1
    when: Callable[[], bool | Tensor] | None = None
    schedule: Callable[[float], float] | None = None
    after: Callable[[], None] | None = None
    clip: float | None = None

    def __post_init__(self):
        who, given = f"player {self.name!r}", vars(self)
        if not isinstance(self.name, str) or self.name in ("", "valid") or "/" in self.name:
            raise ValueError(f'{who}: a name is a word, not "valid", and without /: terms are logged as name/term')
        object.__setattr__(self, "turns", checks.whole(**{f"{who}: turns": self.turns}))
        if self.clip is not None:
            checks.number(above=0, **{f"{who}: clip": self.clip})
        for name in ("loss", "optimizer", "when", "schedule", "after"):
            if not callable(given[name]) and (given[name] is not None or name in ("loss", "optimizer")):
                raise TypeError(f"{who}: {name} must be a function, not {given[name]!r}")
        if isinstance(self.moves, Iterable) and not isinstance(self.moves, nn.Module | Tensor):
            # an iterator, as net.parameters() is, is read only once
            object.__setattr__(self, "moves", tuple(self.moves))
        parts = self.moves if isinstance(self.moves, tuple) else [self.moves]
        if not all(isinstance(part, nn.Module | nn.Parameter) for part in parts):
            raise TypeError(f"{who}: moves must be a module, a parameter, or several of them, not {self.moves!r}")

    def parameters(self) -> list[nn.Parameter]:
        """The trainable parameters that this player moves, each once, in a fixed order."""
        moves = self.moves if isinstance(self.moves, tuple) else [self.moves]
        found = [p for m in moves for p in (m.parameters() if isinstance(m, nn.Module) else [m])]
        return list({id(p): p for p in found if p.requires_grad}.values())


class GenerativeModel(nn.Module):
    """The base of all models. A subclass sets `event_shape` and overrides `loss` (one player) or `players`.

    event_shape: the shape of one item, (C, H, W) for images, (D,) for points.
    simultaneous: True lets all players compute their gradients before any of them steps.

    >>> class Mean(GenerativeModel):
    ...     event_shape = (2,)
    ...
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.mean = nn.Parameter(torch.zeros(2))
    ...
    ...     def loss(self, batch):
    ...         return {"loss": (batch.x - self.mean).square().sum(1).mean()}
    >>> Mean().loss(Batch(torch.ones(3, 2)))["loss"].item()
    2.0
    >>> Mean()
    Mean(event_shape=(2,))
    """

    event_shape: tuple[int, ...]
    classes: int | None = None  # of a distribution given a label: y is 0 .. classes - 1
    simultaneous = False

    def __init__(self):
        super().__init__()
        # A buffer, so that a model loaded from a file is not started (ActNorm!) a second time.
        self.register_buffer("started", torch.tensor(False))

    def check(self, x: Tensor, y: Tensor | None = None, stream: str | None = None) -> None:
        """Raise ValueError if the batch cannot be data of this model. `fit` asks about all items, evaluation likewise.

        Each item is judged by itself: what is right alone is right in every batch. stream: None for the first stream, the name
        of any other, which nobody checks unless a model says so.
        """
        if stream is None:
            checks.items(x, self.event_shape, type(self).__name__)
            # a sum, which is finite if all are, takes a tenth of the time
            if x.is_floating_point() and not x.sum().isfinite() and not x.isfinite().all():
                raise ValueError("the data are not finite: there is a nan or an inf among them")
            self.conditions(y, len(x))

    def conditions(self, y: Tensor | None, n: int | None = None) -> Tensor | None:
        """y as this model takes it, one for each of n items, or ValueError: labels if it has classes; None if it takes
        none. A model given something else overrides this."""
        return None if self.classes is None else checks.labels(y, self.classes, n)

    def check_scale(self, x: Tensor) -> None:
        """Raise ValueError if these items taken together are on another scale than the model's: from 0 to 1, say, where it
        has -1 to 1. `fit` and evaluation ask batch by batch until one passes, and refuse data of which none does."""

    def asked(self, n: int, y: Tensor | None) -> tuple[int, Tensor | None]:
        """What `sample` is asked for: how many items, and their labels if the model has classes; ValueError otherwise."""
        n = checks.whole(0, n=n)
        given = self.conditions(y, n)
        if given is None and y is not None:
            raise ValueError(f"this {type(self).__name__} has no classes: sample(n), without y")
        return n, None if given is None else given.to(device_of(self))

    def start(self, draw: Callable[[int], Batch]) -> None:
        """Set what depends on the data (ActNorm, visible biases, a reference batch), once, before the first step.

        `draw(n)` gives a batch of n items (at most a whole stream) without moving the streams. Runs under no_grad; never
        again on a model that has been started.
        """

    def loss(self, batch: Batch) -> Terms:
        """The loss of a game with one player."""
        raise NotImplementedError(f"{type(self).__name__} must override loss (one player) or players (several)")

    def players(self) -> Sequence[Player]:
        """Who plays; by default one player, "model", that moves all parameters and descends `loss`."""
        return [Player(name="model", moves=self, loss=self.loss)]

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        """n draws from the model, (n, *event_shape)."""
        raise NotImplementedError(f"{type(self).__name__} cannot be sampled: it does not override sample")

    def extra_repr(self) -> str:
        """What print(model) says beside its modules: `event_shape`, and the constructor's arguments among its `options`."""
        arguments = ["event_shape"]
        for cls in type(self).__mro__:
            taken = inspect.signature(vars(cls)["__init__"]).parameters if "__init__" in vars(cls) else {}
            arguments += [name for name in taken if name not in arguments]
            if taken and not any(argument.kind is argument.VAR_KEYWORD for argument in taken.values()):
                break  # else the rest goes to the base
        held = {"event_shape": getattr(self, "event_shape", None)} | options(self)
        return ", ".join(f"{name}={held[name]!r}" for name in arguments if held.get(name) is not None)


def options(module: nn.Module) -> dict[str, Any]:
    """A module's own numbers, words and tuples, without those that change while it is used: what decides a run of it
    beside its tensors.

    >>> options(nn.Linear(3, 2))
    {'in_features': 3, 'out_features': 2}
    """
    changing = ("training", "reparameterized", "call_super_init", "dump_patches")
    held = {k: v.item() if isinstance(v, np.generic) else v for k, v in vars(module).items()}  # NumPy's are Python's
    held = {k: v for k, v in held.items() if isinstance(v, int | float | str | tuple | None)}
    return {k: v for k, v in held.items() if k not in changing and not k.startswith("_")}


@contextmanager
def own_rng(device: torch.device, seed: int) -> Iterator[None]:
    """Start from `seed` inside, on the CPU and on the device, and leave the caller's random numbers as they were.

    >>> before = torch.get_rng_state()
    >>> with own_rng(torch.device("cpu"), seed=7):
    ...     noise = torch.randn(3)
    >>> torch.equal(torch.get_rng_state(), before)
    True
    """
    seed = checks.whole(-(2**63), 2**64 - 1, seed=seed)
    before = [(generator, generator.get_state()) for generator in generators(device)]
    for generator, _ in before:
        generator.manual_seed(seed)
    try:
        yield
    finally:
        for generator, state in before:
            generator.set_state(state)


def generators(device: torch.device) -> list[torch.Generator]:
    """The generators that torch draws from by default on the CPU and on this device.

    >>> generators(torch.device("cpu")) == [torch.default_generator]
    True
    """
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return [torch.default_generator, torch.cuda.default_generators[index]]
    if device.type == "mps":
        return [torch.default_generator, torch.mps._get_default_mps_generator()]
    return [torch.default_generator]


def device_of(model: nn.Module) -> torch.device:
    """Where the model is: where its first parameter or buffer is.

    >>> device_of(nn.Linear(2, 1))
    device(type='cpu')
    """
    for tensor in (*model.parameters(), *model.buffers()):
        return tensor.device
    raise ValueError(f"{type(model).__name__} has no parameters, so there is nothing to train or to look at")


@contextmanager
def evaluating(model: nn.Module, seed: int | None = 0) -> Iterator[torch.device]:
    """Look at a model without disturbing it: eval mode, no gradients, random numbers of its own; gives its device.

    Afterwards every module is in the mode in which it was, and the caller's random numbers are where they were; with
    seed=None they are drawn from, as `sample` does it.

    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    >>> with evaluating(model):
    ...     model.training, torch.is_grad_enabled()
    (False, False)
    >>> model.training
    True
    """
    modes = {module: module.training for module in checks.net(model=model).modules()}
    device = device_of(model)
    model.eval()
    try:
        with nullcontext() if seed is None else own_rng(device, seed), torch.no_grad():
            yield device
    finally:
        for module, mode in modes.items():
            module.training = mode
