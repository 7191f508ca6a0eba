"""The price of a pixel: sampling with and without remembered maps, and the diagonal LSTM's training step beside a loop over pixels.

    python benchmarks/pixel_speed.py [--rounds 3]

Sampling: 64 binary images of several sizes by the PixelCNN (7 blocks, h = 16), and of 14 x 14 by the other kinds, from the same
random numbers: `complete` as it is, and with cached=False, which computes the maps of the whole image for every pixel. Both give
the same images, which is checked. Training: one step of the Diagonal BiLSTM (one block, h = 16, 28 x 28, batches of 16, the
paper's, and of 64), beside the same step with autograd through a loop over single pixels; the same of the block alone, without
the convolutions that both have in common; and beside the matrix products of a step. Medians of rounds in shuffled order, on
random weights. Results go to benchmarks/results/pixel_speed.json.
"""

import argparse
import statistics
import time

import torch
from record import in_rounds, made, ratio, save
from throughput import matrix_rate

from lecturekit.exact import PixelRNN, pixelrnn
from lecturekit.exact.scan import FROM_RIGHT, cell

N = 64
SIZES = [("pixelcnn", size) for size in (7, 10, 14, 20, 28)]
SIZES += [(kind, 14) for kind in ("gated-pixelcnn", "row-lstm", "diagonal-bilstm")]


def timed(run) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def sampled(kind: str, size: int, rounds: int) -> dict:
    torch.manual_seed(0)
    model = PixelRNN((1, size, size), 2, kind, layers=7, hidden=16)
    nothing = torch.zeros(N, 1, size, size, dtype=torch.bool)
    images = {}

    def draw_levels(cached):
        torch.manual_seed(1)
        images[cached] = model.complete(nothing, nothing, cached=cached)

    times = in_rounds(
        {cached: lambda cached=cached: timed(lambda: draw_levels(cached)) for cached in (True, False)}, rounds
    )
    if not torch.equal(images[True], images[False]):
        raise SystemExit(f"{kind}, {size} x {size}: the two ways drew different images")
    return {
        "kind": kind,
        "size": size,
        "naive_over_cached": round(ratio(times[False], times[True]), 1),
        "cached_seconds": round(statistics.median(times[True]), 3),
    }


def pixel_by_pixel(gates, weight, sweep):
    """`scan`, one pixel of every image after another."""
    height, width = gates.shape[2:]
    nothing, h, c = gates.new_zeros(len(gates), weight.shape[1]), {}, {}
    for i in range(height):
        for j in reversed(range(width)) if sweep is FROM_RIGHT else range(width):
            around = [(i + a, j + b) for a, b in sweep.neighbours]
            seen = torch.cat([h.get(p, nothing) for p in around], dim=1)
            arriving = torch.addmm(gates[:, :, i, j], seen, weight.flatten(0, 1))
            h[i, j], c[i, j] = cell(arriving, c.get(around[sweep.cache], nothing))
    return torch.stack([h[i, j] for i in range(height) for j in range(width)], -1).unflatten(-1, (height, width))


def trained(batch: int, rounds: int) -> dict:
    torch.manual_seed(0)
    hidden, size = 16, 28
    model = PixelRNN((1, size, size), 2, "diagonal-bilstm", layers=1, hidden=hidden)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x = torch.randint(2, (batch, 1, size, size))
    block, features = model.stack.blocks[0], torch.randn(batch, 2 * hidden, size, size)
    diagonals = pixelrnn.scan

    def step(scan):
        pixelrnn.scan = scan
        optimizer.zero_grad()
        (-model.log_prob(x).mean()).backward()
        optimizer.step()
        pixelrnn.scan = diagonals

    def block_alone(scan):
        pixelrnn.scan = scan
        block(features, x.float()).sum().backward()
        pixelrnn.scan = diagonals

    pixels = batch * size * size
    products = [(pixels, 28, 2 * hidden, "weights"), (pixels, hidden, 2 * hidden, "both")]
    products += [(pixels, 2 * hidden, 4 * hidden, "both")] * 4  # two sweeps: input to state, state to state
    products += [(pixels, 2 * hidden, 2 * hidden, "both"), (pixels, 2 * hidden, 2, "both")]
    limits = []
    times = in_rounds(
        {
            (run, scan): lambda run=run, scan=scan: timed(lambda: run(scan))
            for run in (step, block_alone)
            for scan in (diagonals, pixel_by_pixel)
        },
        rounds,
        after=lambda: limits.append(1 / matrix_rate(products, torch.float32)),
    )
    return {
        "batch": batch,
        "loop_over_diagonals": round(ratio(times[step, pixel_by_pixel], times[step, diagonals]), 1),
        "the_same_of_the_block_alone": round(
            ratio(times[block_alone, pixel_by_pixel], times[block_alone, diagonals]), 1
        ),
        "share_of_matrix_limit": round(ratio(limits, times[step, diagonals]), 2),
        "step_seconds": round(statistics.median(times[step, diagonals]), 3),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    result = made() | {"images": N, "training": [], "sampling": []}
    for batch in (16, N):
        result["training"].append(trained(batch, options.rounds))
        print(result["training"][-1], flush=True)
    for kind, size in SIZES:
        result["sampling"].append(sampled(kind, size, options.rounds))
        print(result["sampling"][-1], flush=True)
    save("pixel_speed", result)


if __name__ == "__main__":
    main()
