"""Nets of binary units: sigmoid belief networks, gradients through what cannot be differentiated, Boltzmann machines."""

from lecturekit.belief.belief_net import BeliefNet
from lecturekit.belief.rbm import RBM
from lecturekit.belief.sigmoid_belief_net import SigmoidBeliefNet

__all__ = ["RBM", "BeliefNet", "SigmoidBeliefNet"]
