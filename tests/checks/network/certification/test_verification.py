from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import passes
from backprop.training.fingerprint import fingerprint
from checks.network.certification import verification
from checks.network.certification.verification import VerificationError
from tests.checks.network.certification.networks import Net, batch, flip, small


def test_a_right_gradient_is_certified() -> None:
    """The certificate says of which network, in numbers, and permits training it."""
    net = small()
    x, y = batch(net)
    found = verification.verify(net, x, y)
    assert (found.fingerprint, found.verdict) == (fingerprint(net), "pass")
    assert (found.shape, found.cost, found.dtype) == ((3, 4, 2), "quadratic", "float64")
    assert (found.parameters, found.checked, found.batch) == (26, 26, 5)
    history = backprop.train(net, (x, y), permit=found, epochs=2, batch_size=5)
    assert [(epoch.audit or "")[:5] for epoch in history] == ["pass:", "pass:"]


def test_a_wrong_gradient_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error reads like the report: tensor, index, both values; and it has the report."""
    net = small()
    flip(monkeypatch)
    with pytest.raises(VerificationError, match=r"gradient of <Network 3-4-2.* is wrong") as caught:
        verification.verify(net, *batch(net))
    report = caught.value.report
    assert report is not None
    assert report.verdict == "fail"
    (failure,) = report.failures
    assert (failure.tensor, failure.index) == ("W2", (2, 0))
    assert str(failure) in " ".join(str(caught.value).split())
    assert failure.analytic == pytest.approx(-failure.numeric)


def test_float32_is_checked_in_float64_too() -> None:
    """Float32's own rounding would hide a small error; its twin's does not."""
    net = small(dtype=np.float32)
    assert verification.verify(net, *batch(net)).dtypes == ("float32", "float64")
    assert verification.verify(small(), *batch(net)).dtypes == ("float64",)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_bug_in_either_precision_is_found(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that shows in one dtype only fails the float32 network."""
    net = small(dtype=np.float32)
    flip(monkeypatch, dtype=dtype)
    with pytest.raises(VerificationError, match=rf"(?s){dtype}> is wrong.*W2\[2, 0\]: analytic"):
        verification.verify(net, *batch(net))


def test_an_error_below_float32s_digits_is_found_by_the_twin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A relative 1e-5 is less than float32 can decide, and more than the same code is let off."""
    inner = passes.backward

    def backward(net: Net, activations: Any, y: Any) -> None:
        inner(net, activations, y)
        net.db[0] *= 1 + 1e-5

    monkeypatch.setattr(passes, "backward", backward)
    net = small(dtype=np.float32)
    with pytest.raises(VerificationError, match="float64> is wrong"):
        verification.verify(net, *batch(net))


def test_an_overwritten_activation_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the gradient comes out right; the error names the activation."""
    inner = passes.backward

    def backward(net: Net, activations: Any, y: Any) -> None:
        inner(net, activations, y)
        activations[1][:] = 0

    monkeypatch.setattr(passes, "backward", backward)
    net = small()
    with pytest.raises(VerificationError, match="overwrites an activation in a1") as caught:
        verification.verify(net, *batch(net))
    assert caught.value.report is not None
    assert caught.value.report.verdict == "fail"


def test_undecided_is_not_proved() -> None:
    """Nothing to decide is no certificate, and the error says so."""
    net = small(activation=("relu", "sigmoid"))
    net.biases[0][:] = -100
    x, y = batch(net)
    net.weights[1][:] = 0
    net.biases[1][:] = -1e3
    with pytest.raises(VerificationError, match="could not be decided") as caught:
        verification.verify(net, x, y)
    assert caught.value.report is not None
    assert caught.value.report.verdict == "undecided"


def test_the_network_is_left_as_it_is() -> None:
    """Parameters, accumulators and their count."""
    net = small(dtype=np.float32)
    x, y = batch(net)
    passes.backward(net, passes.forward(net, x), y)
    before = [a.copy() for a in (*net.weights, *net.biases, *net.dW, *net.db)]
    verification.verify(net, x, y)
    after = [*net.weights, *net.biases, *net.dW, *net.db]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert net.samples == 5


def test_data_that_do_not_fit_are_named() -> None:
    """As everywhere: argument, expected, got."""
    net = small()
    x, y = batch(net)
    with pytest.raises(ValueError, match=r"x: expected shape \(batch, 3\)"):
        verification.verify(net, x[:, :2], y)


def test_lists_are_as_good_as_arrays() -> None:
    """As for `backprop.gradients`."""
    net = small()
    x, y = batch(net)
    found = verification.verify(net, x.tolist(), y.tolist())
    assert found.batch == len(x)


def test_a_certificate_is_of_the_code_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that is replaced while it is being checked is not covered."""
    net, right = small(), verification.check_network

    def check(*given: Any, **options: Any) -> Any:
        report = right(*given, **options)
        flip(monkeypatch)
        return report

    monkeypatch.setattr(verification, "check_network", check)
    monkeypatch.setattr(verification, "loop_differs_from_passes", lambda *given, **options: None)
    monkeypatch.setattr(verification, "_passed", lambda net, report: report)
    honest = fingerprint(net)
    assert verification.verify(net, *batch(net)).fingerprint == honest != fingerprint(net)


def test_a_bug_that_comes_out_later_stops_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient is right at the start only: the first audit says which coordinate is not."""
    from backprop.training.epochs import AuditError

    net = small()
    x, y = batch(net)
    permit = verification.verify(net, x, y)
    with pytest.raises(AuditError, match=r"W2\[2, 0\]") as caught:
        backprop.train(
            net, (x, y), permit=permit, epochs=9, on_epoch=lambda epoch: flip(monkeypatch)
        )
    assert caught.value.report.verdict == "fail"


def test_a_loop_that_is_replaced_while_it_trains_stops_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gradient is right, so that no audit minds; the permit does not cover the new code."""
    from backprop.training.fast_loop import Loop
    from backprop.training.permit import PermitError

    real = Loop.step

    def uphill(self: Loop, x: Any, y: Any, rate: float) -> None:
        real(self, x, y, -rate)

    net = small()
    x, y = batch(net)
    permit = verification.verify(net, x, y)
    seen: list[int] = []

    def after(epoch: Any) -> None:
        seen.append(epoch.epoch)
        monkeypatch.setattr(Loop, "step", uphill)

    with pytest.raises(PermitError, match="the code as it is now"):
        backprop.train(net, (x, y), permit=permit, epochs=9, on_epoch=after)
    assert seen == [1]


def test_certificates_of_equal_checks_are_equal() -> None:
    """But for the time of day, the same seed gives the same certificate."""
    net = small()
    one, other = (replace(verification.verify(net, *batch(net), seed=4), created="") for _ in "ab")
    assert one == other


def spoil_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a bug: what is accumulated for the weights of input 0 has the wrong sign."""
    inner = passes.backward

    def backward(net: Net, activations: Any, y: Any) -> None:
        inner(net, activations, y)
        net.dW[0][0] *= -1

    monkeypatch.setattr(passes, "backward", backward)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_zero_on_the_samples_is_checked_with_their_zeros_filled_in(dtype: Any) -> None:
    """A pixel that is black in all of them, or all pixels; what is decided on them stays so."""
    net = small(dtype=dtype)
    x, y = batch(net)
    for dark in (x * [0, 1, 1], x * 0):
        found = verification.verify(net, dark, y)
        assert (found.checked, found.zero) == (26, 0)


def test_a_bug_that_black_pixels_hide_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the samples themselves both sides are zero there."""
    net = small()
    x, y = batch(net)
    x[:, 0] = 0
    spoil_first_row(monkeypatch)
    assert verification.check_network(net, x, y).verdict == "pass"
    with pytest.raises(VerificationError, match="is wrong") as caught:
        verification.verify(net, x, y)
    assert caught.value.report is not None
    assert {(f.tensor, f.index[0]) for f in caught.value.report.failures} == {("W1", 0)}


def test_what_saturates_with_zeros_filled_in_is_no_objection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The samples were proved; the rest is counted as it was found on them."""
    net = small()
    x, y = batch(net)
    x[:, 0] = 0
    monkeypatch.setattr(verification, "_filled", lambda net, x, seed: x + 1e4)
    found = verification.verify(net, x, y)
    assert (found.checked, found.zero) == (22, 4)
