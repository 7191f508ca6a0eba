#!/usr/bin/env bash
# torch.optim: load_state_dict keeps the tensors it is given, so a snapshot can be restored only once.
#
# Packages: torch 2.13.0, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: what Module.load_state_dict does: values are copied in, and a snapshot (a deep copy of
# state_dict()) stays as it was. Going back to the best weights twice, or starting several branches from one snapshot,
# then gives the same run each time.
#
# What happens: the optimizer adopts the snapshot's own tensors where device and dtype already fit. Its next steps
# change the snapshot in place, step counts included; the second restoration is another one. Two optimizers loaded from
# one snapshot share their averages, and each step of one moves the other's.
#
# Seen:
#     first restoration: the snapshot says step 5, five steps end in [0.0786, 0.3895, -0.3875]
#     second restoration: the snapshot says step 10, five steps end in [0.0897, 0.4006, -0.3765]
#     third restoration: the snapshot says step 15, five steps end in [0.0801, 0.391, -0.3861]
#     a step of another optimizer moved this one's average by 0.1385
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

torch.manual_seed(0)
net = nn.Linear(3, 1)
adam = torch.optim.AdamW(net.parameters(), lr=0.1)


def train(net, adam, steps):
    for _ in range(steps):
        adam.zero_grad()
        net(torch.ones(2, 3)).square().sum().backward()
        adam.step()


train(net, adam, 5)
weights, state = copy.deepcopy((net.state_dict(), adam.state_dict()))
ends = []
for go in ("first", "second", "third"):
    net.load_state_dict(weights)
    print(f"{go} restoration: the snapshot says step {state['state'][0]['step'].item():.0f},", end=" ")
    adam.load_state_dict(state)
    train(net, adam, 5)
    ends.append(net.weight.detach().clone())
    print("five steps end in", [round(v, 4) for v in net.weight[0].tolist()])
assert state["state"][0]["step"] == 20
assert (ends[0] - ends[1]).abs().max() > 1e-3

other = nn.Linear(3, 1)
twin = torch.optim.AdamW(other.parameters(), lr=0.1)
twin.load_state_dict(state)
before = adam.state[net.weight]["exp_avg"].clone()
train(other, twin, 1)
after = adam.state[net.weight]["exp_avg"]
print("a step of another optimizer moved this one's average by", round((after - before).abs().max().item(), 4))
assert (after - before).abs().max() > 1e-3
END
