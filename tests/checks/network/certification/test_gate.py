from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprop import init_net, passes
from backprop.system import cache_folder, progress_bar
from backprop.training import fast_loop
from backprop.training.fingerprint import fingerprint
from backprop.training.samples import Samples
from checks.network.certification import certificate_store, gate
from checks.network.certification.verification import VerificationError
from checks.network.properties import network_properties
from tests.checks.network.certification.networks import Net, batch, flip, small

RAN: list[str] = []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the property checks, which have tests of their own; `RAN` counts."""
    RAN.clear()

    def run_all(profile: str, progress: Any) -> tuple[str, ...]:
        RAN.append(profile)
        return ("one", "two")

    monkeypatch.setattr(network_properties, "run_all", run_all)


@pytest.mark.usefixtures("quick")
def test_the_second_time_it_opens_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other weights and another batch are the same code and kind: nothing is run again."""
    net = small()
    said: list[str] = []
    first = gate.certify(net, *batch(net), progress=said.append)
    assert first.properties == ("one", "two")
    assert RAN == ["quick"]
    assert said[-1].startswith("proved: 26 of 26 parameters")
    monkeypatch.setattr(gate, "verify", None)
    again = gate.certify(small(seed=1), *batch(net, 3), progress=said.append)
    assert again == first
    assert RAN == ["quick"]
    assert said[-1].startswith("proved before")


@pytest.mark.usefixtures("quick")
def test_it_checks_again_when_told_to() -> None:
    """With cached=False the certificate that is kept does not count."""
    net = small()
    for _ in range(2):
        gate.certify(net, *batch(net), cached=False)
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
        gate.certify(net, *batch(net))
        assert len(RAN) == count
    gate.certify(kinds[0], *batch(kinds[0]))
    assert len(RAN) == len(kinds)
    flip(monkeypatch)
    with pytest.raises(VerificationError, match=r"W2\[2, 0\]"):
        gate.certify(kinds[0], *batch(kinds[0]))
    assert len(RAN) == len(kinds) + 1


@pytest.mark.usefixtures("quick")
def test_a_failure_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed once is checked, and fails, the next time too."""
    net = small()
    flip(monkeypatch)
    for _ in range(2):
        with pytest.raises(VerificationError):
            gate.certify(net, *batch(net))
    assert len(RAN) == 2
    assert not list(cache_folder.for_certificates().glob("*"))


@pytest.mark.usefixtures("quick")
def test_a_tampered_certificate_does_not_open() -> None:
    """It is ignored, the checks are run, and the file is replaced."""
    net = small()
    honest = gate.certify(net, *batch(net))
    path = cache_folder.for_certificates() / f"{honest.fingerprint}.json"
    path.write_text(path.read_text().replace('"checked": 26', '"checked": 99'))
    again = gate.certify(net, *batch(net))
    assert len(RAN) == 2
    assert again.checked == 26
    assert certificate_store.load(honest.fingerprint) == again


@pytest.mark.usefixtures("quick")
def test_a_forged_certificate_does_not_open_for_other_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A good certificate under the name of broken code is not believed."""
    net = small()
    honest = gate.certify(net, *batch(net))
    flip(monkeypatch)
    path = cache_folder.for_certificates() / f"{honest.fingerprint}.json"
    path.rename(path.with_stem(fingerprint(net)))
    with pytest.raises(VerificationError):
        gate.certify(net, *batch(net))


@pytest.mark.usefixtures("quick")
def test_a_cache_that_cannot_be_written_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate says so, and opens."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path / "file"))
    said: list[str] = []
    net = small()
    assert gate.certify(net, *batch(net), progress=said.append).verdict == "pass"
    assert "could not be kept" in said[-1]


@pytest.fixture
def falsified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Properties, one of which does not hold."""

    def run_all(profile: str, progress: Any) -> tuple[str, ...]:
        raise network_properties.PropertyError("this_property: does not hold")

    monkeypatch.setattr(network_properties, "run_all", run_all)


@pytest.mark.usefixtures("falsified")
def test_a_property_that_does_not_hold_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the property's message, and what the network itself looks like."""
    net = small()
    with pytest.raises(VerificationError, match="this_property") as caught:
        gate.certify(net, *batch(net))
    assert "analytic" not in str(caught.value)
    flip(monkeypatch)
    with pytest.raises(
        VerificationError, match=r"(?s)this_property.*W2\[2, 0\]: analytic"
    ) as caught:
        gate.certify(net, *batch(net))
    assert caught.value.report is not None
    assert caught.value.report.verdict == "fail"


@pytest.mark.usefixtures("falsified")
def test_a_falsified_property_is_no_matter_of_the_networks_own_verdict() -> None:
    """A report that passes, or is undecided, has no part in that failure."""
    net = small()
    x, y = batch(net)
    for given in (x, 1e9 * x):  # saturated: nothing can be decided
        with pytest.raises(VerificationError, match="this_property") as caught:
            gate.certify(net, given, y)
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
        gate.certify(net, *batch(net))


@pytest.mark.usefixtures("quick")
def test_the_loop_rehearses_even_where_the_gradient_was_proved_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On this run's samples, minibatch and rate: a certificate is not about these."""
    net, right = small(), fast_loop.Loop.step
    x, y = batch(net, 60)
    settings: dict[str, Any] = {"samples": Samples(x=x, y=y), "learning_rate": 0.5}
    assert gate.certify(net, x, y, batch_size=4, **settings).verdict == "pass"

    def turned(self: Any, x: Any, y: Any, rate: float) -> None:
        right(self, x, y, rate if len(x) < 8 else -rate)

    kept = certificate_store.load(fingerprint(net))
    assert kept is not None
    monkeypatch.setattr(fast_loop.Loop, "step", turned)
    monkeypatch.setattr(certificate_store, "load", lambda _: kept)
    gate.certify(net, x, y, batch_size=4, **settings)
    with pytest.raises(VerificationError, match="the training loop differs"):
        gate.certify(net, x, y, batch_size=8, **settings)


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
        gate.certify(net, *batch(net))


@pytest.mark.usefixtures("quick")
def test_a_certificate_of_less_than_half_is_not_good_enough_for_other_samples() -> None:
    """The next run checks on its own; one of more than half is taken as it is."""
    net = small()
    x, y = batch(net)
    thin = replace(gate.certify(net, x, y), checked=13, undecided=13, zero=0, kinks=0)
    for kept, again in ((thin, True), (replace(thin, checked=14, undecided=12), False)):
        certificate_store.store(kept)
        RAN.clear()
        found = gate.certify(net, x, y)
        assert (RAN != []) is again
        assert found.checked == (26 if again else 14)


def test_the_gate_shows_how_far_it_is_and_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody looks: the properties, and each time that all parameters are gone through."""
    moved: list[list[int]] = []

    class Shown:
        def __init__(self, label: str, total: int) -> None:
            assert label in ("checking", "checking again")
            self.total = total
            moved.append([])

        def update(self, done: int) -> None:
            moved[-1].append(done)
            assert sum(moved[-1]) <= self.total

        def close(self) -> None:
            assert sum(moved[-1]) == self.total

    monkeypatch.setattr(gate, "Bar", Shown)
    monkeypatch.setattr(progress_bar, "Bar", Shown)
    net = small()
    x, y = batch(net)
    x[:, 0] = 0  # nothing can be decided there before it is filled in
    gate.certify(net, x, y, cached=False)
    properties, *checks = moved
    assert properties == [1] * len(network_properties.PROPERTIES)
    assert len(checks) == 2
    assert all(sum(each) == sum(v.size for v in (*net.weights, *net.biases)) for each in checks)
