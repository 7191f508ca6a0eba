#!/usr/bin/env bash
# safetensors.torch: a conjugated tensor is saved without the conjugation.
#
# Packages: torch 2.13.0, numpy 2.4.6, safetensors 0.8.0 (Python 3.11, Linux, CPU).
#
# A careful expert expects: a tensor to come back equal from save and load, or to be refused, as are non-contiguous and
# sparse ones.
#
# What happens: x.conj() is a view with a flag, and so is the negative view that imaginary parts are built from. Both
# pass the check for contiguity, the bytes below the flag are written, and what comes back is x (or minus the tensor).
# torch.save keeps the flag. A spectrum, a steerable filter or a Fourier feature that was conjugated last loads with the
# wrong sign.
#
# Seen:
#     saved  [(7-0j), (-2-3j), (-3-0j)]
#     loaded [(7+0j), (-2+3j), (-3+0j)]
#     right after resolve_conj(): True - right with torch.save: True
#     an imaginary part: [-2.0] comes back as [2.0]
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
from safetensors.torch import load, save

spectrum = torch.fft.rfft(torch.tensor([0.0, 1.0, 2.0, 4.0])).conj()
loaded = load(save({"spectrum": spectrum}))["spectrum"]
print("saved ", spectrum.resolve_conj().tolist())
print("loaded", loaded.tolist())
assert spectrum.is_contiguous() and spectrum.is_conj()
assert torch.equal(loaded, spectrum.conj()) and not torch.equal(loaded, spectrum)

resolved = load(save({"spectrum": spectrum.resolve_conj()}))["spectrum"]
file = io.BytesIO()
torch.save(spectrum, file)
file.seek(0)
print("right after resolve_conj():", torch.equal(resolved, spectrum), "- right with torch.save:", torch.equal(torch.load(file), spectrum))
assert torch.equal(resolved, spectrum)

phase = torch.tensor([1 + 2j]).conj().imag
back = load(save({"phase": phase}))["phase"]
print("an imaginary part:", phase.tolist(), "comes back as", back.tolist())
assert phase.is_neg() and torch.equal(back, -phase)
END
