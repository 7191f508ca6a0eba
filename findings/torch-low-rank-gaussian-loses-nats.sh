#!/usr/bin/env bash
# torch.distributions: LowRankMultivariateNormal.log_prob in float32 is off by nats at the size of an MNIST digit.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: the class made for covariances W W' + D to be at least as accurate in float32 as its
# parameters: a relative error near 1e-6, so about 0.01 nats of 2400. The structure avoids the ill-conditioned 784 x 784
# matrix.
#
# What happens: the Mahalanobis distance is a difference of two numbers that are larger by the signal-to-noise ratio.
# With 784 pixels, 10 factors and a noise variance of 1e-4, the model's own samples get log-densities that are wrong by
# nats on average and by tens of nats in the worst case. The same distance as a sum of two squares, |x - W y|^2 / d +
# |y|^2 with y the posterior mean, is right to 0.01 nats in the same float32. Probabilistic PCA, factor analysis and
# low-rank posteriors meet this.
#
# Seen:
#     noise variance 0.01: off by up to 0.47 nats, 0.07 on average; sum of squares: below 0.01
#     noise variance 0.001: off by up to 4.8 nats, 0.7 on average; sum of squares: below 0.01
#     noise variance 0.0001: off by up to 47 nats, 7 on average; sum of squares: below 0.01
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import math

import torch
from torch.distributions import LowRankMultivariateNormal

pixels, factors = 784, 10
worst = {}
for noise in (1e-2, 1e-3, 1e-4):
    torch.manual_seed(0)
    W, d = torch.randn(pixels, factors), torch.full((pixels,), noise)
    model = LowRankMultivariateNormal(torch.zeros(pixels), W, d)
    x = model.sample((1000,))
    exact = LowRankMultivariateNormal(torch.zeros(pixels).double(), W.double(), d.double()).log_prob(x.double())
    y = torch.linalg.solve(W.T @ W + noise * torch.eye(factors), W.T @ x.T).T
    distance = (x - y @ W.T).square().sum(1) / noise + y.square().sum(1)
    volume = torch.logdet(torch.eye(factors) + W.T @ W / noise) + d.log().sum()
    stable = -0.5 * (pixels * math.log(2 * math.pi) + volume + distance)
    error, other = (model.log_prob(x) - exact).abs(), (stable - exact).abs()
    worst[noise] = error.max().item(), error.mean().item(), other.max().item()
    print("noise variance {:g}: off by up to {:.2g} nats, {:.1g} on average; sum of squares: {}".format(
        noise, *worst[noise][:2], "below 0.01" if worst[noise][2] < 0.01 else worst[noise][2]))
assert worst[1e-4][0] > 5 and worst[1e-4][1] > 1
assert all(row[2] < 0.01 for row in worst.values())
END
