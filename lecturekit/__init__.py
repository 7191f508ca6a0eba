"""Deep generative models: one thin, tested package under an executable course.

>>> from lecturekit import fit
>>> from lecturekit.variational import VAE
>>> model, bits = VAE((4,), latent=2, hidden=(8,)), torch.tensor([[0.0, 1.0, 1.0, 0.0]]).repeat(64, 1)
>>> history = fit(model, bits, epochs=2, batch_size=16, progress=False)
>>> list(history), len(history["model/loss"])
(['model/loss', 'model/reconstruction', 'model/kl'], 8)
>>> model.sample(3).shape
torch.Size([3, 4])
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lecturekit.latent import LatentVariableModel
    from lecturekit.model import Batch, GenerativeModel, Player, Terms
    from lecturekit.training.fit import fit, rounds
    from lecturekit.training.history import History
    from lecturekit.training.state import EarlyStopping, load

__version__ = "0.1.0"
__all__ = [
    "Batch",
    "EarlyStopping",
    "GenerativeModel",
    "History",
    "LatentVariableModel",
    "Player",
    "Terms",
    "fit",
    "load",
    "rounds",
]

# Each is imported when it is first asked for, so that what needs no torch (the command line) does not wait for it.
_HOMES = {
    "lecturekit.latent": ("LatentVariableModel",),
    "lecturekit.model": ("Batch", "GenerativeModel", "Player", "Terms"),
    "lecturekit.training.fit": ("fit", "rounds"),
    "lecturekit.training.history": ("History",),
    "lecturekit.training.state": ("EarlyStopping", "load"),
}


def __getattr__(name: str):
    for home, names in _HOMES.items():
        if name in names:
            globals()[name] = getattr(import_module(home), name)
            return globals()[name]
    raise AttributeError(f"module 'lecturekit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
