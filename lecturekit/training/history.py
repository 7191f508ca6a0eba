"""What happened during training: every logged term, every time it was logged."""

from collections.abc import Iterator, Mapping


class History(Mapping[str, list[float]]):
    """`history["model/loss"]` is a list with one number per turn; `history.epochs("model/loss")` says when, in
    epochs of the first stream, the batch of each was drawn.

    Names are player/term for what a loss returned and valid/key for what `validate` returned.

    trained: epochs drawn. seconds: time spent training, validation and callbacks left out. precision: the format that the
    networks ran in. averaged: the model with averaged weights, if `fit` was asked for one. stopped: early stopping ended
    the training. interrupted: Ctrl-C did.

    >>> history = History()
    >>> history.add("model/loss", epochs=[0.0, 0.5], values=[3.0, 2.5])
    >>> history["model/loss"], history.epochs("model/loss"), "valid/elbo" in history
    ([3.0, 2.5], [0.0, 0.5], False)
    >>> history.since({"model/loss": 1})
    {'model/loss': ([0.5], [2.5])}
    """

    def __init__(self):
        self._epochs: dict[str, list[float]] = {}
        self._values: dict[str, list[float]] = {}
        self.trained, self.seconds, self.precision = 0.0, 0.0, "float32"
        self.averaged, self.stopped, self.interrupted = None, False, False

    def add(self, name: str, epochs: list[float], values: list[float]) -> None:
        """Append the values of a term and the times, in epochs of the first stream: when a turn's batch was
        drawn, or a validation made."""
        self._epochs.setdefault(name, []).extend(epochs)
        self._values.setdefault(name, []).extend(values)

    def since(self, lengths: Mapping[str, int]) -> dict[str, tuple[list[float], list[float]]]:
        """(epochs, values) of each term beyond its first lengths[name] ones, where there are any."""
        starts = {name: lengths.get(name, 0) for name in self}
        return {n: (self._epochs[n][k:], self[n][k:]) for n, k in starts.items() if k < len(self[n])}

    def __getitem__(self, name: str) -> list[float]:
        if name not in self._values:
            raise KeyError(f"nothing was logged as {name!r}; there are {list(self._values)}")
        return self._values[name]

    def epochs(self, name: str) -> list[float]:
        """When the batch behind each value was drawn (valid/...: when it was validated), in epochs of the first stream."""
        self[name]
        return self._epochs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def plot(self, *names: str):
        """The curves of all terms, or of the named ones, as a matplotlib figure."""
        from lecturekit.show import curves

        return curves(self, *names)

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self._values.items())
        how = "interrupted after " if self.interrupted else "stopped early after " if self.stopped else ""
        return f"History({how}{self.trained:.4g} epochs in {self.seconds:.1f} s, {self.precision}; last {last})"
