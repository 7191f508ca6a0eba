"""Samples of a LAPGAN, a GAN and a DCGAN after the same time of training on 4 000 digits.

    python benchmarks/lapgan.py [--passes 6 20 40] [--seeds 0 1 2 3 4] [--width 16] [--hidden 512] [--rate 2e-3]

The LAPGAN's levels join one after the other, as in chapter 34: the coarsest players alone for the last of the passes over
mnist-5k, then those of two levels, then all. The others get as many passes as fit into the processor's seconds that it
took. The rate is Adam's for LAPGAN's convolutions; DCGAN takes half of it, dense nets a quarter. The Fréchet distance of
4 000 samples to the 4 000 training images, by our network "digits-and-clothes-1", and the Parzen log-likelihood of 500
held-out digits. Results go to benchmarks/results/lapgan.json.
"""

import argparse
import time
from dataclasses import asdict

import torch
from record import add, finished, made
from torch.optim import Adam

from lecturekit import data, fit
from lecturekit.adversarial import DCGAN, GAN, LAPGAN
from lecturekit.adversarial.lapgan import images
from lecturekit.evaluate import Features, network, parzen_bandwidth, parzen_log_likelihood


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--passes", type=float, nargs=3, default=[6, 20, 40])
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    arguments.add_argument("--width", type=int, default=16)
    arguments.add_argument("--hidden", type=int, default=512)
    arguments.add_argument("--rate", type=float, default=2e-3)
    options = arguments.parse_args()
    signed = data.load("mnist-5k", view="signed")
    x, valid, test = (part.tensors(seed=0)[0] for part in (signed.train, signed.valid, signed.test))
    net, unit = network("digits-and-clothes-1"), lambda images: (images.clamp(-1, 1) + 1) / 2
    real, sizes = Features.of(net, unit(x), "mnist-5k train"), images(x, 3)

    def adam(rate):
        return lambda parameters: Adam(parameters, lr=rate, betas=(0.5, 0.999), fused=True)

    def pyramid(seed):
        torch.manual_seed(seed)
        model = LAPGAN(width=options.width, hidden=options.hidden, optimizer=adam(options.rate))
        model.stages[-1].optimizer = adam(options.rate / 4)
        for k in (2, 1, 0):
            part = LAPGAN(sizes[k].shape[1:], levels=3 - k)
            part.stages = model.stages[k:]
            finished(fit(part, sizes[k], epochs=options.passes[k], batch_size=32, seed=seed))
        return model

    def single(make, seed, epochs):
        torch.manual_seed(seed)
        model = make()
        finished(fit(model, x, epochs=epochs, batch_size=32, seed=seed))
        return model

    def timed(train, *of):
        begun = time.process_time()
        return train(*of), time.process_time() - begun

    def scores(model, name, seed):
        torch.manual_seed(seed)
        samples = unit(model.sample(4000))
        bandwidth = parzen_bandwidth(samples, unit(valid), torch.logspace(-1.5, 0.5, 21).tolist())
        parzen = parzen_log_likelihood(samples, unit(test), bandwidth, source=name, reference="mnist-5k test")
        frechet = Features.of(net, samples, name).frechet_distance(real)
        return {"frechet": asdict(frechet), "parzen": asdict(parzen)}

    rivals = {
        "GAN": lambda: GAN(optimizer=adam(options.rate / 4)),
        "DCGAN": lambda: DCGAN(width=options.width, optimizer=adam(options.rate / 2)),
    }
    for seed in options.seeds:
        model, pace = timed(pyramid, seed)
        row = {"seed": seed, "LAPGAN": scores(model, "LAPGAN", seed) | {"passes": options.passes, "seconds": pace}}
        for name, make in rivals.items():
            single(make, seed, 0.1)  # to warm up
            _, trial = timed(single, make, seed, 1)
            model, seconds = timed(single, make, seed, pace / trial)
            row[name] = scores(model, name, seed) | {"passes": pace / trial, "seconds": seconds}
        settings = {"width": options.width, "hidden": options.hidden, "rate": options.rate}
        add("lapgan", row | settings | made())


if __name__ == "__main__":
    main()
