"""The only training loop of the project: the players of a model take turns, and nothing that was learned is lost."""

import inspect
import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy
from tqdm import tqdm

from lecturekit import checks
from lecturekit.model import GenerativeModel, device_of, evaluating, generators, own_rng
from lecturekit.training.checkpoint import CheckpointError, Folder
from lecturekit.training.game import player_states
from lecturekit.training.history import History
from lecturekit.training.precision import autocast_dtype
from lecturekit.training.ranks import Ranks
from lecturekit.training.state import Diverged, EarlyStopping, Training
from lecturekit.training.stream import Streams

CAUSES = (
    "Usual causes: a learning rate that is too high (try a tenth, or a player's clip=1.0), data on another scale than the "
    "model expects or with outliers, a logarithm or a division of something that reached 0, bfloat16 (try "
    'precision="float32").'
)


def fit(
    model: GenerativeModel,
    data: Any,
    *,
    epochs: float,
    batch_size: int | Mapping[str, int] = 128,
    seed: int = 0,
    validate: Callable[[GenerativeModel], Mapping[str, float | Tensor]] | None = None,
    callbacks: Iterable[Callable[[GenerativeModel, History], None]] = (),
    precision: str = "auto",
    ema: float | None = None,
    early_stopping: EarlyStopping | None = None,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    changes: Sequence[str] = (),
    save_every: float = 60.0,
    progress: bool = True,
) -> History:
    """Play the model's game on the data, on the device where the model is, and return what was logged.

    data: a split of lecturekit.data, a tensor (N, *event_shape), a pair (x, y), or a dict of these: named streams, the
        first of which is `batch.x` and counts the epochs. All of it is checked before anything moves (what is on a disk when
        it is read); real numbers of any dtype become the model's, batch by batch.
    batch_size: items per batch, for all streams or by stream name; with several processes, of all of them together.
    seed: decides the order of the data and all noise. The caller's random numbers are left as they were.
    validate: called after every epoch in eval mode, without gradients, with the same random numbers each time; what it
        returns is logged as valid/key.
    callbacks: each called as callback(model, history) after every epoch, likewise.
    precision: "float32", "bfloat16" (autocast) or "auto", which takes bfloat16 where the hardware is faster with it and the
        model large enough to gain; history.precision says which was used.
    ema: decay of an exponential moving average of the weights, such as 0.999. validate and callbacks see the averaged
        model, and history.averaged is it.
    early_stopping: EarlyStopping(watch, patience): stop when valid/watch no longer rises (or falls: best="lowest"), and go
        back to its best epoch.
    checkpoint, resume, save_every: a folder for checkpoints, one every `save_every` seconds and at the end. With
        resume=True a run that was stopped at any moment goes on from the newest one as if nothing had happened: on a CPU
        the final weights are the same to the bit. Where there is none yet, it starts. A checkpoint of another run is refused
        by name of what differs (data, seed, shapes, optimizers, ...), before anything is loaded.
        `lecturekit.load` takes the weights alone.
    changes: what is meant to differ when it resumes, by the names in that refusal or whole parts of them: ("lr",) goes on
        with the learning rates of now, ("players.critic", "sha256") with another critic's settings and other data.
        `epochs` may be raised to go on with a finished run; schedules and batch.progress then go by the new length.

    Ctrl-C ends the training after the present round: the history so far is returned (history.interrupted) and a
    checkpoint is left; a second Ctrl-C does not wait. The model is left in eval mode, ready to be looked at.

    Raises ValueError or TypeError, before anything moves, for data that cannot be this model's and for a game that cannot
    be played; Diverged, with the `history`, when a loss is not finite; MemoryError that says which batch was too large;
    CheckpointError for a checkpoint of another run or one that cannot be written.

    >>> from lecturekit.variational import LinearGaussian
    >>> x = torch.randn(512, 2)
    >>> history = fit(LinearGaussian(2, latent=1), x, epochs=2, batch_size=128, progress=False)
    >>> history.epochs("model/loss")
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75]
    >>> history.trained, history.precision
    (2.0, 'float32')
    """
    given = _checked(locals())
    with own_rng(device_of(model), Ranks().seed(given["seed"])), torch.enable_grad():
        for training in _play(**given):
            pass
    return training.history


def rounds(model: GenerativeModel, data: Any, **options) -> Iterator[Training]:
    """The same training round by round: before the first round and after each one, the `Training` as it stands.

    options: as for `fit`; without a progress bar by default. `training.history` is what has been logged (the last terms only
    after an epoch), `training.rounds` and `training.streams.epoch` say how far it is. Whoever stops asking ends it, as Ctrl-C
    ends `fit`. Between two rounds the model is in train mode and the caller has random numbers and gradients of their own: look at it
    `with lecturekit.model.evaluating(model):`, and the result is that of `fit`, to the bit.

    >>> from lecturekit.variational import VAE
    >>> model = VAE((4,), latent=2, hidden=(8,))
    >>> x = torch.tensor([[0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
    >>> [training.streams.epoch for training in rounds(model, x, epochs=3, batch_size=2)]
    [0.0, 1.0, 2.0, 3.0]
    """
    given = inspect.signature(fit).bind(model, data, **({"progress": False} | options))
    given.apply_defaults()
    given = _checked(given.arguments)
    playing, device, states = _play(**given), device_of(model), None
    ours = generators(device)

    def resumed(step: Callable[[], Training | None]) -> Training | None:
        """Take a step where the training's random numbers are, and leave the caller's as they were."""
        nonlocal states
        with own_rng(device, Ranks().seed(given["seed"])), torch.enable_grad():
            for generator, state in zip(ours, states or ()):
                generator.set_state(state)
            try:
                return step()
            finally:
                states = [generator.get_state() for generator in ours]

    try:
        while (training := resumed(lambda: next(playing, None))) is not None:
            yield training
    finally:
        resumed(playing.close)


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit`, with the words of those that cannot be; the streams and the players check theirs themselves."""
    model, callbacks, validate, rule = (given[name] for name in ("model", "callbacks", "validate", "early_stopping"))
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "players"):
        what = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        raise TypeError(f"fit(model, data): the first argument must be a GenerativeModel, not {what}")
    if lazy := [name for name, p in model.named_parameters() if is_lazy(p)]:
        raise ValueError(f"{lazy[0]} is of a lazy layer, which has no parameters yet; call its net once, then fit")
    checks.wholes(0, True, event_shape=getattr(model, "event_shape", None))
    if not isinstance(callbacks, Iterable) or not all(map(callable, callbacks := tuple(callbacks))):
        raise TypeError(f"callbacks must be a list of functions (model, history), not {callbacks!r}")
    if not (validate is None or callable(validate)):
        raise TypeError(f"validate must be a function of the model, not {validate!r}")
    if not isinstance(rule, EarlyStopping | None):
        raise TypeError(f"early_stopping must be EarlyStopping(watch, patience), not {rule!r}")
    if rule is not None and validate is None:
        raise ValueError("early stopping needs validate=, which returns the number that it watches")
    if given["resume"] and given["checkpoint"] is None:
        raise ValueError("resume=True needs checkpoint=, the folder to resume from")
    if given["ema"] is not None:
        checks.number(0, below=1, ema=given["ema"])
    if given["save_every"] != math.inf:
        checks.number(0, save_every=given["save_every"])
    return given | {"callbacks": callbacks, "seed": checks.whole(0, 2**63 - 1, seed=given["seed"])}


def _play(
    model, data, epochs, batch_size, seed, validate, callbacks, precision, ema, early_stopping, checkpoint, resume, changes, save_every, progress
) -> Iterator[Training]:  # fmt: skip
    """What `fit` says, yielding between rounds."""
    device, ranks = device_of(model), Ranks()
    checks.words(changes=changes)
    folder = None if checkpoint is None else Folder(checkpoint, ranks)

    with interruptible() as interrupted, folder.held() if folder and not ranks.rank else nullcontext():
        saved = folder and folder.newest()
        if saved and not resume:
            raise CheckpointError(
                f"{folder.given} holds a checkpoint already ({saved.name}); resume=True goes on with it, another folder or "
                "deleting that one starts anew"
            )
        streams = Streams(data, batch_size, epochs, seed, device, ranks)
        players = player_states(model, autocast_dtype(precision, model, device), ranks)
        known = Training.given(model, streams) if folder else {}
        with evaluating(model, seed):
            streams.check(model)
        with torch.no_grad():
            if not saved and not model.started:
                model.start(streams.draw)
                model.started.fill_(True)
            ranks.agree([*model.parameters(), *model.buffers()])
        training = Training(model, streams, players, ema, early_stopping, ranks)
        history = training.history
        if folder:
            training.describe(seed, known)
            folder.load(partial(training.suits, changes=changes), training.restore)

        total, saved_at = round(streams.total), time.perf_counter()
        shown = progress and ranks.rank == 0
        bar = tqdm(total=total, unit=" items", unit_scale=True, leave=False, mininterval=0.5, disable=not shown)

        def pause() -> bool:
            """Is there something to be done between two rounds? The clock and Ctrl-C are asked at every tenth."""
            if training.rounds % 10:
                return len(training.waiting) >= 1000
            asked = bool(interrupted) or (folder is not None and time.perf_counter() - saved_at > save_every)
            return ranks.decide(asked, device)

        model.train()
        with bar, troubles(training, folder):
            yield training
            while streams.progress < 1 and not history.stopped:
                begun, ended = time.perf_counter(), int(streams.epoch) + 1
                while streams.epoch < ended and streams.progress < 1:
                    training.round()
                    bar.update(min(streams.first.position, total) - bar.n)
                    left = time.perf_counter()
                    try:
                        yield training
                    except GeneratorExit:  # nobody asks for more
                        interrupted.append(signal.SIGINT)
                        break
                    begun += time.perf_counter() - left
                    if pause():
                        break
                training.fetch()  # the only place where the loop waits for the device
                history.seconds += time.perf_counter() - begun
                if streams.epoch >= ended or streams.progress >= 1:
                    bar.set_description(f"epoch {streams.epoch:.0f}", refresh=False)
                    if not any(player.moved for player in players):
                        warnings.warn("in a whole epoch no player took a turn: each time, `when` said no", stacklevel=3)
                    if validate is not None:
                        with evaluating(training.watched, seed):
                            history.stopped = training.validated(validate(training.watched))
                    for callback in callbacks:
                        with evaluating(training.watched, seed):
                            callback(training.watched, history)
                history.interrupted = ranks.decide(bool(interrupted), device)
                over = streams.progress >= 1 or history.stopped or history.interrupted
                if folder is not None and ranks.decide(over or time.perf_counter() - saved_at > save_every, device):
                    folder.save(training.rounds, training.tensors(), training.facts(), history)
                    saved_at = time.perf_counter()
                if history.interrupted:
                    break
    if not history.interrupted:
        training.finish()
    model.eval()


@contextmanager
def interruptible() -> Iterator[list]:
    """Within, the first Ctrl-C only fills the list; the second is a KeyboardInterrupt as ever."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may receive signals
        yield asked
        return

    def note(number, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def troubles(training: Training, folder: Folder | None) -> Iterator[None]:
    """Say what went wrong, what to try, and what is left."""
    try:
        yield
    except (Diverged, MemoryError, RuntimeError) as error:
        newest = folder.newest() if folder else None
        kept = f"The last good checkpoint is {newest}." if newest else "There is no checkpoint to go back to."
        if isinstance(error, Diverged):
            diverged = Diverged(f"{error}. {CAUSES} {kept}")
            diverged.history = training.history
            raise diverged from None
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(error):
            sizes = {name: stream.batch_size for name, stream in training.streams.streams.items()}
            raise MemoryError(f"out of memory with batches of {sizes}; take a smaller batch_size. {kept}") from error
        raise
    finally:
        training.model.eval()
