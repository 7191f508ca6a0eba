#!/usr/bin/env bash
# torch.distributions: two distributions whose log_prob refuses what their sample() returns.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: p.log_prob(p.sample()) to be finite for every p: what a distribution draws lies in its
# support.
#
# What happens: a MixtureSameFamily of uniforms on [0, 1] and [2, 3] (a histogram, a discretized density) refuses every
# sample of its own with a ValueError, since a value must lie in the support of all components at once;
# validate_args=False is needed on the mixture and on the components. RelaxedOneHotCategorical at a low temperature
# draws points whose sum is off by more than the 1e-6 that its support allows, about one in a thousand, so a batch is
# refused; without the check, samples with an entry that underflowed to 0 get a log-density of NaN.
#
# Seen:
#     uniforms: refused 100 of 100 own samples; unchecked, all have density [0.5]
#     relaxed, 10 classes, temperature 0.1: batch refused, 6 of 10000 outside the support; unchecked, 16 are nan
#     relaxed, 100 classes, temperature 0.1: batch refused, 10 of 10000 outside the support; unchecked, 1049 are nan
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import torch
from torch.distributions import Categorical, MixtureSameFamily, RelaxedOneHotCategorical, Uniform

torch.manual_seed(0)


def mixture(check):
    parts = Uniform(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0]), validate_args=check)
    return MixtureSameFamily(Categorical(torch.ones(2)), parts, validate_args=check)


x = mixture(True).sample((100,))
refused = 0
for value in x:
    try:
        mixture(True).log_prob(value)
    except ValueError:
        refused += 1
print("uniforms: refused", refused, "of", len(x), "own samples; unchecked, all have density", mixture(False).log_prob(x).exp().unique().tolist())
assert refused == 100 and torch.allclose(mixture(False).log_prob(x).exp(), torch.tensor(0.5))

for classes in (10, 100):
    logits, temperature = torch.randn(classes), torch.tensor(0.1)
    p = RelaxedOneHotCategorical(temperature, logits=logits)
    x = p.sample((10_000,))
    outside = (~p.support.check(x)).sum().item()
    try:
        p.log_prob(x)
        outcome = "accepted"
    except ValueError:
        outcome = "refused"
    nan = RelaxedOneHotCategorical(temperature, logits=logits, validate_args=False).log_prob(x).isnan().sum().item()
    print(f"relaxed, {classes} classes, temperature 0.1: batch {outcome}, {outside} of 10000 outside the support; unchecked, {nan} are nan")
    assert outcome == "refused" and outside > 0 and nan > 0
END
