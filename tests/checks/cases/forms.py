"""Costs and gradients in the forms in which people hand them over, and how often they are called.

A number may come in an array of one entry; a gradient as a list, in another layout in memory, as
arrays instead of a function. None of that is an error. A gradient of another shape is one, however
many numbers agree.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, PASS, Case, Wrong, entry, floats, times

FORM, CALLS = "form", "calls of the cost"
THREE = np.array([1.0, 2.0, 3.0])


def form(
    name: str, cost: Any, params: Any, right: Any, *wrong: Wrong, expect: tuple[str, ...] = PASS
) -> Case:
    """A case of which only the form is worth a word."""
    return Case(
        name=name,
        kind=FORM,
        cost=cost,
        params=params,
        right=right,
        wrong=wrong,
        expect=expect,
        accuracy=1e-6 if expect == PASS and name != "gradient_as_a_list" else None,
    )


def twice(x: Any) -> Any:
    """The gradient of a sum of squares."""
    return 2 * x


def total(x: Any) -> Any:
    """A sum of squares."""
    return (x**2).sum()


def read_only(x: Any) -> Any:
    """The same array, locked."""
    x = x.copy()
    x.flags.writeable = False
    return x


def mixed_nesting() -> Case:
    """Dicts in lists in tuples, a number without axes and an array without entries."""
    params = (
        [{"a": np.array([0.3, 1.2])}, np.array(0.7)],
        {"empty": np.zeros((0, 3)), "b": np.array([[1.0, -2.0]])},
    )

    def cost(p: Any) -> Any:
        (first, number), rest = p
        return (first["a"] ** 3).sum() * number + np.sin(rest["b"]).sum() + rest["empty"].sum()

    def right(p: Any) -> Any:
        (first, number), rest = p
        return (
            [{"a": 3 * first["a"] ** 2 * number}, (first["a"] ** 3).sum()],
            {"empty": np.ones((0, 3)), "b": np.cos(rest["b"])},
        )

    def wrong(p: Any) -> Any:
        first, rest = right(p)
        return [first[0], -first[1]], rest

    return Case(
        name="mixed_nesting",
        kind=FORM,
        cost=cost,
        params=params,
        right=right,
        wrong=(Wrong("sign of the number", wrong),),
        accuracy=None,
    )


def few_calls(*, of_floats: bool, calls: int) -> Case:
    """Seven parameters: the complex step needs one call for each, real differences a few."""
    x = np.linspace(0.1, 1, 7)

    def cost(x: Any) -> Any:
        return (np.sin(x) * x).sum()

    def right(x: Any) -> Any:
        return np.cos(x) * x + np.sin(x)

    off = 1.001 if of_floats else 1.00001
    return Case(
        name=f"few_calls{'_floats' * of_floats}",
        kind=CALLS,
        cost=floats(cost) if of_floats else cost,
        params=x,
        right=right,
        wrong=(Wrong(f"one entry times {off}", entry(right, 2, off)),),
        calls=calls,
    )


SQUARE = np.array([[1.0, 2.0, -0.5], [0.3, 1.5, 2.5], [-1.0, 0.7, 0.2]])

CASES = (
    form(
        "gradient_as_a_list",
        lambda x: x[0] ** 2 - x[1] ** 3 / 2,
        np.array([1.5, -1.5]),
        lambda x: [2 * x[0], -1.5 * x[1] ** 2],
        Wrong("sign of one", lambda x: [2 * x[0], 1.5 * x[1] ** 2]),
    ),
    form(
        "cost_of_one_by_one",
        lambda x: x.T @ x,
        THREE[:, None],
        twice,
        Wrong("factor 2 forgotten", lambda x: x),
    ),
    form("cost_of_shape_one", lambda x: np.ones((1, 3)) @ x**2, THREE, twice),
    form("column_for_a_vector", total, THREE, lambda x: 2 * x[:, None], expect=FAIL),
    form("row_for_a_vector", total, THREE, lambda x: 2 * x[None], expect=FAIL),
    form("one_number_for_three", total, np.ones(3), lambda x: 2.0, expect=FAIL),
    form("one_entry_too_few", total, THREE, lambda x: 2 * x[:2], expect=FAIL),
    form("gradient_as_an_array", total, THREE, 2 * THREE),
    form(
        "columns_first_in_memory",
        lambda W: (np.sin(W) * SQUARE).sum(),
        np.asfortranarray(SQUARE),
        lambda W: np.cos(W) * SQUARE,
        Wrong("transposed", lambda W: (np.cos(W) * SQUARE).T),
    ),
    form(
        "every_other_row",
        lambda W: (W**3).sum(),
        np.arange(24.0).reshape(6, 4)[::2, ::-1] / 10,
        lambda W: 3 * W**2,
        Wrong("backwards", lambda W: 3 * W[:, ::-1] ** 2),
    ),
    form("locked_parameters", total, read_only(THREE), lambda x: read_only(2 * x)),
    form("cost_of_an_array_without_axes", lambda x: np.asarray(total(x)), THREE, twice),
    form(
        "a_number_without_axes",
        lambda x: np.exp(x) * x,
        np.array(0.7),
        lambda x: np.exp(x) * (x + 1),
        Wrong("product rule forgotten", np.exp),
    ),
    form(
        "keys_in_another_order",
        lambda p: (p["w"] ** 2).sum() * p["a"],
        OrderedDict(w=THREE, a=np.array(0.5)),
        lambda p: {"a": (p["w"] ** 2).sum(), "w": 2 * p["w"] * p["a"]},
        Wrong("w twice", times(lambda p: {"a": total(p["w"]), "w": 2 * p["w"] * p["a"]}, 2, "w")),
    ),
    mixed_nesting(),
    few_calls(of_floats=False, calls=80),
    few_calls(of_floats=True, calls=250),
)
