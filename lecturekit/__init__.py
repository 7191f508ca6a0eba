"""Deep generative models: one thin, tested package under an executable course."""

from lecturekit.fit import fit
from lecturekit.history import History
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, GenerativeModel, Player, Terms
from lecturekit.training import EarlyStopping

__version__ = "0.1.0"
__all__ = ["Batch", "EarlyStopping", "GenerativeModel", "History", "LatentVariableModel", "Player", "Terms", "fit"]
