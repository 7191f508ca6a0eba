"""Modes covered: four games on a ring of eight Gaussians, ten seeds each, as they come out.

    python benchmarks/modes.py [--games minimax non-saturating wgan wgan-gp] [--seeds 0 1 2 3 4 5 6 7 8 9]

A mode counts as covered if at least 1 % of 2500 samples lie within 3 standard deviations of it; `near` is the share of
samples that lie so near to any mode. The same nets everywhere (2-128-128-2 and 2-128-128-1), batches of 256 fresh points,
the same number of generator's steps, rates that fall to 0 along half a cosine: with steady ones WGAN-GP goes on jumping, and
covered all eight modes with four seeds of ten. The saturating and the non-saturating game, and WGAN-GP, play with Adam at
1e-3 and betas (0.5, 0.9); WGAN-GP weighs its penalty by 0.1, as the authors' code does for points in the plane; WGAN clips
at 0.1 and plays with RMSProp at 1e-3 (published: 0.01 and 5e-5, for images and long trainings). The ring is that of [1]:
radius 2, scale 0.02. Results go to benchmarks/results/modes.json.

[1] Metz, Poole, Pfau, Sohl-Dickstein (2017). Unrolled Generative Adversarial Networks. arXiv:1611.02163
"""

import argparse
from dataclasses import replace

import torch
from record import cosine, finished, load, made, save
from torch.optim import Adam, RMSprop

from lecturekit import fit
from lecturekit.adversarial import GAN, WGAN
from lecturekit.data import toy2d
from lecturekit.evaluate import modes_covered

SCALE = 0.02
RING = toy2d.ring_of_gaussians(SCALE, radius=2.0)  # [1]


def adam(parameters):
    return Adam(parameters, lr=1e-3, betas=(0.5, 0.9), fused=True)


def rmsprop(parameters):
    return RMSprop(parameters, lr=1e-3)


class Falling:
    """Rates that fall to 0, for any game."""

    def players(self):
        return [replace(p, schedule=cosine) for p in super().players()]


class FallingGAN(Falling, GAN):
    pass


class FallingWGAN(Falling, WGAN):
    pass


GAMES = {
    "minimax": lambda: FallingGAN((2,), latent=2, game="minimax", hidden=128, optimizer=adam),
    "non-saturating": lambda: FallingGAN((2,), latent=2, hidden=128, optimizer=adam),
    "wgan": lambda: FallingWGAN((2,), latent=2, hidden=128, penalty=None, clip=0.1, optimizer=rmsprop),
    "wgan-gp": lambda: FallingWGAN((2,), latent=2, hidden=128, penalty=0.1, optimizer=adam),
}


def played(game: str, seed: int, steps: int) -> dict:
    torch.manual_seed(seed)
    model = GAMES[game]()
    points = RING.sample((50_000,)).float()
    rounds = 256 * steps * model.turns / len(points)
    history = finished(fit(model, points, epochs=rounds, batch_size=256, seed=seed, progress=False))
    torch.manual_seed(seed)
    found = modes_covered(model.sample(2500), RING.centres.float(), SCALE)
    return {
        "game": game,
        "seed": seed,
        "covered": found.covered,
        "near": round(found.near, 3),
        "steps": steps,
        "training_seconds": round(history.seconds, 1),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--games", nargs="+", default=list(GAMES), choices=GAMES)
    arguments.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    arguments.add_argument("--steps", type=int, default=2000, help="of the generator")
    options = arguments.parse_args()
    for seed in options.seeds:
        for game in options.games:
            row = played(game, seed, options.steps)
            print(row, flush=True)
            rows = [r for r in (load("modes") or {"rows": []})["rows"] if (r["game"], r["seed"]) != (game, seed)]
            save("modes", made() | {"rows": [*rows, row]})


if __name__ == "__main__":
    main()
