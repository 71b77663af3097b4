from functools import partial
from typing import Any

import numpy as np
import pytest

import backprop
import checks
from backprop import blas_threads, init_net, network, passes
from backprop.training import epochs, evaluation, gradient_descent, permit
from backprop.training.fingerprint import fingerprint
from backprop.training.permit import PermitError, require_permit
from tests.backprop.training.test_epochs import Net, Pass, bits, small


def test_without_a_permit_there_is_no_training() -> None:
    """The refusal says what came and what to call, and leaves the network as it is."""
    net, data = small()
    before = bits(net)
    permits: list[Any] = [None, True, {"verdict": "pass"}, "pass", object]
    for each in permits:
        with pytest.raises(PermitError) as caught:
            backprop.train(net, data, permit=each)
        assert str(caught.value) == (
            f"permit: expected a certificate of this network's gradient, got {each!r};"
            " call checks.verify(net, x, y) with some samples and pass on what it returns"
        )
    assert bits(net) == before


@pytest.mark.parametrize("verdict", ["fail", "undecided", None])
def test_only_a_pass_permits(verdict: str | None) -> None:
    """Neither a failure nor an undecided check does."""
    net, data = small()
    other: Any = Pass(fingerprint(net), verdict)  # type: ignore[arg-type]
    with pytest.raises(PermitError, match=f"expected .* 'pass', got {verdict!r}"):
        backprop.train(net, data, permit=other)


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
    earlier = Pass(fingerprint(net))
    inner = network.optimize
    monkeypatch.setattr(network, "optimize", lambda net, rate: inner(net, rate / 2))
    with pytest.raises(
        PermitError,
        match=rf"fingerprint {fingerprint(net)}, .*, got "
        rf"{earlier.fingerprint}",
    ):
        backprop.train(net, data, permit=earlier)


REPLACED = [
    (epochs, "epoch_order"),
    (epochs, "split_samples"),
    (epochs, "require_permit"),
    (epochs, "train"),
    (evaluation, "evaluate"),
    (permit, "require_permit"),
    (gradient_descent, "Batches"),
    (passes, "backward"),
]


@pytest.mark.parametrize(("module", "name"), REPLACED)
def test_what_was_replaced_is_named(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Also what stands around the steps, and what asks for the permit itself."""
    net, _ = small()
    earlier = Pass(fingerprint(net))
    monkeypatch.setattr(module, name, partial(getattr(module, name)))
    with pytest.raises(PermitError) as caught:
        require_permit(net, earlier)
    told = f"got {earlier.fingerprint}; {module.__name__}.{name} was replaced since: call "
    assert told in str(caught.value)
    monkeypatch.undo()
    require_permit(net, earlier)


def test_whoever_audits_asks_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a loop which does not ask any more is found out all the same."""
    net, data = small()
    certificate = checks.verify(net, *data[:2])
    monkeypatch.setattr(epochs, "require_permit", lambda net, permit: None)
    with pytest.raises(PermitError, match=r"backprop.training.epochs.require_permit was replaced"):
        backprop.train(net, data, permit=certificate)


def test_a_permit_is_for_the_machine_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another BLAS, or the same for another processor, rounds differently."""
    net, data = small()
    earlier = Pass(fingerprint(net))
    monkeypatch.setattr(blas_threads, "kernels", lambda: ("openblas 0.1 Prescott",))
    with pytest.raises(PermitError, match=r"backprop\.blas_threads\.kernels was replaced"):
        backprop.train(net, data, permit=earlier)
