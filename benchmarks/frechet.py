"""The Fréchet distance beside torch-fidelity's, on the same features: do they agree, and which takes longer?

    python benchmarks/frechet.py [--rounds 7]

2500 of mnist-5k's images against the other 2500, as they are ("near") and with noise ("far"): the 128 features of
digits-and-clothes-1, and 2048, as many as Inception has, by one random ReLU layer on top. torch-fidelity's two functions, from
features to statistics and from those to the distance, against `frechet_distance`. Shuffled rounds of one run; the ratio is the
median of those within a round. Needs torch-fidelity: pip install -e '.[bench]'. Results go to benchmarks/results/frechet.json.
"""

import argparse
import random
import statistics
import time

import torch
from record import made, save
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from lecturekit import data
from lecturekit.evaluate import frechet_distance, network

NETWORK = "digits-and-clothes-1"


def reference(a, b):
    return fid_statistics_to_metric(*map(fid_features_to_statistics, (a, b)), verbose=False)[KEY_METRIC_FID]


def timed(function, *arguments):
    started = time.perf_counter()
    value = function(*arguments)
    return value, time.perf_counter() - started


def measured(near, far, rounds):
    """near, far: pairs of features (n, d)."""
    ours, theirs = frechet_distance(*near), reference(*near)
    row = {
        "features": list(near[0].shape),
        "near": {"lecturekit": ours, "torch_fidelity": theirs, "relative_difference": abs(ours / theirs - 1)},
    }
    ratios = []
    for _ in range(rounds):
        found = {f: timed(f, *far) for f in random.sample([frechet_distance, reference], 2)}
        (ours, seconds), (theirs, their_seconds) = found[frechet_distance], found[reference]
        ratios.append(seconds / their_seconds)
    row["far"] = {"lecturekit": ours, "torch_fidelity": theirs, "relative_difference": abs(ours / theirs - 1)}
    row["time_over_torch_fidelity"] = round(statistics.median(ratios), 2)
    row["lowest_and_highest_of_rounds"] = [round(min(ratios), 2), round(max(ratios), 2)]
    print(row, flush=True)
    return row


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=7)
    options = arguments.parse_args()
    digits = data.load("mnist-5k")
    images = torch.cat([part.tensors()[0] for part in (digits.train, digits.valid, digits.test)])
    one, other = images.chunk(2)
    torch.manual_seed(0)
    noisy = (other + 0.2 * torch.randn_like(other)).clamp(0, 1)
    net = network(NETWORK)
    small = [net(x)[0] for x in (one, other, noisy)]
    layer = torch.randn(small[0].shape[1], 2048)
    large = [(x @ layer).relu() for x in small]
    rows = [measured((a, b), (a, c), options.rounds) for a, b, c in (small, large)]
    save("frechet", {"network": NETWORK, "rounds": options.rounds, "rows": rows} | made())


if __name__ == "__main__":
    main()
