"""Modes covered: four games on a ring of eight Gaussians, ten seeds each, as they come out.

    python benchmarks/modes.py [--games minimax non-saturating wgan wgan-gp] [--rates falling steady]
                               [--seeds 0 1 2 3 4 5 6 7 8 9]

A mode counts as covered if at least 1 % of 2500 samples lie within 3 standard deviations of it; `near` is the share of
samples that lie so near to any mode. The same nets everywhere (2-128-128-2 and 2-128-128-1), batches of 256 fresh points,
the same number of generator's steps, once at rates that fall to 0 along half a cosine and once at steady ones. The saturating
and the non-saturating game, and WGAN-GP, play with Adam at 1e-3 and betas (0.5, 0.9); WGAN-GP weighs its penalty by 0.1, as
the authors' code does for points in the plane; WGAN clips at 0.1 and plays with RMSProp at 1e-3 (published: 0.01 and 5e-5,
for images and long trainings). The ring is that of [1]: radius 2, scale 0.02. Results go to benchmarks/results/modes.json.

[1] Metz, Poole, Pfau, Sohl-Dickstein (2017). Unrolled Generative Adversarial Networks. arXiv:1611.02163
"""

import argparse
import itertools
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


def falling(model):
    """The same game at rates that fall to 0."""
    players = model.players
    model.players = lambda: [replace(p, schedule=cosine) for p in players()]
    return model


RATES = {"falling": falling, "steady": lambda model: model}

GAMES = {
    "minimax": lambda: GAN((2,), latent=2, game="minimax", hidden=128, optimizer=adam),
    "non-saturating": lambda: GAN((2,), latent=2, hidden=128, optimizer=adam),
    "wgan": lambda: WGAN((2,), latent=2, hidden=128, penalty=None, clip=0.1, optimizer=rmsprop),
    "wgan-gp": lambda: WGAN((2,), latent=2, hidden=128, penalty=0.1, optimizer=adam),
}


def played(game: str, rates: str, seed: int, steps: int) -> dict:
    torch.manual_seed(seed)
    model = RATES[rates](GAMES[game]())
    points = RING.sample((50_000,)).float()
    rounds = 256 * steps * model.turns / len(points)
    history = finished(fit(model, points, epochs=rounds, batch_size=256, seed=seed, progress=False))
    torch.manual_seed(seed)
    found = modes_covered(model.sample(2500), RING.centres.float(), SCALE)
    return {
        "game": game,
        "rates": rates,
        "seed": seed,
        "covered": found.covered,
        "near": round(found.near, 3),
        "steps": steps,
        "training_seconds": round(history.seconds, 1),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--games", nargs="+", default=list(GAMES), choices=GAMES)
    arguments.add_argument("--rates", nargs="+", default=list(RATES), choices=RATES)
    arguments.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    arguments.add_argument("--steps", type=int, default=2000, help="of the generator")
    options = arguments.parse_args()
    for seed, rates, game in itertools.product(options.seeds, options.rates, options.games):
        row = played(game, rates, seed, options.steps)
        print(row, flush=True)
        others = (load("modes") or {"rows": []})["rows"]
        others = [r for r in others if (r["game"], r["rates"], r["seed"]) != (game, rates, seed)]
        save("modes", made() | {"rows": [*others, row]})


if __name__ == "__main__":
    main()
