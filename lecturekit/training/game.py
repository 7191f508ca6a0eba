"""One turn of a player, one round of the game."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from lecturekit import checks
from lecturekit.model import Batch, GenerativeModel, Player, Terms
from lecturekit.training import optimizers  # noqa: F401 - for what its import does
from lecturekit.training.ranks import Ranks
from lecturekit.training.stream import Streams


class PlayerState:
    """A player in training, with its parameters, its optimizer and its base learning rates."""

    def __init__(self, player: Player, model: GenerativeModel, dtype: torch.dtype | None, ranks: Ranks):
        self.player, self.parameters, self.ranks = player, player.parameters(), ranks
        if not self.parameters:
            raise ValueError(f"player {player.name!r} has no trainable parameter to move")
        if not set(self.parameters) <= set(model.parameters()):
            raise ValueError(
                f"player {player.name!r} moves a parameter that is not the model's, so it would never be saved; "
                f"register it, or its module, as an attribute of {type(model).__name__}"
            )
        for p in self.parameters:  # fused optimizers on the CPU go straight through memory and ignore strides
            p.data = p.data.contiguous()
        self.device, self.dtype = self.parameters[0].device, dtype
        try:
            self.optimizer = player.optimizer(self.parameters)
        except (TypeError, ValueError) as error:
            raise type(error)(f"player {player.name!r}: optimizer(parameters) failed: {error}") from error
        held = {p for group in getattr(self.optimizer, "param_groups", ()) for p in group["params"]}
        if not held or not held <= set(self.parameters) or isinstance(self.optimizer, torch.optim.LBFGS):
            raise TypeError(
                f"player {player.name!r}: optimizer must be a function that makes an optimizer of the parameters that it "
                f"is given, one that steps without a closure, not {self.optimizer!r}"
            )
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.moved = False

    def plays(self) -> bool:
        """Does it take the turn? Rank 0 decides."""
        return self.player.when is None or self.ranks.decide(bool(self.player.when()), self.device)

    def gradients(self, batch: Batch) -> Terms:
        """Compute the loss and its gradient with respect to this player's parameters, and to nothing else."""
        self.optimizer.zero_grad()
        with checks.trusted(), torch.autocast(self.device.type, self.dtype) if self.dtype else nullcontext():
            terms = self.player.loss(batch)
        loss = terms.get("loss") if isinstance(terms, Mapping) else None
        if not isinstance(loss, Tensor) or loss.ndim != 0 or loss.dtype not in (torch.float32, torch.float64):
            raise TypeError(
                f"the loss of player {self.player.name!r} must return a mapping with a 0-dim float32 or float64 tensor "
                f'under "loss", not {_describe(terms if loss is None else loss)}'
            )
        for key, value in terms.items():
            if not isinstance(value, Tensor) or value.ndim != 0:
                raise TypeError(
                    f"player {self.player.name!r} logs {key!r} as {_describe(value)}, not as a 0-dim tensor"
                )
        if not loss.requires_grad:
            raise ValueError(f"the loss of player {self.player.name!r} depends on no trainable parameter")
        # `inputs` keeps the gradient out of everything else, even where a detach was forgotten.
        loss.backward(inputs=self.parameters)
        if not self.moved and all(p.grad is None for p in self.parameters):
            raise ValueError(f"the loss of player {self.player.name!r} does not depend on what the player moves")
        self.moved = True
        self.ranks.average(p.grad for p in self.parameters)
        return terms

    def step(self, progress: float) -> None:
        """Clip the gradient, set the rates that the schedule has for this progress, step, and call `after`."""
        if self.player.clip is not None:
            clip_grad_norm_(self.parameters, self.player.clip)
        if self.player.schedule is not None:
            name = f"player {self.player.name!r}: schedule({progress:g})"
            factor = checks.number(0, **{name: self.player.schedule(progress)})
            for group, rate in zip(self.optimizer.param_groups, self.base_rates, strict=True):
                group["lr"] = factor * rate
        self.optimizer.step()
        if self.player.after is not None:
            with torch.no_grad():
                self.player.after()


def player_states(model: GenerativeModel, dtype: torch.dtype | None, ranks: Ranks) -> list[PlayerState]:
    """All players of a model, each with its optimizer; ValueError for a game that cannot be played.

    >>> from lecturekit.variational import LinearGaussian
    >>> [state.player.name for state in player_states(LinearGaussian(2, latent=1), None, Ranks())]
    ['model']
    """
    players = model.players()
    players = tuple(players) if isinstance(players, Iterable) else (players,)
    if not all(isinstance(player, Player) for player in players):
        raise TypeError(f"{type(model).__name__}.players() must return a list of Players, not {players!r}")
    states = [PlayerState(player, model, dtype, ranks) for player in players]
    names = [s.player.name for s in states]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"a game needs players with different names, not {names}")
    if model.simultaneous and any(s.player.turns != 1 for s in states):
        raise ValueError("in a simultaneous game every player takes one turn a round")
    return states


def play_round(
    states: list[PlayerState], simultaneous: bool, streams: Streams, log: Callable[[float, str, Terms], None]
) -> None:
    """One round: every player's turns on the round's batch; turns 2, 3, ... of a player draw fresh ones.

    >>> from lecturekit.adversarial import GAN
    >>> states, turns = player_states(GAN((2,), latent=1, hidden=4, turns=2), None, Ranks()), []
    >>> streams = Streams(torch.randn(8, 2), batch_size=4, epochs=1, seed=0, device=torch.device("cpu"))
    >>> play_round(states, False, streams, lambda epoch, player, terms: turns.append((epoch, player)))
    >>> turns
    [(0.0, 'discriminator'), (0.5, 'discriminator'), (0.0, 'generator')]
    """
    progress, epoch = streams.progress, streams.epoch
    batch = streams.next(progress)
    if simultaneous:
        moving = [s for s in states if s.plays()]
        held = []
        for s in moving:
            log(epoch, s.player.name, s.gradients(batch))
            held.append([p.grad for p in s.parameters])  # a parameter may belong to two players
        for s, gradients in zip(moving, held, strict=True):
            for p, gradient in zip(s.parameters, gradients, strict=True):
                p.grad = gradient
            s.step(progress)
        return
    for s in states:
        for turn in range(s.player.turns):
            if s.plays():
                drawn = epoch if turn == 0 else streams.epoch
                log(drawn, s.player.name, s.gradients(batch if turn == 0 else streams.next(progress)))
                s.step(progress)


def _describe(value: Any) -> str:
    return f"a {value.dtype} tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
