from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import init_net, network, passes
from backprop.training import epochs, gradient_descent
from backprop.training.epochs import AuditError, TrainingError
from backprop.training.fingerprint import fingerprint
from backprop.training.gradient_descent import DivergedError, descend
from backprop.training.history import Epoch
from backprop.training.samples import Samples

Net = network.Network


@dataclass(frozen=True)
class Pass:
    """A permit without an audit."""

    fingerprint: str
    verdict: str = "pass"


@dataclass(frozen=True)
class AuditReport:
    """As much of a report as training reads."""

    verdict: str
    summary: str = "the summary"


class Audited(Pass):
    """A permit whose audits fail from some epoch on."""

    def __init__(self, net: Net, fails_at: int) -> None:
        super().__init__(fingerprint(net))
        self.__dict__.update(seen=[], fails_at=fails_at)

    def audit(self, net: Net, x: Any, y: Any) -> AuditReport:
        """Remember what was looked at."""
        self.__dict__["seen"].append(x.shape)
        failed = len(self.__dict__["seen"]) >= self.__dict__["fails_at"]
        return AuditReport("fail" if failed else "pass")


def small() -> tuple[Net, tuple[Any, Any, Any, Any]]:
    """A network and data that it can learn."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(57, 3))
    y = (x[:, 0] > x[:, 1]).astype(int)
    return init_net((3, 4, 2)), (x[:40], y[:40], x[40:], y[40:])


def bits(net: Net) -> bytes:
    """All parameters, to compare exactly."""
    return b"".join(p.tobytes() for p in net.weights + net.biases)


def test_learns_and_says_how_well() -> None:
    """The loss falls, and the history has an entry for every epoch, also told as it goes."""
    net, data = small()
    told: list[Epoch] = []
    history = backprop.train(
        net, data, permit=Pass(fingerprint(net)), epochs=40, batch_size=7, on_epoch=told.append
    )
    assert [epoch.epoch for epoch in history] == list(range(1, 41))
    assert history == told
    assert history[-1].loss < history[0].loss / 2
    accuracy = history[-1].test_accuracy
    assert accuracy is not None
    assert accuracy >= 0.9
    assert all((epoch.seconds or 0) > 0 and epoch.audit is None for epoch in history)


def test_loss_and_accuracy_are_those_of_the_test_samples() -> None:
    """Loss is the mean cost over the test samples after the epoch; accuracy compares argmax."""
    net, data = small()
    (epoch,) = backprop.train(net, data, permit=Pass(fingerprint(net)), epochs=1)
    x, y = data[2:]
    assert epoch.loss == pytest.approx(passes.cost(net, x, y), rel=1e-12)
    assert epoch.test_accuracy == np.mean(passes.forward(net, x)[-1].argmax(axis=1) == y)


def test_without_test_samples_the_loss_is_of_the_training_samples() -> None:
    """Accuracy is then unknown, and None."""
    net, (x, y, *_) = small()
    (epoch,) = backprop.train(net, (x, y), permit=Pass(fingerprint(net)), epochs=1)
    assert epoch.test_accuracy is None
    assert epoch.loss == pytest.approx(passes.cost(net, x, y), rel=1e-12)


def test_a_single_output_has_no_accuracy() -> None:
    """The largest of one output says nothing."""
    net, (x, y, *_) = init_net((3, 1)), small()[1]
    y = y[:, None] * 1.0
    (epoch,) = backprop.train(net, (x, y, x, y), permit=Pass(fingerprint(net)), epochs=1)
    assert epoch.test_accuracy is None


def test_the_same_seed_gives_the_same_bits() -> None:
    """And another seed gives others."""
    found = []
    for seed in (3, 3, 4):
        net, data = small()
        backprop.train(net, data, permit=Pass(fingerprint(net)), epochs=2, seed=seed)
        found.append(bits(net))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_going_on_equals_not_having_stopped() -> None:
    """`start` leaves out the epochs already seen, and the rest give the same bits."""
    whole, data = small()
    backprop.train(whole, data, permit=Pass(fingerprint(whole)), epochs=4)
    parts, _ = small()
    backprop.train(parts, data, permit=Pass(fingerprint(parts)), epochs=2)
    later = backprop.train(parts, data, permit=Pass(fingerprint(parts)), epochs=4, start=2)
    assert [epoch.epoch for epoch in later] == [3, 4]
    assert bits(whole) == bits(parts)


# permits


# audits


def test_audits_after_every_epoch() -> None:
    """The audit sees the first samples of the epoch, and its summary goes into the history."""
    net, data = small()
    permit = Audited(net, fails_at=99)
    history = backprop.train(net, data, permit=permit, epochs=2, batch_size=8)
    assert permit.seen == [(20, 3), (20, 3)]  # type: ignore[attr-defined]
    assert [epoch.audit for epoch in history] == ["the summary"] * 2


def test_a_failing_audit_stops_training() -> None:
    """The epoch that it speaks of is not handed out, so no checkpoint is made of it."""
    net, data = small()
    told: list[Epoch] = []
    with pytest.raises(AuditError, match="correct gradient after epoch 2") as caught:
        backprop.train(net, data, permit=Audited(net, 2), epochs=5, on_epoch=told.append)
    assert [epoch.epoch for epoch in told] == [1]
    assert caught.value.report.verdict == "fail"


def test_an_audit_that_raises_stops_training() -> None:
    """With the epoch and what was raised; there is no report then."""
    net, data = small()
    told: list[Epoch] = []
    permit = Audited(net, fails_at=99)
    seen = permit.__dict__["seen"]

    def audit(net: Net, x: Any, y: Any) -> AuditReport:
        seen.append(x.shape)
        if len(seen) == 2:
            raise ValueError("operands do not fit")
        return AuditReport("pass")

    permit.__dict__["audit"] = audit
    with pytest.raises(AuditError) as caught:
        backprop.train(net, data, permit=permit, epochs=5, on_epoch=told.append)
    assert str(caught.value) == (
        "audit: expected a gradient to look at after epoch 2, but ValueError was raised:"
        " operands do not fit\nfind out where with checks.verify(net, x, y), and train again"
        " from before that epoch"
    )
    assert [epoch.epoch for epoch in told] == [1]
    assert caught.value.report is None
    assert isinstance(caught.value.__cause__, ValueError)


def test_audit_can_be_left_out() -> None:
    """With audit=False the permit is not asked."""
    net, data = small()
    permit = Audited(net, fails_at=1)
    history = backprop.train(net, data, permit=permit, epochs=2, audit=False)
    assert [epoch.audit for epoch in history] == [None, None]
    assert permit.seen == []  # type: ignore[attr-defined]


# what goes wrong


def test_divergence_is_an_error() -> None:
    """Without a warning on the way, and the network keeps the last numbers that were finite."""
    net = init_net((1, 1), activation="identity")
    data = (np.full((9, 1), 1e3), np.ones((9, 1)))
    with pytest.raises(
        TrainingError,
        match=r"NaN or infinity in epoch 1, minibatch 2 of 9: the gradient of layer 1 overflows;"
        r" the learning rate, 1e\+300, is likely to be too high: try --learning-rate 0.02",
    ):
        backprop.train(net, data, permit=Pass(fingerprint(net)), learning_rate=1e300, batch_size=1)
    assert all(np.isfinite(p).all() for p in net.parameters.values())
    assert max(abs(p).max() for p in net.parameters.values()) > 1e290


def test_the_minibatch_that_does_it_is_found() -> None:
    """In the middle of a later lot, to the very step, and the parameters are those before it."""
    x = np.full((30_000, 1), 1e-3)
    x[25_001] = 1e200
    samples, y = np.arange(30_000), np.ones((30_000, 1))
    nets = [init_net((1, 1), activation="identity") for _ in range(2)]
    with pytest.raises(DivergedError) as caught:
        descend(nets[0], Samples(x=x, y=y), samples, batch_size=2, learning_rate=1e-3)
    assert (caught.value.first, caught.value.last) == (12_501, 12_501)
    assert caught.value.x.max() == 1e200
    descend(nets[1], Samples(x=x, y=y), samples[:25_000], batch_size=2, learning_rate=1e-3)
    assert bits(nets[0]) == bits(nets[1])


def test_of_a_large_network_the_lot_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parameters are not kept twice."""
    monkeypatch.setattr(gradient_descent, "MOST_KEPT", 1)
    x = np.full((30_000, 1), 1e-3)
    x[25_001] = 1e200
    samples = Samples(x=x, y=np.ones((30_000, 1)))
    with pytest.raises(DivergedError) as caught:
        descend(
            init_net((1, 1), activation="identity"),
            samples,
            np.arange(30_000),
            batch_size=2,
            learning_rate=1e-3,
        )
    assert 8_000 < caught.value.first <= 12_501 <= caught.value.last <= 15_000


def test_large_inputs_are_the_likelier_cause() -> None:
    """A rate that suits inputs from 0 to 1 is not to blame."""
    net = init_net((1, 1), activation="identity")
    data = (np.full((9, 1), 1e200), np.ones((9, 1)))
    with pytest.raises(TrainingError, match=r"inputs are as large as 1e\+200: scale them to about"):
        backprop.train(net, data, permit=Pass(fingerprint(net)))


def test_the_rate_that_suits_is_taken() -> None:
    """Where none is asked for; each epoch keeps its own."""
    for cost, expected in (("quadratic", 5.0), ("cross-entropy", 1.0)):
        net, data = init_net((3, 4, 2), cost=cost), small()[1]
        permit = Pass(fingerprint(net))
        history = backprop.train(net, data, permit=permit, epochs=2)
        assert [epoch.learning_rate for epoch in history] == [expected, expected]
        (other,) = backprop.train(net, data, permit=permit, epochs=1, learning_rate=0.5)
        assert other.learning_rate == 0.5


def test_a_network_that_does_not_learn_says_so_once() -> None:
    """After the first epoch of the run, whichever that is; one that learns says nothing."""
    net, data = small()
    permit = Pass(fingerprint(net))
    history = backprop.train(net, data, permit=permit, start=1, epochs=3, learning_rate=1e-6)
    assert [bool(epoch.note) for epoch in history] == [True, False]
    assert "the learning rate is low; try --learning-rate 5" in str(history[0].note)
    backprop.train(net, data, permit=permit, epochs=300)
    (epoch,) = backprop.train(net, data, permit=permit, epochs=1)
    assert epoch.note is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_is_not_finite_is_not_begun_with(value: float) -> None:
    """That it diverged in an earlier training is told before anything is changed."""
    net, data = small()
    net.biases[1][1] = value
    before = bits(net)
    with pytest.raises(
        ValueError,
        match="net: expected finite parameters to begin with, got NaN or infinity in b2; take",
    ):
        epochs.train(net, data, permit=Pass(fingerprint(net)))
    assert bits(net) == before


def test_an_infinite_loss_is_an_error() -> None:
    """Finite parameters can still cost more than there are numbers for."""
    net = init_net((1, 1), activation="identity", dtype=np.float32)
    data = (np.full((1, 1), 1e15), np.zeros((1, 1)))
    net.weights[0][:] = 1e5
    with pytest.raises(TrainingError, match="a finite loss, got inf after epoch 1"):
        backprop.train(net, data, permit=Pass(fingerprint(net)), learning_rate=1e-38)


X, Y = np.zeros((4, 3)), np.zeros(4, int)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, "epochs: expected a whole number of 0 or more, got -1"),
        ({"start": -1}, "start: expected a whole number of 0 or more, got -1"),
        ({"batch_size": 0}, "batch_size: expected a whole number of 1 or more, got 0"),
        ({"batch_size": 2.5}, "batch_size: expected a whole number of 1 or more, got 2.5"),
        ({"learning_rate": 0}, "learning_rate: expected a finite number above 0, got 0"),
        ({"learning_rate": np.nan}, "learning_rate: expected a finite number above 0, got nan"),
        ({"seed": -1}, "seed: expected a whole number of 0 or more, got -1"),
    ],
)
def test_options_are_checked_at_the_edge(options: dict[str, Any], message: str) -> None:
    """Before the first epoch, with the argument's name."""
    net, data = small()
    with pytest.raises((ValueError, TypeError), match=message):
        epochs.train(net, data, permit=Pass(fingerprint(net)), **options)
