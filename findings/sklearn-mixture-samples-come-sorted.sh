#!/usr/bin/env bash
# scikit-learn: GaussianMixture.sample returns its samples sorted by component.
#
# Packages: scikit-learn 1.9.1, numpy 2.4.6 (Python 3.11, Linux, CPU).
#
# A careful expert expects: independent samples in a random order: the first half of 1000 samples is as good a sample as
# the whole, which is so for KernelDensity.sample of the same library.
#
# What happens: the samples come component by component. The first half of them covers some modes only, and a split into
# training and test parts by slices, a plot of the first few, or a minibatch made of neighbours sees another
# distribution. A count of modes covered by the first n samples is wrong for every n but the last.
#
# Seen:
#     labels in order: True
#     mixture: modes in the first half 5, in the second 4, in all 8
#     kernel density: modes in the first half 8, in the second 8, in all 8
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

rng = np.random.default_rng(0)
centres = np.arange(8) * 10.0
x = (rng.normal(size=(100, 8)) + centres).reshape(-1, 1)
mixture = GaussianMixture(8, random_state=0, means_init=centres[:, None]).fit(x)
points, labels = mixture.sample(1000)
print("labels in order:", bool((np.diff(labels) >= 0).all()))
assert (np.diff(labels) >= 0).all()
modes = {}
for name, sample in (("mixture", points), ("kernel density", KernelDensity(bandwidth=0.5).fit(x).sample(1000, random_state=0))):
    modes[name] = [len(np.unique(np.round(part / 10).clip(0, 7))) for part in (sample[:500], sample[500:], sample)]
    print(f"{name}: modes in the first half {modes[name][0]}, in the second {modes[name][1]}, in all {modes[name][2]}")
assert modes["kernel density"] == [8, 8, 8]
assert modes["mixture"][2] == 8 and max(modes["mixture"][:2]) < 8
END
