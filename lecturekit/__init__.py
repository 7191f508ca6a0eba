"""Deep generative models: one thin, tested package under an executable course."""

from lecturekit.training.fit import fit
from lecturekit.training.history import History
from lecturekit.latent import LatentVariableModel
from lecturekit.model import Batch, GenerativeModel, Player, Terms
from lecturekit.training.state import EarlyStopping

__version__ = "0.1.0"
__all__ = ["Batch", "EarlyStopping", "GenerativeModel", "History", "LatentVariableModel", "Player", "Terms", "fit"]
