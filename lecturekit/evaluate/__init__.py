"""How good is a model? Measures that take tensors, callables or the contracts of `lecturekit.latent`."""

from lecturekit.evaluate.likelihood import Estimate, active_units, importance_bound

__all__ = ["Estimate", "active_units", "importance_bound"]
