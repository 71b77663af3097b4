from typing import Any

import numpy as np
import pytest

import backprop
from backprop import init_net, network
from backprop.training.fingerprint import fingerprint
from backprop.training.permit import PermitError
from tests.backprop.training.test_epochs import Net, Pass, bits, small


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
