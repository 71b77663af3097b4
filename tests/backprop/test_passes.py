"""Forward, backward, cost and gradients against plain loops over scalars and a worked example."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from backprop import backward, cost, forward, gradients, init_net, passes
from backprop.network import Network, zero_grad
from checks.network.adapter import network_problem
from checks.network.properties.strategies import Case, cases
from checks.oracles import rounding
from tests import reference

Array = npt.NDArray[Any]
Named = dict[str, Array]


def parameters(net: Network) -> list[Array]:
    """W1, b1, …, WL, bL."""
    return [*net.parameters.values()]


def rows(case: Case) -> list[list[float]]:
    """The targets as rows of numbers, labels as one-hot ones."""
    if case.y.ndim == 2:
        return [[float(y) for y in row] for row in case.y]
    return [[float(k == label) for k in range(case.net.shape[-1])] for label in case.y]


def reference_answer(case: Case, samples: slice = slice(None)) -> Named:
    """What plain loops say about these samples of a case."""
    net = case.net
    plain = reference.Reference(
        weights=[W.tolist() for W in net.weights],
        biases=[b.tolist() for b in net.biases],
        activations=net.activations,
        cost=net.cost,
    )
    found = reference.answer(plain, case.x[samples].tolist(), rows(case)[samples])
    layers = range(1, len(net.weights) + 1)
    return {
        **{f"a{l}": np.array([sample[l - 1] for sample in found.outputs]) for l in layers},
        "cost": np.array(found.cost),
        **{f"W{l}": np.array(found.dW[l - 1]) for l in layers},
        **{f"b{l}": np.array(found.db[l - 1]) for l in layers},
    }


def forward_answer(net: Network, x: Array, y: Array) -> Named:
    """What the vectorised code says about activations and cost."""
    found = {f"a{l}": a for l, a in enumerate(forward(net, x)) if l}
    return {**found, "cost": np.asarray(cost(net, x, y))}


def vectorised_answer(case: Case) -> Named:
    """What the vectorised code says about a case."""
    subject = network_problem(case.net, case.x, case.y)
    return {**forward_answer(case.net, case.x, case.y), **subject.gradient(subject.values)}


def spreads(case: Case) -> Named:
    """How far rounding may move each number.

    As far as jitter moves it; and every term of a sum over the samples, or of a logarithmic cost
    (which are no larger than 2 |z| + 1 for each output), is right to one unit only.
    """
    net, x, y, rng = case.net, case.x, case.y, np.random.default_rng(0)
    subject = network_problem(net, x, y)
    assert subject.jittered is not None
    jittered = subject.jittered

    def again() -> list[Array]:
        moved = net.with_parameters([rounding.jitter(p, rng) for p in parameters(net)])
        return [
            *forward_answer(moved, rounding.jitter(x, rng), y).values(),
            *jittered(rng).values(),
        ]

    at = vectorised_answer(case)
    found = dict(zip(at, rounding.spread([*at.values()], again), strict=True))
    unit = float(np.finfo(net.dtype).eps)
    shares = [reference_answer(case, slice(k, k + 1)) for k in range(len(x))]
    for name in subject.names:
        found[name] = found[name] + unit * np.mean([abs(s[name]) for s in shares], axis=0)
    z = forward(net, x)[-2] @ net.weights[-1] + net.biases[-1]
    terms = (2 * np.abs(z) + 1).sum(axis=-1) if net.cost != "quadratic" else np.zeros(len(x))
    found["cost"] = found["cost"] + unit * terms.mean()
    return found


def assert_equals_reference(case: Case) -> None:
    """Hold every activation, the cost and every gradient against the plain loops."""
    expected, spread = reference_answer(case), spreads(case)
    for name, found in vectorised_answer(case).items():
        tolerance = rounding.tolerance(
            found,
            expected[name],
            spread=spread[name],
            dtype=case.net.dtype,
        )
        wrong = ~(np.abs(found - expected[name]) <= tolerance)
        assert not wrong.any(), f"{name}: got {found}, plain loops {expected[name]}"


@given(cases())
def test_equal_plain_loops(case: Case) -> None:
    """Activations, cost and gradients are those of plain loops, for any network and batch."""
    assert_equals_reference(case)


@pytest.mark.parametrize("wrong", [0.999999, -1.0, 2.0])
def test_plain_loops_catch_a_scaled_gradient(wrong: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gradient off by a factor, even one part in a million, does not equal the plain loops."""

    def scaled(net: Network, activations: list[Array], y: Array) -> None:
        backward(net, activations, y)
        net.dW[0] *= wrong

    monkeypatch.setattr(passes, "backward", scaled)
    with pytest.raises(AssertionError, match="W1: got"):
        assert_equals_reference(tiny_case())


def test_plain_loops_catch_a_wrong_activation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forward pass that forgets a bias does not equal the plain loops."""
    real = passes.forward

    def no_bias(net: Network, x: Array) -> list[Array]:
        bare = net.with_parameters([p * 0 if p.ndim == 1 else p for p in parameters(net)])
        return real(bare, x)

    monkeypatch.setitem(globals(), "forward", no_bias)
    with pytest.raises(AssertionError, match="a1: got"):
        assert_equals_reference(tiny_case())


def tiny_case() -> Case:
    """Two samples for a network of shape 3-2-2."""
    rng = np.random.default_rng(5)
    return Case(net=init_net((3, 2, 2)), x=rng.normal(size=(2, 3)), y=np.array([0, 1]), words="")


# --- an example worked by hand ----------------------------------------------------------------


def worked() -> Network:
    """2-2-1, ReLU and then identity, with parameters that make every number exact."""
    net = init_net((2, 2, 1), activation=("relu", "identity"))
    net.weights = [np.array([[1.0, -1.0], [0.5, 1.0]]), np.array([[2.0], [-3.0]])]
    net.biases = [np.array([0.5, 0.0]), np.array([1.0])]
    return net


X, Y = np.array([[1.0, 2.0], [-2.0, 1.0]]), np.array([[1.0], [-6.0]])


def test_worked_example_forward() -> None:
    """z1 = (2.5, 1) and (-1, 3), the latter's first unit shut; the predictions are 3 and -8."""
    _, a1, a2 = forward(worked(), X)
    assert a1.tolist() == [[2.5, 1.0], [0.0, 3.0]]
    assert a2.tolist() == [[3.0], [-8.0]]
    assert cost(worked(), X, Y) == 2.0


def test_worked_example_backward() -> None:
    """The accumulators hold the sums over both samples, and `gradients` their mean."""
    net = worked()
    backward(net, forward(net, X), Y)
    assert [a.tolist() for a in net.dW] == [[[4.0, -18.0], [8.0, -6.0]], [[5.0], [-4.0]]]
    assert [a.tolist() for a in net.db] == [[4.0, 0.0], [0.0]]
    assert net.samples == 2
    for (dW, db), sum_W, sum_b in zip(gradients(net, X, Y), net.dW, net.db, strict=True):
        assert np.array_equal(dW, sum_W / 2)
        assert np.array_equal(db, sum_b / 2)


def test_one_to_one_network() -> None:
    """One sigmoid at z = 0 with target 1: a = 1/2, cost 1/8, slope (a - 1) a (1 - a) = -1/8."""
    net = init_net((1, 1))
    net.weights[0][:], net.biases[0][:] = 0, 0
    x, y = np.ones((1, 1)), np.ones((1, 1))
    assert cost(net, x, y) == 0.125
    ((dW, db),) = gradients(net, x, y)
    assert (dW.item(), db.item()) == (-0.125, -0.125)


# --- what else is promised --------------------------------------------------------------------


def test_backward_accumulates() -> None:
    """A second batch adds to the first, and zero_grad lets go of both."""
    net = worked()
    for _ in range(3):
        backward(net, forward(net, X), Y)
    assert net.dW[1].tolist() == [[15.0], [-12.0]]
    assert net.samples == 6
    zero_grad(net)
    assert not net.dW[1].any()
    assert net.samples == 0


def test_backward_makes_missing_accumulators() -> None:
    """A network that was put together without accumulators gets them."""
    net = worked()
    net.dW, net.db = [], []
    backward(net, forward(net, X), Y)
    assert net.db[0].tolist() == [4.0, 0.0]


def test_labels_are_one_hot_targets() -> None:
    """Class labels and the one-hot rows that they stand for give the same bits."""
    rng = np.random.default_rng(1)
    for name in ("quadratic", "cross-entropy", "softmax-cross-entropy"):
        net, x, y = init_net((4, 3), cost=name), rng.normal(size=(5, 4)), np.array([0, 2, 1, 2, 2])
        assert cost(net, x, y) == cost(net, x, np.eye(3)[y])
        assert cost(net, x, y) != cost(net, x, np.eye(3)[(y + 1) % 3])
        for (dW, db), (eW, eb) in zip(
            gradients(net, x, y), gradients(net, x, np.eye(3)[y]), strict=True
        ):
            assert np.array_equal(dW, eW)
            assert np.array_equal(db, eb)


@given(cases())
def test_resume_continues_from_every_layer(case: Case) -> None:
    """Resuming from any layer's own pre-activation gives the cost."""
    net, y = case.net, np.array(rows(case), case.net.dtype)
    activations, whole = forward(net, case.x), cost(net, case.x, case.y)
    for layer, (a, W, b) in enumerate(zip(activations, net.weights, net.biases, strict=False)):
        found = passes.resume(net, layer, a @ W + b, y)
        assert found == whole, f"from layer {layer}: {found}, cost {whole}"
        assert found.dtype == net.dtype


def test_resume_takes_copies() -> None:
    """Leading axes of z are copies, each of which gets its own cost."""
    net = worked()
    z = X @ net.weights[0] + net.biases[0]
    found = passes.resume(net, 0, np.stack([z, z + 1]), Y)
    assert found[0] == cost(net, X, Y)
    net.biases[0] += 1
    assert found[1] == cost(net, X, Y)


@given(cases(dtypes=["float64"], scales=[1.0, 3.0]))
def test_complex_parameters_keep_their_dtype(case: Case) -> None:
    """Complex parameters give complex activations and cost, whose real parts are the real ones."""
    net, spread = case.net, spreads(case)
    as_complex = net.with_parameters([p.astype(complex) for p in parameters(net)])
    for name, found in forward_answer(as_complex, case.x, case.y).items():
        real = forward_answer(net, case.x, case.y)[name]
        assert found.dtype == complex
        tolerance = rounding.tolerance(found.real, real, spread=spread[name], dtype=net.dtype)
        assert np.all(np.abs(found.real - real) <= tolerance), name
        assert not found.imag.any()


def test_an_imaginary_step_shows_the_slope() -> None:
    """Im C(W + ih) / h is the gradient, to the last digits: the complex step (Squire, Trapp)."""
    net = init_net((3, 4, 2), cost="softmax-cross-entropy")
    x, y, h = np.random.default_rng(2).normal(size=(5, 3)), np.array([0, 1, 1, 0, 1]), 2.0**-100
    dW1, _ = gradients(net, x, y)[0]
    moved = net.with_parameters([p.astype(complex) for p in parameters(net)])
    moved.weights[0][1, 2] += 1j * h
    assert cost(moved, x, y).imag / h == pytest.approx(dW1[1, 2], rel=1e-13)


def test_float32_stays_float32() -> None:
    """A float32 network computes in float32 whatever the data's dtype is."""
    net = init_net((3, 2), dtype=np.float32)
    x, y = np.ones((2, 3)), np.zeros((2, 2))
    assert {a.dtype for a in forward(net, x)} == {np.dtype(np.float32)}
    assert cost(net, x, y).dtype == np.float32
    assert {g.dtype for pair in gradients(net, x, y) for g in pair} == {np.dtype(np.float32)}


def test_integer_inputs_are_taken() -> None:
    """Pixels as bytes give what the same numbers as floats give."""
    net, pixels = init_net((3, 2)), np.array([[0, 128, 255]], np.uint8)
    assert np.array_equal(forward(net, pixels)[-1], forward(net, pixels.astype(float))[-1])


# --- errors -----------------------------------------------------------------------------------


def test_backward_names_activations_that_do_not_fit() -> None:
    """Activations of another shape than `forward` returns are named, with both shapes."""
    net = worked()
    with pytest.raises(ValueError) as caught:
        backward(net, forward(net, X)[:-1], Y)
    assert str(caught.value) == (
        "activations: expected what forward(net, x) returns, arrays of shapes"
        " (batch, 2), (batch, 2), (batch, 1), got [(2, 2), (2, 2)]"
    )


@pytest.mark.parametrize("call", [cost, gradients])
def test_targets_of_another_batch_are_refused(call: Any) -> None:
    """As many targets as samples are expected."""
    with pytest.raises(
        ValueError, match=r"^y: expected targets of shape \(2, 1\) .*shape \(3, 1\)"
    ):
        call(worked(), X, np.zeros((3, 1)))


def test_a_refused_batch_accumulates_nothing() -> None:
    """When `backward` refuses its targets, the accumulators are as they were."""
    net = worked()
    with pytest.raises(ValueError, match=r"^y: "):
        backward(net, forward(net, X), np.array([0, 1]))
    assert not net.dW[0].any()
    assert net.samples == 0
