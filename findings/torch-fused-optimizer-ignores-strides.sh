#!/usr/bin/env bash
# torch.optim: with fused=True on the CPU, elements are updated with other elements' gradients when strides differ.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: fused=True to change rounding at most: an optimizer works element by element, whatever the
# memory layout of parameter, gradient and state.
#
# What happens: the fused CPU kernels walk through the memory of each tensor and never look at its strides. A parameter
# that is a transposed tensor (as linalg.qr and .t() give) with a row-major gradient takes each step in wrong places.
# The same befalls a convolution that is moved to channels_last after its first step: its gradients follow the new
# layout, Adam's averages keep the old one. No error, no warning.
#
# Seen:
#     SGD, fused=False: minus the gradient is [[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0]]
#     SGD, fused=True: minus the gradient is [[-1.0, -3.0, -5.0], [-2.0, -4.0, -6.0]]
#     Adam, second step after channels_last: largest change 0.10, fused differs by up to 0.14, in 61 of 72 weights
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
from torch import nn

ends = {}
for fused in (False, True):
    weight = nn.Parameter(torch.zeros(3, 2).t())
    weight.grad = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    torch.optim.SGD([weight], lr=1.0, fused=fused).step()
    ends[fused] = weight.detach()
    print(f"SGD, fused={fused}: minus the gradient is", weight.tolist())
assert torch.equal(ends[False], -weight.grad)
assert torch.equal(ends[True], torch.tensor([[-1.0, -3.0, -5.0], [-2.0, -4.0, -6.0]]))

for fused in (False, True):
    torch.manual_seed(0)
    net, x = nn.Conv2d(2, 4, 3), torch.randn(2, 2, 8, 8)
    adam = torch.optim.Adam(net.parameters(), lr=0.1, fused=fused)
    for step in range(2):
        adam.zero_grad()
        (net(x) ** 4).mean().backward()
        adam.step()
        if step == 0:
            first = net.weight.detach().clone()
            net = net.to(memory_format=torch.channels_last)
    ends[fused] = net.weight.detach() - first
    assert net.weight.grad.stride() == net.weight.stride() != adam.state[net.weight]["exp_avg"].stride()
difference = (ends[True] - ends[False]).abs()
print(f"Adam, second step after channels_last: largest change {ends[False].abs().max():.2f}, "
      f"fused differs by up to {difference.max():.2f}, in {(difference > 1e-3).sum()} of {difference.numel()} weights")
assert difference.max() > 0.05
END
