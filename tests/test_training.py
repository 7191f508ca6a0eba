"""Precision, the standard parts, and what is said when something goes wrong."""

import math

import pytest
import torch
from torch import nn
from torch.optim import SGD

from lecturekit import EarlyStopping, GenerativeModel, Player, fit
from lecturekit.training import precision
from lecturekit.training.state import Diverged
from lecturekit.variational import VAE

DATA = torch.arange(10.0)[:, None]


class Point(GenerativeModel):
    event_shape = (1,)

    def __init__(self, rate=0.1, **player):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))
        self._rate, self._player = rate, player

    def loss(self, batch):
        return {"loss": (batch.x - self.mean).square().mean(), "mean": self.mean.sum()}

    def players(self):
        build = lambda ps: SGD(ps, lr=self._rate)
        return [Player(name="point", moves=self, loss=self.loss, optimizer=build, **self._player)]


def run(model, data=DATA, **options):
    return fit(model, data, **{"epochs": 4, "batch_size": 5, "progress": False} | options)


# --- precision ------------------------------------------------------------------------------------------------------


class Seen(VAE):
    def loss(self, batch):
        self._seen = self.encoder(batch.x).dtype, self.decode(self.prior().sample((2,))).mean.dtype
        return super().loss(batch)


@pytest.mark.parametrize(("asked", "inside"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_networks_run_as_asked_and_distributions_in_float32(asked, inside):
    model = Seen((1, 4, 3), latent=2, hidden=(8,))
    history = run(model, torch.zeros(8, 1, 4, 3), epochs=1, precision=asked)
    assert model._seen == (inside, torch.float32)
    assert history.precision == asked and asked in repr(history)
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_auto_takes_bfloat16_for_large_models_on_hardware_that_gains(monkeypatch):
    small, large = nn.Linear(10, 10), nn.Linear(1000, 1000)
    cpu = torch.device("cpu")
    for fast, expected in ((True, torch.bfloat16), (False, None)):
        monkeypatch.setattr(precision, "fast_bfloat16", lambda device, fast=fast: fast)
        assert precision.autocast_dtype("auto", large, cpu) == expected
        assert precision.autocast_dtype("auto", small, cpu) is None
        assert precision.autocast_dtype("float32", large, cpu) is None
        assert precision.autocast_dtype("bfloat16", small, cpu) == torch.bfloat16
        deep = nn.Sequential(*[nn.Linear(100, 100) for _ in range(30)])  # all together, not the largest tensor
        assert precision.autocast_dtype("auto", deep, cpu) == expected
        deep[-1].double()
        assert precision.autocast_dtype("auto", deep, cpu) is None
        assert precision.autocast_dtype("bfloat16", large.double(), cpu) is None
        large.float()
    with pytest.raises(ValueError, match="unknown precision 'half'.*auto, float32, bfloat16"):
        run(Point(), precision="half")


def test_a_float64_model_says_so():
    assert run(Point().double(), DATA.double()).precision == "float64"


# --- the standard parts ---------------------------------------------------------------------------------------------


def test_clipping_scales_the_whole_gradient_of_a_player():
    model = Point(rate=1.0, clip=0.25)
    run(model, torch.full((5, 1), 100.0), epochs=1)
    assert model.mean.item() == pytest.approx(0.25, rel=1e-4)
    model = Point(rate=1.0, clip=1000.0)
    run(model, torch.full((5, 1), 1.0), epochs=1)
    assert model.mean.item() == pytest.approx(2.0)


class Two(Point):
    """Two tensors whose gradients have the lengths 30 and 40, so 50 together."""

    def __init__(self, optimizer=None, **player):
        super().__init__(**player)
        self.more, self._build = nn.Parameter(torch.zeros(4)), optimizer or (lambda ps: SGD(ps, lr=1.0))

    def loss(self, batch):
        return {"loss": 30 * self.mean.sum() + 20 * self.more.sum(), "mean": self.mean.sum()}

    def players(self):
        return [Player(name="two", moves=self, loss=self.loss, optimizer=self._build, **self._player)]


def test_clipping_takes_all_tensors_of_a_player_together():
    model = Two(clip=5.0)
    run(model, DATA[:5], epochs=1)
    torch.testing.assert_close(model.mean.data, torch.tensor([-3.0]), rtol=1e-5, atol=0)
    torch.testing.assert_close(model.more.data, torch.full((4,), -2.0), rtol=1e-5, atol=0)


def test_a_schedule_scales_the_rate_of_each_group_by_one_progress_a_round():
    asked = []
    groups = lambda ps: SGD([{"params": ps[:1], "lr": 0.1}, {"params": ps[1:], "lr": 0.001}], lr=1.0)
    model = Two(groups, schedule=lambda p: asked.append(p) or 1 - p, turns=2)
    run(model, DATA, epochs=2)
    assert asked == [0, 0, 0.5, 0.5]  # a round has two turns, on half the data each
    torch.testing.assert_close(model.mean.data, torch.tensor([-30 * 0.1 * 3.0]))
    torch.testing.assert_close(model.more.data, torch.full((4,), -20 * 0.001 * 3.0))


def test_buffers_are_not_averaged():
    class Counting(Point):
        def __init__(self):
            super().__init__()
            self.register_buffer("turns", torch.tensor(0.0))

        def loss(self, batch):
            self.turns += 1
            return super().loss(batch)

    model = Counting()
    history = run(model, ema=0.9)
    assert history.averaged.turns == model.turns == 8
    assert history.averaged.mean != model.mean


def test_validation_comes_at_the_first_round_after_each_epoch():
    history = run(Point(), batch_size=4, validate=lambda m: {"a": 1.0})
    assert history.epochs("valid/a") == pytest.approx([1.2, 2.0, 3.2, 4.0])


def test_averaged_weights_by_hand_and_what_is_looked_at():
    model, looked = Point(), []
    history = run(model, ema=0.9, validate=lambda m: {"mean": m.mean.sum()}, callbacks=[lambda m, h: looked.append(m)])
    trace = [*history["point/mean"][1:], model.mean.item()]  # the mean after each step
    average = trace[0]
    for value in trace[1:]:
        average = 0.9 * average + 0.1 * value
    assert history.averaged.mean.item() == pytest.approx(average, rel=1e-5)
    assert history["valid/mean"][-1] == pytest.approx(average, rel=1e-5)
    assert looked[-1] is history.averaged and not history.averaged.training
    assert run(Point()).averaged is None


def test_early_stopping_ends_and_returns_to_the_best_epoch():
    model, weights = Point(), []
    scores = iter([1.0, 5.0, 2.0, 4.0, 4.9, 9.0])

    def validate(m):
        weights.append(m.mean.item())
        return {"elbo": next(scores)}

    history = run(model, epochs=10, validate=validate, early_stopping=EarlyStopping(patience=3))
    assert history["valid/elbo"] == [1, 5, 2, 4, 4.9] and history.stopped
    assert model.mean.item() == weights[1]
    assert "stopped early after 5" in repr(history)


@pytest.mark.parametrize(
    ("best", "scores", "kept"),
    [
        ("highest", [-3.0, -1.0, -1.0, -2.0, -1.0], 1),  # the first of equals, and patience counts from there
        ("lowest", [5.0, 2.0, 2.0, 3.0, 2.0], 1),
        ("lowest", [-1.0, -2.0, -3.0, -2.0, -3.0, -2.5], 2),
        (None, [math.inf, 0.0, 0.0, 0.0], 0),
    ],
)
def test_the_best_epoch_is_the_first_of_the_best(best, scores, kept):
    model, weights, score = Point(), [], iter([*scores, 100, -100])

    def validate(m):
        weights.append(m.mean.item())
        return {"score": next(score)}

    history = run(model, epochs=10, validate=validate, early_stopping=EarlyStopping("score", 3, best))
    assert history["valid/score"] == scores and history.stopped
    assert model.mean.item() == weights[kept] != weights[-1]


@pytest.mark.parametrize("ema", [None, 0.5])
def test_the_best_weights_stay_when_the_epochs_end_first(ema):
    model, weights, scores = Point(), [], iter([1.0, 3.0, 2.0])

    def validate(m):
        weights.append(m.mean.item())
        return {"elbo": next(scores)}

    history = run(model, epochs=3, ema=ema, validate=validate, early_stopping=EarlyStopping())
    assert not history.stopped and (history.averaged or model).mean.item() == weights[1]


@pytest.mark.parametrize(
    "watch", ["loss", "nll", "val_loss", "KL", "bits_per_dim", "bpd", "FID", "frechet", "perplexity", "mse", "neg_elbo"]
)
def test_what_looks_like_a_loss_must_be_said_to_rise_or_fall(watch):
    with pytest.raises(ValueError, match=rf"EarlyStopping\('{watch}', patience=10, best=\"lowest\"\)"):
        EarlyStopping(watch)
    for best in ("lowest", "highest"):
        assert repr(EarlyStopping(watch, best=best)) == f"EarlyStopping(watch={watch!r}, patience=10, best={best!r})"


@pytest.mark.usefixtures("untyped")
def test_early_stopping_refuses_what_it_cannot_mean():
    for value in (0, -3, True, 2.5, None, "3"):
        with pytest.raises((TypeError, ValueError), match="patience must be a whole number of at least 1"):
            EarlyStopping(patience=value)
    for value in (None, 3, ["elbo"]):
        with pytest.raises(TypeError, match="watch must be a name"):
            EarlyStopping(value)
    with pytest.raises(ValueError, match="unknown best 'low'"):
        EarlyStopping(best="low")
    names = "elbo", "bound", "log_likelihood", "accuracy", "active", "skill", "inception_score", "covered"
    assert [repr(EarlyStopping(name)) for name in names] == [f"EarlyStopping(watch={n!r}, patience=10)" for n in names]


def test_early_stopping_needs_its_number():
    with pytest.raises(ValueError, match="needs validate="):
        run(Point(), early_stopping=EarlyStopping())
    with pytest.raises(ValueError, match=r"watches 'elbo', but validate returned \['nll'\]"):
        run(Point(), early_stopping=EarlyStopping(), validate=lambda m: {"nll": 1.0})


# --- failure --------------------------------------------------------------------------------------------------------


class Fragile(Point):
    """Its loss is not finite from a given turn on."""

    def __init__(self, turn, value=math.nan):
        super().__init__()
        self._turn, self._value, self._turns = turn, value, 0

    def loss(self, batch):
        self._turns += 1
        terms = super().loss(batch)
        return terms if self._turns < self._turn else {**terms, "loss": terms["loss"] * self._value}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_player_turn_last_terms_and_causes(value):
    with pytest.raises(Diverged) as error:
        run(Fragile(turn=6, value=value))
    text = str(error.value)
    assert "player 'point'" in text and "2.50 epochs after the start" in text
    history = error.value.history
    last = f"point/loss {history['point/loss'][4]:.6g}, point/mean {history['point/mean'][4]:.6g}. "
    assert f"last finite terms: {last}" in text and len(history["point/loss"]) == 6
    assert "learning rate" in text and "There is no checkpoint" in text


class Chain(GenerativeModel):
    """Players whose losses break at given turns; terms are fetched once per epoch, when all of them have broken."""

    event_shape = (1,)

    def __init__(self, **breaks):
        super().__init__()
        self.w = nn.ParameterList([nn.Parameter(torch.zeros(1)) for _ in breaks])
        self.breaks, self.turns = breaks, dict.fromkeys(breaks, 0)

    def players(self):
        def loss(name, w):
            def of(batch):
                self.turns[name] += 1
                broken = self.turns[name] >= self.breaks[name][1]
                return {
                    "loss": w.sum() * (math.inf if broken else 1) + (math.nan if broken else 1),
                    "aux/loss": w.sum() * math.nan,
                }

            return of

        rate = lambda ps: SGD(ps, lr=0.1)
        return [
            Player(name=n, moves=w, loss=loss(n, w), turns=self.breaks[n][0], optimizer=rate)
            for n, w in zip(self.breaks, self.w)
        ]


@pytest.mark.parametrize(
    ("breaks", "player", "epoch"),
    [
        ({"z": (1, 2), "a": (1, 2)}, "z", 0.1),  # in the same round, z plays first
        ({"z": (1, 3), "a": (1, 2)}, "a", 0.1),
        (
            {"z": (3, 3), "a": (1, 1)},
            "z",
            0.2,
        ),  # its third turn is on a later batch than a's first, which comes after it
    ],
)
def test_the_player_that_broke_first_is_named(breaks, player, epoch):
    with pytest.raises(Diverged, match=f"player '{player}' is not finite {epoch:.2f} epochs") as error:
        run(Chain(**breaks), batch_size=1, epochs=1)
    assert len(error.value.history["z/loss"]) >= 3 and error.value.history.trained >= 1


def test_the_first_turn_can_already_fail():
    with pytest.raises(Diverged, match=r"0.00 epochs after the start; last finite terms: none"):
        run(Fragile(turn=1))


def test_the_last_good_checkpoint_is_named_and_is_good(tmp_path):
    with pytest.raises(Diverged, match=r"The last good checkpoint is .*round-\d+"):
        run(Fragile(turn=33), epochs=40, checkpoint=tmp_path, save_every=0)
    good = Point()
    model = Fragile(turn=10**6)
    history = run(model, epochs=40, checkpoint=tmp_path, save_every=0, resume=True)
    assert all(math.isfinite(v) for v in history["point/loss"]) and len(history["point/loss"]) == 80
    run(good, epochs=40)
    assert torch.equal(model.mean, good.mean)


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    """The loss is finite, the step is not: the next loss would show it, but a save comes first."""

    class Leap(Point):
        def players(self):
            (player,) = super().players()
            self._steps = 0

            def after():
                self._steps += 1
                if self._steps == 10:
                    self.mean.fill_(math.inf)

            object.__setattr__(player, "after", after)
            return [player]

    with pytest.raises(Diverged, match=r"weights are no longer finite.*good checkpoint is .*round-000000008"):
        run(Leap(), epochs=20, checkpoint=tmp_path, save_every=0)
    assert [p.name for p in tmp_path.iterdir()][-1] != "round-000000010"


def test_a_mask_of_infinities_is_no_divergence_but_ruined_statistics_are(tmp_path):
    model = Point()
    model.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    model.register_buffer("running", torch.zeros(2))
    assert run(model, checkpoint=tmp_path / "a").trained == 4
    model._player["after"] = lambda: model.running.fill_(math.nan)
    with pytest.raises(Diverged, match="weights are no longer finite after a step on a finite loss: running"):
        run(model, checkpoint=tmp_path / "b")


def test_out_of_memory_says_which_batch():
    class Greedy(Point):
        def loss(self, batch):
            torch.empty(2**60, dtype=torch.uint8)  # a real refusal of the allocator

    with pytest.raises(MemoryError, match=r"batches of \{'x': 5\}; take a smaller batch_size"):
        run(Greedy())

    class Cuda(Point):
        def loss(self, batch):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(MemoryError, match="smaller batch_size"):
        run(Cuda())


def test_other_errors_come_through_as_they_are():
    class Wrong(Point):
        def loss(self, batch):
            return {"loss": (batch.x @ batch.x).sum()}

    with pytest.raises(RuntimeError, match="mat1"):
        run(Wrong())
