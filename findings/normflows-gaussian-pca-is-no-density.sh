#!/usr/bin/env bash
# normflows: GaussianPCA is not the density of probabilistic PCA, nor of its own samples.
#
# Packages: normflows 1.7.3, torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: GaussianPCA(dim, latent_dim, sigma) to be the Gaussian N(loc, W'W + sigma^2 I): log_prob is
# that of MultivariateNormal, and samples have that covariance.
#
# What happens: log_prob adds dim/2 log(2 pi) instead of subtracting it, and subtracts half the determinant instead of
# half its logarithm. The density does not integrate to 1; the wrong term depends on the parameters, so that maximum
# likelihood goes to another sigma. Samples come without the noise, on the latent plane itself.
#
# Seen:
#     integral over the plane: 12.908; of N(0, W'W + sigma^2 I): 1.000
#     samples scatter around the latent line by 0.000 instead of 0.300
#     data of noise 0.2: likeliest sigma 0.30; by MultivariateNormal 0.20
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet normflows==1.7.3 torch==2.13.0 numpy==2.4.6
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import torch
from normflows.distributions import GaussianPCA
from torch.distributions import MultivariateNormal

torch.manual_seed(0)
base = GaussianPCA(2, latent_dim=1, sigma=0.3).double()
with torch.no_grad():
    base.W.copy_(torch.tensor([[1.0, 0.5]]))
covariance = (base.W.T @ base.W + 0.09 * torch.eye(2)).detach()
right = MultivariateNormal(torch.zeros(2).double(), covariance)
line = torch.linspace(-8, 8, 801).double()
grid = torch.cartesian_prod(line, line)
cell = (line[1] - line[0]) ** 2
mass = [(p.log_prob(grid).exp().sum() * cell).item() for p in (base, right)]
print("integral over the plane: {:.3f}; of N(0, W'W + sigma^2 I): {:.3f}".format(*mass))
assert abs(mass[0] - 1) > 0.5 and abs(mass[1] - 1) < 1e-3

x, _ = base(10_000)
off = (x @ torch.tensor([-0.5, 1.0]).double() / 1.25**0.5).std().item()
print(f"samples scatter around the latent line by {off:.3f} instead of 0.300")
assert off < 1e-6

x = 0.2 * torch.randn(10_000, 2).double() + torch.randn(10_000, 1).double() @ torch.tensor([[2.0, 1.0]]).double()
sigmas = torch.linspace(0.05, 0.95, 91).double()
with torch.no_grad():
    base.W.copy_(torch.tensor([[2.0, 1.0]]))
    scores = []
    for sigma in sigmas:
        base.log_sigma.copy_(sigma.log())
        cov = base.W.T @ base.W + sigma**2 * torch.eye(2)
        scores.append([base.log_prob(x).mean(), MultivariateNormal(torch.zeros(2).double(), cov).log_prob(x).mean()])
best = [sigmas[i].item() for i in torch.tensor(scores).argmax(0)]
print("data of noise 0.2: likeliest sigma {:.2f}; by MultivariateNormal {:.2f}".format(*best))
assert abs(best[1] - 0.2) < 0.02 and abs(best[0] - best[1]) > 0.05
END
