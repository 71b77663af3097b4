"""Functions of JAX: right ones pass, wrong ones are caught, and no setting changes."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest

from checks import adapters, check_gradients
from checks.verdict.report import Report

jax: Any = pytest.importorskip("jax")
jnp = jax.numpy


def softplus(factor: float, function: Any = None) -> Any:
    """log(1 + exp(x)) with a factor of the derivative that should be 1."""

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def f(x: Any) -> Any:
        return jnp.log1p(jnp.exp(x))

    f.defvjp(lambda x: (f(x), x), lambda x, g: (factor * g * jax.nn.sigmoid(x),))
    return f


def report_on(f: Any, *args: Any, **given: Any) -> Report:
    """What the check says of it."""
    return check_gradients(adapters.jax(f, *args, **given))


def normal(*shape: int) -> Any:
    """Random numbers of JAX's usual float32."""
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def test_a_custom_derivative_is_checked_in_float64() -> None:
    """A factor off by a millionth shows, and JAX's own setting stays."""
    problem = adapters.jax(softplus(1.0), normal(6))
    assert problem.batched
    assert problem.params["x"].dtype == np.float64
    report = check_gradients(problem)
    assert report.verdict == "pass", str(report)
    assert report.calls["cost"] < 40
    report = report_on(softplus(1 + 3e-6), normal(6))
    assert (report.verdict, report.failed) == ("fail", 6)
    assert jnp.ones(1).dtype == np.float32


def test_a_flipped_sign_inside_of_a_network_is_named() -> None:
    """In the layer before it, by the names of a dict."""
    x, y = normal(5, 3), normal(5, 2)

    def loss(params: Any, f: Any) -> Any:
        hidden = f(x @ params["W1"] + params["b1"])
        return ((hidden @ params["W2"] - y) ** 2).mean()

    params = {"W1": normal(3, 4), "b1": normal(4), "W2": normal(4, 2)}
    assert report_on(lambda params: loss(params, softplus(1.0)), params).verdict == "pass"
    report = report_on(lambda params: loss(params, softplus(-1.0)), params)
    wrong = {t.name: t.failed for t in report.tensors}
    assert wrong == {"params.W1": 12, "params.W2": 0, "params.b1": 4}
    assert report.diagnosis is not None
    assert report.diagnosis.code == "sign-flipped"


def test_names_follow_the_arguments_and_their_trees() -> None:
    """Of lists and named tuples as well; whole numbers and keys are constants."""
    layer = namedtuple("layer", ["W", "b"])  # noqa: PYI024 as users write it

    def f(layers: Any, scale: Any, power: int, key: Any) -> Any:
        noise = jax.random.normal(key, (2,), dtype=jnp.float64)
        return scale * sum((each.W**power + each.b * noise).sum() for each in layers)

    layers = [layer(normal(2), normal(2)), layer(normal(2), normal(2))]
    report = report_on(f, layers, 0.5, 3, jax.random.key(0))
    assert report.verdict == "pass", str(report)
    assert [t.name for t in report.tensors] == [
        "layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b", "scale",
    ]  # fmt: skip


def test_argnums_chooses() -> None:
    """Counted as JAX counts them; the rest are constants, in float64 as well."""
    f = lambda a, b: jnp.sin(a) * b  # noqa: E731
    report = report_on(f, normal(3), normal(3), argnums=-1)
    assert [t.name for t in report.tensors] == ["b"]
    with pytest.raises(ValueError, match="argnums: expected positions among the 2 arguments"):
        adapters.jax(f, normal(3), normal(3), argnums=2)


def test_what_has_no_complex_derivative_is_checked_by_real_differences() -> None:
    """In a loop's body as well; the report says which operation it is."""

    def looped(x: Any) -> Any:
        return jax.lax.fori_loop(0, 3, lambda _, v: jnp.abs(v) * v, x)

    for function in (jnp.abs, lambda x: x * jnp.conj(x), looped):
        report = report_on(function, normal(5))
        assert report.verdict == "pass", str(report)
        assert any("has no complex derivative" in note for note in report.notes), report.notes
    assert report_on(jnp.sin, normal(5)).notes == ()


def test_what_cannot_be_compiled_is_run_as_it_is() -> None:
    """With a condition on values, or with NumPy inside of a callback."""

    def conditional(x: Any) -> Any:
        return jnp.sin(x).sum() if x.sum() > 100 else jnp.cos(x).sum()

    problem = adapters.jax(conditional, normal(4))
    assert not problem.batched
    assert check_gradients(problem).verdict == "pass"


def test_a_backward_pass_in_numpy_that_is_wrong_is_caught() -> None:
    """Of a function that only callbacks compute, one parameter set at a time."""

    def made(power: int) -> Any:
        def call(function: Any, *given: Any) -> Any:
            like = jax.ShapeDtypeStruct(given[0].shape, given[0].dtype)
            return jax.pure_callback(function, like, *given)

        @jax.custom_vjp  # type: ignore[untyped-decorator]
        def f(x: Any) -> Any:
            return call(lambda x: np.asarray(x) ** 3, x)

        f.defvjp(
            lambda x: (f(x), x),
            lambda x, g: (call(lambda x, g: 3 * np.asarray(x) ** power * np.asarray(g), x, g),),
        )
        return f

    assert report_on(made(2), normal(4)).verdict == "pass"
    assert report_on(made(1), normal(4)).verdict == "fail"


def test_without_a_twin_it_is_checked_in_float32() -> None:
    """As coarsely as that has to be, but a sign is seen."""
    problem = adapters.jax(softplus(1.0), normal(6), double=False)
    assert problem.params["x"].dtype == np.float32
    assert check_gradients(problem).verdict != "fail"
    assert report_on(softplus(-1.0), normal(6), double=False).verdict == "fail"


@pytest.mark.parametrize(
    ("f", "args", "error", "words"),
    [
        (3, (1.0,), TypeError, "f: expected a function, got 3"),
        (jnp.sin, (3,), ValueError, "args: expected an array of floating-point numbers.*got int"),
        (jnp.argmax, (np.ones(2),), TypeError, "f: expected floating-point numbers.*int"),
        (lambda x: x + 1j, (np.ones(2),), TypeError, "expected real outputs, got complex"),
    ],
)
def test_errors_name_the_argument(f: Any, args: Any, error: Any, words: str) -> None:
    """What was expected and what came."""
    with pytest.raises(error, match=words):
        adapters.jax(f, *args)
