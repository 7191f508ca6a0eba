"""Measures: they take tensors, callables or the contracts of the models, and know no model by name."""

from lecturekit.evaluate import divergences
from lecturekit.evaluate.features import FeatureNetwork, network
from lecturekit.evaluate.likelihood import Estimate, active_units, importance_bound, log_likelihood
from lecturekit.evaluate.partition import LogZ, log_partition, log_ratio
from lecturekit.evaluate.samples import (
    Features,
    Modes,
    Score,
    frechet_distance,
    gaussian_frechet_distance,
    inception_score,
    kernel_distance,
    kernel_distance_of_subsets,
    modes_covered,
    parzen_bandwidth,
    parzen_log_likelihood,
)
from lecturekit.evaluate.transport import Transport, optimal_transport

__all__ = [
    "Estimate",
    "FeatureNetwork",
    "Features",
    "LogZ",
    "Modes",
    "Score",
    "Transport",
    "active_units",
    "divergences",
    "frechet_distance",
    "gaussian_frechet_distance",
    "importance_bound",
    "inception_score",
    "kernel_distance",
    "kernel_distance_of_subsets",
    "log_likelihood",
    "log_partition",
    "log_ratio",
    "modes_covered",
    "network",
    "optimal_transport",
    "parzen_bandwidth",
    "parzen_log_likelihood",
]
