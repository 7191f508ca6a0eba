#!/usr/bin/env bash
# torch.nn.utils: two models filled from one vector share their weights from then on.
#
# Packages: torch 2.13.0, numpy 2.4.6, safetensors 0.8.0 (Python 3.11, Linux, CPU).
#
# A careful expert expects: parameters_to_vector copies, so its inverse copies too: vector_to_parameters(v,
# model.parameters()) sets the values and leaves v and the model apart.
#
# What happens: each parameter becomes a view into v. A training step of the model changes v; a second model filled from
# the same v (an average, a teacher, a restart) is trained along with the first; and torch.save of a single weight
# writes the memory of all of them.
#
# Seen:
#     the student made a step; the teacher's output went from -0.3855 to -0.5450, the vector moved by 0.1000
#     bytes of a saved bias of one number: less than 3000: True; afterwards more than 40000: True
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6 safetensors==0.8.0
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import io

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

torch.manual_seed(0)
student, teacher = (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)) for _ in range(2))
start = parameters_to_vector(student.parameters()).detach()
kept = start.clone()
assert start.data_ptr() != student[0].weight.data_ptr()
for net in (student, teacher):
    vector_to_parameters(start, net.parameters())
before = teacher(torch.ones(1, 2)).item()
sgd = torch.optim.SGD(student.parameters(), lr=0.1)
student(torch.ones(1, 2)).sum().backward()
sgd.step()
after = teacher(torch.ones(1, 2)).item()
print(f"the student made a step; the teacher's output went from {before:.4f} to {after:.4f}, the vector moved by {(start - kept).abs().max():.4f}")
assert abs(after - before) > 1e-3 and (start - kept).abs().max() > 1e-3
assert student[0].weight.untyped_storage().data_ptr() == teacher[1].bias.untyped_storage().data_ptr()

big = nn.Sequential(nn.Linear(100, 100), nn.Linear(100, 1))
sizes = []
for _ in range(2):
    file = io.BytesIO()
    torch.save(big[1].bias.data, file)
    sizes.append(len(file.getvalue()))
    vector_to_parameters(parameters_to_vector(big.parameters()).detach(), big.parameters())
print(f"bytes of a saved bias of one number: less than 3000: {sizes[0] < 3000}; afterwards more than 40000: {sizes[1] > 40000}")
assert sizes[0] < 3000 and sizes[1] > 40000
END
