#!/usr/bin/env bash
# torch.nn.utils.parametrizations.spectral_norm: looking at a weight changes it.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: one power iteration per training forward, as in the paper (Miyato et al. 2018), and no
# effect from reading layer.weight, or its shape, to log or print it.
#
# What happens: the iteration runs whenever the attribute is read in train mode, also under no_grad and for the shape
# alone. Two reads in a row give two weights, the critic's pass over real images uses another weight than its pass over
# fakes, and a run that logs weight norms is another run than one that does not. Reading one parameter of a seeded model
# changes its output and what a checkpoint holds.
#
# Seen:
#     two reads in a row differ by 0.0009; their largest singular values are 1.034 and 1.025
#     reading .weight.shape changed, in the state_dict: parametrizations.weight.0._u, parametrizations.weight.0._v
#     the same input twice in train mode: outputs differ by 0.009; in eval mode reads agree
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import copy

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

torch.manual_seed(0)
layer = spectral_norm(nn.Linear(64, 64)).train()
watched = copy.deepcopy(layer)
with torch.no_grad():
    first, second = layer.weight, layer.weight
print(f"two reads in a row differ by {(first - second).abs().max():.1g}; their largest singular values are "
      f"{torch.linalg.matrix_norm(first, 2):.3f} and {torch.linalg.matrix_norm(second, 2):.3f}")
assert not torch.equal(first, second)

before = {name: value.clone() for name, value in watched.state_dict().items()}
watched.weight.shape
moved = [name for name, value in watched.state_dict().items() if not torch.equal(value, before[name])]
print("reading .weight.shape changed, in the state_dict:", ", ".join(moved))
assert moved == ["parametrizations.weight.0._u", "parametrizations.weight.0._v"]

layer.eval()
assert torch.equal(layer.weight, layer.weight)
x = torch.ones(1, 64)
layer.train()
with torch.no_grad():
    real, fake = layer(x), layer(x)
print(f"the same input twice in train mode: outputs differ by {(real - fake).abs().max():.1g}; in eval mode reads agree")
assert not torch.equal(real, fake)
END
