"""A training in progress: all of its state in one place, so that it can be saved, restored and looked at."""

import copy
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lecturekit import checks
from lecturekit.model import GenerativeModel, Terms, generators, options
from lecturekit.training.checkpoint import Facts, compare, plain
from lecturekit.training.game import PlayerState, play_round
from lecturekit.training.history import History
from lecturekit.training.ranks import Ranks
from lecturekit.training.stream import Streams

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
        self.players, self.history, self.rounds = players, History(), 0
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

    def identity(self, seed: int) -> Facts:
        """What must be the same in the run that goes on: everything that decides the numbers, but how long it trains."""
        model = self.model
        try:
            package = version("lecturekit")
        except PackageNotFoundError:
            package = "not installed"
        return plain(
            {
                "lecturekit": package,
                "model": type(model).__name__,
                "options": options(model),
                # a model may hold another one, and nets are made of modules with options, such as activations
                "parts": {n: [type(m).__name__, options(m)] for n, m in model.named_modules() if n},
                "tensors": {n: [list(t.shape), str(t.dtype)] for n, t in model.state_dict().items()},
                "players": {
                    s.player.name: {
                        "optimizer": type(s.optimizer).__name__,
                        "groups": [{k: v for k, v in g.items() if k != "params"} for g in s.optimizer.param_groups],
                        "turns": s.player.turns,
                        "clip": s.player.clip,
                    }
                    for s in self.players
                },
                "streams": {name: stream.identity() for name, stream in self.streams.streams.items()},
                "seed": seed,
                "precision": self.history.precision,
                "averaged": self.averaged is not None,
                "early_stopping": repr(self.early_stopping),
                "world": self.ranks.world,
            }
        )

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state, by name. Diverged if a weight is not finite: such a state is not saved."""
        out = {f"model/{n}": t for n, t in self.model.state_dict().items()}
        ruined = [name for name in self.finite if not out[f"model/{name}"].isfinite().all()]
        if ruined:
            raise Diverged(f"the weights are no longer finite after a step on a finite loss: {', '.join(ruined[:3])}")
        if self.averaged is not None:
            out |= {f"averaged/{n}": t for n, t in self.averaged.state_dict().items()}
        out |= {f"best/{n}": t for n, t in self.best_weights.items()}
        for s in self.players:
            for i, state in s.optimizer.state_dict()["state"].items():
                out |= {f"player/{s.player.name}/{i}/{k}": v for k, v in state.items() if isinstance(v, Tensor)}
        for name in self.history:
            columns = [self.history.epochs(name), self.history[name]]
            out[f"history/{name}"] = torch.tensor(columns, dtype=torch.float64)
        return out | {f"random/{i}": g.get_state() for i, g in enumerate(generators(self.streams.device))}

    def standing(self) -> Facts:
        """Where the run stands: what of its state is no tensor."""
        scalars = {
            s.player.name: {
                str(i): {k: v for k, v in state.items() if not isinstance(v, Tensor)}
                for i, state in s.optimizer.state_dict()["state"].items()
            }
            for s in self.players
        }
        return plain(
            {
                "rounds": self.rounds,
                "positions": {name: stream.position for name, stream in self.streams.streams.items()},
                "seconds": self.history.seconds,
                "stopped": self.history.stopped,
                "best": [self.best["value"] if self.best_weights else None, self.best["epoch"]],
                "scalars": scalars,
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
            }
        )

    def restore(self, tensors: dict[str, Tensor], facts: Facts, identity: Facts) -> None:
        """Stand where the saved run stood. CheckpointError names everything in which the two runs differ."""
        compare(facts["identity"], identity)
        at = facts["standing"]
        for name, now in (("threads", torch.get_num_threads()), ("torch", torch.__version__)):
            if at[name] != now:
                warnings.warn(
                    f"{name}: {at[name]} when saved, {now} now; the result may differ in the last bits", stacklevel=3
                )

        def part(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}

        self.model.load_state_dict(part("model/"))
        if self.averaged is not None:
            self.averaged.load_state_dict(part("averaged/"))
        self.best_weights = {n: t.to(self.streams.device) for n, t in part("best/").items()}
        self.best = {"value": -math.inf if at["best"][0] is None else at["best"][0], "epoch": at["best"][1]}
        for s in self.players:
            state = copy.deepcopy(at["scalars"][s.player.name])
            for name, t in part(f"player/{s.player.name}/").items():
                i, _, key = name.partition("/")
                state.setdefault(i, {})[key] = t.clone()  # load_state_dict would alias what it is given
            groups = s.optimizer.state_dict()["param_groups"]
            s.optimizer.load_state_dict({"state": {int(i): v for i, v in state.items()}, "param_groups": groups})
        for name, columns in part("history/").items():
            self.history.add(name, *columns.tolist())
        self.history.seconds, self.history.stopped, self.rounds = at["seconds"], at["stopped"], at["rounds"]
        for name, stream in self.streams.streams.items():
            stream.position = at["positions"][name]
        self.history.trained = self.streams.epoch
        states = part("random/")
        for i, generator in enumerate(generators(self.streams.device)):
            generator.set_state(states[str(i)])
