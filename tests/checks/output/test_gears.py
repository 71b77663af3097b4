"""Gears mesh, and a wrong tensor is seen between the layers that it lies between."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest

from checks.output import gears


def shapes(*widths: int) -> dict[str, tuple[int, ...]]:
    """A network's tensors."""
    found: dict[str, tuple[int, ...]] = {}
    for l, (n_in, n_out) in enumerate(pairwise(widths), 1):
        found |= {f"W{l}": (n_in, n_out), f"b{l}": (n_out,)}
    return found


def test_a_network_is_known_by_its_tensors() -> None:
    """Weights that are chained, with biases or without."""
    assert gears.widths_of(shapes(784, 40, 10)) == (784, 40, 10)
    assert gears.widths_of({"W1": (3, 2), "W2": (2, 2)}) == (3, 2, 2)


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"params": (3,)},
        {"W1": (3, 2), "W2": (3, 2)},
        {"W1": (3, 2), "b1": (3,)},
        {"W1": (3, 2), "c": (2,)},
        {"W2": (3, 2)},
        {"W1": (3, 2, 2)},
        {"W1": (3, 2), "b2": (2,)},
    ],
)
def test_other_tensors_are_no_network(others: dict[str, tuple[int, ...]]) -> None:
    """No train is drawn where none is known to be."""
    assert gears.widths_of(others) is None


def test_teeth_meet_gaps() -> None:
    """Where two wheels touch, one has a tooth and the other a gap."""
    before, teeth = 10, 23
    phase = 0.3
    turned = gears._meshed(phase, before, teeth)
    share = (-phase % (math.tau / before)) / (math.tau / before)
    other = ((turned - math.pi) % (math.tau / teeth)) / (math.tau / teeth)
    assert other == pytest.approx((share + 0.5) % 1)


def test_a_wrong_tensor_is_a_mesh_that_slips() -> None:
    """And only that one."""
    kinds = dict.fromkeys(shapes(5, 4, 3), "right") | {"b2": "wrong"}
    train = gears.train((5, 4, 3), kinds)
    assert [(mesh.label, mesh.kind) for mesh in train.meshes] == [
        ("W1, b1", "right"),
        ("W2, b2", "wrong"),
    ]
    assert train.rows == (("5 to 4", "W1, b1", "right"), ("4 to 3", "W2, b2", "wrong"))
    assert [wheel.label for wheel in train.wheels] == ["5", "4", "3"]


def test_a_long_train_is_folded() -> None:
    """The table has all; what is wrong in the middle shows where wheels were left out."""
    widths = (9,) * 30
    kinds = dict.fromkeys(shapes(*widths), "right") | {"W15": "wrong"}
    train = gears.train(widths, kinds)
    assert len(train.wheels) == gears.WHEELS
    assert train.left_out == 30 - gears.WHEELS
    assert [mesh.label for mesh in train.meshes if mesh.kind == "wrong"] == ["W4 … b26"]
    assert len(train.rows) == 29


def test_wheels_lie_within_the_picture() -> None:
    """No tooth is cut off."""
    train = gears.train((784, 40, 10), {})
    for wheel in train.wheels:
        numbers = list(map(float, re.findall(r"-?[\d.]+", wheel.outline)))
        assert min(numbers) > 0
        assert max(numbers[::2]) < train.width
        assert max(numbers[1::2]) < train.height
