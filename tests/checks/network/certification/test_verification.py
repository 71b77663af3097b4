from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import init_net, loop, network, passes
from backprop.fingerprint import fingerprint
from backprop.samples import Samples
from checks.network.certification import certificate, verification
from checks.network.certification.verification import VerificationError
from checks.network.properties import network_properties

Net = network.Network
RAN: list[str] = []


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of each test's own."""
    monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the property checks, which have tests of their own; `RAN` counts."""
    RAN.clear()

    def run_all(profile: str) -> tuple[str, ...]:
        RAN.append(profile)
        return ("one", "two")

    monkeypatch.setattr(network_properties, "run_all", run_all)


def batch(net: Net, size: int = 5) -> tuple[Any, Any]:
    """Samples that fit a network."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(size, net.shape[0]))
    return x, rng.integers(0, net.shape[-1], size)


def small(**options: Any) -> Net:
    """A network of 26 parameters."""
    return init_net((3, 4, 2), **options)


def flip(monkeypatch: pytest.MonkeyPatch, *, dtype: Any = None) -> None:
    """Plant a bug: one coordinate of W2 has the wrong sign, for networks of some dtype."""
    inner = passes.backward

    def backward(net: Net, activations: Any, y: Any) -> None:
        before = net.dW[1][2, 0] if net.dW else 0
        inner(net, activations, y)
        if dtype in (None, net.dtype):
            net.dW[1][2, 0] = before - (net.dW[1][2, 0] - before)

    monkeypatch.setattr(passes, "backward", backward)


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
    assert str(failure) in str(caught.value)
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


@pytest.mark.usefixtures("quick")
def test_the_second_time_it_opens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other weights and another batch are the same code and kind: nothing is run again."""
    net = small()
    said: list[str] = []
    first = verification.gate(net, *batch(net), progress=said.append)
    assert first.properties == ("one", "two")
    assert RAN == ["quick"]
    assert said[-1].startswith("proved: 26 of 26 parameters")
    monkeypatch.setattr(verification, "verify", None)
    again = verification.gate(small(seed=1), *batch(net, 3), progress=said.append)
    assert again == first
    assert RAN == ["quick"]
    assert said[-1].startswith("proved before")


@pytest.mark.usefixtures("quick")
def test_it_checks_again_when_told_to() -> None:
    """With cached=False the certificate that is kept does not count."""
    net = small()
    for _ in range(2):
        verification.gate(net, *batch(net), cached=False)
    assert RAN == ["quick"] * 2


@pytest.mark.usefixtures("quick")
def test_it_checks_again_when_anything_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shape, activation, cost, dtype, or the code."""
    kinds = [
        small(),
        init_net((3, 5, 2)),
        small(activation="tanh"),
        small(cost="cross-entropy"),
        small(dtype=np.float32),
    ]
    for count, net in enumerate(kinds, start=1):
        verification.gate(net, *batch(net))
        assert len(RAN) == count
    verification.gate(kinds[0], *batch(kinds[0]))
    assert len(RAN) == len(kinds)
    flip(monkeypatch)
    with pytest.raises(VerificationError, match=r"W2\[2, 0\]"):
        verification.gate(kinds[0], *batch(kinds[0]))
    assert len(RAN) == len(kinds) + 1


@pytest.mark.usefixtures("quick")
def test_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed once is checked, and fails, the next time too."""
    net = small()
    flip(monkeypatch)
    for _ in range(2):
        with pytest.raises(VerificationError):
            verification.gate(net, *batch(net))
    assert len(RAN) == 2
    assert not list(certificate.cache_folder().glob("*"))


@pytest.mark.usefixtures("quick")
def test_a_tampered_certificate_does_not_open() -> None:
    """It is ignored, the checks are run, and the file is replaced."""
    net = small()
    honest = verification.gate(net, *batch(net))
    path = certificate.cache_folder() / f"{honest.fingerprint}.json"
    path.write_text(path.read_text().replace('"checked": 26', '"checked": 99'))
    again = verification.gate(net, *batch(net))
    assert len(RAN) == 2
    assert again.checked == 26
    assert certificate.load(honest.fingerprint) == again


@pytest.mark.usefixtures("quick")
def test_a_forged_certificate_does_not_open_for_other_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A good certificate under the name of broken code is not believed."""
    net = small()
    honest = verification.gate(net, *batch(net))
    flip(monkeypatch)
    path = certificate.cache_folder() / f"{honest.fingerprint}.json"
    path.rename(path.with_stem(fingerprint(net)))
    with pytest.raises(VerificationError):
        verification.gate(net, *batch(net))


@pytest.mark.usefixtures("quick")
def test_a_cache_that_cannot_be_written_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate says so, and opens."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path / "file"))
    said: list[str] = []
    net = small()
    assert verification.gate(net, *batch(net), progress=said.append).verdict == "pass"
    assert "could not be kept" in said[-1]


@pytest.fixture
def falsified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Properties, one of which does not hold."""

    def run_all(profile: str) -> tuple[str, ...]:
        raise network_properties.PropertyError("this_property: does not hold")

    monkeypatch.setattr(network_properties, "run_all", run_all)


@pytest.mark.usefixtures("falsified")
def test_a_property_that_does_not_hold_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the property's message, and what the network itself looks like."""
    net = small()
    with pytest.raises(VerificationError, match="this_property") as caught:
        verification.gate(net, *batch(net))
    assert "analytic" not in str(caught.value)
    flip(monkeypatch)
    with pytest.raises(
        VerificationError, match=r"(?s)this_property.*W2\[2, 0\]: analytic"
    ) as caught:
        verification.gate(net, *batch(net))
    assert caught.value.report is not None
    assert caught.value.report.verdict == "fail"


@pytest.mark.usefixtures("falsified")
def test_a_falsified_property_is_no_matter_of_the_networks_own_verdict() -> None:
    """A report that passes, or is undecided, has no part in that failure."""
    net = small()
    x, y = batch(net)
    for given in (x, 1e9 * x):  # saturated: nothing can be decided
        with pytest.raises(VerificationError, match="this_property") as caught:
            verification.gate(net, given, y)
        assert caught.value.report is None


@pytest.mark.usefixtures("falsified")
def test_a_gradient_that_raises_is_told_beside_the_property(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The falsifying case is not lost."""

    def backward(net: Net, activations: Any, y: Any) -> None:
        activations[-1].T @ activations[0].T

    monkeypatch.setattr(passes, "backward", backward)
    net = small()
    pattern = r"(?s)this_property.*the gradient of <Network 3-4-2.* raises ValueError"
    with pytest.raises(VerificationError, match=pattern):
        verification.gate(net, *batch(net))


@pytest.mark.usefixtures("quick")
def test_the_loop_rehearses_even_where_the_gradient_was_proved_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On this run's samples, minibatch and rate: a certificate is not about these."""
    net, right = small(), loop.Loop.step
    x, y = batch(net, 60)
    settings: dict[str, Any] = {"samples": Samples(x=x, y=y), "learning_rate": 0.5}
    assert verification.gate(net, x, y, batch_size=4, **settings).verdict == "pass"

    def turned(self: Any, x: Any, y: Any, rate: float) -> None:
        right(self, x, y, rate if len(x) < 8 else -rate)

    kept = certificate.load(fingerprint(net))
    assert kept is not None
    monkeypatch.setattr(loop.Loop, "step", turned)
    monkeypatch.setattr(certificate, "load", lambda _: kept)
    verification.gate(net, x, y, batch_size=4, **settings)
    with pytest.raises(VerificationError, match="the training loop differs"):
        verification.gate(net, x, y, batch_size=8, **settings)


def test_a_certificate_is_of_the_code_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code that is replaced while it is being checked is not covered."""
    net, right = small(), verification.check

    def check(*given: Any, **options: Any) -> Any:
        report = right(*given, **options)
        flip(monkeypatch)
        return report

    monkeypatch.setattr(verification, "check", check)
    monkeypatch.setattr(verification, "rehearse", lambda *given, **options: None)
    monkeypatch.setattr(verification, "_passed", lambda net, report: report)
    honest = fingerprint(net)
    assert verification.verify(net, *batch(net)).fingerprint == honest != fingerprint(net)


def test_audits_of_different_weights_draw_different_numbers() -> None:
    """And an audit of the same weights draws the same ones again."""
    net = small()
    x, y = batch(net)
    first, again = verification.audit(net, x, y), verification.audit(net, x, y)
    assert first.seed == again.seed
    net.biases[-1] += 0.5
    assert verification.audit(net, x, y).seed != first.seed


def test_the_real_properties_catch_a_planted_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the network itself is looked at, with tensor, index and both values."""
    inner = passes.backward

    def backward(net: Net, activations: Any, y: Any) -> None:
        inner(net, activations, y)
        net.db[-1] *= 2

    monkeypatch.setattr(passes, "backward", backward)
    net = small()
    pattern = r"(?s)analytic_equals_numeric.*b\d\[\d\]: analytic \S+, numeric \S+, error"
    with pytest.raises(VerificationError, match=pattern):
        verification.gate(net, *batch(net))


def test_an_audit_is_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the current weights: a pass where they are right, a failure where they are not."""
    net = small(dtype=np.float32)
    x, y = batch(net, 50)
    assert verification.audit(net, x, y).verdict == "pass"
    permit = verification.verify(net, x, y)
    assert permit.audit(net, x, y).verdict == "pass"
    flip(monkeypatch)
    report = permit.audit(net, x, y)
    assert report.verdict == "fail"
    assert report.worst is not None
    assert report.worst.tensor == "W2"


def test_a_bug_that_comes_out_later_stops_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradient is right at the start only: the first audit says which coordinate is not."""
    from backprop.training import AuditError

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
    from backprop.loop import Loop
    from backprop.permit import PermitError

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
    assert verification.check(net, x, y).verdict == "pass"
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


@pytest.mark.usefixtures("quick")
def test_a_certificate_of_less_than_half_is_not_good_enough_for_other_samples() -> None:
    """The next run checks on its own; one of more than half is taken as it is."""
    net = small()
    x, y = batch(net)
    thin = replace(verification.gate(net, x, y), checked=13)
    for kept, again in ((thin, True), (replace(thin, checked=14), False)):
        certificate.store(kept)
        RAN.clear()
        found = verification.gate(net, x, y)
        assert (RAN != []) is again
        assert found.checked == (26 if again else 14)
