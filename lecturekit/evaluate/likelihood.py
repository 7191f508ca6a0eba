"""How likely is held-out data? Exactly, or by importance-weighted bounds with large k; and how many latents a model uses.

[1] Burda, Grosse, Salakhutdinov (2016). Importance Weighted Autoencoders. arXiv:1509.00519
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm import tqdm

from lecturekit import checks
from lecturekit.latent import LatentVariableModel
from lecturekit.model import GenerativeModel, device_of, evaluating


@dataclass(frozen=True)
class Estimate:
    """A mean over test items in nats, and its standard error over those items. `values`: one per item, (N,).

    >>> print(Estimate.of(torch.tensor([-90.0, -92.0])))
    -91.00 ± 1.00 nats
    """

    mean: float
    standard_error: float
    values: Tensor = field(repr=False)

    @classmethod
    def of(cls, values: Tensor) -> "Estimate":
        """From one value per item, (N,); of a single item the standard error is infinite."""
        if checks.tensor(values=values).ndim != 1 or not len(values) or not values.is_floating_point():
            raise ValueError(f"values must be floats, one for each item, not {values.dtype} {tuple(values.shape)}")
        error = values.std(correction=1).item() / math.sqrt(len(values)) if len(values) > 1 else math.inf
        return cls(values.mean().item(), error, values)

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.standard_error:.2f} nats"


def in_chunks(model: GenerativeModel, x: Tensor, y: Tensor | None, n: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """x and y, n items at a time, on the model's device, after the model's `check` of all and `check_scale` of some.

    >>> from lecturekit.variational import VAE
    >>> model = VAE((4,), latent=2, hidden=(8,))
    >>> [len(x) for x, y in in_chunks(model, torch.zeros(5, 4), None, 2)]
    [2, 2, 1]
    """
    device = device_of(model)
    if y is not None and (checks.tensor(y=y).ndim == 0 or len(y) != len(x)):
        raise ValueError(f"{len(x)} items need {len(x)} labels y, not {len(y) if y.ndim else y}")

    def chunks(n: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        for i in range(0, len(x), n):
            yield x[i : i + n].to(device), None if y is None else y[i : i + n].to(device)

    passed, refused = False, None
    for xs, ys in chunks(256):
        model.check(xs, ys)
        try:
            passed = passed or model.check_scale(xs) is None
        except ValueError as error:
            refused = error
    if refused and not passed:
        raise refused
    yield from chunks(n)


def _able(model: GenerativeModel, method: str, otherwise: str, x: Tensor, fewest: int = 1) -> None:
    """An error unless the model has the method, and x enough items."""
    if not isinstance(model, GenerativeModel):
        found = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        raise TypeError(f"model must be a GenerativeModel, such as VAE((1, 28, 28)), not {found}")
    if not hasattr(model, method):
        raise TypeError(f"{type(model).__name__} {otherwise}")
    if checks.tensor(x=x).ndim == 0 or len(x) < fewest:
        raise ValueError(f"need at least {('one item', 'two items')[fewest - 1]}, not {len(x) if x.ndim else 0} items")


def importance_bound(
    model: LatentVariableModel,
    x: Tensor,
    k: int = 5000,
    y: Tensor | None = None,
    *,
    rows: int = 10_000,
    seed: int = 0,
    progress: bool = True,
) -> Estimate:
    """L_k of [1, eq. 8] on every item of x, (N, *event_shape), as the model sees it; k = 1 is the ELBO.

    In expectation at most log p(x) and rising to it with k, so minus its mean bounds the test NLL from above. Memory is
    bounded: at most about `rows` decoded items at a time, whatever N and k. The caller's random numbers and the model's mode
    are left as they were. Raises ValueError for data that cannot be this model's.

    >>> from lecturekit.variational import LinearGaussian
    >>> model, x = LinearGaussian(3, latent=2), torch.randn(1000, 3)
    >>> model.match_posterior()
    >>> elbo, bound = (importance_bound(model, x, k=k, progress=False).mean for k in (1, 200))
    >>> elbo < bound, abs(bound - log_likelihood(model, x, progress=False).mean) < 0.05
    (True, True)
    """
    k, rows, seed = *checks.whole(k=k, rows=rows), checks.whole(0, 2**63 - 1, seed=seed)
    _able(model, "log_weights", "is no latent-variable model and has no bound; an exact model has log_likelihood", x)
    at_once = min(k, rows)  # samples of one item that are decoded together
    items = max(1, rows // at_once)
    values = []
    bar = tqdm(total=len(x) * k, unit=" samples", unit_scale=True, leave=False, mininterval=0.5, disable=not progress)
    with evaluating(model, seed) as device, bar:
        for xs, ys in in_chunks(model, x, y, items):
            total = torch.full((len(xs),), -math.inf, device=device)
            for done in range(0, k, at_once):
                log_w = model.log_weights(xs, min(at_once, k - done), ys)
                # a running logarithm of a sum: one number per item
                total = torch.logaddexp(total, log_w.logsumexp(0))
                bar.update(log_w.numel())
            values.append((total - math.log(k)).cpu())
    return Estimate.of(torch.cat(values).double())


def log_likelihood(
    model: GenerativeModel,
    x: Tensor,
    y: Tensor | None = None,
    *,
    rows: int = 250,
    seed: int = 0,
    progress: bool = True,
) -> Estimate:
    """log p(x) of every item of x, (N, *event_shape), by a model that has `log_prob`; `rows` items at a time.

    The caller's random numbers and the model's mode are left as they were. Raises ValueError for data that cannot be this
    model's, TypeError for a model whose likelihood is not to be had.

    >>> from lecturekit.exact import Flow
    >>> from lecturekit.exact.bijections import Affine
    >>> print(log_likelihood(Flow((2,), Affine(2)), torch.zeros(5, 2), progress=False))  # -log(2 pi) at the mode
    -1.84 ± 0.00 nats
    """
    rows, seed = checks.whole(rows=rows), checks.whole(0, 2**63 - 1, seed=seed)
    _able(model, "log_prob", "has no log_prob; a latent-variable model has a bound: importance_bound", x)
    values = []
    with evaluating(model, seed), tqdm(total=len(x), unit=" items", leave=False, disable=not progress) as bar:
        for xs, ys in in_chunks(model, x, y, rows):
            values.append(model.log_prob(xs, ys).cpu())
            bar.update(len(xs))
    return Estimate.of(torch.cat(values).double())


def active_units(
    model: LatentVariableModel,
    x: Tensor,
    y: Tensor | None = None,
    *,
    threshold: float = 0.01,
    rows: int = 10_000,
) -> Tensor:
    """Which latent dimensions carry information, (latent,) of bool: Var_x(E_q[z | x]) > threshold [1, section 5.2].

    x: (N, *event_shape), as the model sees it; at least two items.

    >>> from lecturekit.variational import LinearGaussian
    >>> model = LinearGaussian(3, latent=2)
    >>> model.recognize.data[:] = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])  # z_2 ignores x
    >>> active_units(model, torch.randn(50, 3))
    tensor([ True, False])
    """
    threshold, rows = checks.number(0, threshold=threshold), checks.whole(rows=rows)
    _able(model, "codes", "is no latent-variable model and has no latent units", x, 2)  # for a variance
    with evaluating(model):
        means = [model.codes(xs, ys).cpu() for xs, ys in in_chunks(model, x, y, rows)]
    return torch.cat(means).var(0) > threshold
