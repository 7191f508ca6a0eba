"""The only training loop of the project: the players of a model take turns."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from lecturekit.history import History
from lecturekit.model import Batch, GenerativeModel, Player, Terms, looking, own_rng
from lecturekit.stream import Streams


class Seat:
    """A player at the table, with its parameters, its optimizer and its base learning rates."""

    def __init__(self, player: Player, model: GenerativeModel):
        self.player, self.parameters = player, player.parameters()
        if not self.parameters:
            raise ValueError(f"player {player.name!r} has no trainable parameter to move")
        own = set(self.parameters)
        if not own <= set(model.parameters()):
            raise ValueError(
                f"player {player.name!r} moves a parameter that is not the model's, so it would never be saved; "
                f"register it, or its module, as an attribute of {type(model).__name__}"
            )
        # backward(inputs=...) keeps the gradient out of the other players, even where a detach was forgotten. A player
        # that moves everything has nobody to leak to, and the restriction would cost half a percent of a small step.
        self.inputs = None if own >= {p for p in model.parameters() if p.requires_grad} else self.parameters
        for p in self.parameters:  # fused optimizers on the CPU walk straight through memory and ignore strides
            p.data = p.data.contiguous()
        self.optimizer = player.optimizer(self.parameters)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]

    def plays(self) -> bool:
        return self.player.when is None or bool(self.player.when())

    def gradients(self, batch: Batch) -> Terms:
        """Compute the loss and its gradient with respect to this player's parameters, and to nothing else."""
        self.optimizer.zero_grad()
        terms = self.player.loss(batch)
        loss = terms.get("loss") if isinstance(terms, Mapping) else None
        if not isinstance(loss, Tensor) or loss.ndim != 0 or loss.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"the loss of player {self.player.name!r} must return a mapping with a 0-dim float32 or float64 tensor "
                f'under "loss", not {_describe(terms if loss is None else loss)}'
            )
        if not loss.requires_grad:
            raise ValueError(f"the loss of player {self.player.name!r} depends on no trainable parameter")
        loss.backward(inputs=self.inputs)
        return terms

    def step(self, progress: float) -> None:
        if self.player.schedule is not None:
            factor = self.player.schedule(progress)
            for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
                group["lr"] = factor * rate
        self.optimizer.step()
        if self.player.after is not None:
            with torch.no_grad():
                self.player.after()


def seat(model: GenerativeModel) -> list[Seat]:
    """All players of a model, seated; ValueError for a game that cannot be played."""
    seats = [Seat(player, model) for player in model.players()]
    names = [s.player.name for s in seats]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"a game needs players with different names, not {names}")
    if model.simultaneous and any(s.player.turns != 1 for s in seats):
        raise ValueError("in a simultaneous game every player takes one turn a round")
    return seats


def play_round(seats: list[Seat], simultaneous: bool, streams: Streams, log: Callable) -> None:
    """One round: every player's turns on the round's batch; turns 2, 3, ... of a player draw fresh ones."""
    progress = streams.progress
    batch = streams.next(progress)
    if simultaneous:
        moving = [s for s in seats if s.plays()]
        held = []
        for s in moving:
            log(s.player.name, s.gradients(batch))
            held.append([p.grad for p in s.parameters])  # a parameter may belong to two players
        for s, gradients in zip(moving, held, strict=True):
            for p, gradient in zip(s.parameters, gradients, strict=True):
                p.grad = gradient
            s.step(progress)
        return
    for s in seats:
        for turn in range(s.player.turns):
            if s.plays():
                log(s.player.name, s.gradients(batch if turn == 0 else streams.next(progress)))
                s.step(progress)


def fit(
    model: GenerativeModel,
    data: Any,
    *,
    epochs: float,
    batch_size: int | Mapping[str, int] = 128,
    seed: int = 0,
    validate: Callable[[GenerativeModel], Mapping[str, float | Tensor]] | None = None,
    callbacks: Iterable[Callable[[GenerativeModel, History], None]] = (),
    progress: bool = True,
) -> History:
    """Play the model's game on the data, on the device where the model is, and return what was logged.

    data: a split of lecturekit.data, a tensor (N, *event_shape), a pair (x, y), or a dict of these: named streams, the
        first of which is `batch.x` and counts the epochs.
    batch_size: items per batch, for all streams or by stream name.
    seed: decides the order of the data and all noise. The caller's random numbers are left as they were.
    validate: called after every epoch in eval mode, without gradients, with the same random numbers each time; what it
        returns is logged as valid/key.
    callbacks: each called as callback(model, history) after every epoch, likewise.

    The model is left in eval mode, ready to be looked at. Raises ValueError or TypeError, before anything moves, for data
    that cannot be this model's and for a game that cannot be played.
    """
    device = next(model.parameters()).device
    history, waiting = History(), []  # waiting: logged tensors, not yet fetched from the device

    def log(name: str, terms: Terms) -> None:
        waiting.append((streams.epoch, {f"{name}/{key}": value.detach() for key, value in terms.items()}))

    with own_rng(device, seed):
        streams = Streams(data, batch_size, epochs, seed, device)
        seats = seat(model)
        with torch.no_grad():
            first = streams.draw(streams.first.batch_size)
            model.check(first.x)
            if not model.started:
                model.start(streams.draw)
                model.started.fill_(True)
        total = round(streams.total)
        bar = tqdm(total=total, unit=" items", unit_scale=True, leave=False, mininterval=0.5, disable=not progress)
        model.train()
        with bar:
            while streams.progress < 1:
                begun, ended = time.perf_counter(), int(streams.epoch) + 1
                while streams.epoch < ended and streams.progress < 1:
                    play_round(seats, model.simultaneous, streams, log)
                    bar.update(min(streams.first.position, total) - bar.n)
                fetch(waiting, history)  # the only place where the loop waits for the device
                history.seconds += time.perf_counter() - begun
                bar.set_description(f"epoch {streams.epoch:.0f}", refresh=False)
                if validate is not None:
                    with looking(model, seed):
                        results = {f"valid/{key}": float(value) for key, value in validate(model).items()}
                    for name, value in results.items():
                        history.add(name, [streams.epoch], [value])
                for callback in callbacks:
                    with looking(model, seed):
                        callback(model, history)
    model.eval()
    return history


def fetch(waiting: list[tuple[float, dict[str, Tensor]]], history: History) -> None:
    """Move the waiting terms into the history, one transfer per term."""
    columns: dict[str, tuple[list[float], list[Tensor]]] = {}
    for epoch, terms in waiting:
        for name, value in terms.items():
            epochs, values = columns.setdefault(name, ([], []))
            epochs.append(epoch)
            values.append(value)
    for name, (epochs, values) in columns.items():
        history.add(name, epochs, torch.stack(values).tolist())
    waiting.clear()


def _describe(value: Any) -> str:
    return f"a {value.dtype} tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
