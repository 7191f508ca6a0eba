"""A training in progress: all of its state in one place, so that it can be saved, restored and looked at."""

import copy
import json
import math
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lecturekit import checks
from lecturekit.model import GenerativeModel, Terms, generators, options
from lecturekit.training.checkpoint import CheckpointError, Facts, Folder, compare, plain
from lecturekit.training.game import PlayerState, play_round
from lecturekit.training.history import History
from lecturekit.training.ranks import Ranks
from lecturekit.training.stream import Streams, sha256

LOSSES = (  # in names of what is best when it is lowest
    "loss|error|nll|perplexity|frechet|distance|divergence|discrepancy|bits|bpd|negative|"
    "(?<![a-z])(kl|fid|kid|mmd|mse|rmse|mae|neg|ppl|err)(?![a-z])"
)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when valid/`watch` has not risen for `patience` epochs, and go back to the weights of its best epoch.

    best: "lowest" where `watch` is to fall, "highest" where it is to rise; the default, unless its name is that of a loss.

    >>> from lecturekit import fit
    >>> from lecturekit.variational import LinearGaussian
    >>> rule = {"validate": lambda model: {"elbo": -1.0}, "early_stopping": EarlyStopping("elbo", patience=2)}
    >>> model, x = LinearGaussian(2, latent=1), torch.randn(8, 2)
    >>> history = fit(model, x, epochs=9, batch_size=8, progress=False, **rule)
    >>> history.stopped, history.trained  # nothing rose after the first epoch
    (True, 3.0)
    """

    watch: str = "elbo"
    patience: int = 10
    best: str | None = None

    def __post_init__(self):
        object.__setattr__(self, "patience", checks.whole(patience=self.patience))
        if not isinstance(self.watch, str):
            raise TypeError(f"watch must be a name that validate returns, not {self.watch!r}")
        if self.best is not None:
            checks.one_of(("highest", "lowest"), best=self.best)
        elif re.search(LOSSES, self.watch.lower()):
            say = f"EarlyStopping({self.watch!r}, patience={self.patience}, best="
            raise ValueError(f'is {self.watch!r} best when it is lowest? Say {say}"lowest"), or {say}"highest")')

    def __repr__(self) -> str:  # part of a run's identity, as older checkpoints have it
        best = "" if self.best is None else f", best={self.best!r}"
        return f"EarlyStopping(watch={self.watch!r}, patience={self.patience!r}{best})"


class Diverged(FloatingPointError):
    """A loss is no longer a finite number. `history`: what had been logged, to the end."""

    history: History | None = None


class Training:
    """The players, the streams, the history, and what else goes on from round to round.

    >>> from lecturekit import rounds
    >>> from lecturekit.adversarial import GAN
    >>> training = next(rounds(GAN((2,), latent=1, hidden=4), torch.randn(8, 2), epochs=1, batch_size=4))
    >>> training.rounds, [state.player.name for state in training.players]
    (0, ['discriminator', 'generator'])
    """

    def __init__(
        self,
        model: GenerativeModel,
        streams: Streams,
        players: list[PlayerState],
        ema: float | None,
        early_stopping: EarlyStopping | None,
        ranks: Ranks,
    ):
        self.model, self.streams, self.ranks = model, streams, ranks
        self.players, self.history, self.rounds, self.identity = players, History(), 0, {}
        self.history.precision = str(players[0].dtype or next(model.parameters()).dtype).removeprefix("torch.")
        self.waiting: list[tuple[float, str, Terms]] = []  # logged, not yet fetched from the device
        average = get_ema_multi_avg_fn(ema) if ema is not None else None
        self.averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=False) if ema is not None else None
        self.early_stopping, self.best, self.best_weights = early_stopping, {"value": -math.inf, "epoch": 0.0}, {}
        # a mask may be -inf
        self.finite = [n for n, t in model.state_dict().items() if t.is_floating_point() and t.isfinite().all()]

    @property
    def watched(self) -> GenerativeModel:
        """The model that is validated, shown and kept: the averaged one, if there is one."""
        return self.model if self.averaged is None else self.averaged.module

    def round(self) -> None:
        """Play one round, and let the averaged weights follow."""
        play_round(self.players, self.model.simultaneous, self.streams, self._log)
        self.rounds += 1
        if self.averaged is not None:
            self.averaged.update_parameters(self.model)

    def _log(self, epoch: float, player: str, terms: Terms) -> None:
        # Clones, since a term may be a parameter or a buffer itself, which will have moved on when it is fetched.
        self.waiting.append((epoch, player, {key: value.detach().clone() for key, value in terms.items()}))

    def fetch(self) -> None:
        """Move the waiting terms into the history, one transfer per term; Diverged if a loss is not finite."""
        columns: dict[tuple[str, str], tuple[list[int], list[Tensor]]] = {}
        for turn, (_, player, terms) in enumerate(self.waiting):
            for key, value in terms.items():
                turns, values = columns.setdefault((player, key), ([], []))
                turns.append(turn)
                values.append(value)
        epochs, broken = [epoch for epoch, _, _ in self.waiting], []
        self.waiting.clear()
        self.history.trained = self.streams.epoch
        for (player, key), (turns, values) in columns.items():
            stacked = torch.stack(values)
            self.ranks.average([stacked])
            numbers = stacked.tolist()
            self.history.add(f"{player}/{key}", [epochs[turn] for turn in turns], numbers)
            if key == "loss":
                broken += [(turn, player) for turn, n in zip(turns, numbers, strict=True) if not math.isfinite(n)][:1]
        if broken:
            turn, player = min(broken)
            raise Diverged(f"the loss of player {player!r} is not finite {self._when(epochs[turn])}")

    def _when(self, epoch: float) -> str:
        before = {}
        for name in self.history:
            pairs = zip(self.history.epochs(name), self.history[name], strict=True)
            finite = [value for e, value in pairs if e < epoch and math.isfinite(value)]
            before |= {name: finite[-1]} if finite else {}
        last = ", ".join(f"{name} {value:.6g}" for name, value in before.items()) or "none"
        return f"{epoch:.2f} epochs after the start; last finite terms: {last}"

    def validated(self, found: Any) -> bool:
        """Log what validation found; True if it is time to stop."""
        if not isinstance(found, Mapping):
            raise TypeError(
                f'validate must return a mapping of names to numbers, such as {{"elbo": ...}}, not {found!r}'
            )
        results = {}
        for key, value in found.items():
            try:
                results[key] = float(value)
            except (TypeError, ValueError, RuntimeError):
                raise TypeError(f"validate must return numbers, but {key!r} is {value!r:.60}") from None
            if math.isnan(results[key]):
                raise ValueError(
                    f"validate returned nan as {key!r} after epoch {self.streams.epoch:g}: a mean of nothing?"
                )
            self.history.add(f"valid/{key}", [self.streams.epoch], [results[key]])
        if (rule := self.early_stopping) is None:
            return False
        if rule.watch not in results:
            raise ValueError(f"early stopping watches {rule.watch!r}, but validate returned {sorted(results)}")
        value = -results[rule.watch] if rule.best == "lowest" else results[rule.watch]
        if value > self.best["value"]:
            self.best = {"value": value, "epoch": self.streams.epoch}
            self.best_weights = {name: t.clone() for name, t in self.watched.state_dict().items()}
        return self.ranks.decide(self.streams.epoch - self.best["epoch"] >= rule.patience, self.streams.device)

    def finish(self) -> None:
        """Go back to the best weights, and hand over the averaged model."""
        if self.best_weights:
            self.watched.load_state_dict(self.best_weights)
        self.history.averaged = None if self.averaged is None else self.averaged.module.eval()

    # --- saving and restoring ---------------------------------------------------------------------------------------

    @staticmethod
    def given(model: GenerativeModel, streams: Streams) -> Facts:
        """What is known of a run's identity before anything moves: the model as it was built, and the data."""
        held = {name: stream.identity() for name, stream in streams.streams.items()}
        return _model(model) | {"streams": held, "order": list(held)}

    def describe(self, seed: int, given: Facts) -> None:
        """Set `identity`: what must be the same in the run that goes on: all that decides the numbers, but how long it trains."""
        names = {id(p): name for name, p in self.model.named_parameters()}
        scheduled = {s.player.name: s.player.schedule for s in self.players if s.player.schedule is not None}
        self.identity = given | plain(
            {
                "players": {
                    s.player.name: {
                        "optimizer": type(s.optimizer).__name__,
                        "groups": [{k: v for k, v in g.items() if k != "params"} for g in s.optimizer.param_groups],
                        "turns": s.player.turns,
                        "clip": s.player.clip,
                    }
                    for s in self.players
                },
                "moves": {s.player.name: [names[id(p)] for p in s.parameters] for s in self.players},
                # nine digits, since the last bits may differ between machines
                "schedules": {n: [float(f"{float(f(k / 16)):.9g}") for k in range(16)] for n, f in scheduled.items()},
                "seed": seed,
                "precision": self.history.precision,
                "averaged": self.averaged is not None,
                "early_stopping": repr(self.early_stopping),
                "world": self.ranks.world,
            }
        )

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state, by name. Diverged if a weight is not finite: such a state is not saved."""
        state = self.model.state_dict()
        out, floats = (
            {f"model/{n}": t for n, t in state.items()},
            {n: t for n, t in state.items() if t.is_floating_point()},
        )
        ruined = [n for n, t in floats.items() if (~t.isfinite() if n in self.finite else t.isnan()).any()]
        if ruined:
            raise Diverged(f"the weights are no longer finite after a step on a finite loss: {', '.join(ruined[:3])}")
        if self.averaged is not None:
            out |= {f"averaged/{n}": t for n, t in self.averaged.state_dict().items()}
        out |= {f"best/{n}": t for n, t in self.best_weights.items()}
        for s in self.players:
            for i, state in s.optimizer.state_dict()["state"].items():
                out |= {f"player/{s.player.name}/{i}/{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        return out | {f"random/{i}": g.get_state() for i, g in enumerate(generators(self.streams.device))}

    def facts(self) -> Facts:
        """What the run is, and where it stands: what of its state is no tensor."""
        scalars = {
            s.player.name: {
                str(i): {k: v for k, v in state.items() if not isinstance(v, Tensor)}
                for i, state in s.optimizer.state_dict()["state"].items()
            }
            for s in self.players
        }
        standing = {
            "rounds": self.rounds,
            "positions": {name: stream.position for name, stream in self.streams.streams.items()},
            "seconds": self.history.seconds,
            "stopped": self.history.stopped,
            "best": [self.best["value"] if self.best_weights else None, self.best["epoch"]],
            "scalars": scalars,
        }
        standing = plain(standing)
        standing["sha256"] = sha256(json.dumps(standing, sort_keys=True))
        now, begun = constants(self.model), self.identity["buffers"]
        self.identity["buffers"] = {name: digest if digest == now[name] else None for name, digest in begun.items()}
        return {"identity": self.identity, "standing": standing | _machine(self.streams.device)}

    def suits(self, facts: Facts, changes: Sequence[str] = ()) -> None:
        """CheckpointError that names everything in which a saved run and this one differ, but the `changes`."""
        _compare(facts, self.identity, changes)

    def restore(self, tensors: dict[str, Tensor], facts: Facts, history: History) -> None:
        """Stand where the saved run stood. An error for a damaged checkpoint leaves the model as it was: it comes last."""
        at, device, machine = facts["standing"], self.streams.device, _machine(self.streams.device)
        stands = {k: v for k, v in at.items() if k != "sha256" and k not in machine}
        if facts["format"] >= 3 and at["sha256"] != sha256(json.dumps(stands, sort_keys=True)):
            raise ValueError("facts.json is altered: the sha256 of its standing is another")
        self.rounds, seconds = checks.whole(0, rounds=at["rounds"]), checks.number(0, seconds=at["seconds"])
        self.best = {"value": -math.inf if at["best"][0] is None else at["best"][0], "epoch": at["best"][1]}
        self.best_weights = _part(tensors, "best/", {} if at["best"][0] is None else self.model.state_dict(), device)
        weights = _part(tensors, "model/", self.model.state_dict())
        if self.averaged is not None and facts["identity"]["averaged"]:
            self.averaged.load_state_dict(_part(tensors, "averaged/", self.averaged.state_dict()))
        for s in self.players:
            name = s.player.name
            if facts["identity"]["players"].get(name, {}).get("optimizer") != type(s.optimizer).__name__:
                continue  # one of the `changes`: it begins anew
            state = copy.deepcopy(at["scalars"][name])
            for key, t in _part(tensors, f"player/{name}/").items():
                i, _, key = key.partition("/")
                state.setdefault(i, {})[key] = t.clone()  # load_state_dict would alias what it is given
            groups = s.optimizer.state_dict()["param_groups"]
            s.optimizer.load_state_dict({"state": {int(i): v for i, v in state.items()}, "param_groups": groups})
        for name, stream in self.streams.streams.items():
            if name in facts["identity"]["streams"]:
                stream.position = checks.whole(0, **{f"positions.{name}": at["positions"][name]})
        there = at.get("device", device.type if "random/1" in tensors else "cpu")
        for i, generator in enumerate(generators(device)):
            if i == 0 or there == device.type:
                generator.set_state(tensors[f"random/{i}"])
        self.history.seconds, self.history.stopped = seconds, at["stopped"]
        self.history.trained = self.streams.epoch
        self.model.load_state_dict(weights)
        if self.averaged is not None and not facts["identity"]["averaged"]:
            self.averaged.update_parameters(self.model)  # the first of its average
        for name, (epochs, values) in history.since({}).items():
            self.history.add(name, epochs, values)
        for name, now in machine.items():
            if at.get(name, now) != now:
                what = "noise and last bits" if name == "device" else "last bits"
                warnings.warn(
                    f"{name}: {at[name]} when saved, {now} now; the result may differ in {what}", stacklevel=3
                )


def _model(model: GenerativeModel) -> Facts:
    return plain(
        {
            "model": type(model).__name__,
            "options": options(model),
            # a model may hold another one, and nets are made of modules with options, such as activations
            "parts": {n: [type(m).__name__, options(m)] for n, m in model.named_modules() if n},
            "tensors": {n: [list(t.shape), str(t.dtype)] for n, t in model.state_dict().items()},
            "buffers": constants(model),
        }
    )


def constants(model: nn.Module) -> dict[str, str]:
    """Digests of the buffers that look like parts of a model's definition: masks, and what is never saved.

    One that changes in training is none after all, and becomes None in the next checkpoint.

    >>> layer = nn.BatchNorm1d(2)
    >>> layer.register_buffer("mask", torch.tensor([True, False]))
    >>> list(constants(layer))
    ['mask']
    """
    kept = model.state_dict()
    buffers = {n: b for n, b in model.named_buffers() if n.rpartition(".")[2] != "started"}
    return {n: sha256(str(b.shape), b) for n, b in buffers.items() if n not in kept or b.dtype == torch.bool}


def _machine(device: torch.device) -> Facts:
    """What may be another when a run goes on, with a warning, since then bits need not agree."""
    try:
        package = version("lecturekit")
    except PackageNotFoundError:
        package = "not installed"
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "lecturekit": package,
        "device": device.type,
    }


def _compare(facts: Facts, now: Facts, changes: Sequence[str]) -> None:
    saved = facts["identity"]
    saved.pop("lecturekit", None)  # format 2 had the package's version there
    for name in [name for name, digest in saved.get("buffers", {}).items() if digest is None]:
        now["buffers"][name] = None  # it has changed in training: no part of the definition
    compare(saved, now, changes, whole=facts["format"] >= 3)


def _part(
    tensors: dict[str, Tensor], prefix: str, like: Mapping[str, Tensor] | None = None, device=None
) -> dict[str, Tensor]:
    """The tensors whose names begin so, under the rest of their names; ValueError if they do not fit those of `like`."""
    found = {n.removeprefix(prefix): t.to(device) for n, t in tensors.items() if n.startswith(prefix)}
    shapes = [{(n, t.shape) for n, t in some.items()} for some in (found, found if like is None else like)]
    if wrong := shapes[0] ^ shapes[1]:
        raise ValueError(f"{prefix}{min(wrong)[0]} is missing, of another shape, or not of this model")
    return found


def load(
    model: GenerativeModel, folder: str | os.PathLike, weights: str = "last", changes: Sequence[str] = ()
) -> History:
    """Put the weights and buffers of a folder's newest checkpoint into a model, which needs no data; gives the run's history.

    weights: "last", those of the last round saved; "averaged", those of `fit(ema=...)`; "best", those of the epoch that
        early stopping found best.
    changes: what of the model may differ from the saved one, as for `fit`.

    The model is left in eval mode. CheckpointError, with the model untouched, if there is no such checkpoint or it is of another model.

    >>> import tempfile
    >>> from lecturekit import fit
    >>> from lecturekit.variational import LinearGaussian
    >>> trained, fresh = LinearGaussian(2, latent=1), LinearGaussian(2, latent=1)
    >>> with tempfile.TemporaryDirectory() as path:
    ...     history = fit(trained, torch.randn(8, 2), epochs=3, batch_size=8, checkpoint=path, progress=False)
    ...     load(fresh, path) == history
    True
    >>> all(torch.equal(a, b) for a, b in zip(fresh.parameters(), trained.parameters()))
    True
    """
    prefix = {"last": "model/", "averaged": "averaged/module.", "best": "best/"}
    prefix = prefix[checks.one_of(prefix, weights=weights)]
    checks.words(changes=changes)
    if not isinstance(model, GenerativeModel):
        raise TypeError(f"load(model, folder): the first argument must be a GenerativeModel, not {model!r}")
    alone = Ranks()
    alone.rank, alone.world = 0, 1

    def take(tensors: dict[str, Tensor], facts: Facts, history: History) -> History:
        if not any(name.startswith(prefix) for name in tensors):
            raise CheckpointError(f"no {weights} weights are kept in {folder}: its run had none")
        at, streams = facts["standing"], facts["identity"]["streams"]
        first, position = next(iter(at["positions"].items()))
        history.trained, history.seconds = position / streams[first]["items"], at["seconds"]
        history.stopped, history.precision = at["stopped"], facts["identity"]["precision"]
        model.load_state_dict(_part(tensors, prefix, model.state_dict()))
        return history

    def suits(facts: Facts) -> None:
        now = _model(model)
        _compare(facts | {"identity": {k: v for k, v in facts["identity"].items() if k in now}}, now, changes)

    history = Folder(folder, alone).load(suits, take)
    if history is None:
        raise CheckpointError(f"there is no checkpoint in {folder}")
    model.eval()
    return history
