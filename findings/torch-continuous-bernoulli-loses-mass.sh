#!/usr/bin/env bash
# torch.distributions: ContinuousBernoulli(logits=...) is no density beyond a logit of 16, nor is its variance one near 0.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: the density of Loaiza-Ganem and Cunningham (2019): it integrates to 1 for every logit,
# log_prob included; samples follow it; near probability 1/2 the moments are those of the uniform distribution; and its
# divergence from Uniform(0, 1), minus its entropy, is finite.
#
# What happens: the normalizer, the mean and the samples use a probability clamped to 1 - 1.2e-7, log_prob's other half
# the logit itself. In float32 the density integrates to 0.80 at a logit of 20 and 0.16 at 100, so a decoder that is
# sure is punished for it, and its mean stops at 0.937. Just outside the interval in which a Taylor series is used,
# cancellation leaves a variance off by factors (0.017 at p = 0.502, where it is 0.083). The divergence from Uniform(0,
# 1) is inf.
#
# Seen:
#     logit   5: the density integrates to 1.000, mean 0.807 (exact 0.807)
#     logit  20: the density integrates to 0.797, mean 0.937 (exact 0.950)
#     logit 100: the density integrates to 0.159, mean 0.937 (exact 0.990)
#     p = 0.5009: variance 0.0833, of a million samples 0.0833
#     p = 0.502: variance 0.0166, of a million samples 0.0834
#     p = 0.51: variance 0.0823, of a million samples 0.0834
#     divergence from Uniform(0, 1): inf; minus the entropy: 0.0294
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
from torch.distributions import ContinuousBernoulli, Uniform, kl_divergence

x = torch.linspace(0, 1, 200001)
mass, mean = {}, {}
for logit in (5.0, 20.0, 100.0):
    p = ContinuousBernoulli(logits=torch.tensor(logit))
    mass[logit] = torch.trapezoid(p.log_prob(x).double().exp(), x.double()).item()
    mean[logit] = p.mean.item()
    exact = 1 / (1 - torch.exp(torch.tensor(-logit).double())).item() - 1 / logit
    print(f"logit {logit:3.0f}: the density integrates to {mass[logit]:.3f}, mean {mean[logit]:.3f} (exact {exact:.3f})")
assert abs(mass[5.0] - 1) < 1e-3 and abs(mass[20.0] - 0.797) < 0.01 and abs(mass[100.0] - 0.159) < 0.01
assert mean[20.0] == mean[100.0] < 0.94

torch.manual_seed(0)
variance = {}
for p in (0.5009, 0.502, 0.51):
    q = ContinuousBernoulli(probs=torch.tensor(p))
    variance[p] = q.variance.item()
    print(f"p = {p}: variance {variance[p]:.4f}, of a million samples {q.sample((1_000_000,)).var():.4f}")
assert abs(variance[0.5009] - 1 / 12) < 1e-3 and abs(variance[0.502] - 1 / 12) > 0.01

q = ContinuousBernoulli(probs=torch.tensor(0.3))
kl = kl_divergence(q, Uniform(0.0, 1.0)).item()
print(f"divergence from Uniform(0, 1): {kl}; minus the entropy: {-q.entropy().item():.4f}")
assert kl == float("inf") and abs(-q.entropy().item() - 0.0294) < 1e-3
END
