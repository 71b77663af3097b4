from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import init_net, network, passes
from backprop.datasets import dataset, sources
from backprop.training import epochs, evaluation, gradient_descent, samples
from backprop.training.epochs import AuditError, TrainingError
from backprop.training.fingerprint import fingerprint
from backprop.training.history import Epoch
from backprop.training.permit import PermitError
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
    assert all(epoch.seconds > 0 and epoch.audit is None for epoch in history)


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


def test_an_epoch_is_minibatches_of_forward_backward_and_a_step() -> None:
    """Each sample once, in the order of seed and epoch; the last minibatch may be smaller."""
    net, (x, y, *_) = small()
    by_hand = init_net((3, 4, 2))
    order = samples.epoch_order(40, 5, 0)
    assert sorted(order) == list(range(40))
    for first in range(0, 40, 9):
        rows = order[first : first + 9]
        network.zero_grad(by_hand)
        passes.backward(by_hand, passes.forward(by_hand, x[rows]), y[rows])
        network.optimize(by_hand, 2.0)
    sizes: list[int] = []
    permit = Pass(fingerprint(net))
    backprop.train(
        net,
        (x, y),
        permit=permit,
        epochs=1,
        batch_size=9,
        learning_rate=2.0,
        seed=5,
        on_batch=sizes.append,
    )
    assert sizes == [9, 9, 9, 9, 4]
    for trained, expected in zip(
        net.weights + net.biases, by_hand.weights + by_hand.biases, strict=True
    ):
        np.testing.assert_allclose(trained, expected, rtol=1e-12)


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


def test_a_dataset_is_scaled_by_its_peak() -> None:
    """Bytes become numbers in [0, 1] minibatch by minibatch, as if scaled beforehand."""
    data = sources.load("digits")
    net, other = (init_net((64, 5, 10), dtype=np.float32) for _ in "ab")
    permit = Pass(fingerprint(net))
    (epoch,) = backprop.train(net, data, permit=permit, epochs=1)
    x, x_test = (
        dataset.scale_pixels(i, 16, np.float32) for i in (data.train_images, data.test_images)
    )
    arrays = (x, data.train_labels, x_test, data.test_labels)
    (same,) = backprop.train(other, arrays, permit=permit, epochs=1)
    assert bits(net) == bits(other)
    assert replace(epoch, seconds=0) == replace(same, seconds=0)


def test_first_batch_is_what_training_begins_with() -> None:
    """The gate looks at the samples of the first step."""
    net, (x, y, *_) = small()
    found_x, found_y = samples.first_batch(net, (x, y), batch_size=6, seed=2)
    rows = samples.epoch_order(40, 2, 0)[:6]
    assert np.array_equal(found_x, x[rows])
    assert np.array_equal(found_y, y[rows])


def test_evaluate_adds_up_over_chunks() -> None:
    """More samples than fit in a chunk are weighed alike."""
    net = init_net((2, 3), cost="softmax-cross-entropy")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2345, 2)), rng.integers(0, 3, 2345)
    scores = evaluation.evaluate(net, Samples(x=x, y=y))
    assert scores.cost == pytest.approx(passes.cost(net, x, y), rel=1e-12)
    assert scores.predicted.shape == scores.expected.shape == (2345,)
    assert np.array_equal(scores.expected, y)


# permits


def test_without_a_permit_there_is_no_training() -> None:
    """The refusal says what came and what to call, and leaves the network as it is."""
    net, data = small()
    before = bits(net)
    permits: list[Any] = [None, True, {"verdict": "pass"}, "pass", object]
    for permit in permits:
        with pytest.raises(PermitError) as caught:
            backprop.train(net, data, permit=permit)
        assert str(caught.value) == (
            f"permit: expected a certificate of this network's gradient, got {permit!r};"
            " call checks.verify(net, x, y) with some samples and pass on what it returns"
        )
    assert bits(net) == before


def test_refusal_does_not_wait_for_the_first_epoch() -> None:
    """The generator underneath refuses when it is made."""
    net, data = small()
    with pytest.raises(PermitError, match="permit"):
        epochs.epochs_of(net, data)


@pytest.mark.parametrize("verdict", ["fail", "undecided", None])
def test_only_a_pass_permits(verdict: str | None) -> None:
    """Neither a failure nor an undecided check does."""
    net, data = small()
    permit: Any = Pass(fingerprint(net), verdict)  # type: ignore[arg-type]
    with pytest.raises(PermitError, match=f"expected .* 'pass', got {verdict!r}"):
        backprop.train(net, data, permit=permit)


@pytest.mark.parametrize(
    "other",
    [
        init_net((3, 5, 2)),
        init_net((3, 4, 2), activation="relu"),
        init_net((3, 4, 2), cost="cross-entropy"),
        init_net((3, 4, 2), dtype=np.float32),
    ],
    ids=["shape", "activation", "cost", "dtype"],
)
def test_a_permit_is_for_one_kind_of_network(other: Net) -> None:
    """Another shape, activation, cost or dtype needs another one."""
    net, data = small()
    with pytest.raises(PermitError, match="have changed"):
        backprop.train(other, data, permit=Pass(fingerprint(net)))


def test_a_permit_is_for_the_code_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that was changed after the check is not trained with."""
    net, data = small()
    permit = Pass(fingerprint(net))
    inner = network.optimize
    monkeypatch.setattr(network, "optimize", lambda net, rate: inner(net, rate / 2))
    with pytest.raises(
        PermitError,
        match=rf"fingerprint {fingerprint(net)}, .*, got "
        rf"{permit.fingerprint}",
    ):
        backprop.train(net, data, permit=permit)


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
    """Parameters that are no longer finite stop training, without a warning on the way."""
    net = init_net((1, 1), activation="identity")
    data = (np.full((9, 1), 1e3), np.ones((9, 1)))
    with pytest.raises(
        TrainingError,
        match=r"NaN or infinity in W1 after epoch 1: it diverged;"
        r" try a smaller learning_rate",
    ):
        backprop.train(net, data, permit=Pass(fingerprint(net)), learning_rate=1e300, batch_size=1)


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
        epochs.epochs_of(net, data, permit=Pass(fingerprint(net)))
    assert bits(net) == before


def test_an_infinite_loss_is_an_error() -> None:
    """Finite parameters can still cost more than there are numbers for."""
    net = init_net((1, 1), activation="identity", dtype=np.float32)
    data = (np.full((1, 1), 1e15), np.zeros((1, 1)))
    net.weights[0][:] = 1e5
    with pytest.raises(TrainingError, match="a finite loss, got inf after epoch 1"):
        backprop.train(net, data, permit=Pass(fingerprint(net)), learning_rate=1e-38)


def test_what_numpy_is_set_to_raise_does_not_matter() -> None:
    """A step, and the square of a gap to a target, that are too small for a float are zero."""
    net, samples = init_net((1, 1), activation="identity"), Samples(x=X[:1, :1] + 1, y=X[:1, :1])
    net.weights[0][:], net.biases[0][:] = 1e-200, 0
    before = bits(net)
    with np.errstate(all="raise"):
        gradient_descent.descend(net, samples, np.arange(1), batch_size=1, learning_rate=1e-200)
        scores = evaluation.evaluate(net, samples)
    assert bits(net) == before
    assert scores.cost == 0


X, Y = np.zeros((4, 3)), np.zeros(4, int)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X,), r"data: expected a Dataset, or arrays \(x, y\).*got tuple of length 1"),
        (7, "data: expected a Dataset.*got int"),
        ((X[:, :2], Y), r"x: expected shape \(batch, 3\).*got \(4, 2\)"),
        ((X, Y[:3]), "y: expected 4 labels.*got 3"),
        ((X, Y + 2), r"y: expected labels from 0 to 1.*got y\[0\] = 2"),
        ((X * np.nan, Y), "x: expected finite numbers, got nan"),
        ((X[:0], Y[:0]), "x: expected shape .* batch of 1 or more"),
        ((X, Y, X[:, :2], Y), r"x_test: expected shape \(batch, 3\).*got \(4, 2\)"),
        ((X, Y, X[0], Y), r"x_test: .*; a single sample is x_test\[None, :\]"),
        ((X, Y, X * np.nan, Y), r"x_test: expected finite numbers, got nan at x_test\[0, 0\]"),
        ((X, Y, X, Y[:1]), "y_test: expected 4 labels.*got 1"),
        ((X, Y, X, Y + 2), r"y_test: expected labels from 0 to 1.*got y_test\[0\] = 2"),
        ((X, Y, X, Y * 1.0), "y_test: expected targets of shape .* got shape .* of float64"),
        ((X, Y, X, X[:, :2] * np.nan), r"y_test: .*, got nan at y_test\[0, 0\]"),
    ],
)
def test_data_that_do_not_fit_are_named(data: Any, message: str) -> None:
    """The error says what was expected and what came, before anything is trained."""
    net = init_net((3, 4, 2))
    before = bits(net)
    with pytest.raises((ValueError, TypeError), match=message):
        epochs.epochs_of(net, data, permit=Pass(fingerprint(net)))
    assert bits(net) == before


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (63, 10),
            (
                "expected images of 63 pixels, the network's inputs, got 64 in the train images;"
                " take other images, or a network whose shape begins with 64"
            ),
        ),
        (
            (64, 9),
            (
                "expected labels from 0 to 8, one for each output, got 9 in the train labels;"
                " take other labels, or a network with more outputs"
            ),
        ),
    ],
)
def test_a_dataset_that_does_not_fit_is_named(shape: tuple[int, int], message: str) -> None:
    """Pixels are held against the inputs, labels against the outputs."""
    net = init_net(shape)
    with pytest.raises(ValueError, match=message):
        epochs.epochs_of(net, sources.load("digits"), permit=Pass(fingerprint(net)))


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
        epochs.epochs_of(net, data, permit=Pass(fingerprint(net)), **options)
