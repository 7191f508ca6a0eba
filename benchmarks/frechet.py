"""The Fréchet distance beside torch-fidelity's, on the same features: do they agree, and which takes longer?

    python benchmarks/frechet.py [--rounds 7]

2500 of mnist-5k's images against the other 2500, as they are ("near") and with noise ("far"): the 128 features of
digits-and-clothes-1, and 2048, as many as Inception has, by one random ReLU layer on top. torch-fidelity's two
functions, from features to statistics and from those to the distance, against `frechet_distance`. The times are of
"far", in shuffled rounds of one run. Needs torch-fidelity: pip install -e '.[bench]'. The result goes to
benchmarks/results/frechet.json.
"""

import argparse
import time

import torch
from record import in_rounds, made, ratio, save
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from lecturekit import data
from lecturekit.evaluate import frechet_distance, network

NETWORK = "digits-and-clothes-1"


def torch_fidelity(a, b):
    return fid_statistics_to_metric(*map(fid_features_to_statistics, (a, b)), verbose=False)[KEY_METRIC_FID]


def compared(a, b):
    ours, theirs = frechet_distance(a, b), torch_fidelity(a, b)
    return {"lecturekit": ours, "torch_fidelity": theirs, "relative_difference": abs(ours / theirs - 1)}


def seconds(function, a, b):
    started = time.perf_counter()
    for _ in range(2048 // a.shape[1]):  # small tables take milliseconds
        function(a, b)
    return time.perf_counter() - started


def measured(one, other, noisy, rounds):
    """Three tables of features (n, d)."""
    times = in_rounds({f: lambda f=f: seconds(f, one, noisy) for f in (frechet_distance, torch_fidelity)}, rounds)
    ours, theirs = times[frechet_distance], times[torch_fidelity]
    row = {
        "samples": [len(one), len(other)],
        "features": one.shape[1],
        "near": compared(one, other),
        "far": compared(one, noisy),
        "time_over_torch_fidelity": round(ratio(ours, theirs), 2),
        "slowest_round": round(max(a / b for a, b in zip(ours, theirs, strict=True)), 2),
    }
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
    rows = [measured(*tables, options.rounds) for tables in (small, large)]
    save("frechet", {"network": NETWORK, "rounds": options.rounds, "rows": rows} | made())


if __name__ == "__main__":
    main()
