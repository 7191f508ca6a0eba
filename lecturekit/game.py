"""Players at the table: one turn, one round."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from lecturekit.model import Batch, GenerativeModel, Player, Terms
from lecturekit.ranks import Ranks
from lecturekit.stream import Streams


class Seat:
    """A player at the table, with its parameters, its optimizer and its base learning rates."""

    def __init__(self, player: Player, model: GenerativeModel, dtype: torch.dtype | None, ranks: Ranks):
        self.player, self.parameters, self.ranks = player, player.parameters(), ranks
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
        self.device, self.dtype = self.parameters[0].device, dtype
        self.optimizer = player.optimizer(self.parameters)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]

    def plays(self) -> bool:
        return self.player.when is None or self.ranks.decide(bool(self.player.when()), self.device)

    def gradients(self, batch: Batch) -> Terms:
        """Compute the loss and its gradient with respect to this player's parameters, and to nothing else."""
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, self.dtype) if self.dtype else nullcontext():
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
        self.ranks.average(p.grad for p in self.parameters)
        return terms

    def step(self, progress: float) -> None:
        if self.player.clip is not None:
            clip_grad_norm_(self.parameters, self.player.clip)
        if self.player.schedule is not None:
            factor = self.player.schedule(progress)
            for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
                group["lr"] = factor * rate
        self.optimizer.step()
        if self.player.after is not None:
            with torch.no_grad():
                self.player.after()


def seated(model: GenerativeModel, dtype: torch.dtype | None, ranks: Ranks) -> list[Seat]:
    """All players of a model, seated; ValueError for a game that cannot be played."""
    seats = [Seat(player, model, dtype, ranks) for player in model.players()]
    names = [s.player.name for s in seats]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"a game needs players with different names, not {names}")
    if model.simultaneous and any(s.player.turns != 1 for s in seats):
        raise ValueError("in a simultaneous game every player takes one turn a round")
    return seats


def play_round(seats: list[Seat], simultaneous: bool, streams: Streams, log: Callable[[str, Terms], None]) -> None:
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


def _describe(value: Any) -> str:
    return f"a {value.dtype} tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
