"""Data-parallel training: what the processes that `torchrun` started must agree on.

Every rank draws its share of one joint batch and noise of its own; after each turn the player's gradients are averaged in
one flat tensor, so that all ranks take the same step. Rank 0 decides what is decided. Without torchrun there is one rank,
and everything here does nothing.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, distributed


class Ranks:
    """This process among its peers: `rank` of `world`. The process group, if there is to be one, is the caller's.

    >>> ranks = Ranks()  # a lone process
    >>> ranks.rank, ranks.world, ranks.share(128)
    (0, 1, 128)
    """

    def __init__(self):
        together = distributed.is_available() and distributed.is_initialized()
        self.rank, self.world = (distributed.get_rank(), distributed.get_world_size()) if together else (0, 1)

    def share(self, joint: int) -> int:
        """This rank's part of a joint batch size."""
        if joint % self.world:
            raise ValueError(f"a joint batch of {joint} cannot be shared by {self.world} processes; take a multiple")
        return joint // self.world

    def seed(self, seed: int) -> int:
        """A seed of this rank's own; rank 0 has the seed itself, as a lone process does."""
        return seed if self.rank == 0 else int(np.random.SeedSequence([seed, self.rank]).generate_state(1)[0])

    def average(self, tensors: Iterable[Tensor | None]) -> None:
        """Replace the tensors by their averages over all ranks, in place, in one message."""
        tensors = [t for t in tensors if t is not None]
        if self.world == 1 or not tensors:
            return
        flat = torch.cat([t.reshape(-1) for t in tensors])
        distributed.all_reduce(flat)
        flat /= self.world
        for t, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            t.copy_(part.view_as(t))

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Give every rank the values of rank 0, in place."""
        if self.world > 1:
            for t in tensors:
                distributed.broadcast(t, 0)

    def decide(self, yes: bool, device: torch.device) -> bool:
        """Rank 0's answer, for all."""
        if self.world == 1:
            return yes
        answer = torch.tensor(float(yes), device=device)
        distributed.broadcast(answer, 0)
        return bool(answer)

    def wait(self) -> None:
        """Until all ranks are here."""
        if self.world > 1:
            distributed.barrier()
