"""A projection weighs every coordinate alike, and its parts leave nothing out."""

from __future__ import annotations

import numpy as np

from checks import oracles, projection
from checks.oracles import Lines
from checks.projection import Part, Projection, weights
from tests.checks.helpers import vector


def test_weights_give_each_coordinate_the_same_say() -> None:
    """r / |g| with |r| in [0.5, 1.5] and both signs; zeros by their tensor's size, if any."""
    rng = np.random.default_rng(0)
    g = [np.exp(rng.normal(size=1000) * 5) * rng.choice([-1, 1], 1000), np.zeros(3), np.empty(0)]
    g[0][:2] = 0
    first, second, third = weights(g, rng)
    say = np.abs(first * g[0])[2:]
    assert 0.5 <= say.min() < 0.55
    assert 1.45 < say.max() <= 1.5
    assert 0.4 < np.mean(first > 0) < 0.6
    assert third.size == 0
    own = np.sqrt(np.mean(g[0] ** 2)) * projection.HIDDEN
    assert np.all((np.abs(first[:2] * own) >= 0.5) & (np.abs(first[:2] * own) <= 1.5))
    assert second.tolist() == [0, 0, 0]


def test_parts_are_split_without_a_gap() -> None:
    """By tensor first, then in the middle."""
    parts = [Part(tensor=t, start=0, stop=s) for t, s in ((0, 5), (1, 2), (2, 1))]
    left, right = projection._halves(parts)
    assert [*left, *right] == parts
    one, other = projection._halves(parts[:1])
    assert (one, other) == (
        [Part(tensor=0, start=0, stop=2)],
        [Part(tensor=0, start=2, stop=5)],
    )


def test_a_step_is_as_long_as_the_largest_entry_allows() -> None:
    """So that no parameter moves by more than the least typical size of any tensor."""
    one = vector(lambda p: (p**2).sum(), lambda p: 2 * p, [0.5, 0.5])
    asked: list[Lines] = []

    def oracle(line: Lines) -> oracles.Estimate:
        asked.append(line)
        return oracles.complex_step(line)

    d = [np.asarray([1.0, -(2.0**20)])]
    along = Projection(one, [np.ones(2)], d, oracle, 0.0)
    for part in (Part(tensor=0, start=0, stop=2), Part(tensor=0, start=0, stop=1)):
        along.difference([part])
    assert [line.scale.tolist() for line in asked] == [[2.0**-21], [0.5]]
    d[0][:] = 0
    assert along.difference([Part(tensor=0, start=0, stop=2)])[0] == 0
    assert asked[-1].scale.tolist() == [1.0]
