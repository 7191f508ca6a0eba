#!/usr/bin/env bash
# safetensors.numpy with scikit-learn: components of a PCA come back from the file in another order.
#
# Packages: safetensors 0.8.0, numpy 2.4.6, scikit-learn 1.9.1 (Python 3.11, Linux, CPU).
#
# A careful expert expects: to get back what was saved, or an error: safetensors.torch refuses tensors that are not
# contiguous.
#
# What happens: save writes the array's memory as it lies, together with the logical shape. An array in Fortran order,
# which is what scikit-learn's PCA(svd_solver='full').components_ is, loads with its numbers rearranged: same shape,
# dtype and sum, another matrix, and no error at either end. So does every transposed array. The docstring asks for
# contiguous arrays, and NumPy calls a Fortran-ordered one contiguous as well.
#
# Seen:
#     in Fortran order: True - same shape: True - same sum: True - same matrix: False
#     variance explained: 0.54 before, 0.09 after
#     [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] comes back as [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
#
# Exits with 0 as long as this is so, and with another status when it changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6 scikit-learn==1.9.1
cd "$folder"

OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'END'
import numpy as np
from safetensors.numpy import load, save
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

x = load_digits().data
pca = PCA(svd_solver="full", n_components=5).fit(x)
saved = pca.components_
loaded = load(save({"components": saved}))["components"]
print("in Fortran order:", saved.flags.f_contiguous, "- same shape:", loaded.shape == saved.shape, "- same sum:", bool(np.isclose(loaded.sum(), saved.sum())),
      "- same matrix:", np.array_equal(loaded, saved))
assert loaded.shape == saved.shape and not np.array_equal(loaded, saved)
explained = [float(((x - pca.mean_) @ c.T).var(0).sum() / x.var(0).sum()) for c in (saved, loaded)]
print("variance explained: {:.2f} before, {:.2f} after".format(*explained))
assert explained[0] - explained[1] > 0.1

weights = np.arange(6.0).reshape(2, 3).T
print(weights.tolist(), "comes back as", load(save({"weights": weights}))["weights"].tolist())
assert np.array_equal(load(save({"weights": np.ascontiguousarray(weights)}))["weights"], weights)
assert not np.array_equal(load(save({"weights": weights}))["weights"], weights)
END
