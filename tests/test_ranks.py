"""Two processes on the CPU: the same weights on both, and those of one process with the joint batch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_models import MODELS
from torch import nn
from torch.optim import SGD

from lecturekit import GenerativeModel, Player, data, fit
from lecturekit.training.checkpoint import CheckpointError

DATA = torch.randn(32, 3, generator=torch.Generator().manual_seed(5))


class Game(GenerativeModel):
    """A deterministic game of two players with a freezing rule, a buffer, and a start that looks at the data."""

    event_shape = (3,)

    def __init__(self, rule=True):
        super().__init__()
        self.rule = rule
        self.a, self.b = nn.Linear(3, 2), nn.Linear(2, 3)
        self.register_buffer("seen", torch.zeros(3))

    def start(self, draw):
        self.b.bias.copy_(draw(32).x.mean(0) + torch.randn(1))  # random: rank 0 must decide

    def players(self):
        def loss(batch):
            self.seen.copy_(batch.x.mean(0))
            return {"loss": (self.b(self.a(batch.x).tanh()) - batch.x).square().mean()}

        rate = lambda ps: SGD(ps, lr=0.3)
        return [
            Player(name="a", moves=self.a, loss=loss, optimizer=rate, turns=2),
            # left to itself this rule would say different things on ranks whose batches differ
            Player(name="b", moves=self.b, loss=loss, optimizer=rate, when=lambda: not self.rule or self.seen[0] > 0),
        ]


class Mean(GenerativeModel):
    """The least there is to train on pictures, without any noise."""

    event_shape = (1, 4, 4)

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(self.event_shape))

    def loss(self, batch):
        return {"loss": (batch.x - self.mean).square().sum() / len(batch)}


def pictures(folder, in_memory):
    """The training part of a folder of 20 pictures."""
    return data.folder(folder / "pictures", size=(1, 4, 4), in_memory=in_memory, workers=1).train


def train(model, data, **options):
    return fit(model, data, **{"epochs": 4, "batch_size": 8, "progress": False, "seed": 1} | options)


def weights(model):
    return torch.cat([p.detach().flatten().double() for p in model.parameters()]).tolist()


def work(folder):
    """What each of the two processes does; each writes what it ended with."""
    torch.distributed.init_process_group("gloo")
    rank, out = torch.distributed.get_rank(), {}
    for name, (build, given) in MODELS.items():
        torch.manual_seed(rank)  # the ranks begin apart: rank 0's weights must win
        model = build()
        history = train(model, given)
        out[name] = {"weights": weights(model), "losses": next(iter(history.values()))}
    for name, rule in (("rule", True), ("no rule", False)):
        torch.manual_seed(rank)
        game = Game(rule)
        history = train(game, DATA)
        out[name] = {"weights": weights(game), "losses": history["a/loss"], "seen": game.seen.tolist()}

    streamed = Mean()
    history = train(streamed, pictures(folder, in_memory=False))
    out["from the disk"] = {"weights": weights(streamed), "losses": history["model/loss"]}

    torch.manual_seed(rank)
    train(Game(), DATA, epochs=2, checkpoint=folder / "c")
    resumed = Game()
    train(resumed, DATA, checkpoint=folder / "c", resume=True)
    out["resumed"] = {"weights": weights(resumed), "seen": resumed.seen.tolist()}
    (folder / f"rank{rank}.json").write_text(json.dumps(out))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Both ranks' results of one launch."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "pictures").mkdir()
    for i, picture in enumerate(np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)):
        Image.fromarray(picture).save(folder / "pictures" / f"{i:02}.png")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run([*command, __file__, str(folder)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder, [json.loads((folder / f"rank{r}.json").read_text()) for r in (0, 1)]


@pytest.mark.parametrize("name", [*MODELS, "rule", "no rule", "from the disk"])
def test_both_ranks_end_in_the_same_weights_and_history(outcome, name):
    first, second = (rank[name] for rank in outcome[1])
    assert first["weights"] == second["weights"] and first["losses"] == second["losses"]


def test_two_processes_are_one_with_the_joint_batch(outcome):
    torch.manual_seed(0)
    alone = Game(rule=False)  # begins, and starts, with the random numbers of rank 0
    history = train(alone, DATA)
    together = outcome[1][0]["no rule"]
    torch.testing.assert_close(together["losses"], history["a/loss"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(together["weights"], weights(alone), rtol=1e-4, atol=1e-6)


def test_pictures_on_the_disk_are_shared_like_those_in_memory(outcome):
    alone = Mean()
    history = train(alone, pictures(outcome[0], in_memory=True))
    together = outcome[1][0]["from the disk"]
    torch.testing.assert_close(together["losses"], history["model/loss"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(together["weights"], weights(alone), rtol=1e-5, atol=1e-6)


def test_noise_differs_between_ranks(outcome):
    from lecturekit.training.ranks import Ranks

    ranks = Ranks()
    own = ranks.seed(7)
    ranks.rank = 1
    assert own == 7 and ranks.seed(7) not in (7, 8)  # nor another run's
    ranks.rank = 2
    assert len({ranks.seed(7), ranks.seed(8), own}) == 3


def test_ranks_keep_their_own_buffers(outcome):
    first, second = (rank["rule"]["seen"] for rank in outcome[1])
    assert first != second  # each saw its own share of the last batch


def test_resume_restores_every_ranks_state(outcome):
    for rank in outcome[1]:
        assert rank["resumed"] == {key: rank["rule"][key] for key in ("weights", "seen")}


def test_another_number_of_processes_is_refused(outcome):
    with pytest.raises(CheckpointError, match="world was 2 and is 1"):
        train(Game(), DATA, checkpoint=outcome[0] / "c", resume=True)


def test_a_joint_batch_must_be_shareable():
    from lecturekit.training.ranks import Ranks

    ranks = Ranks()
    ranks.world = 2
    assert ranks.share(8) == 4
    with pytest.raises(ValueError, match="7 cannot be shared by 2"):
        ranks.share(7)


if __name__ == "__main__":
    work(Path(sys.argv[1]))
